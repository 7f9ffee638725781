package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func historyRules() []rule {
	return []rule{
		{"a run of another tenant does not exist", historyForeign},
		{"a list has live and ended runs of the tenant, newest first", historyList},
		{"each run of a list is as Run reads it", historyAsRun},
		{"a list is filtered by job and status", historyStatuses},
		{"success is success and warning, no success is error and canceled, live runs are neither", historySuccess},
		{"a list is filtered by warnings", historyWarnings},
		{"a list is bounded by the creation: from included, to excluded", historyBounds},
		{"runs are sorted by every sort field in both directions", historySort},
		{"a page of runs is a part of the list, with the number of all", historyPages},
		{"an ended run is deleted with its log, and only that", historyDelete},
		{"a live run is not deleted", historyDeleteLive},
		{"an unknown run, or one of another job or tenant, is not deleted", historyDeleteUnknown},
		{"the ended runs of a job from before a moment are deleted", historyDeleteBefore},
		{"a deleted run is no longer the last run of its job", historyDeleteLast},
		{"a list is limited to readable jobs, and so is its total", historyReadable},
		{"a list is filtered by owner and worker", historyOwner},
		{"a summary is the run without params and steps", historySummary},
		{"names of jobs are those of now, of the tenant alone", historyNames},
		{"runs are counted and measured by the day in which they were queued", historyStats},
	}
}

func runIDs(ctx context.Context, s jobs.Store, q jobs.RunQuery) []jobs.RunID {
	q.Tenant = tenant
	page := must(s.Runs(ctx, q))
	if q.Limit == 0 && q.Start == 0 && page.Total != len(page.Items) {
		done(fmt.Errorf("a whole list has %d runs and the total %d", len(page.Items), page.Total))
	}
	return pageIDs(page.Items)
}

// album is a job with one run in each state, oldest first: success, warning, error, canceled, running, queued.
type album struct {
	job  *jobs.Job
	runs []jobs.RunID
}

func givenAlbum(ctx context.Context, s jobs.Store) album {
	a := album{job: givenJob(ctx, s, "album", allowing(10))}
	h := givenWorker(ctx, s, "node-a")
	for i, status := range []jobs.RunStatus{jobs.RunSuccess, jobs.RunWarning, jobs.RunError, jobs.RunCanceled} {
		a.runs = append(a.runs, givenEnded(ctx, s, h, a.job, at(i), status).ID)
	}
	a.runs = append(a.runs, givenRun(ctx, s, a.job, at(4)).ID)
	h.take(ctx, s, at(4))
	a.runs = append(a.runs, givenRun(ctx, s, a.job, at(5)).ID)
	return a
}

func (a album) pick(indexes ...int) []jobs.RunID {
	list := make([]jobs.RunID, len(indexes))
	for i, n := range indexes {
		list[i] = a.runs[n]
	}
	return list
}

func historyForeign(ctx context.Context, s jobs.Store) error {
	r := givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	_, other := s.Run(ctx, foreign, r.ID)
	_, unknown := s.Run(ctx, tenant, jobs.NewRunID())
	page := must(s.Runs(ctx, jobs.RunQuery{Tenant: foreign}))
	byJob := must(s.Runs(ctx, jobs.RunQuery{Tenant: foreign, JobID: r.JobID}))
	return errors.Join(refused("a run of another tenant", other, jobs.ErrNotFound), refused("an unknown run", unknown, jobs.ErrNotFound),
		same("runs of the other tenant", page.Total+byJob.Total, 0))
}

func historyList(ctx context.Context, s jobs.Store) error {
	a := givenAlbum(ctx, s)
	givenRun(ctx, s, givenJob(ctx, s, "other", of(foreign)), at(9))
	return same("runs", runIDs(ctx, s, jobs.RunQuery{}), a.pick(5, 4, 3, 2, 1, 0))
}

func historyAsRun(ctx context.Context, s jobs.Store) error {
	givenAlbum(ctx, s)
	for _, r := range must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant})).Items {
		if err := same("the run that is "+string(r.Status), r, must(s.Run(ctx, tenant, r.ID))); err != nil {
			return err
		}
	}
	return nil
}

func historyStatuses(ctx context.Context, s jobs.Store) error {
	a := givenAlbum(ctx, s)
	other := givenRun(ctx, s, givenJob(ctx, s, "stock"), at(9))
	got := runIDs(ctx, s, jobs.RunQuery{JobID: a.job.ID, Statuses: []jobs.RunStatus{jobs.RunQueued, jobs.RunSuccess, jobs.RunCanceled}})
	return errors.Join(same("by three statuses", got, a.pick(5, 3, 0)),
		same("by job", runIDs(ctx, s, jobs.RunQuery{JobID: other.JobID}), []jobs.RunID{other.ID}),
		same("by an unknown job", runIDs(ctx, s, jobs.RunQuery{JobID: jobs.NewID()}), []jobs.RunID{}))
}

func historySuccess(ctx context.Context, s jobs.Store) error {
	a := givenAlbum(ctx, s)
	yes, no := true, false
	return errors.Join(same("success", runIDs(ctx, s, jobs.RunQuery{Success: &yes}), a.pick(1, 0)),
		same("no success", runIDs(ctx, s, jobs.RunQuery{Success: &no}), a.pick(3, 2)))
}

func historyWarnings(ctx context.Context, s jobs.Store) error {
	a := givenAlbum(ctx, s)
	yes, no := true, false
	return errors.Join(same("with warnings", runIDs(ctx, s, jobs.RunQuery{Warnings: &yes}), a.pick(1)),
		same("without warnings", runIDs(ctx, s, jobs.RunQuery{Warnings: &no}), a.pick(5, 4, 3, 2, 0)))
}

func historyBounds(ctx context.Context, s jobs.Store) error {
	a := givenAlbum(ctx, s)
	ms := time.Millisecond
	return errors.Join(
		same("from 1 to 4", runIDs(ctx, s, jobs.RunQuery{From: at(1), To: at(4)}), a.pick(3, 2, 1)),
		same("from just after 1", runIDs(ctx, s, jobs.RunQuery{From: at(1).Add(ms)}), a.pick(5, 4, 3, 2)),
		same("to just after 1", runIDs(ctx, s, jobs.RunQuery{To: at(1).Add(ms)}), a.pick(1, 0)),
		same("in another zone", runIDs(ctx, s, jobs.RunQuery{From: at(5).In(time.FixedZone("", 3600))}), a.pick(5)),
	)
}

func historySort(ctx context.Context, s jobs.Store) error {
	a := givenAlbum(ctx, s)
	by := func(field string) (up, down []jobs.RunID) {
		return runIDs(ctx, s, jobs.RunQuery{Sort: []jobs.SortKey{{Field: field}}}),
			runIDs(ctx, s, jobs.RunQuery{Sort: []jobs.SortKey{{Field: field, Descending: true}}})
	}
	turned := func(list []jobs.RunID) []jobs.RunID {
		list = slices.Clone(list)
		slices.Reverse(list)
		return list
	}
	created, createdDown := by("createdAt")
	updated, updatedDown := by("updatedAt")
	status, statusDown := by("status")
	success, successDown := by("success")
	live := map[jobs.RunID]bool{a.runs[4]: true, a.runs[5]: true}
	failed := map[jobs.RunID]bool{a.runs[2]: true, a.runs[3]: true}
	set := func(list []jobs.RunID) map[jobs.RunID]bool {
		m := map[jobs.RunID]bool{}
		for _, id := range list {
			m[id] = true
		}
		return m
	}
	_, unknown := s.Runs(ctx, jobs.RunQuery{Tenant: tenant, Sort: []jobs.SortKey{{Field: "params"}}})
	return errors.Join(
		same("by createdAt", created, a.runs), same("by createdAt descending", createdDown, turned(a.runs)),
		same("by updatedAt", updated, a.runs), same("by updatedAt descending", updatedDown, turned(a.runs)),
		same("by status", status, a.pick(3, 2, 5, 4, 0, 1)), same("by status descending", statusDown, a.pick(1, 0, 4, 5, 2, 3)),
		same("first by success", set(success[:2]), failed), same("last by success", set(success[4:]), live),
		same("first by success descending", set(successDown[:2]), live), same("last by success descending", set(successDown[4:]), failed),
		holds(unknown != nil, "a sort by no field of RunSortFields is accepted"),
	)
}

func historyPages(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(100))
	h := givenWorker(ctx, s, "node-a")
	givenRuns(ctx, s, j, t0, 6)
	var outcomes []jobs.Outcome
	for _, c := range h.claim(ctx, s, t0, 6) {
		outcomes = append(outcomes, ends(c, jobs.RunSuccess, t0))
	}
	h.turn(ctx, s, t0, 0, outcomes...)
	givenRuns(ctx, s, j, t0, 5)
	yes, no := true, false
	queries := []jobs.RunQuery{
		{},
		{Sort: []jobs.SortKey{{Field: "createdAt"}}},
		{Sort: []jobs.SortKey{{Field: "status", Descending: true}}},
		{Sort: []jobs.SortKey{{Field: "success"}}},
		{JobID: j.ID},
		{JobID: j.ID, Success: &yes},
		{JobID: j.ID, Warnings: &no},
		{JobID: j.ID, Warnings: &no, Sort: []jobs.SortKey{{Field: "createdAt", Descending: true}}},
		{JobID: j.ID, Statuses: []jobs.RunStatus{jobs.RunSuccess, jobs.RunQueued}, Sort: []jobs.SortKey{{Field: "createdAt"}}},
	}
	for i, q := range queries {
		want := 11
		if q.Success != nil {
			want = 6
		}
		q.Tenant = tenant
		whole := runIDs(ctx, s, q)
		var parts []jobs.RunID
		q.Limit = 4
		for ; q.Start < 12; q.Start += 4 {
			page := must(s.Runs(ctx, q))
			parts = append(parts, pageIDs(page.Items)...)
			if err := same("Total", page.Total, want); err != nil {
				return fmt.Errorf("query %d: %w", i, err)
			}
		}
		if err := errors.Join(same("the pages together", parts, whole), same("number of runs", len(whole), want)); err != nil {
			return fmt.Errorf("query %d: %w", i, err)
		}
	}
	return nil
}

func withLog(o jobs.Outcome, messages ...string) jobs.Outcome {
	for i, m := range messages {
		o.Seq++
		o.Logs = append(o.Logs, jobs.LogEntry{Index: int64(i), Seq: o.Seq, Level: jobs.LogInfo, Message: m, CreatedAt: t0})
	}
	return o
}

func historyDelete(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(2))
	h := givenWorker(ctx, s, "node-a")
	givenRuns(ctx, s, j, t0, 2)
	claims := h.claim(ctx, s, t0, 2)
	h.turn(ctx, s, at(1), 0, withLog(ends(claims[0], jobs.RunSuccess, at(1)), "one"), withLog(ends(claims[1], jobs.RunSuccess, at(1)), "two"))
	done(s.DeleteRun(ctx, tenant, j.ID, claims[0].Run.ID))
	_, gone := s.Run(ctx, tenant, claims[0].Run.ID)
	logs, err := s.Logs(ctx, jobs.LogQuery{Tenant: tenant, RunID: claims[0].Run.ID})
	kept := must(s.Logs(ctx, jobs.LogQuery{Tenant: tenant, RunID: claims[1].Run.ID}))
	again := s.DeleteRun(ctx, tenant, j.ID, claims[0].Run.ID)
	return errors.Join(refused("the deleted run", gone, jobs.ErrNotFound), refused("a second delete", again, jobs.ErrNotFound),
		holds(errors.Is(err, jobs.ErrNotFound) || err == nil && logs.Total == 0, "the log of the deleted run has %d entries (%v)", logs.Total, err),
		same("entries of the other run", kept.Total, 1), same("runs", runIDs(ctx, s, jobs.RunQuery{}), []jobs.RunID{claims[1].Run.ID}))
}

func historyDeleteLive(ctx context.Context, s jobs.Store) error {
	a := givenAlbum(ctx, s)
	running, queued := s.DeleteRun(ctx, tenant, a.job.ID, a.runs[4]), s.DeleteRun(ctx, tenant, a.job.ID, a.runs[5])
	return errors.Join(conflict("a running run", running, "", ""), conflict("a queued run", queued, "", ""),
		same("runs", len(runIDs(ctx, s, jobs.RunQuery{})), 6))
}

func historyDeleteUnknown(ctx context.Context, s jobs.Store) error {
	a, other := givenAlbum(ctx, s), givenJob(ctx, s, "other")
	return errors.Join(
		refused("an unknown run", s.DeleteRun(ctx, tenant, a.job.ID, jobs.NewRunID()), jobs.ErrNotFound),
		refused("a run of another job", s.DeleteRun(ctx, tenant, other.ID, a.runs[0]), jobs.ErrNotFound),
		refused("a live run of another job", s.DeleteRun(ctx, tenant, other.ID, a.runs[5]), jobs.ErrNotFound),
		refused("a run of another tenant", s.DeleteRun(ctx, foreign, a.job.ID, a.runs[0]), jobs.ErrNotFound),
		same("runs", len(runIDs(ctx, s, jobs.RunQuery{})), 6),
	)
}

func historyDeleteBefore(ctx context.Context, s jobs.Store) error {
	a := givenAlbum(ctx, s)
	other := givenEnded(ctx, s, givenWorker(ctx, s, "node-b"), givenJob(ctx, s, "other", priority(9)), t0, jobs.RunSuccess)
	foreignErr := s.DeleteRuns(ctx, foreign, a.job.ID, at(99))
	if foreignErr != nil && !errors.Is(foreignErr, jobs.ErrNotFound) {
		return foreignErr
	}
	untouched := len(runIDs(ctx, s, jobs.RunQuery{JobID: a.job.ID}))
	done(s.DeleteRuns(ctx, tenant, a.job.ID, at(2)))
	some := runIDs(ctx, s, jobs.RunQuery{JobID: a.job.ID})
	done(s.DeleteRuns(ctx, tenant, a.job.ID, at(99)))
	done(s.DeleteRuns(ctx, tenant, a.job.ID, at(99)))
	return errors.Join(same("runs after a delete by another tenant", untouched, 6), same("runs left", some, a.pick(5, 4, 3, 2)),
		same("live runs left", runIDs(ctx, s, jobs.RunQuery{JobID: a.job.ID}), a.pick(5, 4)),
		same("runs of the other job", runIDs(ctx, s, jobs.RunQuery{JobID: other.JobID}), []jobs.RunID{other.ID}))
}

func historyDeleteLast(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	h := givenWorker(ctx, s, "node-a")
	first, second := givenEnded(ctx, s, h, j, at(1), jobs.RunError), givenEnded(ctx, s, h, j, at(2), jobs.RunSuccess)
	done(s.DeleteRun(ctx, tenant, j.ID, second.ID))
	one := readJob(ctx, s, j).LastRun
	done(s.DeleteRun(ctx, tenant, j.ID, first.ID))
	none := readJob(ctx, s, j).LastRun
	var names []string
	for _, last := range []*jobs.LastRun{one, none} {
		if last != nil {
			names = append(names, string(last.ID))
		}
	}
	return same("last runs", strings.Join(names, " "), string(first.ID))
}

func historyReadable(ctx context.Context, s jobs.Store) error {
	mine, shared, theirs := givenJob(ctx, s, "mine", allowing(9)), givenJob(ctx, s, "shared", allowing(9), ownedBy("x")), givenJob(ctx, s, "theirs", allowing(9), ownedBy("x"))
	done(s.PutShare(ctx, t0, tenant, shared.ID, "team:sales", jobs.LevelRead, jobs.LevelNone))
	h := givenWorker(ctx, s, "node-a")
	var runs []jobs.RunID
	for i, j := range []*jobs.Job{mine, shared, theirs} {
		runs = append(runs, givenEnded(ctx, s, h, j, at(2*i), jobs.RunError).ID)
	}
	for i, j := range []*jobs.Job{mine, shared, theirs} {
		runs = append(runs, givenRun(ctx, s, j, at(10+i)).ID)
	}
	warned := false
	var errs []error
	for _, q := range []jobs.RunQuery{{}, {Limit: 1000}, {From: t0}, {Warnings: &warned}} {
		q.ReadableBy = []jobs.PrincipalID{owner, "team:sales"}
		q.Tenant = tenant
		page := must(s.Runs(ctx, q))
		errs = append(errs, same("runs of readable jobs", pageIDs(page.Items), []jobs.RunID{runs[4], runs[3], runs[1], runs[0]}), same("total", page.Total, 4))
	}
	failed := must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant, ReadableBy: []jobs.PrincipalID{owner}, Statuses: []jobs.RunStatus{jobs.RunError}, Limit: 1}))
	ofJob := must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant, ReadableBy: []jobs.PrincipalID{owner}, JobID: theirs.ID}))
	nobody := must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant, ReadableBy: []jobs.PrincipalID{"nobody"}, Limit: 5}))
	return errors.Join(append(errs, same("failed runs", failed.Total, 1), same("runs of a job that is not readable", ofJob.Total+len(ofJob.Items), 0),
		same("runs of nobody", nobody.Total+len(nobody.Items), 0))...)
}

func historyOwner(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(9))
	a, b := givenWorker(ctx, s, "node-a"), givenWorker(ctx, s, "node-b")
	first, second := givenEnded(ctx, s, a, j, t0, jobs.RunSuccess), givenEnded(ctx, s, b, j, at(1), jobs.RunSuccess)
	givenRevision(ctx, s, j, 2, ownedBy(clerk))
	third := givenRun(ctx, s, j, at(3))
	a.take(ctx, s, at(3))
	return errors.Join(same("runs of the first owner", runIDs(ctx, s, jobs.RunQuery{OwnerID: owner}), []jobs.RunID{second.ID, first.ID}),
		same("runs of the second owner", runIDs(ctx, s, jobs.RunQuery{OwnerID: clerk, JobID: j.ID}), []jobs.RunID{third.ID}),
		same("runs of a worker", runIDs(ctx, s, jobs.RunQuery{WorkerID: a.id}), []jobs.RunID{third.ID, first.ID}),
		same("runs of both", len(runIDs(ctx, s, jobs.RunQuery{WorkerID: b.id, OwnerID: clerk})), 0))
}

func historySummary(ctx context.Context, s jobs.Store) error {
	a := givenAlbum(ctx, s)
	page := must(s.Runs(ctx, jobs.RunQuery{Tenant: tenant, JobID: a.job.ID, Summary: true, Limit: 99}))
	var errs []error
	for _, got := range page.Items {
		want := *must(s.Run(ctx, tenant, got.ID))
		want.Params, want.Steps = nil, nil
		errs = append(errs, same("the summary", *got, want))
	}
	return errors.Join(append(errs, same("total", page.Total, len(a.runs)), same("items", len(page.Items), len(a.runs)))...)
}

func historyNames(ctx context.Context, s jobs.Store) error {
	j, other := givenJob(ctx, s, "stock"), givenJob(ctx, s, "other", of(foreign))
	givenRevision(ctx, s, j, 1, named("Renamed"))
	return errors.Join(same("names", must(s.JobNames(ctx, tenant, []jobs.ID{j.ID, other.ID, jobs.NewID()})), map[jobs.ID]string{j.ID: "Renamed"}),
		same("without ids", len(must(s.JobNames(ctx, tenant, nil))), 0))
}

func historyStats(ctx context.Context, s jobs.Store) error {
	a := givenAlbum(ctx, s)
	days := []time.Time{t0.Add(-time.Minute), at(2), at(9)}
	got := must(s.RunStats(ctx, jobs.StatsQuery{Tenant: tenant, JobID: a.job.ID, Days: days}))
	all := must(s.RunStats(ctx, jobs.StatsQuery{Tenant: tenant, Days: days}))
	none := must(s.RunStats(ctx, jobs.StatsQuery{Tenant: tenant, ReadableBy: []jobs.PrincipalID{"nobody"}, Days: days}))
	if len(got) != 2 || len(none) != 2 {
		return same("number of days", len(got)+len(none), 4)
	}
	return errors.Join(same("the first day", got[0].Counts, map[jobs.RunStatus]int{jobs.RunSuccess: 1, jobs.RunWarning: 1}), same("measured", got[0].Measured, 2),
		same("the second day", got[1].Counts, map[jobs.RunStatus]int{jobs.RunError: 1, jobs.RunCanceled: 1, jobs.RunRunning: 1, jobs.RunQueued: 1}),
		same("measured without the canceled one", got[1].Measured, 1), same("of the tenant", all, got), same("of nobody", len(none[0].Counts)+len(none[1].Counts), 0))
}
