//go:build unix

package chaos_test

import (
	"context"
	"database/sql"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// TestChaos_pause stops a node in the middle of a step until another one has taken its run over, and wakes it: it may change nothing (P5), and
// goes on under a new id.
func TestChaos_pause(t *testing.T) {
	needWhole(t)
	t.Parallel()
	for _, k := range both {
		for _, c := range []struct {
			name   string
			action bool // in the step that may not be repeated
			want   jobs.RunStatus
		}{{"a step that may be repeated", false, jobs.RunSuccess}, {"a step that may not", true, jobs.RunError}} {
			t.Run(k.name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				begin(t, rowPause, 1, checkAll+"; the run as it was before the wake; the worker has a new id")
				w := newWorld(t, k.make(t))
				id := w.newJob("")
				release := w.out.hold(func(a arrival) bool { return a.Attempt == 1 && (a.Action != "") == c.action })
				sleeper := w.start(nodeConfig{Point: point{Tx: "turn", After: true, Signal: syscall.SIGSTOP, Armed: true}})
				run := w.run(sleeper, id)
				w.out.await(t, "the step", 0, func(a arrival) bool { return (a.Action != "") == c.action })
				old, err := w.live(t.Context())
				if err != nil || len(old) != 1 {
					t.Fatalf("workers %v, %v", old, err)
				}
				w.freeze(sleeper)
				w.out.hold(func(a arrival) bool { return a.Attempt == 2 })
				other := w.start(nodeConfig{})
				if c.action {
					w.ended(run)
				} else {
					w.out.await(t, "the second attempt", 0, func(a arrival) bool { return a.Attempt == 2 })
				}
				before, err := w.store.Run(t.Context(), tenant, run)
				if err != nil {
					t.Fatal(err)
				}
				release() // it finds the answer when it wakes
				sleeper.signal(syscall.SIGCONT)
				w.eventually("the sleeper is back under a new id", func(ctx context.Context) (bool, error) {
					ids, err := w.live(ctx)
					return len(ids) == 2 && !slices.Contains(ids, old[0]), err
				})
				after, err := w.store.Run(t.Context(), tenant, run)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("the sleeper has changed the run (P5):\n%s", diff)
				}
				w.out.letGo()
				if end := w.ended(run); end.Status != c.want {
					t.Errorf("the run ended as %s, want %s: %s", end.Status, c.want, end.Error)
				}
				w.over(sleeper, other)
			})
		}
	}
}

// freeze stops a node while it has no lock of the database. One that is stopped with a lock keeps all others waiting: on SQLite until it goes
// on or dies, on a server until idle_in_transaction_session_timeout ends its session.
func (w *world) freeze(n *nodeProcess) {
	w.t.Helper()
	if w.db.server() {
		n.must(order{Do: "arm"}) // it stops itself between two turns
		n.stopped()
		return
	}
	db, err := sql.Open("sqlite", "file:"+string(w.db)+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			w.t.Error(err)
		}
	}()
	tx, err := db.BeginTx(w.t.Context(), nil) // now nobody else has it
	if err != nil {
		w.t.Fatal(err)
	}
	n.signal(syscall.SIGSTOP)
	n.stopped()
	if err := tx.Rollback(); err != nil {
		w.t.Fatal(err)
	}
}

// stopped waits until the process is stopped.
func (n *nodeProcess) stopped() {
	n.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for {
		out, err := exec.CommandContext(n.t.Context(), "ps", "-o", "state=", "-p", strconv.Itoa(n.pid)).Output()
		if err != nil {
			n.t.Fatalf("ps: %v", err)
		}
		if strings.HasPrefix(strings.TrimSpace(string(out)), "T") {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			n.t.Fatal("the node does not stop")
		}
	}
}

// TestChaos_rolling_restart replaces three nodes one by one while their steps go on: no run notices.
func TestChaos_rolling_restart(t *testing.T) {
	needWhole(t)
	t.Parallel()
	for _, k := range both {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			begin(t, rowDrain, 3, checkAll+"; every step succeeded at its first attempt")
			w := newWorld(t, k.make(t))
			for range 4 {
				w.newJob("1 second")
			}
			w.out.slow = 300 * time.Millisecond
			nodes := []*nodeProcess{w.start(nodeConfig{}), w.start(nodeConfig{}), w.start(nodeConfig{})}
			w.moves(1)
			for i, old := range nodes {
				nodes[i] = w.start(nodeConfig{})
				w.out.more(t, 1)
				old.terminate()
				old.ends()
			}
			w.over(nodes...)
			for _, id := range w.jobs {
				for _, run := range w.history(id) {
					// One that was claimed while its node began to drain is given back and claimed again; no step of it was begun.
					twice := slices.ContainsFunc(run.Steps, func(step jobs.Step) bool { return step.Attempt != 1 })
					if run.Status != jobs.RunSuccess || run.Losses > 0 || twice {
						t.Errorf("run %s ended as %s at attempt %d after %d losses: %s", run.ID, run.Status, run.Attempt, run.Losses, run.Error)
					}
				}
			}
		})
	}
}

// TestChaos_two_processes_on_one_file share the work; when one is killed the other takes its runs at once (R7).
func TestChaos_two_processes_on_one_file(t *testing.T) {
	needWhole(t)
	t.Parallel()
	begin(t, rowTwo, 1, checkAll+"; both had work; the killed one is named")
	w := newWorld(t, onSQLite.make(t))
	for range 6 {
		w.newJob("1 second")
	}
	first, second := w.start(nodeConfig{Concurrency: 3}), w.start(nodeConfig{Concurrency: 3})
	w.out.slow = 200 * time.Millisecond
	seen := map[jobs.WorkerID]bool{}
	w.eventually("both have had runs", func(ctx context.Context) (bool, error) {
		page, err := w.store.Runs(ctx, jobs.RunQuery{Tenant: tenant, Summary: true, Limit: 100})
		for _, run := range page.Items {
			if run.WorkerID != "" {
				seen[run.WorkerID] = true
			}
		}
		return len(seen) == 2, err
	})
	w.out.more(t, 1)
	first.kill()
	second.says("its process has ended")
	w.moves(1)
	w.over(second)
}
