package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

// sizeRules store as many rows as a tenant may have; they are left out with -short.
func sizeRules() []rule {
	return []rule{
		{"a tenant has as many jobs as its limit, and not one more", sizeJobs},
		{"a tenant has as many queued runs as its limit, and not one more", sizeQueue},
		{"a log has as many entries as its limit", sizeLog},
		{"a tenant has as many users and teams as its limits, and a user as many tokens", sizeIdentity},
	}
}

// many is a list of empty params.
func many(n int) []json.RawMessage {
	list := make([]json.RawMessage, n)
	for i := range list {
		list[i] = json.RawMessage(`{}`)
	}
	return list
}

func sizeJobs(ctx context.Context, s jobs.Store) error {
	const writers = 50
	errs := together(writers, func(w int) error {
		for i := w; i < jobs.MaxJobsPerTenant; i += writers {
			if err := s.InsertJob(ctx, t0, newJob(fmt.Sprint("job-", i), of("crowd"))); err != nil {
				return err
			}
		}
		return nil
	})
	beyond := s.InsertJob(ctx, t0, newJob("one-more", of("crowd")))
	other := s.InsertJob(ctx, t0, newJob("one-more"))
	page, err := s.Jobs(ctx, jobs.JobQuery{Tenant: "crowd", Limit: 1})
	return errors.Join(append(errs, err, conflict("a job beyond the limit", beyond, "", ""), other, same("jobs", page.Total, jobs.MaxJobsPerTenant))...)
}

func sizeQueue(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(10_000))
	a := ask(j)
	a.Params = many(jobs.MaxQueuedPerTenant)
	must(s.StartRuns(ctx, t0, a))
	_, beyond := s.StartRuns(ctx, t0, ask(j))
	givenRun(ctx, s, givenJob(ctx, s, "stock", of(foreign)), t0)
	givenWorker(ctx, s, "node-a").turn(ctx, s, t0, 1)
	_, err := s.StartRuns(ctx, t0, ask(j))
	return errors.Join(conflict("a run beyond the limit", beyond, "", ""), err)
}

func sizeLog(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	h := givenWorker(ctx, s, "node-a")
	o := outcome(h.take(ctx, s, t0))
	for i := range jobs.MaxLogEntries {
		o.Seq++
		o.Logs = append(o.Logs, jobs.LogEntry{Index: int64(i), Seq: o.Seq, Level: jobs.LogInfo, Message: "entry", CreatedAt: t0})
	}
	h.turn(ctx, s, t0, 0, o)
	page := must(s.Logs(ctx, jobs.LogQuery{Tenant: tenant, RunID: o.RunID, Start: jobs.MaxLogEntries - 1, Limit: 5}))
	return errors.Join(same("Total", page.Total, jobs.MaxLogEntries), same("entries of the last page", len(page.Items), 1))
}

func sizeIdentity(ctx context.Context, s jobs.Store) error {
	const writers = 50
	crowd := func(id string) jobs.User {
		u := newUser(jobs.PrincipalID(id))
		u.Tenant = "crowd"
		return u
	}
	team := func(id string) jobs.Team {
		x := newTeam(id)
		x.Tenant = "crowd"
		return x
	}
	errs := together(writers, func(w int) error {
		for i := w; i < jobs.MaxUsersPerTenant; i += writers {
			if err := s.InsertUser(ctx, crowd(fmt.Sprint("u", i))); err != nil {
				return err
			}
		}
		for i := w; i < jobs.MaxTeamsPerTenant; i += writers {
			if err := s.InsertTeam(ctx, team(fmt.Sprint("t", i))); err != nil {
				return err
			}
		}
		return nil
	})
	u := givenUser(ctx, s, "mara")
	for i := range jobs.MaxTokensPerUser {
		done(s.InsertToken(ctx, token(i, u.ID, i)))
	}
	return errors.Join(append(errs, conflict("a user beyond the limit", s.InsertUser(ctx, crowd("one-more")), "", ""),
		conflict("a team beyond the limit", s.InsertTeam(ctx, team("one-more")), "", ""), s.InsertTeam(ctx, newTeam("one-more")),
		conflict("a token beyond the limit", s.InsertToken(ctx, token(jobs.MaxTokensPerUser, u.ID, 0)), "", ""),
		same("users", must(s.CountUsers(ctx, "crowd")), jobs.MaxUsersPerTenant))...)
}
