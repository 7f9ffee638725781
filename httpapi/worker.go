package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

var workerRoutes = []route{
	{
		method: "GET", path: "/job-workers", group: groupSuper, handle: (*API).listWorkers,
		name: "listWorkers", summary: "The workers that are there, and the limits", query: asks(readWorkerQuery),
		answers: answers{200: page{"inf:job-worker", workerView{}, workerCollection{}}},
		words:   map[string]string{"status": "Only workers of this status; all but stopped, if left out"},
	},
	{
		method: "GET", path: "/job-workers/:workerId", group: groupSuper, handle: (*API).getWorker,
		name: "getWorker", summary: "Get a worker", answers: answers{200: workerView{}},
	},
	{
		method: "PUT", path: "/job-workers/:workerId", group: groupCluster, handle: (*API).updateWorker,
		name: "updateWorker", summary: "Drain a worker, take it back, or change how many runs it takes", body: reads(readWorkerPatch),
		answers: answers{200: workerView{}}, also: []int{409},
	},
	{
		method: "DELETE", path: "/job-workers/:workerId", group: groupCluster, handle: (*API).deleteWorker,
		name: "deleteWorker", summary: "Remove the record of a worker that is gone", answers: answers{204: nothing{}}, also: []int{409},
	},
	{
		method: "GET", path: "/job-limits", group: groupSuper, handle: (*API).getLimits,
		name: "getLimits", summary: "How many runs may go on at a time", answers: answers{200: limitsView{}},
	},
	{
		method: "PUT", path: "/job-limits", group: groupSuper, handle: (*API).updateLimits,
		name: "updateLimits", summary: "Change the limits that are sent", body: reads(readLimitsPatch), answers: answers{200: limitsView{}},
	},
}

// workerView is a worker (contract 12.2).
type workerView struct {
	Links       links             `json:"_links"`
	ID          jobs.WorkerID     `json:"id"`
	Hostname    string            `json:"hostname"`
	PID         int               `json:"pid"`
	Version     string            `json:"version"`
	Status      jobs.WorkerStatus `json:"status"`
	Concurrency int               `json:"concurrency"`
	Running     int               `json:"running"`
	JobTypes    []string          `json:"jobTypes"`
	ActionTypes []string          `json:"actionTypes"`
	// AttachmentTypes goes beyond the contract: a run waits for a worker that has them too.
	AttachmentTypes []string        `json:"attachmentTypes"`
	CurrentRuns     []workerRunView `json:"currentRuns"`
	StartedAt       stamp           `json:"startedAt" wire:"set"`
	HeartbeatAt     stamp           `json:"heartbeatAt" wire:"set"`
	TimeoutAt       stamp           `json:"timeoutAt" wire:"set"`
	StoppedAt       stamp           `json:"stoppedAt"`
}

type workerRunView struct {
	JobID     jobs.ID    `json:"jobId"`
	HistoryID jobs.RunID `json:"historyId"`
	StartedAt stamp      `json:"startedAt"`
}

func (a *API) newWorkerView(x jobs.Worker, timeout time.Duration) workerView {
	v := workerView{
		Links: links{"self": a.link("job-workers", string(x.ID))}, ID: x.ID, Hostname: x.Hostname, PID: x.PID, Version: x.Version,
		Status: x.Status, Concurrency: x.Concurrency, Running: x.Running, JobTypes: orEmpty(x.JobTypes), ActionTypes: orEmpty(x.ActionTypes),
		AttachmentTypes: orEmpty(x.AttachmentTypes),
		CurrentRuns:     []workerRunView{}, StartedAt: stamp(x.StartedAt), HeartbeatAt: stamp(x.HeartbeatAt),
		TimeoutAt: stamp(x.HeartbeatAt.Add(timeout)), StoppedAt: stamp(x.StoppedAt),
	}
	for _, run := range x.CurrentRuns {
		v.CurrentRuns = append(v.CurrentRuns, workerRunView{run.JobID, run.RunID, stamp(run.StartedAt)})
	}
	return v
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

type workerCollection struct {
	collection
	Limits limitsView `json:"limits"`
}

// readWorkerQuery reads the parameters of GET /job-workers (contract 12.3).
func readWorkerQuery(q *query) jobs.WorkerQuery {
	start, limit := q.page(30)
	return jobs.WorkerQuery{
		Sort: q.sort(jobs.WorkerSortFields), Statuses: anyOf(q, "status", workerStatuses...), Start: start, Limit: limit,
	}
}

var workerStatuses = []jobs.WorkerStatus{jobs.WorkerActive, jobs.WorkerDraining, jobs.WorkerLost, jobs.WorkerStopped}

// listWorkers serves GET /job-workers.
func (a *API) listWorkers(w http.ResponseWriter, r *request) error {
	limits, err := r.client.Limits(r.Context())
	if err != nil {
		return err
	}
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	wq := readWorkerQuery(q)
	if err := q.finish(); err != nil {
		return err
	}
	page, err := r.client.Workers(r.Context(), wq)
	if err != nil {
		return err
	}
	items := make([]workerView, len(page.Items))
	for i, x := range page.Items {
		items[i] = a.newWorkerView(x, limits.Timeout)
	}
	return write(w, r.Request, http.StatusOK, workerCollection{
		newCollection(r.Request, a.link("job-workers"), "inf:job-worker", items, wq.Start, wq.Limit, page.Total), a.newLimitsView(limits),
	})
}

// getWorker serves GET /job-workers/{workerId}.
func (a *API) getWorker(w http.ResponseWriter, r *request) error {
	x, err := r.client.Worker(r.Context(), jobs.WorkerID(r.params.ByName("workerId")))
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	return a.writeWorker(w, r, x)
}

func (a *API) writeWorker(w http.ResponseWriter, r *request, x jobs.Worker) error {
	limits, err := r.client.Limits(r.Context())
	if errors.Is(err, jobs.ErrForbidden) {
		limits, err = jobs.DefaultLimits(), nil // a manager of the cluster who is no superuser cannot read them
	}
	if err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, a.newWorkerView(x, limits.Timeout))
}

// updateWorker serves PUT /job-workers/{workerId}.
func (a *API) updateWorker(w http.ResponseWriter, r *request) error {
	if !r.client.Principal().Rights.ManageCluster {
		return jobs.Forbidden("cluster:manage is not allowed")
	}
	id := jobs.WorkerID(r.params.ByName("workerId"))
	patch, err := r.workerPatch()
	if err != nil {
		return r.belowWorker(id, err)
	}
	x, err := r.client.SteerWorker(r.Context(), id, patch)
	if err != nil {
		return err
	}
	return a.writeWorker(w, r, x)
}

// belowWorker gives what is wrong with the input, or that the worker does not exist, which comes first. The patch that changes nothing asks
// for that: only superusers can read a worker, and a manager need not be one.
func (r *request) belowWorker(id jobs.WorkerID, err error) error {
	if _, missing := r.client.SteerWorker(r.Context(), id, jobs.WorkerPatch{}); errors.Is(missing, jobs.ErrNotFound) {
		return missing
	}
	return err
}

// readWorkerPatch reads the body of PUT /job-workers/{workerId} (contract 12.3).
func readWorkerPatch(b *body) jobs.WorkerPatch {
	b.ignore("id", "hostname", "pid", "version", "running", "jobTypes", "actionTypes", "attachmentTypes", "currentRuns", "startedAt", "heartbeatAt",
		"timeoutAt", "stoppedAt", "_links")
	return jobs.WorkerPatch{Status: word[jobs.WorkerStatus](b, "status"), Concurrency: b.integer("concurrency")}
}

func (r *request) workerPatch() (jobs.WorkerPatch, error) {
	b, err := newBody(r.Request, false)
	if err != nil {
		return jobs.WorkerPatch{}, err
	}
	patch := readWorkerPatch(b)
	if err := b.finish(); err != nil {
		return jobs.WorkerPatch{}, err
	}
	return patch, r.expectNothing()
}

// deleteWorker serves DELETE /job-workers/{workerId}.
func (a *API) deleteWorker(w http.ResponseWriter, r *request) error {
	if !r.client.Principal().Rights.ManageCluster {
		return jobs.Forbidden("cluster:manage is not allowed")
	}
	id := jobs.WorkerID(r.params.ByName("workerId"))
	if err := noQuery(r.Request); err != nil {
		return r.belowWorker(id, err)
	}
	if err := r.expectNothing(); err != nil {
		return r.belowWorker(id, err)
	}
	if err := r.client.DeleteWorker(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// limitsView is the limits of contract 12.4.
type limitsView struct {
	Links              links `json:"_links"`
	TenantConcurrency  int   `json:"tenantConcurrency"`
	ClusterConcurrency int   `json:"clusterConcurrency"`
	HeartbeatSeconds   int   `json:"heartbeatSeconds"`
	TimeoutSeconds     int   `json:"timeoutSeconds"`
}

func (a *API) newLimitsView(l jobs.Limits) limitsView {
	return limitsView{
		Links: links{"self": a.link("job-limits")}, TenantConcurrency: l.TenantConcurrency, ClusterConcurrency: l.ClusterConcurrency,
		HeartbeatSeconds: secondsOf(l.Heartbeat), TimeoutSeconds: secondsOf(l.Timeout),
	}
}

// getLimits serves GET /job-limits.
func (a *API) getLimits(w http.ResponseWriter, r *request) error {
	limits, err := r.client.Limits(r.Context())
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, a.newLimitsView(limits))
}

// readLimitsPatch reads the body of contract 12.4.
func readLimitsPatch(b *body) jobs.LimitsPatch {
	b.ignore("_links")
	return jobs.LimitsPatch{
		TenantConcurrency: b.integer("tenantConcurrency"), ClusterConcurrency: b.integer("clusterConcurrency"),
		HeartbeatSeconds: b.integer("heartbeatSeconds"), TimeoutSeconds: b.integer("timeoutSeconds"),
	}
}

// updateLimits serves PUT /job-limits.
func (a *API) updateLimits(w http.ResponseWriter, r *request) error {
	if _, err := r.client.Limits(r.Context()); err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	patch := readLimitsPatch(b)
	cluster := b.has("clusterConcurrency") || b.has("heartbeatSeconds") || b.has("timeoutSeconds")
	if cluster && !r.client.Principal().Rights.ManageCluster {
		return jobs.Forbidden("cluster:manage is not allowed")
	}
	if err := b.finish(); err != nil {
		return err
	}
	if err := r.expectNothing(); err != nil {
		return err
	}
	limits, err := r.client.SetLimits(r.Context(), patch)
	if err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, a.newLimitsView(limits))
}
