package storagetest_test

import (
	"testing"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
	"github.com/carillon-go/carillon/storage/storagetest"
)

// onFile is a SQLite store with the folder that it can be opened in again.
type onFile struct {
	*sqlite.Store
	path string
}

func open(t testing.TB, path string) *onFile {
	t.Helper()
	// The kit asks for what is stored, not for what survives a power cut; and it must pass on a disk that is nearly full.
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{Synchronous: "NORMAL", MinFreeBytes: -1})
	if err != nil {
		t.Fatalf("open a SQLite store: %v", err)
	}
	return &onFile{Store: s, path: path}
}

func (s *onFile) Reopen(t testing.TB) jobs.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close before opening again: %v", err)
	}
	return open(t, s.path)
}

func (s *onFile) Beside(t testing.TB) jobs.Store {
	t.Helper()
	return open(t, s.path)
}

func openEmpty(t testing.TB) jobs.Store { return open(t, sqlitetest.File(t, t.TempDir())) }

// The kit itself is run where a store is: storage/sqlite has TestConformance.

func BenchmarkStore(b *testing.B) { storagetest.Bench(b, openEmpty) }
