package postgres_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/postgres"
	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
)

// session connects to a database for the time of a test.
func session(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// sqlOn runs statements on a database.
func sqlOn(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Errorf("%s: %v", statement, err)
			break
		}
	}
	if err := conn.Close(ctx); err != nil {
		t.Error(err)
	}
}

// databaseName is the database that a connection string of a test names.
func databaseName(dsn string) string {
	_, rest, _ := strings.Cut(dsn, "@/")
	name, _, _ := strings.Cut(rest, "?")
	return name
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

// TestOpen_refused: each fault is told in words that say what to do, and nothing is made.
func TestOpen_refused(t *testing.T) {
	name := databaseName
	for _, c := range []struct {
		name string
		// given prepares a blank database and gives the connection string to open.
		given func(t *testing.T, dsn string) string
		o     postgres.Options
		want  []string
	}{
		{"an empty string", func(*testing.T, string) string { return "" }, postgres.Options{}, []string{"dsn", "is empty"}},
		{"a string that is none", func(*testing.T, string) string { return "postgres://u:secret@host:port/x" }, postgres.Options{}, []string{"dsn", "cannot be read"}},
		{"an option below its bound", func(_ *testing.T, dsn string) string { return dsn }, postgres.Options{ReadConns: -1}, []string{"ReadConns", "-1"}},
		{"a way to listen that is none", func(_ *testing.T, dsn string) string { return dsn }, postgres.Options{ListenDSN: "nothing"}, []string{"ListenDSN", "cannot be read"}},
		{
			"nobody at the port", func(t *testing.T, _ string) string { return "postgres://u:secret@" + closedPort(t) + "/x" },
			postgres.Options{},
			[]string{"cannot be reached", "check host and port"},
		},
		{
			"a database that is not there", func(_ *testing.T, dsn string) string { return strings.Replace(dsn, "/"+name(dsn), "/nowhere", 1) },
			postgres.Options{},
			[]string{"does not exist", "CREATE DATABASE"},
		},
		{
			"a user that is not there", func(_ *testing.T, dsn string) string { return strings.Replace(dsn, "test@", "nobody_such@", 1) },
			postgres.Options{},
			[]string{"does not let this user in", "pg_hba.conf"},
		},
		{"another encoding", func(t *testing.T, dsn string) string {
			other := name(dsn) + "_latin"
			sqlOn(t, dsn, "CREATE DATABASE "+other+" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
			t.Cleanup(func() { sqlOn(t, dsn, "DROP DATABASE "+other+" WITH (FORCE)") })
			return strings.Replace(dsn, "/"+name(dsn), "/"+other, 1)
		}, postgres.Options{}, []string{"LATIN1", "ENCODING 'UTF8'"}},
		{"read-only by default", func(t *testing.T, dsn string) string {
			sqlOn(t, dsn, "ALTER DATABASE "+name(dsn)+" SET default_transaction_read_only = on")
			return dsn
		}, postgres.Options{}, []string{"read-only", "name the primary"}},
		{"read-only, and asked for so", func(t *testing.T, dsn string) string {
			sqlOn(t, dsn, "ALTER DATABASE "+name(dsn)+" SET default_transaction_read_only = on")
			return dsn + "&target_session_attrs=any"
		}, postgres.Options{}, []string{"read-only", "default_transaction_read_only"}},
		{"no right to make the schema", func(t *testing.T, dsn string) string {
			sqlOn(t, dsn, "DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN")
			t.Cleanup(func() { sqlOn(t, dsn, "DROP ROLE guest") })
			return strings.Replace(dsn, "test@", "guest@", 1)
		}, postgres.Options{}, []string{"rights", "GRANT CREATE ON DATABASE"}},
		{"tables of another program", func(t *testing.T, dsn string) string {
			sqlOn(t, dsn, "CREATE SCHEMA carillon", "CREATE TABLE carillon.jobs (id TEXT)")
			return dsn
		}, postgres.Options{}, []string{"another program", "another database"}},
		{"a newer schema", func(t *testing.T, dsn string) string {
			openAt(t, dsn)
			sqlOn(t, dsn, "INSERT INTO carillon.goose_db_version (version_id, is_applied) VALUES (999, TRUE)")
			return dsn
		}, postgres.Options{}, []string{"version 999", "newer program"}},
		{"a parameter that the server does not know", func(_ *testing.T, dsn string) string { return dsn + "&colour=blue" }, postgres.Options{}, []string{"colour"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dsn := c.given(t, postgrestest.Blank(t))
			store, err := postgres.Open(context.Background(), dsn, c.o)
			if err == nil {
				_ = store.Close()
				t.Fatal("it was opened")
			}
			for _, word := range append(c.want, "open PostgreSQL store") {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("the error %q does not have %q", err, word)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
}

// TestOpen_together: of several nodes that start on a blank database one makes the schema and all go on.
func TestOpen_together(t *testing.T) {
	dsn := postgrestest.Blank(t)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			store, err := postgres.Open(context.Background(), dsn, postgres.Options{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Error(err)
				return
			}
			if err := store.SetLimits(context.Background(), "acme", jobs.DefaultLimits(), true); err != nil {
				t.Error(err)
			}
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestOpen_warns: what loses commits is told.
func TestOpen_warns(t *testing.T) {
	dsn := postgrestest.Blank(t)
	sqlOn(t, dsn, "ALTER DATABASE "+databaseName(dsn)+" SET synchronous_commit = off")
	var log strings.Builder
	store, err := postgres.Open(context.Background(), dsn, postgres.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	for _, word := range []string{"synchronous_commit is off", "fsync is off"} {
		if !strings.Contains(log.String(), word) {
			t.Errorf("the log does not have %q: %s", word, log.String())
		}
	}
}
