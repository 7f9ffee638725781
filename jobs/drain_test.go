package jobs_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// TestService_Drain: nothing is started any more, whatever the way, and the rest goes on; who may not start is told so first.
func TestService_Drain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")
	j := h.job(mara, func(s *jobs.JobSpec) {
		s.Schedule = jobs.ScheduleSpec{Interval: "0 * * * *"}
		policies := jobs.DefaultPolicies()
		policies.Overlap = jobs.OverlapAllow
		s.Policies = &policies
	})
	first, err := mara.Run(t.Context(), ref(j), jobs.RunOptions{Key: "order-7"})
	if err != nil {
		t.Fatal(err)
	}
	worker := h.hands("w")
	worker.end(worker.claim(), jobs.StepError, jobs.RunError)
	h.service.Drain()

	past := jobs.BackfillOptions{From: time.Now().Add(-3 * time.Hour), To: time.Now().Add(-time.Hour)}
	for name, start := range map[string]func(jobs.JobRef) error{
		"run": func(r jobs.JobRef) error {
			_, err := mara.Run(t.Context(), r, jobs.RunOptions{})
			return err
		},
		"runs": func(r jobs.JobRef) error {
			_, err := mara.RunMany(t.Context(), r, []json.RawMessage{nil, nil})
			return err
		},
		"retry": func(r jobs.JobRef) error {
			_, err := mara.RetryRun(t.Context(), r, first.ID, jobs.RetryOptions{FromStart: true})
			return err
		},
		"backfill": func(r jobs.JobRef) error {
			_, err := mara.Backfill(t.Context(), r, past)
			return err
		},
	} {
		if err := start(ref(j)); !errors.Is(err, jobs.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
		if err := start(jobs.JobRef{ID: jobs.NewID()}); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("%s of a job that does not exist: %v, want ErrNotFound", name, err)
		}
	}
	page, err := mara.Runs(t.Context(), ref(j), jobs.RunQuery{})
	if err != nil || page.Total != 1 {
		t.Errorf("%d runs, %v; want the one of before", page.Total, err)
	}
	if again, err := mara.Run(t.Context(), ref(j), jobs.RunOptions{Key: "order-7"}); err != nil || again.ID != first.ID {
		t.Errorf("the same key again: %v, %v", again, err)
	}
	past.DryRun = true
	if plan, err := mara.Backfill(t.Context(), ref(j), past); err != nil || len(plan) == 0 {
		t.Errorf("a dry run of a backfill: %d runs, %v", len(plan), err)
	}
	if _, err := mara.UpdateJob(t.Context(), ref(j), jobs.JobPatch{Name: jobs.Value("Count again")}, jobs.Precondition{}); err != nil {
		t.Errorf("an update: %v", err)
	}
}
