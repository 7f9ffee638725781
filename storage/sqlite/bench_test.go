package sqlite_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

var morning = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// queueJob is a job whose runs may all be live at once.
func queueJob(slug string) *jobs.Job {
	j := &jobs.Job{
		ID: jobs.NewID(), Tenant: "acme", Slug: slug, OwnerID: "mara.lind", Enabled: true, Revision: 1,
		CreatedAt: morning, UpdatedAt: morning, DefnUpdatedAt: morning,
		Definition: jobs.Definition{Type: "report", Name: slug, Data: json.RawMessage(`{"to":"x"}`), Policies: jobs.DefaultPolicies()},
	}
	j.Policies.Overlap, j.Policies.MaxConcurrent = jobs.OverlapAllow, 10_000
	return j
}

// bench is a store with one job, one worker and wide limits.
type bench struct {
	store  *sqlite.Store
	job    *jobs.Job
	worker jobs.WorkerID
	beat   int64
	held   []jobs.Claim
}

func newBench(b testing.TB, synchronous string) *bench {
	b.Helper()
	return newBenchAt(b, filepath.Join(b.TempDir(), "jobs.db"), synchronous)
}

func newBenchAt(b testing.TB, path, synchronous string) *bench {
	b.Helper()
	ctx := context.Background()
	s, err := sqlite.Open(ctx, path, sqlite.Options{Synchronous: synchronous, MinFreeBytes: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() }) // a failed close of a folder that is removed anyway tells nothing
	l := jobs.DefaultLimits()
	l.TenantConcurrency, l.ClusterConcurrency = 10_000, 100_000
	p := &bench{store: s, job: queueJob("stock"), worker: jobs.WorkerID("node-" + jobs.NewUUID())}
	for _, err := range []error{
		s.SetLimits(ctx, "acme", l, true), s.InsertJob(ctx, morning, p.job),
		s.RegisterWorker(ctx, morning, jobs.Worker{ID: p.worker, Hostname: "node", Concurrency: 1000}),
	} {
		if err != nil {
			b.Fatal(err)
		}
	}
	return p
}

func (p *bench) start(b testing.TB, n int) {
	b.Helper()
	params := make([]json.RawMessage, n)
	for i := range params {
		params[i] = json.RawMessage(`{}`)
	}
	_, err := p.store.StartRuns(context.Background(), morning, jobs.Start{
		Tenant: "acme", JobID: p.job.ID, Trigger: jobs.TriggerManual, TriggeredBy: "mara.lind", Params: params,
	})
	if err != nil {
		b.Fatal(err)
	}
}

// turn ends all held runs and claims want.
func (p *bench) turn(b testing.TB, want int) {
	b.Helper()
	p.beat++
	outcomes := make([]jobs.Outcome, len(p.held))
	for i, c := range p.held {
		steps := c.Run.Steps
		steps[0].State, steps[0].EndedAt, steps[0].Seq = jobs.StepSuccess, morning, 1
		outcomes[i] = jobs.Outcome{
			RunID: c.Run.ID, Fence: c.Run.Fence, Steps: steps, Seq: 1, End: &jobs.RunEnd{Status: jobs.RunSuccess, At: morning},
		}
	}
	r, err := p.store.Exchange(context.Background(), jobs.ExchangeRequest{
		Worker: p.worker, Beat: p.beat, Now: morning, Outcomes: outcomes, Want: want,
		Has: func(jobs.DriverKind, string) bool { return true },
	})
	if err != nil {
		b.Fatal(err)
	}
	if len(r.Fenced) > 0 || len(r.Claimed) != want {
		b.Fatalf("exchange: %d fenced, %d claimed, want %d", len(r.Fenced), len(r.Claimed), want)
	}
	p.held = r.Claimed
}

// cycle measures turns that end and claim batch runs; inserting them is not part of the time.
func (p *bench) cycle(b *testing.B, batch int) {
	queued := 0
	p.start(b, batch)
	p.turn(b, batch)
	n := 0
	for b.Loop() {
		if queued < batch {
			b.StopTimer()
			p.start(b, 1000)
			queued += 1000
			b.StartTimer()
		}
		p.turn(b, batch)
		queued -= batch
		n += batch
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "runs/s")
}

func BenchmarkExchange(b *testing.B) {
	for _, synchronous := range []string{"NORMAL", "FULL"} {
		for _, batch := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("%s/%d ended and claimed", synchronous, batch), func(b *testing.B) {
				newBench(b, synchronous).cycle(b, batch)
			})
		}
	}
}

func BenchmarkStartRuns(b *testing.B) {
	for _, batch := range []int{1, 1000} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			p := newBench(b, "NORMAL")
			n := 0
			for b.Loop() {
				p.start(b, batch)
				if n += batch; n >= 50_000 {
					b.StopTimer()
					p = newBench(b, "NORMAL")
					n = 0
					b.StartTimer()
				}
			}
		})
	}
}

// fillHistory stores ended runs of the job by SQL.
func fillHistory(b testing.TB, path string, job *jobs.Job, n int) {
	b.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	if err != nil {
		b.Fatal(err)
	}
	_, err = db.Exec(`
	WITH RECURSIVE g (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < ?1)
	INSERT INTO run_history (id, tenant, job_id, owner_id, revision, status, trigger_kind, triggered_by, worker_id, fence, urgency,
	       not_before, fire_at, losses, attempt, cancel_requested, params, steps, warnings, error, seq, created_at, updated_at,
	       started_at, ended_at)
	SELECT printf('01900000-0000-7000-8000-%012d', i), 'acme', ?2, 'mara.lind', 1, 'success', 'manual', 'mara.lind', 'w', 1, 0,
	       i, NULL, 0, 1, 0, '{}', '[{"kind":"driver","type":"report","state":"success"}]', 0, '', 1, i, i, i, i
	FROM   g`, n, string(job.ID))
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkExchange_history(b *testing.B) {
	path := filepath.Join(b.TempDir(), "jobs.db")
	p := newBenchAt(b, path, "NORMAL")
	fillHistory(b, path, p.job, 1_000_000)
	b.Run("100 ended and claimed beside 1,000,000 ended runs", func(b *testing.B) { p.cycle(b, 100) })
	b.Run("page of 30 runs", func(b *testing.B) {
		for b.Loop() {
			page, err := p.store.Runs(context.Background(), jobs.RunQuery{Tenant: "acme", JobID: p.job.ID, Limit: 30})
			if err != nil || len(page.Items) != 30 {
				b.Fatal(len(page.Items), err)
			}
		}
	})
	b.Run("job", func(b *testing.B) {
		for b.Loop() {
			if _, err := p.store.Job(context.Background(), "acme", jobs.JobRef{ID: p.job.ID}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkJobs(b *testing.B) {
	ctx := context.Background()
	p := newBench(b, "NORMAL")
	for i := range 9_999 {
		if err := p.store.InsertJob(ctx, morning, queueJob(fmt.Sprintf("job-%d", i))); err != nil {
			b.Fatal(err)
		}
	}
	for name, q := range map[string]jobs.JobQuery{
		"by name":         {},
		"readable":        {ReadableBy: []jobs.PrincipalID{"mara.lind", "team:sales"}},
		"by next fire":    {Sort: []jobs.SortKey{{Field: "nextRunAt"}}},
		"by locked since": {Sort: []jobs.SortKey{{Field: "lockedAt"}}},
	} {
		q.Tenant, q.Limit, q.Start = "acme", 30, 3000
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				page, err := p.store.Jobs(ctx, q)
				if err != nil || len(page.Items) != 30 {
					b.Fatal(len(page.Items), err)
				}
			}
		})
	}
}
