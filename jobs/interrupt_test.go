package jobs_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// TestRepeatable holds reliability section 2 and contract 20.2: what may be done again after an interruption.
func TestRepeatable(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name        string
		state       jobs.StepState
		onInterrupt jobs.OnInterrupt
		idempotent  bool
		attempt     int
		maxRetries  int
		want        bool
	}{
		{"a step that was not started may always begin", jobs.StepPending, jobs.OnInterruptFail, false, 0, 0, true},
		{"auto: the driver says that it is harmless", jobs.StepStarted, jobs.OnInterruptAuto, true, 1, 0, true},
		{"auto: harmless stays harmless after many attempts", jobs.StepStarted, jobs.OnInterruptAuto, true, 99, 0, true},
		{"auto: not idempotent and no tries", jobs.StepStarted, jobs.OnInterruptAuto, false, 1, 0, false},
		{"auto: tries are left", jobs.StepStarted, jobs.OnInterruptAuto, false, 1, 1, true},
		{"auto: the last try", jobs.StepStarted, jobs.OnInterruptAuto, false, 2, 1, false},
		{"auto: interrupted before and not claimed since", jobs.StepInterrupted, jobs.OnInterruptAuto, false, 1, 1, true},
		{"auto: interrupted before, no tries", jobs.StepInterrupted, jobs.OnInterruptAuto, false, 2, 1, false},
		{"retry: always", jobs.StepStarted, jobs.OnInterruptRetry, false, 99, 0, true},
		{"fail: never, idempotent or not", jobs.StepStarted, jobs.OnInterruptFail, true, 1, 10, false},
		{"a word that is not known is read as auto", jobs.StepStarted, "", false, 1, 0, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := &jobs.Step{State: c.state, Idempotent: c.idempotent, Attempt: c.attempt}
			p := jobs.StepPolicy{OnInterrupt: c.onInterrupt, MaxRetries: c.maxRetries}
			if got := jobs.Repeatable(s, p); got != c.want {
				t.Errorf("Repeatable(%+v, %+v) is %v", s, p, got)
			}
		})
	}
}

// interrupted is a run whose driver step succeeded and whose first of two actions is as the test says.
func interrupted(state jobs.StepState, losses int, p jobs.StepPolicy) (*jobs.Run, *jobs.Definition) {
	d := &jobs.Definition{Type: "count", Policies: jobs.DefaultPolicies(), Actions: []jobs.Action{
		{ID: "a", Type: "tell", Name: "Tell the warehouse", Step: p}, {ID: "b", Type: "tell", Name: "Later", Step: jobs.DefaultStepPolicy()},
	}}
	steps := jobs.NewSteps(d)
	steps[0].State, steps[0].Attempt, steps[0].Seq = jobs.StepSuccess, 1, 2
	steps[1].State = state
	if state != jobs.StepPending {
		steps[1].Attempt, steps[1].StartedAt, steps[1].Seq = 1, planStart, 3
	}
	return &jobs.Run{ID: "r", Status: jobs.RunRunning, Steps: steps, Losses: losses, Seq: 5}, d
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	const reason = "worker lost: no heartbeat for 60 s"
	at := planStart.Add(time.Hour)
	fail, again := jobs.DefaultStepPolicy(), jobs.DefaultStepPolicy()
	again.OnInterrupt = jobs.OnInterruptRetry
	type step struct {
		State jobs.StepState
		Seq   int64
	}
	cases := []struct {
		name    string
		state   jobs.StepState
		losses  int
		policy  jobs.StepPolicy
		requeue bool
		steps   []step
		seq     int64
	}{
		{
			"a repeatable step is put back as interrupted", jobs.StepStarted, 1, again, true,
			[]step{{jobs.StepSuccess, 2}, {jobs.StepInterrupted, 6}, {jobs.StepPending, 0}},
			6,
		},
		{
			"one that was not started stays pending", jobs.StepPending, 1, fail, true,
			[]step{{jobs.StepSuccess, 2}, {jobs.StepPending, 0}, {jobs.StepPending, 0}},
			6,
		},
		{
			"one that was interrupted before keeps its event", jobs.StepInterrupted, 2, again, true,
			[]step{{jobs.StepSuccess, 2}, {jobs.StepInterrupted, 3}, {jobs.StepPending, 0}},
			6,
		},
		{
			"a step that may not be repeated ends the run, later ones are skipped", jobs.StepStarted, 1, fail, false,
			[]step{{jobs.StepSuccess, 2}, {jobs.StepError, 6}, {jobs.StepSkipped, 7}},
			7,
		},
		{
			"the second loss still puts it back", jobs.StepStarted, jobs.MaxLosses - 1, again, true,
			[]step{{jobs.StepSuccess, 2}, {jobs.StepInterrupted, 6}, {jobs.StepPending, 0}},
			6,
		},
		{
			"the third loss ends it, repeatable or not", jobs.StepStarted, jobs.MaxLosses, again, false,
			[]step{{jobs.StepSuccess, 2}, {jobs.StepError, 6}, {jobs.StepSkipped, 7}},
			7,
		},
		{
			"also if the step had not begun: a poisonous run does not kill workers for ever", jobs.StepPending, jobs.MaxLosses, again, false,
			[]step{{jobs.StepSuccess, 2}, {jobs.StepError, 6}, {jobs.StepSkipped, 7}},
			7,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			run, d := interrupted(c.state, c.losses, c.policy)
			before, _ := interrupted(c.state, c.losses, c.policy)
			got := jobs.Interrupt(run, d, at, reason)
			if diff := cmp.Diff(before, run); diff != "" {
				t.Errorf("the run itself was changed:\n%s", diff)
			}
			var steps []step
			for _, s := range got.Steps {
				steps = append(steps, step{s.State, s.Seq})
				if ended := s.State == jobs.StepError || s.State == jobs.StepSkipped; ended != s.EndedAt.Equal(at) {
					t.Errorf("step %s is %s and ended at %s", s.ID(), s.State, s.EndedAt)
				}
			}
			if diff := cmp.Diff(c.steps, steps); diff != "" || got.Requeue != c.requeue || got.Seq != c.seq {
				t.Errorf("requeue %v, seq %d, want %v, %d; steps (-want +got):\n%s", got.Requeue, got.Seq, c.requeue, c.seq, diff)
			}
			want := reason + ` (step "Tell the warehouse")`
			if c.requeue {
				want = ""
			}
			if got.Error != want {
				t.Errorf("error is %q, want %q", got.Error, want)
			}
			if !c.requeue && got.Steps[1].Message != want {
				t.Errorf("the step says %q", got.Steps[1].Message)
			}
		})
	}
	t.Run("a run whose last result is recorded goes on to its end elsewhere, whatever its losses", func(t *testing.T) {
		run, d := interrupted(jobs.StepSuccess, jobs.MaxLosses, fail)
		run.Steps[2].State = jobs.StepSkipped
		if got := jobs.Interrupt(run, d, at, reason); !got.Requeue || got.Error != "" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("a step without a name is named by its driver", func(t *testing.T) {
		d := &jobs.Definition{Type: "count", Policies: jobs.DefaultPolicies()}
		run := &jobs.Run{Steps: jobs.FirstSteps(d, planStart), Losses: 1, Seq: 1}
		if got := jobs.Interrupt(run, d, at, "interrupted by shutdown").Error; got != `interrupted by shutdown (step "count")` {
			t.Errorf("error is %q", got)
		}
	})
	t.Run("a step that the definition does not have is never repeated", func(t *testing.T) {
		run, d := interrupted(jobs.StepStarted, 1, again)
		d.Actions = d.Actions[1:]
		if got := jobs.Interrupt(run, d, at, reason); got.Requeue || got.Error == "" {
			t.Errorf("got %+v", got)
		}
	})
}
