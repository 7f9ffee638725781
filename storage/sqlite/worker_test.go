package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

func register(t *testing.T, s *sqlite.Store, id jobs.WorkerID) {
	t.Helper()
	if err := s.RegisterWorker(context.Background(), morning, jobs.Worker{ID: id, Hostname: "node"}); err != nil {
		t.Fatal(err)
	}
}

func wantBeats(t *testing.T, s *sqlite.Store, want ...jobs.WorkerBeat) {
	t.Helper()
	got, err := s.Beats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Beats (-want +got):\n%s", d)
	}
}

func locks(t *testing.T, path string) (names []string) {
	t.Helper()
	found, err := filepath.Glob(path + "-worker-*.lock")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		names = append(names, filepath.Base(f))
	}
	return names
}

// TestStore_Beats plays two processes by two stores on one file; locks are of the open file, not of the process.
func TestStore_Beats(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "jobs.db")
	mine, other := openAt(t, path), openAt(t, path)
	register(t, mine, "a")
	register(t, other, "b/../x")
	wantBeats(t, mine, jobs.WorkerBeat{ID: "a"}, jobs.WorkerBeat{ID: "b/../x"})
	wantBeats(t, other, jobs.WorkerBeat{ID: "a"}, jobs.WorkerBeat{ID: "b/../x"})
	if d := cmp.Diff([]string{"jobs.db-worker-a.lock", "jobs.db-worker-b%2F..%2Fx.lock"}, locks(t, path)); d != "" {
		t.Errorf("lock files (-want +got):\n%s", d)
	}
	if err := other.Close(); err != nil { // as its process would end: without StopWorker
		t.Fatal(err)
	}
	wantBeats(t, mine, jobs.WorkerBeat{ID: "a"}, jobs.WorkerBeat{ID: "b/../x", Dead: true})
	if _, err := mine.TakeOver(ctx, morning, "b/../x", 0, "worker lost"); err != nil {
		t.Fatal(err)
	}
	wantBeats(t, mine, jobs.WorkerBeat{ID: "a"})
	if err := mine.StopWorker(ctx, morning, "a"); err != nil {
		t.Fatal(err)
	}
	if got := locks(t, path); len(got) != 0 {
		t.Errorf("lock files after all workers are gone: %v", got)
	}
}

func TestStore_Beats_noEvidence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	mine, other := openAt(t, path), openAt(t, path)
	register(t, other, "b")
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path + "-worker-b.lock"); err != nil {
		t.Fatal(err)
	}
	wantBeats(t, mine, jobs.WorkerBeat{ID: "b"}) // no file proves nothing
}

func TestStore_TakeOver_keepsLockOfLivingWorker(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openAt(t, path)
	register(t, s, "a")
	if _, err := s.TakeOver(context.Background(), morning, "a", 7, "worker lost"); err != nil {
		t.Fatal(err)
	}
	if got := locks(t, path); len(got) != 1 {
		t.Errorf("lock files of a worker that lives: %v", got)
	}
}
