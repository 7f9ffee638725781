//go:build unix

// Package postgrestest gives tests an empty store each, on a server of PostgreSQL that it starts itself.
//
//	func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }
//
//	store := postgrestest.Open(t, postgres.Options{})
//
// One server serves a test binary. It listens on a socket in a temporary folder only, starts with the first test that needs it, and ends with
// the binary, also when that is killed (on Linux). Where PostgreSQL is not installed, such tests are skipped, except where the environment variable
// CI is set. Commits are not synced, so measure nothing here.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-go/carillon/storage/postgres"
)

// running is the server of the process, once it is needed.
var running struct {
	mu        sync.Mutex // guards the fields below
	server    *server
	err       error
	databases int
	// empty are databases with the newest schema and no rows.
	empty []string
}

// Main runs the tests and stops the server. The result is for os.Exit.
func Main(m *testing.M) int {
	code := m.Run()
	running.mu.Lock()
	defer running.mu.Unlock()
	if running.server == nil {
		return code
	}
	if err := running.server.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the server:", err)
		return 1
	}
	return code
}

// need gives the server, and starts it if it is the first time.
func need(t testing.TB) *server {
	t.Helper()
	running.mu.Lock()
	defer running.mu.Unlock()
	if running.server == nil && running.err == nil {
		running.server, running.err = start()
	}
	if errors.Is(running.err, errAbsent) && os.Getenv("CI") == "" {
		t.Skip(running.err)
	}
	if running.err != nil {
		t.Fatalf("start PostgreSQL: %v", running.err)
	}
	return running.server
}

// Open gives an empty store that is closed with the test.
func Open(t testing.TB, o postgres.Options) *postgres.Store {
	t.Helper()
	return OpenAt(t, Database(t), o)
}

// OpenAt opens one more store on a database, closed with the test.
func OpenAt(t testing.TB, dsn string, o postgres.Options) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), dsn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return store
}

// Blank makes a database without anything in it and gives its connection string. It is dropped with the test.
func Blank(t testing.TB) string {
	t.Helper()
	s := need(t)
	name := makeDatabase(t, s, "")
	t.Cleanup(func() { admin(t, s, "DROP DATABASE "+name+" WITH (FORCE)") })
	return s.dsn(name)
}

// Database gives the connection string of a database with the newest schema and no rows. It is emptied after the test, for the next one.
func Database(t testing.TB) string {
	t.Helper()
	s := need(t)
	running.mu.Lock()
	var name string
	if n := len(running.empty); n > 0 {
		name = running.empty[n-1]
		running.empty = running.empty[:n-1]
	}
	running.mu.Unlock()
	if name == "" {
		name = makeDatabase(t, s, "")
		store, err := postgres.Open(context.Background(), s.dsn(name), postgres.Options{Logger: quiet})
		if err != nil {
			t.Fatalf("make an empty store: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Fatalf("make an empty store: %v", err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			return // what the test has left behind may say why
		}
		if err := clean(s.dsn(name)); err != nil {
			t.Errorf("empty the database: %v", err)
			return
		}
		running.mu.Lock()
		defer running.mu.Unlock()
		running.empty = append(running.empty, name)
	})
	return s.dsn(name)
}

// makeDatabase makes a database under a new name.
func makeDatabase(t testing.TB, s *server, options string) string {
	t.Helper()
	running.mu.Lock()
	running.databases++
	name := fmt.Sprintf("test%d", running.databases)
	running.mu.Unlock()
	admin(t, s, "CREATE DATABASE "+name+" "+options)
	return name
}

// admin runs a statement on the server itself.
func admin(t testing.TB, s *server, statement string) {
	t.Helper()
	if err := execute(s.dsn("postgres"), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func execute(dsn, statement string) (err error) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

// clean empties all tables, but for the list of migrations. To delete some rows costs a tenth of new files for all tables and indexes.
func clean(dsn string) error {
	return execute(dsn, `
	SET session_replication_role = replica; -- no triggers: everything goes, in any order
	DO $$
	DECLARE name TEXT; filled BOOLEAN;
	BEGIN
		FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'carillon' AND tablename <> 'goose_db_version' LOOP
			EXECUTE 'SELECT EXISTS (SELECT 1 FROM ' || name || ')' INTO filled;
			IF filled AND pg_relation_size(CAST(name AS REGCLASS)) > 1000000 THEN
				EXECUTE 'TRUNCATE ' || name || ' CASCADE';
			ELSIF filled THEN
				EXECUTE 'DELETE FROM ' || name;
			END IF;
		END LOOP;
		FOR name IN SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences WHERE schemaname = 'carillon' AND sequencename NOT LIKE 'goose%' LOOP
			PERFORM setval(CAST(name AS REGCLASS), 1, FALSE);
		END LOOP;
	END;
	$$`)
}

// quiet is the log of stores that are made on the way: that commits are not synced is known here.
var quiet = slog.New(slog.DiscardHandler)
