package jobs_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

// TestClient_PutShare_together: owners that share with one principal and with different ones at once all succeed, beside edits of the job.
func TestClient_PutShare_together(t *testing.T) {
	h := newHouse(t)
	mara := h.as("mara")
	j := h.job(mara, nil)
	levels := []jobs.Level{jobs.LevelRead, jobs.LevelRun, jobs.LevelEdit, jobs.LevelShare, jobs.LevelFull}
	var all sync.WaitGroup
	errs := make([]error, 3*len(levels))
	for i, level := range levels {
		all.Go(func() { _, errs[3*i] = mara.PutShare(t.Context(), ref(j), "kim", level) })
		all.Go(func() {
			_, errs[3*i+1] = mara.PutShare(t.Context(), ref(j), jobs.PrincipalID("user-"+string(rune('a'+i))), level)
		})
		all.Go(func() {
			_, errs[3*i+2] = mara.UpdateJob(t.Context(), ref(j), jobs.JobPatch{Name: jobs.Value("Name " + string(rune('a'+i)))}, jobs.Precondition{})
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	got, err := mara.Shares(t.Context(), ref(j))
	if err != nil || len(got.Shares) != 6 || got.Revision != int64(1+len(levels)) {
		t.Errorf("%d shares at revision %d, %v; want 6 at revision %d", len(got.Shares), got.Revision, err, 1+len(levels))
	}
}

// TestClient_Share_gone: a share and a delete of its job at once end in one of two ways.
func TestClient_Share_gone(t *testing.T) {
	h := newHouse(t)
	mara := h.as("mara")
	for range 20 {
		j := h.job(mara, nil)
		var share, remove error
		var both sync.WaitGroup
		both.Go(func() { _, share = mara.PutShare(t.Context(), ref(j), "kim", jobs.LevelRead) })
		both.Go(func() { remove = mara.DeleteJob(t.Context(), ref(j), false, jobs.Precondition{}) })
		both.Wait()
		if remove != nil || share != nil && !errors.Is(share, jobs.ErrNotFound) {
			t.Fatalf("share: %v, delete: %v", share, remove)
		}
	}
}
