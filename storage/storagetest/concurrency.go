package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/carillon-go/carillon/jobs"
)

func concurrencyRules() []rule {
	return []rule{
		{"many starters and many workers: each run is executed exactly once, none is lost", raceStartsAndClaims},
		{"many workers never exceed a limit between them", raceLimit},
		{"a run without overlap never runs twice, whatever is tried", raceExclusive},
		{"writes that fail leave those beside them intact", raceFailures},
		{"many reads at once are all answered", raceReads},
		{"a worker that is taken over while it ends its runs: each run ends once", raceTakeover},
	}
}

// together runs a part n times at once and gives the error of each. A part may give up as a rule may.
func together(n int, part func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-gate
			errs[i] = attempt(func() error { return part(i) })
		})
	}
	close(gate)
	all.Wait()
	return errs
}

func raceStartsAndClaims(ctx context.Context, s jobs.Store) error {
	const starters, each, workers = 4, 25, 4
	done(s.SetLimits(ctx, tenant, wide(), true))
	j := givenJob(ctx, s, "stock", allowing(10_000))
	hands := make([]*hand, workers)
	for i := range hands {
		hands[i] = givenWorker(ctx, s, fmt.Sprint("node-", i))
	}
	var mu sync.Mutex // guards started and executed
	started, executed := map[jobs.RunID]bool{}, map[jobs.RunID]int{}
	errs := together(starters+workers, func(i int) error {
		if i < starters {
			for range each {
				r := givenRun(ctx, s, j, t0)
				mu.Lock()
				started[r.ID] = true
				mu.Unlock()
			}
			return nil
		}
		h := hands[i-starters]
		var outcomes []jobs.Outcome
		for {
			r := h.turn(ctx, s, at(1), 5, outcomes...)
			if len(r.Fenced) > 0 {
				return fmt.Errorf("worker %s lost runs %v that nobody took away", h.id, r.Fenced)
			}
			outcomes = nil
			mu.Lock()
			for _, c := range r.Claimed {
				executed[c.Run.ID]++
				outcomes = append(outcomes, ends(c, jobs.RunSuccess, at(1)))
			}
			over := len(executed) == starters*each
			mu.Unlock()
			if err := ctx.Err(); err != nil {
				return err
			}
			if over && len(outcomes) == 0 {
				return nil
			}
		}
	})
	for id := range started {
		if executed[id] != 1 {
			errs = append(errs, fmt.Errorf("run %s was executed %d times", id, executed[id]))
		}
	}
	ended := must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant, Statuses: []jobs.RunStatus{jobs.RunSuccess}, Limit: 1})).Total
	return errors.Join(append(errs, same("ended runs", ended, starters*each))...)
}

func raceLimit(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, narrow(5, 7), true))
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(99)), t0, 30)
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(99), of(foreign)), t0, 30)
	claimed := make([]map[jobs.TenantID]int, 8)
	hands := make([]*hand, len(claimed))
	for i := range hands {
		hands[i], claimed[i] = givenWorker(ctx, s, fmt.Sprint("node-", i)), map[jobs.TenantID]int{}
	}
	errs := together(len(hands), func(i int) error {
		for range 3 {
			for _, c := range hands[i].turn(ctx, s, at(1), 2).Claimed {
				claimed[i][c.Run.Tenant]++
			}
		}
		return nil
	})
	mine, theirs := 0, 0
	for _, n := range claimed {
		mine += n[tenant]
		theirs += n[foreign]
	}
	return errors.Join(append(errs, holds(mine <= 5, "%d runs of a tenant with limit 5 are running", mine), same("running in the cluster", mine+theirs, 7))...)
}

func raceExclusive(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	hands := []*hand{givenWorker(ctx, s, "a"), givenWorker(ctx, s, "b")}
	var mu sync.Mutex // guards running
	running := map[jobs.RunID]bool{}
	errs := together(6, func(i int) error {
		for minute := 1; minute <= 12; minute++ {
			switch {
			case i < 2:
				if _, err := s.StartRuns(ctx, at(minute), ask(j)); err != nil && !errors.Is(err, jobs.ErrConflict) {
					return err
				}
			case i < 4:
				must(s.Plan(ctx, at(minute), 10))
			default:
				h := hands[i-4]
				for _, c := range h.turn(ctx, s, at(minute), 3).Claimed {
					mu.Lock()
					running[c.Run.ID] = true
					n := len(running)
					mu.Unlock()
					if n > 1 {
						return fmt.Errorf("%d runs of a job that may not overlap are running", n)
					}
					mu.Lock()
					delete(running, c.Run.ID) // before the end is told: the next claim may come with its commit
					mu.Unlock()
					h.turn(ctx, s, at(minute), 0, ends(c, jobs.RunSuccess, at(minute)))
				}
			}
		}
		return nil
	})
	return errors.Join(errs...)
}

func raceFailures(ctx context.Context, s jobs.Store) error {
	taken := givenJob(ctx, s, "taken")
	errs := together(40, func(i int) error {
		switch i % 4 {
		case 0:
			return s.InsertJob(ctx, t0, newJob(fmt.Sprint("job-", i)))
		case 1:
			return conflict("a taken slug", s.InsertJob(ctx, t0, newJob("taken")), "slug", "taken")
		case 2:
			twin := newJob(fmt.Sprint("twin-", i))
			twin.ID = taken.ID
			return holds(s.InsertJob(ctx, t0, twin) != nil, "a job with a taken id was stored")
		default:
			_, err := s.StartRuns(ctx, t0, ask(newJob("ghost")))
			return refused("a start of an unknown job", err, jobs.ErrNotFound)
		}
	})
	got := must(s.Jobs(ctx, jobs.JobQuery{Tenant: tenant})).Total
	return errors.Join(append(errs, same("jobs", got, 11), same("the job whose id was tried", readJob(ctx, s, taken), taken))...)
}

func raceReads(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	must(s.Plan(ctx, at(1), 10))
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, at(1))
	u := givenUser(ctx, s, "mara.lind")
	reads := []func() error{
		func() error { _, err := s.Job(ctx, tenant, jobs.JobRef{ID: j.ID}); return err },
		func() error { _, err := s.Jobs(ctx, jobs.JobQuery{Tenant: tenant}); return err },
		func() error { _, err := s.Run(ctx, tenant, c.Run.ID); return err },
		func() error { _, err := s.Runs(ctx, jobs.RunQuery{Tenant: tenant}); return err },
		func() error { _, err := s.Logs(ctx, jobs.LogQuery{Tenant: tenant, RunID: c.Run.ID}); return err },
		func() error { _, _, err := s.Events(ctx, tenant, c.Run.ID, 0, 10); return err },
		func() error { _, err := s.Fires(ctx, jobs.FireQuery{Tenant: tenant, JobID: j.ID}); return err },
		func() error { _, err := s.Worker(ctx, h.id, tenant); return err },
		func() error { _, err := s.Workers(ctx, jobs.WorkerQuery{Tenant: tenant}); return err },
		func() error { _, _, err := s.HeldRuns(ctx, h.id); return err },
		func() error { _, err := s.Beats(ctx); return err },
		func() error { _, err := s.NextDue(ctx); return err },
		func() error { _, err := s.Limits(ctx, tenant); return err },
		func() error { _, err := s.User(ctx, tenant, u.ID); return err },
	}
	return errors.Join(together(6*len(reads), func(i int) error { return reads[i%len(reads)]() })...)
}

func raceTakeover(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, wide(), true))
	j := givenJob(ctx, s, "stock", allowing(100), idempotent)
	runs := givenRuns(ctx, s, j, t0, 20)
	h, heir := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	claims := h.claim(ctx, s, t0, 20)
	seen := h.beat
	errs := together(2, func(i int) error {
		if i == 1 {
			_, err := s.TakeOver(ctx, at(1), h.id, seen, lostReason)
			return err
		}
		for _, c := range claims {
			if _, err := h.try(ctx, s, at(1), 0, ends(c, jobs.RunSuccess, at(1))); err != nil {
				return refused("an exchange of a lost worker", err, jobs.ErrFenced)
			}
		}
		return nil
	})
	for _, c := range heir.turn(ctx, s, at(2), 20).Claimed {
		heir.turn(ctx, s, at(2), 0, ends(c, jobs.RunSuccess, at(2)))
	}
	// If the worker was quicker it lives, with nothing left; else the heir has ended what was left.
	for _, r := range runs {
		errs = append(errs, same("the end of a run", must(s.Run(ctx, tenant, r.ID)).Status, jobs.RunSuccess))
	}
	return errors.Join(errs...)
}
