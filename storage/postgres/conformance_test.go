package postgres_test

import (
	"log/slog"
	"os"
	"testing"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/postgres"
	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
	"github.com/carillon-go/carillon/storage/storagetest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// TestConformance runs the rules of every store.
func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t testing.TB) jobs.Store {
		dsn := postgrestest.Database(t)
		return reopenable{openAt(t, dsn), dsn}
	})
}

// reopenable can be opened again on its database.
type reopenable struct {
	*postgres.Store
	dsn string
}

// Reopen is storagetest.Reopener.
func (r reopenable) Reopen(t testing.TB) jobs.Store {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	return reopenable{openAt(t, r.dsn), r.dsn}
}

// Beside is storagetest.Companion.
func (r reopenable) Beside(t testing.TB) jobs.Store {
	t.Helper()
	return reopenable{openAt(t, r.dsn), r.dsn}
}

func openAt(t testing.TB, dsn string) *postgres.Store {
	t.Helper()
	return postgrestest.OpenAt(t, dsn, postgres.Options{Logger: slog.New(slog.DiscardHandler)})
}
