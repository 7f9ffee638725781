package jobs_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

func TestEffectKey(t *testing.T) {
	t.Parallel()
	const run = "01936d3e-4b5c-7a1f-8d2e-3f4a5b6c7d8e"
	// Golden values, made by another program: a key that changes with a version of ours would let an effect happen twice (R18).
	for step, want := range map[string]string{
		"driver":                               "o2q4slksgiylwsum3kberekmuv3kvspn",
		"9d0a4a1e-2a54-4b5c-8d3e-1c2b3a4d5e6f": "ptfyc4jgjfr3rygo2xcbam7fvj5mkelg",
	} {
		if got := jobs.EffectKey(run, step); got != want {
			t.Errorf("EffectKey(%s, %s) is %s, want %s", run, step, got, want)
		}
	}
	form := regexp.MustCompile(`^[a-z2-7]{32}$`)
	seen := map[string]string{}
	for range 1000 {
		run := jobs.NewRunID()
		for _, step := range []string{"driver", string(jobs.NewActionID())} {
			key := jobs.EffectKey(run, step)
			if !form.MatchString(key) {
				t.Fatalf("key %q has characters that a header or a Message-ID may not like", key)
			}
			if other, twice := seen[key]; twice {
				t.Fatalf("%s/%s and %s have one key", run, step, other)
			}
			seen[key] = string(run) + "/" + step
		}
	}
}

func TestNewSteps(t *testing.T) {
	t.Parallel()
	d := &jobs.Definition{Type: "count", Idempotent: true, Actions: []jobs.Action{
		{ID: "a", Type: "tell", Name: "First"},
		{ID: "b", Type: "tell", Name: "Off", Disabled: true},
		{ID: "c", Type: "call", Name: "Last", Idempotent: true},
	}}
	want := []jobs.Step{
		{Kind: jobs.StepDriver, Type: "count", State: jobs.StepPending, Idempotent: true},
		{Kind: jobs.StepAction, ActionID: "a", Type: "tell", Name: "First", State: jobs.StepPending},
		{Kind: jobs.StepAction, ActionID: "c", Type: "call", Name: "Last", State: jobs.StepPending, Idempotent: true},
	}
	if diff := cmp.Diff(want, jobs.NewSteps(d)); diff != "" {
		t.Errorf("NewSteps (-want +got):\n%s", diff)
	}
	want[0].State, want[0].Attempt, want[0].StartedAt, want[0].Seq = jobs.StepStarted, 1, planStart, 1
	if diff := cmp.Diff(want, jobs.FirstSteps(d, planStart)); diff != "" {
		t.Errorf("FirstSteps (-want +got):\n%s", diff)
	}
}

func TestCurrentStep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		states []jobs.StepState
		want   int
	}{
		{nil, 0},
		{[]jobs.StepState{jobs.StepPending, jobs.StepPending}, 0},
		{[]jobs.StepState{jobs.StepSuccess, jobs.StepStarted, jobs.StepPending}, 1},
		{[]jobs.StepState{jobs.StepError, jobs.StepSkipped, jobs.StepInterrupted}, 2},
		{[]jobs.StepState{jobs.StepSuccess, jobs.StepWarning, jobs.StepSkipped}, 3},
	} {
		steps := make([]jobs.Step, len(c.states))
		for i, s := range c.states {
			steps[i].State = s
		}
		if got := jobs.CurrentStep(steps); got != c.want {
			t.Errorf("CurrentStep of %v is %d, want %d", c.states, got, c.want)
		}
	}
}

func TestDefinition_Policy(t *testing.T) {
	t.Parallel()
	d := &jobs.Definition{Policies: jobs.Policies{Driver: jobs.StepPolicy{MaxRetries: 1}}, Actions: []jobs.Action{{ID: "a", Step: jobs.StepPolicy{MaxRetries: 2}}}}
	for _, c := range []struct {
		step  jobs.Step
		want  int
		known bool
	}{
		{jobs.Step{Kind: jobs.StepDriver}, 1, true},
		{jobs.Step{Kind: jobs.StepAction, ActionID: "a"}, 2, true},
		{jobs.Step{Kind: jobs.StepAction, ActionID: "b"}, 0, false},
	} {
		if p, known := d.Policy(&c.step); p.MaxRetries != c.want || known != c.known {
			t.Errorf("policy of %s is %+v, %v", c.step.ID(), p, known)
		}
	}
}
