package httpapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

var runRoutes = []route{
	{
		method: "GET", path: "/job-history", group: groupIdentity, handle: (*API).listHistory,
		name: "listHistory", summary: "The runs of all jobs that the caller may read, newest first", query: asks(readHistoryQuery),
		answers: answers{200: page{rel: "inf:job-history", item: historyView{}}},
		words: map[string]string{
			"jobId": "Runs of this job only, by its UUID", "ownerId": "Owner of the job when the run was queued", "workerId": "Worker that took the run",
		},
	},
	{
		method: "POST", path: "/jobs/:id/_backfill", group: groupRun, handle: (*API).backfill,
		name: "backfill", summary: "Start a run for each past fire that has none", body: reads(describeBackfill),
		answers: answers{200: backfillView{}, 202: backfillView{}}, also: []int{409},
	},
	{
		method: "GET", path: "/jobs/:id/history", group: groupRead, handle: (*API).listRuns,
		name: "listRuns", summary: "The runs of a job, newest first", query: asks(func(q *query) jobs.RunQuery { return readRunQuery(q, "") }),
		answers: answers{200: page{rel: "inf:job-history", item: runView{}}},
	},
	{
		method: "DELETE", path: "/jobs/:id/history", group: groupEdit, handle: (*API).deleteRuns,
		name: "deleteRuns", summary: "Remove the ended runs that were created before a moment",
		query: asks(func(q *query) time.Time { return readBefore(q, "") }), answers: answers{204: nothing{}},
	},
	{
		method: "GET", path: "/jobs/:id/history/:historyId", group: groupRead, handle: (*API).getRun,
		name: "getRun", summary: "Get a run", answers: answers{200: runView{}},
	},
	{
		method: "DELETE", path: "/jobs/:id/history/:historyId", group: groupEdit, handle: (*API).deleteRun,
		name: "deleteRun", summary: "Remove an ended run with its log", answers: answers{204: nothing{}}, also: []int{409},
	},
	{
		method: "POST", path: "/jobs/:id/history/:historyId/_cancel", group: groupRun, handle: (*API).cancelRun,
		name: "cancelRun", summary: "Stop a run", body: noFields, answers: answers{202: runView{}}, also: []int{409},
	},
	{
		method: "POST", path: "/jobs/:id/history/:historyId/_retry", group: groupRun, handle: (*API).retryRun,
		name: "retryRun", summary: "Start a new run in place of an ended one", query: asks(readRunWait), body: mayRead(readRetry),
		answers: answers{200: runView{}, 202: runView{}}, also: []int{409}, headers: []string{"Prefer", "Idempotency-Key"},
		words: map[string]string{"wait": "Seconds to wait for the end; without it the answer comes at once"},
	},
	{
		method: "GET", path: "/jobs/:id/history/:historyId/progress", group: groupRead, handle: (*API).runProgress,
		name: "getProgress", summary: "The progress of a run, as it is or as live events", query: asks(readSince),
		answers: answers{200: either{progressSnapshot{}, runEvents}}, also: []int{406}, headers: []string{"Last-Event-ID"},
	},
	{
		method: "GET", path: "/jobs/:id/history/:historyId/logs", group: groupRead, handle: (*API).listLogs,
		name: "listLogs", summary: "The log of a run", query: asks(readLogQuery), answers: answers{200: page{rel: "inf:job-log", item: logView{}}},
	},
}

// runView is a run: the history record of contract 9.1.
type runView struct {
	Links       links          `json:"_links"`
	ID          jobs.RunID     `json:"id"`
	JobID       jobs.ID        `json:"jobId"`
	OwnerID     string         `json:"ownerId"`
	Status      jobs.RunStatus `json:"status"`
	Success     *bool          `json:"success"`
	Warnings    bool           `json:"warnings"`
	Error       text           `json:"error"`
	Trigger     jobs.Trigger   `json:"trigger"`
	TriggeredBy text           `json:"triggeredBy"`
	WorkerID    text           `json:"workerId"`
	FireAt      stamp          `json:"fireAt"`
	RetryOf     text           `json:"retryOf"`
	Waiting     *waitView      `json:"waiting"`
	Revision    int64          `json:"revision"`
	Attempt     int            `json:"attempt"`
	Duration    [2]stamp       `json:"duration"`
	// Data, Progress and Plan are left out of a summary.
	Data      *runData        `json:"data,omitempty"`
	Progress  *[]progressView `json:"progress,omitempty"`
	Plan      *[]plannedView  `json:"plan,omitempty"`
	CreatedAt stamp           `json:"createdAt" wire:"set"`
	UpdatedAt stamp           `json:"updatedAt" wire:"set"`
}

// waitView says why a queued run does not run yet (contract 20.5).
type waitView struct {
	Reason  jobs.WaitReason `json:"reason"`
	Detail  string          `json:"detail"`
	Until   stamp           `json:"until"`
	Holders []holderView    `json:"holders"`
}

// holderView is a run in the way of another one.
type holderView struct {
	JobID     jobs.ID    `json:"jobId"`
	JobName   string     `json:"jobName"`
	HistoryID jobs.RunID `json:"historyId"`
	StartedAt stamp      `json:"startedAt"`
}

func newWaitView(w *jobs.Wait) *waitView {
	if w == nil {
		return nil
	}
	v := &waitView{Reason: w.Reason, Detail: w.Detail(), Until: stamp(w.Until), Holders: make([]holderView, len(w.Holders))}
	for i, h := range w.Holders {
		v.Holders[i] = holderView{h.JobID, h.JobName, h.RunID, stamp(h.StartedAt)}
	}
	return v
}

// plannedView is a step to come (contract 20.5).
type plannedView struct {
	Index       int    `json:"index"`
	JobActionID text   `json:"jobActionId"`
	Name        text   `json:"name"`
	Type        string `json:"type"`
}

// planned are the steps that were not reached yet; an ended run has none.
func planned(r *jobs.Run) []plannedView {
	steps := []plannedView{}
	for i := range r.Steps {
		if s := &r.Steps[i]; s.State == jobs.StepPending {
			steps = append(steps, plannedView{Index: i, JobActionID: text(s.ActionID), Name: text(s.Name), Type: s.Type})
		}
	}
	return steps
}

// runData are the outputs of a run.
type runData struct {
	Params  json.RawMessage                   `json:"params" wire:"object"`
	Driver  json.RawMessage                   `json:"driver" wire:"object"`
	Actions map[jobs.ActionID]json.RawMessage `json:"actions"`
}

// progressView is a progress entry (contract 9.2).
type progressView struct {
	Index       int          `json:"index"`
	Task        progressTask `json:"task"`
	Result      *stepResult  `json:"result"`
	JobActionID text         `json:"jobActionId"`
	Percent     *float64     `json:"percent"`
	Message     text         `json:"message"`
	Attempt     int          `json:"attempt"`
	StartedAt   stamp        `json:"startedAt"`
	EndedAt     stamp        `json:"endedAt"`
	seq         int64
}

type progressTask struct {
	Key  string            `json:"key"`
	Opts map[string]string `json:"opts,omitempty"`
}

type stepResult struct {
	Key     string         `json:"key"`
	Message string         `json:"message,omitempty"`
	Success bool           `json:"success"`
	Status  jobs.StepState `json:"status"`
}

var emptyObject = json.RawMessage("{}")

func (a *API) newRunView(r *jobs.Run) runView {
	v := a.newRunSummary(r)
	steps, plan := progress(r), planned(r)
	v.Progress, v.Plan = &steps, &plan
	v.Data = &runData{Params: orObject(r.Params), Driver: emptyObject, Actions: map[jobs.ActionID]json.RawMessage{}}
	for i := range r.Steps {
		s := &r.Steps[i]
		if len(s.Output) == 0 {
			continue
		}
		switch s.Kind {
		case jobs.StepDriver:
			v.Data.Driver = s.Output
		case jobs.StepAction:
			v.Data.Actions[s.ActionID] = s.Output
		case jobs.StepSnapshotBefore, jobs.StepSnapshotAfter:
		}
	}
	return v
}

// newRunSummary is the view of a run without what its steps say.
func (a *API) newRunSummary(r *jobs.Run) runView {
	v := runView{
		Links: links{"self": a.link("jobs", string(r.JobID), "history", string(r.ID))}, ID: r.ID, JobID: r.JobID, OwnerID: string(r.OwnerID),
		Status: r.Status, Warnings: r.Warnings, Error: text(r.Error), Trigger: r.Trigger, TriggeredBy: text(r.TriggeredBy),
		WorkerID: text(r.WorkerID), FireAt: stamp(r.FireAt), RetryOf: text(r.RetryOf), Waiting: newWaitView(r.Waiting), Revision: r.Revision, Attempt: r.Attempt,
		Duration: [2]stamp{stamp(r.StartedAt), stamp(r.EndedAt)}, CreatedAt: stamp(r.CreatedAt), UpdatedAt: stamp(r.UpdatedAt),
	}
	if r.Status.Terminal() {
		success := r.Success()
		v.Success = &success
	}
	return v
}

func orObject(data json.RawMessage) json.RawMessage {
	if len(data) == 0 {
		return emptyObject
	}
	return data
}

// progress are the entries of the steps that were reached.
func progress(r *jobs.Run) []progressView {
	entries := make([]progressView, 0, len(r.Steps))
	for i := range r.Steps {
		if r.Steps[i].State != jobs.StepPending {
			entries = append(entries, newProgressView(i, &r.Steps[i]))
		}
	}
	return entries
}

func newProgressView(index int, s *jobs.Step) progressView {
	v := progressView{
		Index: index, Task: progressTask{Key: taskKey(s)}, JobActionID: text(s.ActionID), Percent: s.Percent, Attempt: max(s.Attempt, 1),
		StartedAt: stamp(s.StartedAt), EndedAt: stamp(s.EndedAt), seq: s.Seq,
	}
	if s.Name != "" {
		v.Task.Opts = map[string]string{"name": s.Name}
	}
	if !s.State.Done() {
		v.Message = text(s.Message)
		return v
	}
	v.Result = &stepResult{
		Key: "job:status." + string(s.State), Message: s.Message, Success: s.State != jobs.StepError, Status: s.State,
	}
	return v
}

// taskKeys are the text keys of the built-in action drivers (contract 9.2).
var taskKeys = map[string]string{
	"email": "job:actions.send_email", "webhook": "job:actions.call_webhook", "dataset": "job:actions.run_dataset",
	"library": "job:actions.update_library",
}

func taskKey(s *jobs.Step) string {
	switch s.Kind {
	case jobs.StepDriver:
		return "job:progress.invoking_job"
	case jobs.StepSnapshotBefore:
		return "job:progress.snapshot_before"
	case jobs.StepSnapshotAfter:
		return "job:progress.snapshot_after"
	case jobs.StepAction:
	}
	if key, ok := taskKeys[s.Type]; ok {
		return key
	}
	return "job:actions." + s.Type
}

// getRun serves GET /jobs/{id}/history/{historyId}.
func (a *API) getRun(w http.ResponseWriter, r *request) error {
	ref, id, err := r.jobRun()
	if err != nil {
		return err
	}
	run, err := r.client.RunByID(r.Context(), ref, id)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, a.newRunView(run))
}

// cancelRun serves POST /jobs/{id}/history/{historyId}/_cancel.
func (a *API) cancelRun(w http.ResponseWriter, r *request) error {
	ref, id, err := r.jobRun()
	if err != nil {
		return err
	}
	if _, err := r.client.RunByID(r.Context(), ref, id); err != nil {
		return err
	}
	if err := r.client.Can(r.Context(), ref, jobs.PermissionRun); err != nil {
		return err
	}
	if err := noBody(r.Request); err != nil {
		return err
	}
	run, err := r.client.CancelRun(r.Context(), ref, id)
	if err != nil {
		return err
	}
	return write(w, r.Request, http.StatusAccepted, a.newRunView(run))
}

// deleteRun serves DELETE /jobs/{id}/history/{historyId}.
func (a *API) deleteRun(w http.ResponseWriter, r *request) error {
	ref, id, err := r.jobRun()
	if err != nil {
		return err
	}
	if _, err := r.client.RunByID(r.Context(), ref, id); err != nil {
		return err
	}
	if err := r.mayEdit(ref); err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	if err := r.expectNothing(); err != nil {
		return err
	}
	if err := r.client.DeleteRun(r.Context(), ref, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// readBefore reads the parameter of contract 9.6.
func readBefore(q *query, timezone string) time.Time {
	before := q.moment("before", timezone)
	q.requires("before")
	return before
}

// deleteRuns serves DELETE /jobs/{id}/history.
func (a *API) deleteRuns(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	j, err := r.client.Job(r.Context(), ref)
	if err != nil {
		return err
	}
	if err := r.mayEdit(ref); err != nil {
		return err
	}
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	before := readBefore(q, j.Schedule.Timezone)
	if err := q.finish(); err != nil {
		return err
	}
	if err := r.expectNothing(); err != nil {
		return err
	}
	if err := r.client.DeleteRuns(r.Context(), ref, before); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
