//go:build unix

package chaos_test

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/postgres"
	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// database is the place of a store: the connection string of a server, or the path of a file.
type database string

// checked is a store with the check of all that must hold in it.
type checked interface {
	jobs.Store
	Check(ctx context.Context) error
}

func (d database) server() bool { return strings.HasPrefix(string(d), "postgres://") }

func (d database) open(ctx context.Context, free int64) (checked, error) {
	if d.server() {
		store, err := postgres.Open(ctx, string(d), postgres.Options{})
		if err != nil {
			return nil, err // not store: a nil pointer in an interface is not nil
		}
		return store, nil
	}
	store, err := sqlite.Open(ctx, string(d), sqlite.Options{MinFreeBytes: free})
	if err != nil {
		return nil, err
	}
	return store, nil
}

// kind is a kind of database, which makes empty ones.
type kind struct {
	name string
	make func(t *testing.T) database
}

var (
	onSQLite   = kind{"sqlite", func(t *testing.T) database { return database(filepath.Join(t.TempDir(), "jobs.db")) }}
	onPostgres = kind{"postgres", func(t *testing.T) database { return database(postgrestest.Database(t)) }}
	both       = []kind{onSQLite, onPostgres}
)

// socketOf and databaseOf take a connection string of a server on this machine apart.
func socketOf(t *testing.T, d database) string {
	t.Helper()
	u, err := url.Parse(string(d))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432")
}

func databaseOf(t *testing.T, d database) string {
	t.Helper()
	u, err := url.Parse(string(d))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}
