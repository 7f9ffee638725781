package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

// logView is a log entry (contract 9.8).
type logView struct {
	ID          string          `json:"id"`
	HistoryID   jobs.RunID      `json:"historyId"`
	Index       int64           `json:"index"`
	Level       string          `json:"level"`
	Message     string          `json:"message"`
	JobActionID text            `json:"jobActionId"`
	Data        json.RawMessage `json:"data" wire:"object,null"`
	CreatedAt   stamp           `json:"createdAt" wire:"set"`
}

func newLogView(e *jobs.LogEntry) logView {
	return logView{
		ID: e.ID, HistoryID: e.RunID, Index: e.Index, Level: e.Level.String(), Message: e.Message, JobActionID: text(e.ActionID),
		Data: e.Data, CreatedAt: stamp(e.CreatedAt),
	}
}

// readLogQuery reads the parameters of contract 9.8.
func readLogQuery(q *query) jobs.LogQuery {
	start, limit := q.page(100)
	lq := jobs.LogQuery{ActionID: jobs.ActionID(q.text("jobActionId")), Words: q.words(), Start: start, Limit: limit}
	if level, ok := jobs.ParseLogLevel(oneOf(q, "level", "debug", "info", "warn", "error")); ok {
		lq.Level = level
	}
	if lq.ActionID != "" && !jobs.ValidUUID(string(lq.ActionID)) {
		q.faults.Add("jobActionId", "is not the id of an action")
	}
	if keys := q.sort([]string{"index"}); len(keys) > 0 {
		lq.Descending = keys[0].Descending
	}
	return lq
}

// listLogs serves GET /jobs/{id}/history/{historyId}/logs.
func (a *API) listLogs(w http.ResponseWriter, r *request) error {
	ref, id, err := r.jobRun()
	if err != nil {
		return err
	}
	run, err := r.client.RunByID(r.Context(), ref, id)
	if err != nil {
		return err
	}
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	lq := readLogQuery(q)
	if err := q.finish(); err != nil {
		return err
	}
	page, err := r.client.Logs(r.Context(), ref, id, lq)
	if err != nil {
		return err
	}
	items := make([]logView, len(page.Items))
	for i := range page.Items {
		items[i] = newLogView(&page.Items[i])
	}
	self := a.link("jobs", string(run.JobID), "history", string(id), "logs")
	return write(w, r.Request, http.StatusOK, newCollection(r.Request, self, "inf:job-log", items, lq.Start, lq.Limit, page.Total))
}
