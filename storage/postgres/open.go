package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/carillon-go/carillon/storage/internal/sqlstore"
)

const (
	// MinServer is the oldest major version of the server that is accepted.
	MinServer = 13
	// schemaVersion is the number of the newest migration.
	schemaVersion = 8
	// versionTable has the migrations that were done.
	versionTable = schema + ".goose_db_version"
	// migrateLock is the number of the advisory lock of those who migrate ("CARL", 2).
	migrateLock = "1128354380, 2"
)

//go:embed migrations/*.sql
var migrations embed.FS

// prepare looks whether the server can carry the store, and brings the schema to the newest version.
func prepare(ctx context.Context, config *pgx.ConnConfig, log *slog.Logger) (err error) {
	// The driver as it is: goose has values of its own. Two connections: one holds the lock, one migrates.
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(2)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return explain(err)
	}
	defer func() {
		// It has only read; the connection goes with the pool.
		_ = tx.Rollback()
	}()
	p := preparing{ctx, tx.QueryRowContext(ctx, sqlFacts), log}
	exists, err := p.check()
	if err != nil {
		return explain(err)
	}
	version := int64(0)
	if exists {
		if err := tx.QueryRowContext(ctx, sqlVersion).Scan(&version); err != nil {
			return explain(err)
		}
	}
	switch {
	case version > schemaVersion:
		return fmt.Errorf("the schema %s is of version %d, of a newer program; this one knows %d", schema, version, schemaVersion)
	case version == schemaVersion:
		return nil
	}
	// Others that start now wait here, and find it done. Goose asks for the versions once more.
	if _, err := tx.ExecContext(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
		return explain(err)
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock("+migrateLock+")"); err != nil {
		return explain(err)
	}
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+schema); err != nil {
		return explain(err)
	}
	scripts, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return explain(sqlstore.Migrate(ctx, goose.DialectPostgres, db, scripts, log, goose.WithTableName(versionTable)))
}

const (
	// sqlFacts is what the server says of itself, and whether the schema is ours.
	sqlFacts = `
	SELECT CAST(current_setting('server_version_num') AS INTEGER), current_setting('server_encoding'), pg_is_in_recovery(),
	       current_setting('transaction_read_only') = 'on', current_setting('synchronous_commit'), current_setting('fsync'),
	       to_regclass('` + versionTable + `') IS NOT NULL,
	       (SELECT count(*) FROM pg_tables WHERE schemaname = '` + schema + `')`
	sqlVersion = `
	SELECT COALESCE(max(version_id), 0)
	FROM   ` + versionTable
)

// scanner is one row of a result.
type scanner interface{ Scan(dest ...any) error }

type preparing struct {
	ctx   context.Context
	facts scanner
	log   *slog.Logger
}

// check refuses a server that cannot carry the store, and warns of one that loses commits. Exists: the schema was made before.
func (p preparing) check() (exists bool, err error) {
	var version, others int
	var encoding, synchronous, fsync string
	var recovering, readOnly bool
	if err := p.facts.Scan(&version, &encoding, &recovering, &readOnly, &synchronous, &fsync, &exists, &others); err != nil {
		return false, err
	}
	switch {
	case version < MinServer*10000:
		return false, fmt.Errorf("the server is version %d; at least %d is needed", version/10000, MinServer)
	case encoding != "UTF8":
		return false, fmt.Errorf("the database keeps texts as %s; make one with ENCODING 'UTF8' TEMPLATE template0", encoding)
	case recovering:
		return false, errors.New("the server is a replica, which cannot be written; name the primary")
	case readOnly:
		return false, errors.New("transactions are read-only here (default_transaction_read_only is on); switch that off for this user or database")
	case !exists && others > 0:
		return false, fmt.Errorf("the schema %s has tables of another program; use another database", schema)
	}
	if synchronous == "off" {
		p.log.WarnContext(p.ctx, "synchronous_commit is off: what was answered last is lost if the server fails; switch it on for this user or database")
	}
	if fsync == "off" {
		p.log.WarnContext(p.ctx, "fsync is off: the whole database is lost if the machine of the server fails; switch it on")
	}
	return exists, nil
}
