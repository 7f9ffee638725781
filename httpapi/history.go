package httpapi

import (
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

// listView says how much of each run a list shows.
type listView string

const (
	viewFull    listView = "full"
	viewSummary listView = "summary"
)

// readRunQuery reads the parameters of contract 9.3; moments without an offset are of that time zone.
func readRunQuery(q *query, timezone string) jobs.RunQuery {
	start, limit := q.page(30)
	return jobs.RunQuery{
		Summary: oneOf(q, "view", viewFull, viewSummary) == viewSummary, Sort: q.sort(jobs.RunSortFields), Success: q.boolean("success"), Warnings: q.boolean("warnings"), From: q.moment("from", timezone),
		To: q.moment("to", timezone), Statuses: anyOf(q, "status", runStatuses...), Start: start, Limit: limit,
	}
}

var runStatuses = []jobs.RunStatus{
	jobs.RunQueued, jobs.RunRunning, jobs.RunSuccess, jobs.RunWarning, jobs.RunError, jobs.RunCanceled,
}

// listRuns serves GET /jobs/{id}/history.
func (a *API) listRuns(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	j, err := r.client.Job(r.Context(), ref)
	if err != nil {
		return err
	}
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	rq := readRunQuery(q, j.Schedule.Timezone)
	if err := q.finish(); err != nil {
		return err
	}
	page, err := r.client.Runs(r.Context(), ref, rq)
	if err != nil {
		return err
	}
	items := make([]runView, len(page.Items))
	for i, run := range page.Items {
		items[i] = a.listedRun(run, rq.Summary)
	}
	self := a.link("jobs", string(j.ID), "history")
	return write(w, r.Request, http.StatusOK, newCollection(r.Request, self, "inf:job-history", items, rq.Start, rq.Limit, page.Total))
}

// listedRun is a run in a list.
func (a *API) listedRun(r *jobs.Run, summary bool) runView {
	if summary {
		return a.newRunSummary(r)
	}
	return a.newRunView(r)
}

// historyView is a run in the history of the tenant.
type historyView struct {
	runView
	JobName string `json:"jobName"`
}

// readHistoryQuery reads the parameters of contract 9.9; moments without an offset are in UTC.
func readHistoryQuery(q *query) jobs.RunQuery {
	rq := readRunQuery(q, "")
	rq.JobID, rq.OwnerID, rq.WorkerID = jobs.ID(q.text("jobId")), jobs.ParsePrincipalID(q.text("ownerId")), jobs.WorkerID(q.text("workerId"))
	if rq.JobID != "" && !jobs.ValidUUID(string(rq.JobID)) {
		q.faults.Add("jobId", "is not the id of a job")
	}
	return rq
}

// listHistory serves GET /job-history.
func (a *API) listHistory(w http.ResponseWriter, r *request) error {
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	rq := readHistoryQuery(q)
	if err := q.finish(); err != nil {
		return err
	}
	page, err := r.client.History(r.Context(), rq)
	if err != nil {
		return err
	}
	items := make([]historyView, len(page.Items))
	for i, run := range page.Items {
		items[i] = historyView{a.listedRun(run.Run, rq.Summary), run.JobName}
	}
	return write(w, r.Request, http.StatusOK, newCollection(r.Request, a.link("job-history"), "inf:job-history", items, rq.Start, rq.Limit, page.Total))
}
