package jobs_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/carillon-go/carillon/jobs"
)

// TestDecideStart holds contract 20.1.
func TestDecideStart(t *testing.T) {
	t.Parallel()
	queued := jobs.LiveRun{ID: "queued", Status: jobs.RunQueued}
	running := jobs.LiveRun{ID: "running", Status: jobs.RunRunning}
	waiting := jobs.LiveRun{ID: "waiting", Status: jobs.RunQueued, Blocked: true}
	cases := []struct {
		name    string
		overlap jobs.Overlap
		bound   int
		live    []jobs.LiveRun
		want    jobs.StartDecision
	}{
		{"skip: free", jobs.OverlapSkip, 1, nil, jobs.StartDecision{Admit: true}},
		{"queue: free", jobs.OverlapQueue, 1, nil, jobs.StartDecision{Admit: true}},
		{"cancel: free", jobs.OverlapCancel, 1, nil, jobs.StartDecision{Admit: true}},
		{"allow: free", jobs.OverlapAllow, 1, nil, jobs.StartDecision{Admit: true}},

		{"skip: a queued run is in the way", jobs.OverlapSkip, 1, []jobs.LiveRun{queued}, jobs.StartDecision{Blocker: "queued"}},
		{"skip: a running run is in the way", jobs.OverlapSkip, 1, []jobs.LiveRun{running}, jobs.StartDecision{Blocker: "running"}},
		{
			"skip: the run that goes on is named, not the one that waits", jobs.OverlapSkip, 1,
			[]jobs.LiveRun{waiting, running},
			jobs.StartDecision{Blocker: "running"},
		},
		{"skip: one that only waits is in the way too", jobs.OverlapSkip, 1, []jobs.LiveRun{waiting}, jobs.StartDecision{Blocker: "waiting"}},

		{
			"queue: waits behind a running run", jobs.OverlapQueue, 1,
			[]jobs.LiveRun{running},
			jobs.StartDecision{Admit: true, Blocked: true, Blocker: "running"},
		},
		{
			"queue: waits behind a queued run", jobs.OverlapQueue, 1,
			[]jobs.LiveRun{queued},
			jobs.StartDecision{Admit: true, Blocked: true, Blocker: "queued"},
		},
		{
			"queue: the newest wins", jobs.OverlapQueue, 1,
			[]jobs.LiveRun{running, waiting},
			jobs.StartDecision{Admit: true, Blocked: true, Blocker: "running", Replace: []jobs.RunID{"waiting"}},
		},

		{
			"cancel: cancels the running run and waits for its end", jobs.OverlapCancel, 1,
			[]jobs.LiveRun{running},
			jobs.StartDecision{Admit: true, Blocked: true, Blocker: "running", Cancel: []jobs.RunID{"running"}},
		},
		{
			"cancel: a queued run ends at once, so nothing is waited for", jobs.OverlapCancel, 1,
			[]jobs.LiveRun{queued},
			jobs.StartDecision{Admit: true, Blocker: "queued", Replace: []jobs.RunID{"queued"}},
		},
		{
			"cancel: takes the place of one that waits too", jobs.OverlapCancel, 1,
			[]jobs.LiveRun{running, waiting},
			jobs.StartDecision{Admit: true, Blocked: true, Blocker: "running", Cancel: []jobs.RunID{"running"}, Replace: []jobs.RunID{"waiting"}},
		},

		{"allow: below the bound", jobs.OverlapAllow, 3, []jobs.LiveRun{running, queued}, jobs.StartDecision{Admit: true, Blocker: "running"}},
		{
			"allow: at the bound it waits, and nothing is replaced", jobs.OverlapAllow, 2,
			[]jobs.LiveRun{running, queued, waiting},
			jobs.StartDecision{Admit: true, Blocked: true, Blocker: "running"},
		},
		{
			"allow: those that wait do not count", jobs.OverlapAllow, 2,
			[]jobs.LiveRun{running, waiting, waiting},
			jobs.StartDecision{Admit: true, Blocker: "running"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := jobs.DefaultPolicies()
			p.Overlap, p.MaxConcurrent = c.overlap, c.bound
			if diff := cmp.Diff(c.want, jobs.DecideStart(p, c.live), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPolicies_Admissible(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		overlap           jobs.Overlap
		bound, open, want int
	}{
		{jobs.OverlapSkip, 1, 0, 1},
		{jobs.OverlapQueue, 1, 0, 1},
		{jobs.OverlapCancel, 1, 0, 1},
		{jobs.OverlapSkip, 1, 1, 0},
		{jobs.OverlapQueue, 1, 2, 0},
		{jobs.OverlapAllow, 5, 0, 5},
		{jobs.OverlapAllow, 5, 4, 1},
		{jobs.OverlapAllow, 5, 5, 0},
		{jobs.OverlapAllow, 5, 9, 0},
	} {
		p := jobs.Policies{Overlap: c.overlap, MaxConcurrent: c.bound}
		if got := p.Admissible(c.open); got != c.want {
			t.Errorf("%s with bound %d and %d open lets %d go, want %d", c.overlap, c.bound, c.open, got, c.want)
		}
	}
}
