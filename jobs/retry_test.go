package jobs_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// chain is a definition with the driver step and these actions.
func chain(actions ...string) *jobs.Definition {
	d := &jobs.Definition{Type: "report", Name: "Chain"}
	for _, a := range actions {
		d.Actions = append(d.Actions, jobs.Action{ID: jobs.ActionID(a), Type: "mail", Name: "name of " + a})
	}
	return d
}

// done are the steps of a run of chain, in these states.
func doneSteps(d *jobs.Definition, states ...jobs.StepState) []jobs.Step {
	steps := jobs.NewSteps(d)
	for i, state := range states {
		s := &steps[i]
		s.State, s.Attempt, s.Seq, s.Output, s.EndedAt = state, 2, int64(i+4), json.RawMessage(`{"n":1}`), time.Unix(int64(i), 0)
	}
	return steps
}

func states(steps []jobs.Step) []jobs.StepState {
	var list []jobs.StepState
	for i := range steps {
		list = append(list, steps[i].State)
	}
	return list
}

func TestRetrySteps(t *testing.T) {
	t.Parallel()
	const ok, warned, failed, skipped, open = jobs.StepSuccess, jobs.StepWarning, jobs.StepError, jobs.StepSkipped, jobs.StepPending
	for name, c := range map[string]struct {
		was, want []jobs.StepState
	}{
		"the failed step and all behind it are made again": {[]jobs.StepState{ok, warned, failed, skipped}, []jobs.StepState{ok, warned, open, open}},
		"an alert after the failure is decided anew":       {[]jobs.StepState{failed, skipped, ok, ok}, []jobs.StepState{open, open, open, open}},
		"a step that was skipped by its condition stays":   {[]jobs.StepState{ok, skipped, ok, failed}, []jobs.StepState{ok, skipped, ok, open}},
		"steps that a cancel has left out are reached":     {[]jobs.StepState{ok, ok, skipped, skipped}, []jobs.StepState{ok, ok, open, open}},
		"nothing was reached":                              {[]jobs.StepState{skipped, skipped, skipped, skipped}, []jobs.StepState{open, open, open, open}},
	} {
		d := chain("a", "b", "c")
		old := doneSteps(d, c.was...)
		got, err := jobs.RetrySteps(old, d)
		if err != nil || !cmp.Equal(states(got), c.want) {
			t.Errorf("%s: %v, %v; want %v", name, states(got), err, c.want)
		}
		for i := range got {
			want := old[i]
			if want.Seq = 0; got[i].State == open {
				want = jobs.NewSteps(d)[i]
			}
			if d := cmp.Diff(want, got[i]); d != "" {
				t.Errorf("%s: step %d (-want +got):\n%s", name, i, d)
			}
		}
	}
}

func TestRetrySteps_otherRevision(t *testing.T) {
	t.Parallel()
	old := doneSteps(chain("a", "b"), jobs.StepSuccess, jobs.StepSuccess, jobs.StepError)
	for name, c := range map[string]struct {
		d    *jobs.Definition
		want []jobs.StepState // nil: a conflict
	}{
		"an action at the end":        {chain("a", "b", "c"), []jobs.StepState{jobs.StepSuccess, jobs.StepSuccess, jobs.StepPending, jobs.StepPending}},
		"the failed action is gone":   {chain("a"), []jobs.StepState{jobs.StepSuccess, jobs.StepSuccess}},
		"a finished action is gone":   {chain("b"), []jobs.StepState{jobs.StepSuccess, jobs.StepPending}},
		"an action before a finished": {chain("x", "a", "b"), nil},
		"another driver":              {&jobs.Definition{Type: "other", Actions: chain("a", "b").Actions}, nil},
		"another driver and no other results": {
			&jobs.Definition{Type: "other", Actions: chain("b").Actions}, []jobs.StepState{jobs.StepPending, jobs.StepPending},
		},
	} {
		got, err := jobs.RetrySteps(old, c.d)
		if c.want == nil {
			if !errors.Is(err, jobs.ErrConflict) {
				t.Errorf("%s: %v, %v; want a conflict", name, states(got), err)
			}
			continue
		}
		if err != nil || !cmp.Equal(states(got), c.want) {
			t.Errorf("%s: %v, %v; want %v", name, states(got), err, c.want)
		}
	}
}

func TestRetryable(t *testing.T) {
	t.Parallel()
	d := chain("a")
	all, half := doneSteps(d, jobs.StepSuccess, jobs.StepSuccess), doneSteps(d, jobs.StepSuccess, jobs.StepError)
	for name, c := range map[string]struct {
		run jobs.Run
		ok  bool
	}{
		"failed":                       {jobs.Run{Status: jobs.RunError, Steps: half}, true},
		"canceled":                     {jobs.Run{Status: jobs.RunCanceled, Steps: half}, true},
		"canceled before its start":    {jobs.Run{Status: jobs.RunCanceled, Steps: doneSteps(d, jobs.StepSkipped, jobs.StepSkipped)}, true},
		"canceled when all was done":   {jobs.Run{Status: jobs.RunCanceled, Steps: all}, false},
		"succeeded":                    {jobs.Run{Status: jobs.RunSuccess, Steps: all}, false},
		"succeeded with warnings":      {jobs.Run{Status: jobs.RunWarning, Steps: all}, false},
		"queued":                       {jobs.Run{Status: jobs.RunQueued, Steps: half}, false},
		"running":                      {jobs.Run{Status: jobs.RunRunning, Steps: half}, false},
		"without steps that are known": {jobs.Run{Status: jobs.RunError}, false},
	} {
		if err := jobs.Retryable(&c.run); (err == nil) != c.ok || err != nil && !errors.Is(err, jobs.ErrConflict) {
			t.Errorf("%s: %v, want it retryable: %v", name, err, c.ok)
		}
	}
}
