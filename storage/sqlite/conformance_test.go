package sqlite_test

import (
	"context"
	"testing"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
	"github.com/carillon-go/carillon/storage/storagetest"
)

// TestConformance runs the rules of every store.
func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t testing.TB) jobs.Store {
		path := sqlitetest.File(t, t.TempDir())
		return reopenable{openAt(t, path), path}
	})
}

// reopenable can be opened again on its file.
type reopenable struct {
	*sqlite.Store
	path string
}

// Reopen is storagetest.Reopener.
func (r reopenable) Reopen(t testing.TB) jobs.Store {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	return reopenable{openAt(t, r.path), r.path}
}

// Beside is storagetest.Companion.
func (r reopenable) Beside(t testing.TB) jobs.Store {
	t.Helper()
	return reopenable{openAt(t, r.path), r.path}
}

// openStore opens a store in a folder of the test. It does without syncs of the disk, which the tests do not need.
func openStore(t testing.TB) *sqlite.Store {
	t.Helper()
	return openAt(t, sqlitetest.File(t, t.TempDir()))
}

func openAt(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{Synchronous: "NORMAL", MinFreeBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
