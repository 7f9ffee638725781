package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

func TestOpen_files(t *testing.T) {
	t.Run("a new file and its folder are for their owner only", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "new", "jobs.db")
		openAt(t, path)
		for name, want := range map[string]os.FileMode{
			filepath.Dir(path): 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600,
		} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != want {
				t.Errorf("mode of %s is %o, want %o", filepath.Base(name), got, want)
			}
		}
	})
	t.Run("a path may have any characters", func(t *testing.T) {
		folder := t.TempDir()
		path := filepath.Join(folder, "a b?c#d%20ü.db")
		if err := openAt(t, path).InsertJob(context.Background(), morning, queueJob("stock")); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), filepath.Base(path)) {
				t.Errorf("there is a file %q beside %q", e.Name(), filepath.Base(path))
			}
		}
	})
	t.Run("a store that was closed is there again", func(t *testing.T) {
		ctx := context.Background()
		path := filepath.Join(t.TempDir(), "jobs.db")
		s := openAt(t, path)
		j := queueJob("stock")
		if err := errors.Join(s.InsertJob(ctx, morning, j), s.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := openAt(t, path).Job(ctx, j.Tenant, jobs.JobRef{ID: j.ID}); err != nil {
			t.Errorf("Job after opening again: %v", err)
		}
	})
	t.Run("many that start on one new file all start", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "jobs.db")
		errs := make([]error, 6)
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() {
				s, err := sqlite.Open(context.Background(), path, sqlite.Options{Synchronous: "NORMAL"})
				if err == nil {
					err = s.Close()
				}
				errs[i] = err
			})
		}
		wait.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	})
}

func TestOpen_refuses(t *testing.T) {
	other := func(t *testing.T, statements ...string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "other.db")
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range statements {
			if _, err := db.Exec(s); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		path func(t *testing.T) string
		want string
	}{
		"a database of another program": {
			func(t *testing.T) string { return other(t, "CREATE TABLE runs (id)", "PRAGMA application_id = 7") },
			"database of another program",
		},
		"a database without a mark": {
			func(t *testing.T) string { return other(t, "CREATE TABLE notes (id)") }, "database of another program",
		},
		"a newer schema": {
			func(t *testing.T) string {
				return other(t, "CREATE TABLE jobs (id)", "PRAGMA application_id = 1128354380", "PRAGMA user_version = 99")
			},
			"schema 99 of a newer version",
		},
		"a file that is no database": {
			func(t *testing.T) string {
				path := filepath.Join(t.TempDir(), "text.db")
				if err := os.WriteFile(path, bytes.Repeat([]byte("hello "), 1000), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			},
			"not an SQLite database",
		},
		"memory":   {func(*testing.T) string { return ":memory:" }, "a path is needed"},
		"no path":  {func(*testing.T) string { return "" }, "a path is needed"},
		"a folder": {func(t *testing.T) string { return t.TempDir() }, "cannot be opened"},
	} {
		t.Run(name, func(t *testing.T) {
			path := c.path(t)
			before, _ := os.ReadFile(path) // nothing to compare where there is no file
			s, err := sqlite.Open(context.Background(), path, sqlite.Options{})
			if err == nil {
				t.Fatal("Open succeeded; close:", s.Close())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: %v, want %q in it", err, c.want)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOpen_options(t *testing.T) {
	for field, o := range map[string]sqlite.Options{"Synchronous": {Synchronous: "OFF"}, "ReadConns": {ReadConns: -1}} {
		s, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "jobs.db"), o)
		if err == nil {
			t.Fatalf("Open with a wrong %s succeeded; close: %v", field, s.Close())
		}
		if !errors.Is(err, jobs.ErrInvalid) || !strings.Contains(err.Error(), field) {
			t.Errorf("Open: %v, want ErrInvalid that names %s", err, field)
		}
	}
}

func TestStore_failed(t *testing.T) {
	ctx := context.Background()
	garbage := filepath.Join(t.TempDir(), "garbage.db")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("hello "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", garbage)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, notADB := db.Exec("CREATE TABLE x (y)")
	s := openStore(t)
	if got := s.Translate(notADB); !errors.Is(got, jobs.ErrUnavailable) {
		t.Fatalf("Translate(%v) = %v, want ErrUnavailable", notADB, got)
	}
	if err := s.InsertJob(ctx, morning, queueJob("stock")); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("write after the database has failed: %v, want ErrUnavailable", err)
	}
	if _, err := s.Jobs(ctx, jobs.JobQuery{Tenant: "acme"}); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("read after the database has failed: %v, want ErrUnavailable", err)
	}
}

func TestStore_full(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{Synchronous: "NORMAL", MinFreeBytes: 1 << 62})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx := context.Background()
	j := queueJob("stock")
	if err := errors.Join(s.InsertJob(ctx, morning, j), s.RegisterWorker(ctx, morning, jobs.Worker{ID: "w", Hostname: "h"})); err != nil {
		t.Fatal(err)
	}
	if _, err := s.StartRuns(ctx, morning, jobs.Start{Tenant: j.Tenant, JobID: j.ID, Trigger: jobs.TriggerManual, Params: one}); err != nil {
		t.Fatal(err)
	}
	for beat, want := range []int{0, 1} {
		r, err := s.Exchange(ctx, jobs.ExchangeRequest{Worker: "w", Beat: int64(beat + 1), Now: morning, Want: want, Has: hasAll})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Claimed) != 0 || (r.Refused != "") != (want > 0) {
			t.Errorf("Exchange with Want %d on a full disk: %d claimed, Refused %q", want, len(r.Claimed), r.Refused)
		}
	}
}
