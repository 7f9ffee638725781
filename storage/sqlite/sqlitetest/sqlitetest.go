// Package sqlitetest gives tests an empty store each, on a SQLite file of its own.
//
//	store := sqlitetest.Open(t, sqlite.Options{})
//
// The schema is made once for the process; each test gets a copy, which takes a tenth of the time. It does not make stores in memory: what
// is tested is the store that will be used.
package sqlitetest

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// Open gives an empty store that is closed with the test. Options that are left zero are those that cost tests least: commits survive the
// process but not a power cut, and a disk that is nearly full does not stop claims. A store that cannot be opened ends the test.
func Open(t testing.TB, o sqlite.Options) *sqlite.Store {
	t.Helper()
	if o.Synchronous == "" {
		o.Synchronous = "NORMAL"
	}
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = -1
	}
	store, err := sqlite.Open(t.Context(), File(t, t.TempDir()), o)
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

// File makes the file of an empty store in a folder that exists and gives its path, for tests that open it themselves, or twice.
func File(t testing.TB, folder string) string {
	t.Helper()
	content, err := empty()
	if err != nil {
		t.Fatalf("make an empty store: %v", err)
	}
	path := filepath.Join(folder, "jobs.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Lose takes the newest definition of a job away, behind the back of the store on the file, as a fault of the disk would: the job is Broken from
// then on. It has to be deleted before the store's own check.
func Lose(t testing.TB, path string, id jobs.ID) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	// A row that is removed may still be in the store's cache; one that has never been there is not.
	result, err := db.ExecContext(t.Context(), "UPDATE jobs SET revision = revision + 1 WHERE id = ?", string(id))
	if err != nil {
		t.Fatalf("lose the definition of the job %q: %v", id, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		t.Fatalf("lose the definition of the job %q: %d jobs, %v", id, n, err)
	}
}

// empty is the content of an empty store. A file that was closed is the whole database.
var empty = sync.OnceValues(func() (_ []byte, err error) {
	folder, err := os.MkdirTemp("", "carillon-empty-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if fault := os.RemoveAll(folder); err == nil {
			err = fault
		}
	}()
	path := filepath.Join(folder, "jobs.db")
	store, err := sqlite.Open(context.Background(), path, sqlite.Options{Synchronous: "NORMAL", MinFreeBytes: -1})
	if err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path) //nolint:gosec // a file that was made above
})
