package storagetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

func lifeRules() []rule {
	return []rule{
		{"a context that has ended is an error and nothing is written", lifeContext},
		{"a context that ends during writes leaves each of them done or not done", lifeContextRace},
		{"after Close every call is unavailable", lifeClosed},
		{"Close waits for writes that were accepted", lifeCloseRace},
		{"a store without anything answers every list", lifeEmpty},
	}
}

func lifeContext(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	h := givenWorker(ctx, s, "node-a")
	givenRun(ctx, s, j, t0)
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, start := s.StartRuns(over, t0, keyed(j, "k"))
	_, exchange := h.try(over, s, at(1), 1)
	_, plan := s.Plan(over, at(1), 10)
	errs := []error{
		holds(s.InsertJob(over, t0, newJob("other")) != nil, "InsertJob succeeded"), holds(start != nil, "StartRuns succeeded"),
		holds(exchange != nil, "Exchange succeeded"), holds(plan != nil, "Plan succeeded"),
		holds(s.DeleteJob(over, t0, tenant, j.ID, 1, true) != nil, "DeleteJob succeeded"), holds(s.InsertUser(over, newUser("u")) != nil, "InsertUser succeeded"),
	}
	for _, err := range []error{start, exchange, plan} {
		errs = append(errs, holds(errors.Is(err, context.Canceled) || errors.Is(err, jobs.ErrUnavailable), "the error %v says neither canceled nor unavailable", err))
	}
	return errors.Join(append(errs, same("jobs", must(s.Jobs(ctx, jobs.JobQuery{Tenant: tenant})).Total, 1),
		same("runs that wait", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant, Statuses: []jobs.RunStatus{jobs.RunQueued}})).Total, 1),
		same("users", must(s.CountUsers(ctx, tenant)), 0), same("the beat", must(s.Worker(ctx, h.id, tenant)).Beat, int64(0)))...)
}

func lifeContextRace(ctx context.Context, s jobs.Store) error {
	over, cancel := context.WithCancel(ctx)
	const writers = 30
	inserted := make([]*jobs.Job, writers)
	errs := together(writers+1, func(i int) error {
		if i == writers {
			cancel()
			return nil
		}
		inserted[i] = newJob(fmt.Sprint("job-", i))
		return s.InsertJob(over, t0, inserted[i])
	})
	cancel()
	var faults []error
	for i, j := range inserted {
		got, err := s.Job(ctx, tenant, jobs.JobRef{ID: j.ID})
		switch {
		case err == nil:
			faults = append(faults, same("a job that was stored", got, j))
		case !errors.Is(err, jobs.ErrNotFound):
			faults = append(faults, err)
		default:
			faults = append(faults, holds(errs[i] != nil, "job %d was answered as stored and is not there", i))
		}
	}
	return errors.Join(append(faults, s.InsertJob(ctx, t0, newJob("afterwards")))...)
}

func lifeClosed(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	h := givenWorker(ctx, s, "node-a")
	_, stop := s.Watch(jobs.TopicQueue, "")
	defer stop()
	done(s.Close())
	var errs []error
	note := func(what string, err error) { errs = append(errs, refused(what, err, jobs.ErrUnavailable)) }
	_, err := s.Job(ctx, tenant, jobs.JobRef{ID: j.ID})
	note("Job", err)
	_, err = s.Jobs(ctx, jobs.JobQuery{Tenant: tenant})
	note("Jobs", err)
	_, err = s.StartRuns(ctx, t0, ask(j))
	note("StartRuns", err)
	_, err = s.Runs(ctx, jobs.RunQuery{Tenant: tenant})
	note("Runs", err)
	_, err = h.try(ctx, s, t0, 1)
	note("Exchange", err)
	_, err = s.Plan(ctx, t0, 1)
	note("Plan", err)
	_, err = s.NextDue(ctx)
	note("NextDue", err)
	_, err = s.Beats(ctx)
	note("Beats", err)
	_, err = s.Limits(ctx, tenant)
	note("Limits", err)
	_, err = s.User(ctx, tenant, "a")
	note("User", err)
	note("InsertJob", s.InsertJob(ctx, t0, newJob("other")))
	note("InsertUser", s.InsertUser(ctx, newUser("a")))
	return errors.Join(errs...)
}

func lifeCloseRace(ctx context.Context, s jobs.Store) error {
	errs := together(20, func(i int) error {
		if i == 10 {
			return s.Close()
		}
		err := s.InsertJob(ctx, t0, newJob(fmt.Sprint("job-", i)))
		if err != nil {
			return refused("a write beside Close", err, jobs.ErrUnavailable)
		}
		return nil
	})
	return errors.Join(errs...)
}

func lifeEmpty(ctx context.Context, s jobs.Store) error {
	return errors.Join(
		same("jobs", must(s.Jobs(ctx, jobs.JobQuery{Tenant: tenant})), jobs.Page[*jobs.Job]{}),
		same("runs", must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})), jobs.Page[*jobs.Run]{}),
		same("workers", must(s.Workers(ctx, jobs.WorkerQuery{Tenant: tenant})), jobs.Page[jobs.Worker]{}),
		same("beats", len(must(s.Beats(ctx))), 0), same("the plan", must(s.Plan(ctx, t0, 10)), jobs.PlanResult{}),
		same("pruned", must(s.Prune(ctx, t0, jobs.Retention{KeepRuns: 1}, 10)), 0),
	)
}
