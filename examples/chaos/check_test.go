//go:build unix

package chaos_test

import (
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const checkAll = "all"

// check holds the history, the ledger and the receiver against each other, when everything has ended.
func (w *world) check() {
	w.t.Helper()
	if err := w.store.Check(w.t.Context()); err != nil {
		w.t.Errorf("the store's own check: %v", err)
	}
	arrivals, _ := w.out.all()
	known := map[string]bool{}
	stored := map[jobs.RunID]bool{}
	for _, id := range w.jobs {
		runs := w.history(id)
		for _, run := range runs {
			stored[run.ID] = true
			w.checkRun(run, arrivals, known)
		}
		w.checkFires(id, runs)
		w.checkOrder(id, runs, arrivals)
	}
	for _, id := range w.acked {
		if !stored[id] && !w.forgets {
			w.t.Errorf("the run %s was acknowledged and is not there (P1)", id)
		}
	}
	for _, a := range arrivals {
		if !known[a.Key] && !w.forgets {
			w.t.Errorf("an attempt under the key %q of no step that is stored: %+v (P4)", a.Key, a)
		}
	}
}

// checkRun is about one run: it has ended, and its steps are what arrived.
func (w *world) checkRun(run *jobs.Run, arrivals []arrival, known map[string]bool) {
	w.t.Helper()
	if !run.Status.Terminal() {
		w.t.Errorf("run %s is %s (P1)", run.ID, run.Status)
	}
	if !run.FireAt.IsZero() && run.StartedAt.Before(run.FireAt) && !run.StartedAt.IsZero() {
		w.t.Errorf("run %s began at %s, before its fire at %s (P7)", run.ID, run.StartedAt, run.FireAt)
	}
	if run.Status == jobs.RunError && !strings.Contains(run.Error, "worker lost") && !strings.Contains(run.Error, "shutdown") &&
		!strings.Contains(run.Error, "outcome") && !strings.Contains(run.Error, "Post ") {
		w.t.Errorf("run %s ended with an error that nobody has made: %s", run.ID, run.Error)
	}
	for i := range run.Steps {
		w.checkStep(run, &run.Steps[i], arrivals, known)
	}
}

// checkStep is P3 and P4 for one step.
func (w *world) checkStep(run *jobs.Run, step *jobs.Step, arrivals []arrival, known map[string]bool) {
	w.t.Helper()
	key := jobs.EffectKey(run.ID, step.ID())
	known[key] = true
	attempts := map[int]int{}
	n := 0
	for _, a := range arrivals {
		if a.Run != run.ID || a.Action != step.ActionID {
			continue
		}
		n++
		attempts[a.Attempt]++
		if a.Key != key {
			w.t.Errorf("run %s, step %s: attempt %d came under the key %q, want %q (P4)", run.ID, step.ID(), a.Attempt, a.Key, key)
		}
		if !a.FireAt.Equal(run.FireAt) {
			w.t.Errorf("run %s says it is for the fire %s, the history says %s (P2)", run.ID, a.FireAt, run.FireAt)
		}
		if !w.forgets && (a.Attempt > step.Attempt || attempts[a.Attempt] > 1) {
			w.t.Errorf("run %s, step %s: attempt %d arrived %d times, the history has %d attempts (P3)", run.ID, step.ID(), a.Attempt, attempts[a.Attempt], step.Attempt)
		}
	}
	if step.State == jobs.StepSuccess && attempts[step.Attempt] != 1 && !w.forgets {
		w.t.Errorf("run %s, step %s: success at attempt %d, which arrived %d times (P3)", run.ID, step.ID(), step.Attempt, attempts[step.Attempt])
	}
	if !step.Idempotent && n > 1 && !w.forgets {
		w.t.Errorf("run %s, step %s may not be repeated and arrived %d times (P4)", run.ID, step.ID(), n)
	}
}

// checkFires demands one line of the ledger for every due moment, a second apart, and one run for a fire at most (P2).
func (w *world) checkFires(id jobs.ID, runs []*jobs.Run) {
	w.t.Helper()
	of := map[time.Time]jobs.RunID{}
	for _, run := range runs {
		if run.FireAt.IsZero() {
			continue
		}
		if other, twice := of[run.FireAt]; twice {
			w.t.Errorf("the fire %s has the runs %s and %s (P2)", run.FireAt, other, run.ID)
		}
		of[run.FireAt] = run.ID
	}
	var last time.Time
	for start := 0; ; {
		page, err := w.store.Fires(w.t.Context(), jobs.FireQuery{Tenant: tenant, JobID: id, Ascending: true, Start: start, Limit: 1000})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, f := range page.Items {
			if !last.IsZero() && f.At.Sub(last) != time.Second {
				w.t.Errorf("the ledger goes from %s to %s (P2)", last, f.At)
			}
			if f.Outcome == jobs.FireRan && of[f.At] != f.RunID && !w.forgets {
				w.t.Errorf("the ledger has the run %s for %s, the history %q (P2)", f.RunID, f.At, of[f.At])
			}
			delete(of, f.At)
			if last = f.At; !f.Until.IsZero() {
				last = f.Until
			}
		}
		if start += len(page.Items); start >= page.Total || len(page.Items) == 0 {
			break
		}
	}
	for at, run := range of {
		w.t.Errorf("the run %s for %s is not in the ledger (P2)", run, at)
	}
}

// checkOrder demands that the last attempts of two runs of a job do not mix (P6).
func (w *world) checkOrder(id jobs.ID, runs []*jobs.Run, arrivals []arrival) {
	w.t.Helper()
	last := map[string]int{}
	for _, run := range runs {
		for i := range run.Steps {
			last[jobs.EffectKey(run.ID, run.Steps[i].ID())] = run.Steps[i].Attempt
		}
	}
	done := map[jobs.RunID]bool{}
	var now jobs.RunID
	for _, a := range arrivals {
		if a.Job != id || last[a.Key] != a.Attempt || a.Run == now {
			continue
		}
		if done[a.Run] && !w.forgets {
			w.t.Errorf("steps of the run %s are mixed with those of %s (P6)", a.Run, now)
		}
		done[now] = true
		now = a.Run
	}
}
