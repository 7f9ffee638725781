package jobs_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// started starts a run of a job.
func (h *house) started(c *jobs.Client, j *jobs.Job) *jobs.Run {
	h.t.Helper()
	r, err := c.Run(h.t.Context(), ref(j), jobs.RunOptions{})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// TestClient_CancelRun holds contract 3.3.
func TestClient_CancelRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")
	j, other := h.job(mara, nil), h.job(mara, nil)
	queued := h.started(mara, j)
	if _, err := mara.CancelRun(t.Context(), ref(other), queued.ID); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("by another job: %v", err)
	}
	got, err := mara.CancelRun(t.Context(), ref(j), queued.ID)
	if err != nil || got.Status != jobs.RunCanceled || got.Success() || got.EndedAt.IsZero() || !got.StartedAt.IsZero() {
		t.Errorf("a queued run: %+v, %v", got, err)
	}
	if _, err := mara.CancelRun(t.Context(), ref(j), queued.ID); !errors.Is(err, jobs.ErrConflict) {
		t.Errorf("an ended run: %v", err)
	}

	worker := h.hands("w")
	running := h.started(mara, j)
	claimed := worker.claim()
	for range 2 {
		if got, err = mara.CancelRun(t.Context(), ref(j), running.ID); err != nil || got.Status != jobs.RunRunning || !got.CancelRequested {
			t.Errorf("a running run: %+v, %v", got, err)
		}
	}
	if result := worker.exchange(0); len(result.CancelRequested) != 1 || result.CancelRequested[0] != running.ID {
		t.Errorf("the worker is told to cancel %v", result.CancelRequested)
	}
	worker.end(claimed, jobs.StepError, jobs.RunCanceled)
	if got, err = mara.RunByID(t.Context(), ref(j), running.ID); err != nil || got.Status != jobs.RunCanceled {
		t.Errorf("in the end: %+v, %v", got, err)
	}
}

// TestClient_DeleteRun holds contract 9.5.
func TestClient_DeleteRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")
	j, other := h.job(mara, nil), h.job(mara, nil)
	worker := h.hands("w")
	r := h.started(mara, j)
	refused := func(what string) {
		t.Helper()
		if err := mara.DeleteRun(t.Context(), ref(j), r.ID); !errors.Is(err, jobs.ErrConflict) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("a queued run")
	claimed := worker.claim()
	refused("a running run")
	worker.end(claimed, jobs.StepSuccess, jobs.RunSuccess)
	if err := mara.DeleteRun(t.Context(), ref(other), r.ID); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("by another job: %v", err)
	}
	if page, err := mara.Logs(t.Context(), ref(j), r.ID, jobs.LogQuery{}); err != nil || page.Total != 1 {
		t.Errorf("its log has %d entries, %v", page.Total, err)
	}
	if err := mara.DeleteRun(t.Context(), ref(j), r.ID); err != nil {
		t.Error(err)
	}
	if _, err := mara.Logs(t.Context(), ref(j), r.ID, jobs.LogQuery{}); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("its log: %v", err)
	}
	if err := mara.DeleteRun(t.Context(), ref(j), r.ID); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("the second delete: %v", err)
	}
}

// TestClient_DeleteRuns holds contract 9.6.
func TestClient_DeleteRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		mara := h.as("mara")
		j, other := h.job(mara, nil), h.job(mara, nil)
		worker := h.hands("w")
		var created []time.Time
		for _, of := range []*jobs.Job{j, j, j, other} {
			r := h.started(mara, of)
			created = append(created, r.CreatedAt)
			worker.end(worker.claim(), jobs.StepSuccess, jobs.RunSuccess)
			time.Sleep(time.Minute)
		}
		live := h.started(mara, j)
		left := func(of *jobs.Job) int {
			page, err := mara.Runs(t.Context(), ref(of), jobs.RunQuery{})
			if err != nil {
				t.Fatal(err)
			}
			return page.Total
		}
		for range 2 { // it is idempotent
			if err := mara.DeleteRuns(t.Context(), ref(j), created[1]); err != nil {
				t.Fatal(err)
			}
			if n := left(j); n != 3 {
				t.Errorf("%d runs are left: the bound itself is to stay", n)
			}
		}
		if err := mara.DeleteRuns(t.Context(), ref(j), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n := left(j); n != 1 {
			t.Errorf("%d runs are left, want the live one", n)
		}
		if _, err := mara.RunByID(t.Context(), ref(j), live.ID); err != nil {
			t.Errorf("the live run: %v", err)
		}
		if n := left(other); n != 1 {
			t.Errorf("another job has %d runs left", n)
		}
		if err := mara.DeleteRuns(t.Context(), ref(j), time.Time{}); paths(t, err) != "before" {
			t.Errorf("without a bound: %v", err)
		}
	})
}

// TestClient_DeleteJob holds contract 2.5.
func TestClient_DeleteJob(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")
	j := h.job(mara, nil)
	r := h.started(mara, j)
	err := mara.DeleteJob(t.Context(), ref(j), false, jobs.Precondition{})
	if live(t, err) != string(r.ID) {
		t.Errorf("with a live run: %v", err)
	}
	if err := mara.DeleteJob(t.Context(), ref(j), true, jobs.Precondition{Revision: 7}); !errors.Is(err, jobs.ErrPrecondition) {
		t.Errorf("a stale revision: %v", err)
	}
	if err := mara.DeleteJob(t.Context(), ref(j), true, jobs.Precondition{Revision: 1}); err != nil {
		t.Errorf("with force: %v", err)
	}
	if _, err := mara.RunByID(t.Context(), ref(j), r.ID); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("its run: %v", err)
	}
	if err := mara.DeleteJob(t.Context(), ref(j), true, jobs.Precondition{}); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("the second delete: %v", err)
	}
	if again := h.job(mara, nil); again.Slug != j.Slug || again.ID == j.ID {
		t.Errorf("its slug is not free: %s", again.Slug)
	}
}

func TestClient_lists_refuse_unknown_sort_fields(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mara := h.as("mara")
	j := h.job(mara, nil)
	bad := []jobs.SortKey{{Field: "name"}, {Field: "1; DROP TABLE jobs"}}
	if _, err := mara.Jobs(t.Context(), jobs.JobQuery{Sort: bad}); paths(t, err) != "sort" {
		t.Errorf("jobs: %v", err)
	}
	if _, err := mara.Runs(t.Context(), ref(j), jobs.RunQuery{Sort: bad}); paths(t, err) != "sort sort" {
		t.Errorf("runs: %v", err)
	}
	for _, field := range jobs.JobSortFields {
		if _, err := mara.Jobs(t.Context(), jobs.JobQuery{Sort: []jobs.SortKey{{Field: field, Descending: true}}}); err != nil {
			t.Errorf("jobs by %s: %v", field, err)
		}
	}
	for _, field := range jobs.RunSortFields {
		if _, err := mara.Runs(t.Context(), ref(j), jobs.RunQuery{Sort: []jobs.SortKey{{Field: field}}}); err != nil {
			t.Errorf("runs by %s: %v", field, err)
		}
	}
}
