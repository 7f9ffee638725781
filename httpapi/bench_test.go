package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// BenchmarkListJobs is a page of 30 of 10,000 jobs, by name, as a browser asks for it.
func BenchmarkListJobs(b *testing.B) {
	w := newWorld(b)
	at := time.Now().UTC().Truncate(time.Millisecond)
	var wait sync.WaitGroup
	for part := range 20 {
		wait.Go(func() {
			for i := range 500 {
				n := part*500 + i
				j := &jobs.Job{
					ID: jobs.NewID(), Tenant: "globex", Slug: fmt.Sprintf("job-%d", n), OwnerID: "mara", Enabled: true, Revision: 1, CreatedAt: at, UpdatedAt: at,
					DefnUpdatedAt: at, Definition: jobs.Definition{Type: "ok", Name: fmt.Sprintf("Job %05d", n*7919%10000), Data: json.RawMessage(`{}`), Policies: jobs.DefaultPolicies()},
				}
				if err := w.store.InsertJob(b.Context(), at, j); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wait.Wait()
	for name, path := range map[string]string{"first page": "/api/jobs", "page in the middle": "/api/jobs?start=5000", "search": "/api/jobs?q=0042", "flat": "/api/jobs-list"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if answer := ask(b, w.api, "mara", http.MethodGet, path, ""); answer.Code != http.StatusOK {
					b.Fatal(answer.Body)
				}
			}
		})
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
