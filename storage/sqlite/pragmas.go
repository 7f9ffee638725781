package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/carillon-go/carillon/storage/internal/sqlstore"
)

// applicationID marks our files ("CARL"), so that no other program's database is ever touched (R28). It is in the first migration.
const applicationID = 0x4341524C

// schemaVersion is the user_version of the newest migration.
const schemaVersion = 8

//go:embed migrations/*.sql
var migrations embed.FS

func init() { sqlx.BindDriver("sqlite", sqlx.QUESTION) } // sqlx does not know the name

// dsn names the file to the driver, whatever characters its path has.
func dsn(path, options string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: options}
	return u.String()
}

// openWriter opens the one connection that writes, and brings the file to the newest schema. Nothing is written before the
// file is known to be ours.
func openWriter(ctx context.Context, path string, o Options) (*sqlx.DB, *sqlx.Conn, error) {
	// 32 MiB of pages: with the 2 MiB of the default the inner pages of the indexes of a long history are read again for each commit, and
	// a million ended runs halve the rate of claims.
	db, err := sqlx.Open("sqlite", dsn(path, "_txlock=immediate&_dqs=0&_defensive=1&_pragma=busy_timeout(5000)"+
		"&_pragma=foreign_keys(1)&_pragma=cache_size(-32768)&_pragma=synchronous("+o.Synchronous+")"))
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := prepareWriter(ctx, db, o)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, conn, nil
}

func prepareWriter(ctx context.Context, db *sqlx.DB, o Options) (*sqlx.Conn, error) {
	version, err := checkIdentity(ctx, db)
	if err != nil {
		return nil, err
	}
	mode, err := useWAL(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("switch to a write-ahead log: %w", explain(err))
	}
	if mode != "wal" {
		return nil, fmt.Errorf("switch to a write-ahead log: the database stays in mode %q", mode)
	}
	if version < schemaVersion {
		scripts, err := fs.Sub(migrations, "migrations")
		if err != nil {
			return nil, err
		}
		if err := sqlstore.Migrate(ctx, goose.DialectSQLite3, db.DB, scripts, o.Logger); err != nil {
			return nil, explain(err)
		}
	}
	conn, err := db.Connx(ctx)
	if err != nil {
		return nil, err
	}
	// A file or folder that cannot be written shows here, not with the first run.
	for _, statement := range []string{"BEGIN IMMEDIATE", "ROLLBACK"} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("the database cannot be written: %w", explain(err)), conn.Close())
		}
	}
	return conn, nil
}

// useWAL switches the journal, which needs the file for itself for a moment. SQLite does not wait for that as it waits for other locks
// (busy_timeout), so of several processes that open a new file at once some would fail.
func useWAL(ctx context.Context, db *sqlx.DB) (mode string, err error) {
	const tries, pause = 100, 50 * time.Millisecond
	for range tries {
		err = db.GetContext(ctx, &mode, "PRAGMA journal_mode = WAL")
		if primary(err) != sqlite3.SQLITE_BUSY {
			return mode, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return mode, err
}

// checkIdentity gives the schema version of a file that is ours or empty; any other file is an error. The list of migrations is made before
// the first of them, so a file that has nothing else is one whose first start was interrupted, or goes on in another process.
func checkIdentity(ctx context.Context, db *sqlx.DB) (version int, err error) {
	var application, tables int
	// One statement sees one state: another process may be making the schema.
	err = db.QueryRowContext(ctx, `
	SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
	       (SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND name <> '`+goose.DefaultTablename+`')`).
		Scan(&application, &version, &tables)
	if err != nil {
		return 0, explain(err)
	}
	switch {
	case application == 0 && version == 0 && tables == 0:
		return 0, nil
	case application != applicationID && tables > 0:
		return 0, errors.New("the file is a database of another program")
	case version > schemaVersion:
		return 0, fmt.Errorf("the file has schema %d of a newer version; this one knows %d", version, schemaVersion)
	}
	return version, nil
}

// openReaders opens the connections that only read, and one more.
func openReaders(ctx context.Context, path string, o Options) (*sqlx.DB, error) {
	db, err := sqlx.Open("sqlite", dsn(path, "mode=ro&_dqs=0&_pragma=busy_timeout(5000)&_pragma=query_only(1)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(o.ReadConns + 1) // the one more prepares statements, see sqlstore.New
	db.SetMaxIdleConns(o.ReadConns + 1)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(explain(err), db.Close())
	}
	return db, nil
}
