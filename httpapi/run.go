package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs"
)

var runRoutes = []route{
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
	Data        runData        `json:"data"`
	Progress    []progressView `json:"progress"`
	Plan        []plannedView  `json:"plan"`
	CreatedAt   stamp          `json:"createdAt" wire:"set"`
	UpdatedAt   stamp          `json:"updatedAt" wire:"set"`
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
	v := runView{
		Links: links{"self": a.link("jobs", string(r.JobID), "history", string(r.ID))}, ID: r.ID, JobID: r.JobID, OwnerID: string(r.OwnerID),
		Status: r.Status, Warnings: r.Warnings, Error: text(r.Error), Trigger: r.Trigger, TriggeredBy: text(r.TriggeredBy),
		WorkerID: text(r.WorkerID), FireAt: stamp(r.FireAt), RetryOf: text(r.RetryOf), Waiting: newWaitView(r.Waiting), Revision: r.Revision, Attempt: r.Attempt,
		Duration: [2]stamp{stamp(r.StartedAt), stamp(r.EndedAt)}, Progress: progress(r), Plan: planned(r), CreatedAt: stamp(r.CreatedAt),
		UpdatedAt: stamp(r.UpdatedAt),
		Data:      runData{Params: orObject(r.Params), Driver: emptyObject, Actions: map[jobs.ActionID]json.RawMessage{}},
	}
	if r.Status.Terminal() {
		success := r.Success()
		v.Success = &success
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		if len(s.Output) == 0 {
			continue
		}
		if s.Kind == jobs.StepDriver {
			v.Data.Driver = s.Output
		} else {
			v.Data.Actions[s.ActionID] = s.Output
		}
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
	if s.Kind == jobs.StepDriver {
		return "job:progress.invoking_job"
	}
	if key, ok := taskKeys[s.Type]; ok {
		return key
	}
	return "job:actions." + s.Type
}

// runJob serves POST /jobs/{id}: it starts a run, and waits for its end as far as the caller wants (contract 3.1).
func (a *API) runJob(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := r.client.Can(r.Context(), ref, jobs.PermissionRun); err != nil {
		return err
	}
	wait, err := runWait(r)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	b, err := newBodyBesideQuery(r.Request, true)
	if err != nil {
		return err
	}
	params := readRunParams(b)
	if err := b.finish(); err != nil {
		return err
	}
	if a.closed() {
		return &jobs.UnavailableError{Reason: "The server is shutting down"}
	}
	run, err := r.client.Run(r.Context(), ref, jobs.RunOptions{Params: params, Key: key, NeedWorker: wait.seconds != 0})
	if err != nil {
		return err
	}
	if wait.seconds != 0 {
		if run, err = a.await(w, r, ref, run, wait.seconds); err != nil {
			return err
		}
	}
	if run.Waiting == nil {
		if err := r.client.Explain(r.Context(), run); err != nil {
			return err
		}
	}
	if wait.applied != "" {
		w.Header().Set("Preference-Applied", wait.applied)
	}
	status := http.StatusOK
	if !run.Status.Terminal() {
		status = http.StatusAccepted
		w.Header().Set("Location", a.path("jobs", string(run.JobID), "history", string(run.ID)))
	}
	return write(w, r.Request, status, a.newRunView(run))
}

// await waits for the end of a run; seconds below zero means without a bound. If the client goes away, the run goes on.
func (a *API) await(w http.ResponseWriter, r *request, ref jobs.JobRef, run *jobs.Run, seconds int) (*jobs.Run, error) {
	release, ok := a.waiting.take(string(r.identity.Principal.Tenant) + "/" + string(r.identity.Principal.User))
	if !ok {
		return run, nil // too many wait already: the answer is 202, as if the time was over
	}
	defer release()
	control := http.NewResponseController(w)
	liftDeadline(control)
	ctx, cancel := context.WithCancel(r.Context())
	var over <-chan time.Time
	if seconds > 0 {
		over = time.After(time.Duration(seconds) * time.Second)
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-over:
		case <-a.closing:
		case <-ctx.Done():
		}
		cancel()
	}()
	run, err := r.client.Wait(ctx, ref, run.ID)
	cancel()
	<-watched
	_ = control.SetWriteDeadline(time.Now().Add(answerTime)) // as for liftDeadline
	return run, err
}

// answerTime bounds the writing of an answer that had to wait, so that a client that does not read holds nothing for ever.
const answerTime = time.Minute

// liftDeadline is for answers that take as long as a run: with HTTP/2 the server's WriteTimeout ends them even while nothing is written.
// Not every writer has deadlines; then there is none to lift.
func liftDeadline(c *http.ResponseController) { _ = c.SetWriteDeadline(time.Time{}) }

// waiting is how long a caller wants to wait: 0 not at all, -1 until the end.
type waiting struct {
	seconds int
	applied string
}

// maxWait is the longest time, in seconds, that a caller can ask to wait.
const maxWait = 48 * 3600

// readRunWait reads the parameter wait; without one it gives -1.
func readRunWait(q *query) int { return q.integer("wait", -1, 0, maxWait) }

// readRunParams reads the body of contract 3.1.
func readRunParams(b *body) json.RawMessage { return b.object("params").Value }

// runWait reads the query parameter wait, or else the header Prefer.
func runWait(r *request) (waiting, error) {
	q, err := newQuery(r.Request)
	if err != nil {
		return waiting{}, err
	}
	seconds := readRunWait(q)
	if err := q.finish(); err != nil {
		return waiting{}, err
	}
	if seconds >= 0 {
		return waiting{seconds: seconds}, nil
	}
	w := waiting{seconds: -1}
	for preference := range strings.SplitSeq(strings.Join(r.Header.Values("Prefer"), ","), ",") {
		preference, _, _ = strings.Cut(preference, ";")
		name, value, _ := strings.Cut(preference, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "respond-async":
			if w.seconds < 0 { // together with wait it says what wait says (RFC 7240, section 4.3)
				w = waiting{seconds: 0, applied: "respond-async"}
			}
		case "wait":
			n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`))
			if err != nil || n < 0 || n > maxWait {
				return waiting{}, badHeader("Prefer", "has wait=%q; an integer from 0 to %d", clip(value), maxWait)
			}
			return waiting{seconds: n, applied: "wait=" + strconv.Itoa(n)}, nil
		}
	}
	return w, nil
}

func idempotencyKey(r *request) (string, error) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	if len(values) > 1 || key == "" || len(key) > jobs.MaxIdempotencyKey || !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) {
		return "", badHeader("Idempotency-Key", "has to be one text of 1 to %d bytes", jobs.MaxIdempotencyKey)
	}
	return key, nil
}

// readRunQuery reads the parameters of contract 9.3; moments without an offset are of that time zone.
func readRunQuery(q *query, timezone string) jobs.RunQuery {
	start, limit := q.page(30)
	return jobs.RunQuery{
		Sort: q.sort(jobs.RunSortFields), Success: q.boolean("success"), Warnings: q.boolean("warnings"), From: q.moment("from", timezone),
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
		items[i] = a.newRunView(run)
	}
	self := a.link("jobs", string(j.ID), "history")
	return write(w, r.Request, http.StatusOK, newCollection(r.Request, self, "inf:job-history", items, rq.Start, rq.Limit, page.Total))
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
