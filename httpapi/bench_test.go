package httpapi_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// BenchmarkListJobs are pages of 30 of 10,000 jobs, as a browser asks for them: by people who read all of them, half of them and 20, with every
// kind of filter and sort key. Each job has run, some are running, tagged, shared, in drafts and favourites. The limit is 20 ms a page on a
// machine that does nothing else (issue 4); the flat list has all 10,000.
func BenchmarkListJobs(b *testing.B) {
	w := newWorld(b)
	tag := listedWorld(b, w)
	for _, l := range []struct{ name, who, query string }{
		{"first page", "mara", ""},
		{"middle", "mara", "start=5000"},
		{"last page", "mara", "start=9970"},
		{"superuser", "root", ""},
		{"reads half", "share1", ""},
		{"reads 20", "share2", ""},
		{"rare words", "mara", "q=0042"},
		{"words of half", "mara", "q=warehouse"},
		{"no such word", "mara", "q=nothing+at+all"},
		{"type", "mara", "type=ok"},
		{"enabled", "mara", "enabled=false"},
		{"tag", "mara", "tag=" + string(tag)},
		{"favorite", "mara", "favorite=true"},
		{"no favorite", "mara", "favorite=false"},
		{"running", "mara", "running=true"},
		{"not running", "mara", "running=false"},
		{"last status", "mara", "lastStatus=error"},
		{"draft", "mara", "draft=true"},
		{"late", "mara", "late=true"},
		{"by type", "mara", "sort=type"},
		{"by owner", "mara", "sort=ownerId"},
		{"by next fire", "mara", "sort=nextRunAt"},
		{"by locked since", "mara", "sort=-lockedAt"},
		{"by last run", "mara", "sort=-lastRunAt"},
		{"by change", "mara", "sort=-updatedAt"},
		{"by two keys", "mara", "sort=enabled,-lastRunAt"},
	} {
		b.Run(l.name, func(b *testing.B) { askOften(b, w, l.who, "/api/jobs?"+l.query) })
	}
	b.Run("flat", func(b *testing.B) { askOften(b, w, "mara", "/api/jobs-list") })
}

func askOften(b *testing.B, w *world, who, path string) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if answer := ask(b, w.api, who, http.MethodGet, path, ""); answer.Code != http.StatusOK {
			b.Fatal(answer.Body)
		}
	}
}

// BenchmarkEncodeRun is the wire form of a run with 11 steps.
func BenchmarkEncodeRun(b *testing.B) {
	w := newWorld(b)
	at := time.Now().UTC()
	run := &jobs.Run{
		ID: jobs.NewRunID(), Tenant: "globex", JobID: jobs.NewID(), OwnerID: "mara", Revision: 3, Status: jobs.RunSuccess, Trigger: jobs.TriggerSchedule, WorkerID: "w1",
		Attempt: 1, CreatedAt: at, UpdatedAt: at, StartedAt: at, EndedAt: at,
	}
	for i := range 11 {
		kind := jobs.StepAction
		if i == 0 {
			kind = jobs.StepDriver
		}
		run.Steps = append(run.Steps, jobs.Step{
			Kind: kind, ActionID: jobs.NewActionID(), Type: "webhook", Name: "Tell the warehouse", State: jobs.StepSuccess, Attempt: 1, Message: "200 OK",
			Output: json.RawMessage(`{"status":200,"headers":{"content-type":"application/json"},"body":{"ok":true}}`), StartedAt: at, EndedAt: at,
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.api.EncodeRun(run); err != nil {
			b.Fatal(err)
		}
	}
}
