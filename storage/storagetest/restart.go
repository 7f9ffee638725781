package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

// restartRule is a rule that opens the store again in its course.
type restartRule struct {
	sentence string
	check    func(ctx context.Context, s jobs.Store, reopen func() jobs.Store) error
}

func restartRules() []restartRule {
	return []restartRule{
		{"what was answered is there after a restart", restartKeeps},
		{"a run whose worker is gone is taken over after a restart", restartTakeover},
		{"a run goes on after a restart with the worker that holds it", restartSameWorker},
		{"a fire that was planned before a restart is not planned again", restartPlan},
		{"a key is known after a restart", restartKey},
		{"a store opens again and again", restartOften},
	}
}

func runRestarts(t *testing.T, open func(t testing.TB) jobs.Store) {
	for _, r := range restartRules() {
		t.Run(r.sentence, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			current, ok := s.(Reopener)
			if !ok {
				if err := s.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
				t.Skip("the store does not offer Reopen")
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			w := newWitness(s)
			err := attempt(func() error {
				return r.check(ctx, w, func() jobs.Store {
					w.Store = current.Reopen(t)
					if current, ok = w.Store.(Reopener); !ok {
						t.Fatalf("Reopen gave a %T, which does not offer Reopen", w.Store)
					}
					return w
				})
			})
			if err := errors.Join(err, w.finish(ctx)); err != nil {
				t.Errorf("rule %q: %v", r.sentence, err)
			}
		})
	}
}

func restartKeeps(ctx context.Context, s jobs.Store, reopen func() jobs.Store) error {
	j := fullJob()
	done(s.InsertJob(ctx, t0, j))
	h := givenWorker(ctx, s, "node-a")
	ended := givenEnded(ctx, s, h, j, at(1), jobs.RunError)
	givenRun(ctx, s, j, at(2))
	running := *must(s.Run(ctx, tenant, h.take(ctx, s, at(2)).Run.ID))
	queued := givenRun(ctx, s, j, at(3))
	u := givenUser(ctx, s, "mara.lind")
	done(s.InsertToken(ctx, token(1, u.ID, 1)))
	done(s.AddTenantKey(ctx, jobs.TenantKey{ID: "k1", Tenant: tenant, Wrapped: []byte("x")}, 0))
	done(s.SetLimits(ctx, tenant, narrow(7, 70), true))
	before := readJob(ctx, s, j)
	s = reopen()
	return errors.Join(same("the job", readJob(ctx, s, j), before), same("the ended run", *must(s.Run(ctx, tenant, ended.ID)), ended),
		same("the running run", *must(s.Run(ctx, tenant, running.ID)), running), same("the queued run", *must(s.Run(ctx, tenant, queued.ID)), queued),
		same("the user", must(s.User(ctx, tenant, u.ID)), u), same("its token", hasToken(ctx, s, 1), true), same("keys", len(must(s.TenantKeys(ctx, tenant))), 1),
		same("Limits", must(s.Limits(ctx, tenant)), narrow(7, 70)))
}

func restartTakeover(ctx context.Context, s jobs.Store, reopen func() jobs.Store) error {
	j := givenJob(ctx, s, "stock", idempotent)
	givenRun(ctx, s, j, t0)
	gone := givenWorker(ctx, s, "node-a")
	c := gone.take(ctx, s, t0)
	s = reopen()
	beats := must(s.Beats(ctx))
	if err := same("live workers", len(beats), 1); err != nil {
		return err
	}
	must(s.TakeOver(ctx, at(1), beats[0].ID, beats[0].Beat, lostReason))
	again := givenWorker(ctx, s, "node-b").take(ctx, s, at(2))
	return same("the run", again.Run.ID, c.Run.ID)
}

func restartSameWorker(ctx context.Context, s jobs.Store, reopen func() jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	h := givenWorker(ctx, s, "node-a")
	h.take(ctx, s, t0)
	s = reopen()
	worker, held, err := s.HeldRuns(ctx, h.id)
	done(err)
	if err := errors.Join(same("the beat", worker.Beat, h.beat), same("held runs", len(held), 1)); err != nil {
		return err
	}
	h.turn(ctx, s, at(1), 0, ends(held[0], jobs.RunSuccess, at(1)))
	return same("the run", must(s.Run(ctx, tenant, held[0].Run.ID)).Status, jobs.RunSuccess)
}

func restartPlan(ctx context.Context, s jobs.Store, reopen func() jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely, allowing(9))
	must(s.Plan(ctx, at(1), 10))
	s = reopen()
	r := must(s.Plan(ctx, at(1), 10))
	must(s.Plan(ctx, at(2), 10))
	return errors.Join(same("the pass after the restart", r, jobs.PlanResult{Next: at(2)}), same("the ledger", ledger(ctx, s, j), " 1r 2r"))
}

func restartKey(ctx context.Context, s jobs.Store, reopen func() jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	first := must(s.StartRuns(ctx, t0, keyed(j, "k")))
	s = reopen()
	return same("the run of the key", ids(must(s.StartRuns(ctx, at(1), keyed(j, "k")))), ids(first))
}

func restartOften(ctx context.Context, s jobs.Store, reopen func() jobs.Store) error {
	for i := range 4 {
		givenJob(ctx, s, fmt.Sprint("job-", i))
		s = reopen()
	}
	return same("jobs", must(s.Jobs(ctx, jobs.JobQuery{Tenant: tenant})).Total, 4)
}
