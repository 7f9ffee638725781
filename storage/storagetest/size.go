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
