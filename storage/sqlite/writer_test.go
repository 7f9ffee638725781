package sqlite_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

var one = []json.RawMessage{json.RawMessage(`{}`)}

func hasAll(jobs.DriverKind, string) bool { return true }

// gather starts writes while the writer is held, so that they are one group, in their order, and gives their errors.
func gather(s *sqlite.Store, writes ...func() error) []error {
	release := s.Hold()
	errs := make([]error, len(writes))
	var wait sync.WaitGroup
	for i, write := range writes {
		wait.Go(func() { errs[i] = write() })
		for s.Waiting() < i+1 {
			runtime.Gosched()
		}
	}
	release()
	wait.Wait()
	return errs
}

func TestWriter_group(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openAt(t, path)
	taken := queueJob("stock")
	taken.Type = "only-here"
	insert := func(j *jobs.Job) func() error {
		return func() error { return s.InsertJob(ctx, morning, j) }
	}
	before := s.Commits()
	errs := gather(s, insert(queueJob("stock")), insert(taken), insert(queueJob("sales")))
	if got := s.Commits() - before; got != 1 {
		t.Errorf("%d commits for a group, want 1", got)
	}
	if errs[0] != nil || !errors.Is(errs[1], jobs.ErrConflict) || errs[2] != nil {
		t.Fatalf("errors of the group: %v, want a conflict of the second only", errs)
	}
	page, err := s.Jobs(ctx, jobs.JobQuery{Tenant: "acme"})
	if err != nil || page.Total != 2 {
		t.Errorf("%d jobs, %v; want 2", page.Total, err)
	}
	if got := count(t, path, "SELECT count(*) FROM driver_sets"); got != 1 {
		t.Errorf("%d sets of drivers; what the failed write had written is still there", got)
	}
}

func count(t *testing.T, path, query string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.QueryRow(query).Scan(&n), db.Close()); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWriter_firstFails(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openAt(t, path)
	if err := s.InsertJob(ctx, morning, queueJob("stock")); err != nil {
		t.Fatal(err)
	}
	taken := queueJob("stock")
	taken.Type = "only-here"
	if err := s.InsertJob(ctx, morning, taken); !errors.Is(err, jobs.ErrConflict) {
		t.Fatalf("InsertJob with a taken slug: %v", err)
	}
	if got := count(t, path, "SELECT count(*) FROM driver_sets"); got != 1 {
		t.Errorf("%d sets of drivers; what the failed write had written is still there", got)
	}
	if err := s.InsertJob(ctx, morning, queueJob("sales")); err != nil {
		t.Errorf("InsertJob after a write that failed: %v", err)
	}
}

func TestWriter_context(t *testing.T) {
	s := openStore(t)
	release := s.Hold()
	ctx, cancel := context.WithCancel(context.Background())
	answer := make(chan error)
	go func() { answer <- s.InsertJob(ctx, morning, queueJob("stock")) }()
	for s.Waiting() == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) { // while the writer is still held
		t.Errorf("a cancelled write that has not begun: %v", err)
	}
	release()
	page, err := s.Jobs(context.Background(), jobs.JobQuery{Tenant: "acme"})
	if err != nil || page.Total != 0 {
		t.Errorf("%d jobs, %v; the cancelled write was done", page.Total, err)
	}
}

// TestWriter_busy plays another process that keeps the database for itself.
func TestWriter_busy(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openAt(t, path)
	if err := s.SetBusyTimeout(2 * time.Second); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	before := s.Statements()
	const writes = 4
	answers := make(chan error, writes)
	for i := range writes {
		go func() { answers <- s.InsertJob(ctx, morning, queueJob(fmt.Sprint("job-", i))) }()
	}
	for range writes {
		if err := <-answers; !errors.Is(err, jobs.ErrUnavailable) {
			t.Errorf("a write beside a locked database: %v", err)
		}
	}
	if got := s.Statements() - before; got != 1 {
		t.Errorf("%d tries to begin for %d writes that waited, want 1: each costs the whole busy timeout", got, writes)
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.InsertJob(ctx, morning, queueJob("stock")), other.Close()); err != nil {
		t.Errorf("a write after the lock was given up: %v", err)
	}
}

func TestWriter_panic(t *testing.T) {
	s := openStore(t)
	func() {
		defer func() {
			if got := fmt.Sprint(recover()); !strings.Contains(got, "boom") || !strings.Contains(got, "goroutine") {
				t.Errorf("panic %q, want its value and its stack", got)
			}
		}()
		t.Errorf("a write that panics returned %v", s.WritePanic("boom"))
	}()
	if err := s.InsertJob(context.Background(), morning, queueJob("stock")); err != nil {
		t.Errorf("a write after a panic: %v", err)
	}
}

func TestWriter_close(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openAt(t, path)
	release := s.Hold()
	answer, closed := make(chan error), make(chan error)
	go func() { answer <- s.InsertJob(ctx, morning, queueJob("stock")) }()
	for s.Waiting() == 0 {
		runtime.Gosched()
	}
	go func() { closed <- s.Close() }()
	release()
	if err := errors.Join(<-answer, <-closed); err != nil {
		t.Fatalf("a write that was accepted before Close: %v", err)
	}
	if err := s.InsertJob(ctx, morning, queueJob("sales")); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("a write after Close: %v", err)
	}
	if _, err := s.Jobs(ctx, jobs.JobQuery{Tenant: "acme"}); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("a read after Close: %v", err)
	}
	if got := count(t, path, "SELECT count(*) FROM jobs"); got != 1 {
		t.Errorf("%d jobs in the file, want the one that was accepted", got)
	}
}

// TestWriter_counts holds the costs of a run: what perf section 6 allows.
func TestWriter_counts(t *testing.T) {
	p := newBench(t, "NORMAL")
	p.start(t, 1)
	p.turn(t, 1)
	p.turn(t, 0) // all statements are prepared by now
	t.Run("a lone run costs three commits", func(t *testing.T) {
		before := p.store.Commits()
		p.start(t, 1)
		p.turn(t, 1)
		p.turn(t, 0)
		if got := p.store.Commits() - before; got != 3 {
			t.Errorf("%d commits for start, claim and end, want 3", got)
		}
	})
	t.Run("ending and claiming 100 runs costs one commit and little more than a statement a run", func(t *testing.T) {
		p.start(t, 200)
		p.turn(t, 100)
		commits, statements := p.store.Commits(), p.store.Statements()
		p.turn(t, 100)
		if got := p.store.Commits() - commits; got != 1 {
			t.Errorf("%d commits, want 1", got)
		}
		if got := p.store.Statements() - statements; got > 120 {
			t.Errorf("%d statements, want at most 120", got)
		}
	})
}
