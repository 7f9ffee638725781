package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/carillon-go/carillon/storage/sqlite"
)

// TestOpen_waits opens a new file while another process is about to write it: the switch to a write-ahead log has to wait, and SQLite itself would not.
func TestOpen_waits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) {
		other, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := other.Close(); err != nil {
				t.Error(err)
			}
		}()
		other.SetMaxOpenConns(1)
		if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
		opened := make(chan error)
		go func() {
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{MinFreeBytes: -1})
			if err == nil {
				err = s.Close()
			}
			opened <- err
		}()
		synctest.Wait()
		select {
		case err := <-opened:
			t.Errorf("Open did not wait: %v", err)
			return
		default:
		}
		if _, err := other.Exec("ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		if err := <-opened; err != nil {
			t.Errorf("Open after the other has ended: %v", err)
		}
	})
}
