package sqlite_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// TestStore_Close copies the file alone after the last handle was closed, as a backup of a stopped server does.
func TestStore_Close(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name    string
		handles int
	}{
		{"the file of the only handle is the whole database", 1},
		{"the file of two handles is the whole database when both are closed", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "jobs.db")
			var handles []*sqlite.Store
			for range c.handles {
				handles = append(handles, openAt(t, path))
			}
			for i, s := range handles {
				if err := s.InsertJob(ctx, morning, queueJob([]string{"stock", "sales"}[i])); err != nil {
					t.Fatal(err)
				}
				if page, err := s.Jobs(ctx, jobs.JobQuery{Tenant: "acme"}); err != nil || page.Total != i+1 {
					t.Fatalf("%d jobs, %v; want %d", page.Total, err, i+1)
				}
			}
			for _, s := range handles {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if log, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) && (err != nil || log.Size() > 0) {
				t.Errorf("the write-ahead log is still there: %v, %v", log, err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(t.TempDir(), "copy.db")
			if err := os.WriteFile(copied, text, 0o600); err != nil {
				t.Fatal(err)
			}
			page, err := openAt(t, copied).Jobs(ctx, jobs.JobQuery{Tenant: "acme"})
			if err != nil || page.Total != c.handles {
				t.Errorf("the copy has %d jobs, %v; want %d", page.Total, err, c.handles)
			}
		})
	}
}
