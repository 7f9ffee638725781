package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func pruneRules() []rule {
	return []rule{
		{"without a bound all runs are kept", pruneNothing},
		{"a bound of number keeps the newest ended runs", pruneKeepRuns},
		{"a bound of days keeps younger runs, and the last one however old", pruneKeepDays},
		{"the bound of a job goes before that of all", pruneOwnBound},
		{"live runs are never removed nor counted", pruneLive},
		{"no more than the limit is removed in one go", pruneLimit},
		{"removed runs lose their log, the others keep it", pruneLogs},
		{"keys that have expired are forgotten, younger ones are not", pruneKeys},
	}
}

// givenHistory has n ended runs, one a day, oldest first.
func givenHistory(ctx context.Context, s jobs.Store, j *jobs.Job, n int) []jobs.RunID {
	h := givenWorker(ctx, s, "node-"+j.Slug)
	var list []jobs.RunID
	for day := range n {
		now := t0.AddDate(0, 0, day)
		givenRun(ctx, s, j, now)
		c := h.take(ctx, s, now)
		h.turn(ctx, s, now, 0, withLog(ends(c, jobs.RunSuccess, now), "hello"))
		list = append(list, c.Run.ID)
	}
	return list
}

// kept are the places in a list of the runs that are still there.
func kept(ctx context.Context, s jobs.Store, runs []jobs.RunID) string {
	var list []int
	for i, id := range runs {
		_, err := s.Run(ctx, tenant, id)
		if err != nil && !errors.Is(err, jobs.ErrNotFound) {
			done(err)
		}
		if err == nil {
			list = append(list, i)
		}
	}
	return fmt.Sprint(list)
}

func day(n int) time.Time { return t0.AddDate(0, 0, n) }

func pruneNothing(ctx context.Context, s jobs.Store) error {
	runs := givenHistory(ctx, s, givenJob(ctx, s, "stock"), 4)
	n := must(s.Prune(ctx, day(3650), jobs.Retention{}, 100))
	return errors.Join(same("removed", n, 0), same("runs left", kept(ctx, s, runs), "[0 1 2 3]"))
}

func pruneKeepRuns(ctx context.Context, s jobs.Store) error {
	runs := givenHistory(ctx, s, givenJob(ctx, s, "stock"), 5)
	other := givenHistory(ctx, s, givenJob(ctx, s, "other"), 2)
	n := must(s.Prune(ctx, day(9), jobs.Retention{KeepRuns: 2}, 100))
	again := must(s.Prune(ctx, day(9), jobs.Retention{KeepRuns: 2}, 100))
	return errors.Join(same("removed", n, 3), same("runs left", kept(ctx, s, runs), "[3 4]"), same("runs of the other job", kept(ctx, s, other), "[0 1]"), same("removed again", again, 0))
}

func pruneKeepDays(ctx context.Context, s jobs.Store) error {
	runs := givenHistory(ctx, s, givenJob(ctx, s, "stock"), 6)
	n := must(s.Prune(ctx, day(5).Add(time.Hour), jobs.Retention{KeepDays: 3}, 100))
	some := kept(ctx, s, runs)
	must(s.Prune(ctx, day(5000), jobs.Retention{KeepDays: 3}, 100))
	return errors.Join(same("removed", n, 3), same("runs left", some, "[3 4 5]"), same("runs left after years", kept(ctx, s, runs), "[5]"))
}

func pruneOwnBound(ctx context.Context, s jobs.Store) error {
	long := givenHistory(ctx, s, givenJob(ctx, s, "long", func(j *jobs.Job) { j.Policies.KeepRuns = 4 }), 5)
	short := givenHistory(ctx, s, givenJob(ctx, s, "short", func(j *jobs.Job) { j.Policies.KeepRuns = 1 }), 3)
	must(s.Prune(ctx, day(9), jobs.Retention{KeepRuns: 2}, 100))
	return errors.Join(same("runs of the long bound", kept(ctx, s, long), "[1 2 3 4]"), same("runs of the short bound", kept(ctx, s, short), "[2]"))
}

func pruneLive(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(9))
	runs := givenHistory(ctx, s, j, 2)
	live := []jobs.RunID{givenRun(ctx, s, j, day(3)).ID}
	givenWorker(ctx, s, "node-z").take(ctx, s, day(3))
	live = append(live, givenRun(ctx, s, j, day(3)).ID)
	must(s.Prune(ctx, day(5000), jobs.Retention{KeepDays: 1, KeepRuns: 1}, 100))
	return errors.Join(same("ended runs", kept(ctx, s, runs), "[1]"), same("live runs", kept(ctx, s, live), "[0 1]"))
}

func pruneLimit(ctx context.Context, s jobs.Store) error {
	runs := givenHistory(ctx, s, givenJob(ctx, s, "stock"), 6)
	var removed []int
	for range 4 {
		removed = append(removed, must(s.Prune(ctx, day(9), jobs.Retention{KeepRuns: 1}, 2)))
	}
	return errors.Join(same("removed", removed, []int{2, 2, 1, 0}), same("runs left", kept(ctx, s, runs), "[5]"))
}

func pruneLogs(ctx context.Context, s jobs.Store) error {
	runs := givenHistory(ctx, s, givenJob(ctx, s, "stock"), 3)
	must(s.Prune(ctx, day(9), jobs.Retention{KeepRuns: 1}, 100))
	gone, err := s.Logs(ctx, jobs.LogQuery{Tenant: tenant, RunID: runs[0]})
	return errors.Join(holds(errors.Is(err, jobs.ErrNotFound) || err == nil && gone.Total == 0, "the log of a removed run has %d entries (%v)", gone.Total, err),
		same("the log of the run that is left", logLines(ctx, s, jobs.LogQuery{RunID: runs[2]}), "hello"))
}

func pruneKeys(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(99))
	old := must(s.StartRuns(ctx, t0, keyed(j, "old")))
	young := must(s.StartRuns(ctx, t0.Add(20*time.Hour), keyed(j, "young")))
	now := t0.Add(jobs.IdempotencyWindow + time.Hour)
	must(s.Prune(ctx, now, jobs.Retention{}, 100))
	again := must(s.StartRuns(ctx, now, keyed(j, "young")))
	fresh := must(s.StartRuns(ctx, now, keyed(j, "old")))
	return errors.Join(same("the young key", ids(again), ids(young)), holds(fresh[0].ID != old[0].ID, "the old key is still known"))
}
