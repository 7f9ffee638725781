package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

// Companion is a store of which another one can be opened on the same data at the same time, as another process would. The kit
// closes what Beside gives.
type Companion interface {
	Beside(t testing.TB) jobs.Store
}

// besideRule is a rule about two stores on the same data.
type besideRule struct {
	sentence string
	check    func(ctx context.Context, s, other jobs.Store) error
}

func besideRules() []besideRule {
	return []besideRule{
		{"what one store has answered is read by the other", besideReads},
		{"a changed definition, priority or driver holds for claims of the other store", besideDefinition},
		{"a changed limit or order holds for workers of the other store", besideOrders},
		{"a cancel reaches a worker of the other store", besideCancel},
		{"a commit wakes those who watch the other store", besideWatch},
		{"workers of both stores execute each run exactly once", besideClaims},
		{"limits hold for workers of both stores together", besideLimits},
		{"runs that wait for each other go on, whichever store starts and ends them", besideQueue},
		{"planners of both stores plan each fire once", besidePlan},
		{"a worker of one store is taken over by the other", besideTakeover},
		{"a live worker of one store is not dead for the other", besideAlive},
	}
}

func runBeside(t *testing.T, open func(t testing.TB) jobs.Store) {
	for _, r := range besideRules() {
		t.Run(r.sentence, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			w := newWitness(s)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var err error
			companion, ok := s.(Companion)
			if ok {
				other := companion.Beside(t)
				err = attempt(func() error { return r.check(ctx, w, other) })
				if fault := other.Close(); fault != nil {
					err = errors.Join(err, fmt.Errorf("close the other store: %w", fault))
				}
			}
			if err := errors.Join(err, w.finish(ctx)); err != nil {
				t.Errorf("rule %q: %v", r.sentence, err)
			}
			if !ok {
				t.Skip("the store does not offer Beside")
			}
		})
	}
}

func besideReads(ctx context.Context, s, other jobs.Store) error {
	j := fullJob()
	done(s.InsertJob(ctx, t0, j))
	first := readJob(ctx, other, j)
	r := givenRun(ctx, other, j, at(1))
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, at(1))
	h.turn(ctx, s, at(2), 0, withLog(ends(c, jobs.RunSuccess, at(2)), "hello"))
	return errors.Join(same("the job", first, j), same("the claimed run", c.Run.ID, r.ID),
		same("the ended run", *must(other.Run(ctx, tenant, r.ID)), *must(s.Run(ctx, tenant, r.ID))), same("its log", logLines(ctx, other, jobs.LogQuery{RunID: r.ID}), "hello"))
}

func besideDefinition(ctx context.Context, s, other jobs.Store) error {
	j, rival := givenJob(ctx, s, "stock"), givenJob(ctx, s, "rival")
	h, plain := givenWorker(ctx, other, "node-b"), givenWorker(ctx, other, "node-c")
	givenEnded(ctx, other, h, j, t0, jobs.RunSuccess) // the other store knows revision 1
	givenRun(ctx, s, rival, at(1))
	r := givenRun(ctx, s, j, at(2))
	givenRevision(ctx, s, j, 3, func(j *jobs.Job) {
		j.Name, j.Policies.Priority = "changed", 9
		acting("webhook")(j)
	})
	plain.has = func(kind jobs.DriverKind, id string) bool { return kind == jobs.DriverJob }
	without := plain.turn(ctx, other, at(4), 5)
	c := h.take(ctx, other, at(4))
	return errors.Join(holds(len(without.Claimed) == 1 && without.Claimed[0].Run.JobID == rival.ID, "a worker without the driver claimed %v", claimIDs(without.Claimed)),
		same("the claimed run", c.Run.ID, r.ID), same("its revision", c.Run.Revision, int64(2)), same("its definition", c.Definition.Name, "changed"),
		same("its priority", c.Run.Priority, 9))
}

func besideOrders(ctx context.Context, s, other jobs.Store) error {
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(99)), t0, 9)
	h := givenWorker(ctx, other, "node-b")
	h.take(ctx, other, t0)
	l := narrow(2, 50)
	l.Heartbeat = l.Heartbeat / 5
	done(s.SetLimits(ctx, tenant, l, true))
	done(s.SteerWorker(ctx, h.id, "", 7))
	r := h.turn(ctx, other, at(1), 5)
	return errors.Join(same("claimed with 1 of 2", len(r.Claimed), 1), same("Heartbeat", r.Limits.Heartbeat, l.Heartbeat), same("Concurrency", r.Concurrency, 7))
}

func besideCancel(ctx context.Context, s, other jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	h := givenWorker(ctx, other, "node-b")
	c := h.take(ctx, other, t0)
	wake, stop := other.Watch(jobs.TopicWorker, "")
	defer stop()
	must(s.CancelRun(ctx, at(1), tenant, c.Run.ID, clerk))
	return errors.Join(woken(ctx, wake, "a cancel"), same("told", h.turn(ctx, other, at(2), 0).CancelRequested, []jobs.RunID{c.Run.ID}))
}

func besideWatch(ctx context.Context, s, other jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	wake, stop := other.Watch(jobs.TopicQueue, "")
	defer stop()
	r := givenRun(ctx, s, j, t0)
	if err := woken(ctx, wake, "a start"); err != nil {
		return err
	}
	ofRun, stopRun := other.Watch(jobs.TopicRun, r.ID)
	defer stopRun()
	must(s.CancelRun(ctx, at(1), tenant, r.ID, clerk))
	return woken(ctx, ofRun, "a cancel")
}

func besideClaims(ctx context.Context, s, other jobs.Store) error {
	const runs = 60
	done(s.SetLimits(ctx, tenant, wide(), true))
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(1000)), t0, runs)
	stores := []jobs.Store{s, other, s, other}
	claimed := make([][]jobs.RunID, len(stores))
	errs := together(len(stores), func(i int) error {
		h := givenWorker(ctx, stores[i], fmt.Sprint("node-", i))
		for {
			r := h.turn(ctx, stores[i], at(1), 4)
			if len(r.Claimed) == 0 {
				return nil
			}
			var outcomes []jobs.Outcome
			for _, c := range r.Claimed {
				claimed[i] = append(claimed[i], c.Run.ID)
				outcomes = append(outcomes, ends(c, jobs.RunSuccess, at(1)))
			}
			h.turn(ctx, stores[i], at(1), 0, outcomes...)
		}
	})
	times := map[jobs.RunID]int{}
	for _, list := range claimed {
		for _, id := range list {
			times[id]++
		}
	}
	for id, n := range times {
		errs = append(errs, holds(n == 1, "run %s was executed %d times", id, n))
	}
	ended := must(other.Runs(ctx, jobs.RunQuery{Tenant: tenant, Statuses: []jobs.RunStatus{jobs.RunSuccess}, Limit: 1})).Total
	return errors.Join(append(errs, same("executed runs", len(times), runs), same("ended runs", ended, runs))...)
}

// besideLimits claims through both stores at once, more than the limits allow, and again after what was claimed has ended.
func besideLimits(ctx context.Context, s, other jobs.Store) error {
	const workers, rounds = 8, 10
	done(s.SetLimits(ctx, tenant, narrow(5, 7), true))
	for _, j := range []*jobs.Job{givenJob(ctx, s, "stock", allowing(999)), givenJob(ctx, s, "stock", allowing(999), of(foreign))} {
		givenRuns(ctx, s, j, t0, workers*rounds)
	}
	hands := make([]*hand, workers)
	stores := make([]jobs.Store, workers)
	for i := range hands {
		stores[i] = []jobs.Store{s, other}[i%2]
		hands[i] = givenWorker(ctx, stores[i], fmt.Sprint("node-", i))
	}
	held := make([][]jobs.Outcome, workers)
	for range rounds {
		errs := together(workers, func(i int) error {
			for _, c := range hands[i].turn(ctx, stores[i], at(1), 2).Claimed {
				held[i] = append(held[i], ends(c, jobs.RunSuccess, at(1)))
			}
			return nil
		})
		running := map[jobs.TenantID]int{}
		for _, t := range []jobs.TenantID{tenant, foreign} {
			running[t] = must(other.Runs(ctx, jobs.RunQuery{Tenant: t, Statuses: []jobs.RunStatus{jobs.RunRunning}, Limit: 1})).Total
		}
		errs = append(errs, holds(running[tenant] <= 5, "%d runs of a tenant with limit 5 are running", running[tenant]),
			same("running in the cluster", running[tenant]+running[foreign], 7))
		for i := range hands {
			hands[i].turn(ctx, stores[i], at(1), 0, held[i]...)
			held[i] = nil
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

// besideQueue starts and ends runs of one job, of which two may go on, through both stores at once: none may be left waiting for nobody.
func besideQueue(ctx context.Context, s, other jobs.Store) error {
	const starters, each = 4, 10
	j := givenJob(ctx, s, "stock", allowing(2))
	stores := []jobs.Store{s, other}
	hands := []*hand{givenWorker(ctx, s, "node-a"), givenWorker(ctx, other, "node-b")}
	var starting, started, executed atomic.Int64
	starting.Store(starters)
	errs := together(starters+len(hands), func(i int) error {
		if i < starters {
			defer starting.Add(-1) // also when it gives up: the workers do not wait for runs that never come
			for range each {
				givenRun(ctx, stores[i%2], j, at(1))
				started.Add(1)
			}
			return nil
		}
		h, store := hands[i-starters], stores[i-starters]
		for starting.Load() > 0 || executed.Load() < started.Load() {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("after %d of %d runs: %w", executed.Load(), starters*each, err)
			}
			for _, c := range h.turn(ctx, store, at(1), 3).Claimed {
				h.turn(ctx, store, at(1), 0, ends(c, jobs.RunSuccess, at(1)))
				executed.Add(1)
			}
		}
		return nil
	})
	return errors.Join(append(errs, same("executed runs", executed.Load(), int64(starters*each)))...)
}

func besidePlan(ctx context.Context, s, other jobs.Store) error {
	var all []*jobs.Job
	for i := range 10 {
		all = append(all, givenJob(ctx, s, fmt.Sprint("job-", i), minutely, allowing(99)))
	}
	stores := []jobs.Store{s, other, s, other}
	errs := together(len(stores), func(i int) error {
		for minute := 1; minute <= 3; minute++ {
			must(stores[i].Plan(ctx, at(minute), 100))
		}
		return nil
	})
	for _, j := range all {
		errs = append(errs, same("the ledger of "+j.Slug, ledger(ctx, other, j), " 1r 2r 3r"))
	}
	return errors.Join(append(errs, same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant, Limit: 1})).Total, 30))...)
}

func besideTakeover(ctx context.Context, s, other jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock", idempotent), t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	must(other.TakeOver(ctx, at(1), h.id, h.beat, lostReason))
	_, late := h.try(ctx, s, at(2), 1, ends(c, jobs.RunSuccess, at(2)))
	again := givenWorker(ctx, other, "node-b").take(ctx, other, at(2))
	return errors.Join(refused("an exchange of the lost worker", late, jobs.ErrFenced), same("the run", again.Run.ID, c.Run.ID), same("Losses", again.Run.Losses, 1))
}

func besideAlive(ctx context.Context, s, other jobs.Store) error {
	h := givenWorker(ctx, s, "node-a")
	beats := must(other.Beats(ctx))
	return same("beats", beats, []jobs.WorkerBeat{{ID: h.id}})
}
