package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/postgres"
	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
	"github.com/carillon-go/carillon/storage/storagetest"
)

// durable is a connection string of a blank database to measure on. The server of the tests does not sync its commits, so what it gives is no
// figure for anybody.
func durable(b testing.TB) string {
	b.Helper()
	if dsn := os.Getenv("CARILLON_BENCH_POSTGRES"); dsn != "" {
		return dsn
	}
	b.Log("without CARILLON_BENCH_POSTGRES, the connection string of a server that syncs its commits: figures without syncs")
	return postgrestest.Blank(b)
}

func BenchmarkStore(b *testing.B) {
	storagetest.Bench(b, func(t testing.TB) jobs.Store {
		s, err := postgres.Open(context.Background(), durable(t), postgres.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// BenchmarkNodes has 1, 2 and 4 nodes that work off one queue of one tenant, each with ten runs at a time.
func BenchmarkNodes(b *testing.B) {
	for _, nodes := range []int{1, 2, 4} {
		b.Run(fmt.Sprint(nodes, " nodes"), func(b *testing.B) { benchNodes(b, nodes) })
	}
}

func benchNodes(b *testing.B, nodes int) {
	ctx := context.Background()
	dsn := durable(b)
	var stores []*postgres.Store
	for range nodes {
		s, err := postgres.Open(ctx, dsn, postgres.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close() //nolint:errcheck // the end of a measurement
		stores = append(stores, s)
	}
	now := time.UnixMilli(1_000_000).UTC()
	l := jobs.DefaultLimits()
	l.ClusterConcurrency, l.TenantConcurrency = 10_000, 10_000
	j := &jobs.Job{
		ID: jobs.ID(jobs.NewUUID()), Tenant: jobs.TenantID("t" + jobs.NewUUID()), Slug: "bench", OwnerID: "mara", Revision: 1,
		CreatedAt: now, UpdatedAt: now, DefnUpdatedAt: now,
		Definition: jobs.Definition{Type: "report", Name: "Bench", Data: []byte(`{}`), Policies: jobs.DefaultPolicies()},
	}
	j.Policies.Overlap, j.Policies.MaxConcurrent = jobs.OverlapAllow, 10_000
	if err := stores[0].SetLimits(ctx, j.Tenant, l, true); err != nil {
		b.Fatal(err)
	}
	if err := stores[0].InsertJob(ctx, now, j); err != nil {
		b.Fatal(err)
	}
	const batch = 5_000
	var ended atomic.Int64
	rounds := 0
	for b.Loop() {
		b.StopTimer()
		start := jobs.Start{Tenant: j.Tenant, JobID: j.ID, Trigger: jobs.TriggerManual, TriggeredBy: "ole", Params: make([]json.RawMessage, batch)}
		if _, err := stores[0].StartRuns(ctx, now, start); err != nil {
			b.Fatal(err)
		}
		rounds++
		b.StartTimer()
		var all sync.WaitGroup
		for _, s := range stores {
			all.Go(func() { workOff(b, s, now, &ended, int64(rounds)*batch) })
		}
		all.Wait()
	}
	b.ReportMetric(float64(ended.Load())/b.Elapsed().Seconds(), "runs/s")
	statements, commits := int64(0), int64(0)
	for _, s := range stores {
		statements, commits = statements+s.Statements(), commits+s.Commits()
	}
	b.ReportMetric(float64(statements)/float64(ended.Load()), "statements/run")
	b.ReportMetric(float64(commits)/float64(ended.Load()), "commits/run")
}

// workOff is one worker with ten runs at a time that take no time.
func workOff(b *testing.B, s *postgres.Store, now time.Time, ended *atomic.Int64, until int64) {
	ctx := context.Background()
	w := jobs.WorkerID(jobs.NewUUID())
	if err := s.RegisterWorker(ctx, now, jobs.Worker{ID: w, Concurrency: 10}); err != nil {
		b.Error(err)
		return
	}
	var outcomes []jobs.Outcome
	for beat := int64(1); ended.Load() < until || len(outcomes) > 0; beat++ {
		r, err := s.Exchange(ctx, jobs.ExchangeRequest{
			Worker: w, Beat: beat, Now: now, Want: 10, Outcomes: outcomes, Has: func(jobs.DriverKind, string) bool { return true },
		})
		if err != nil {
			b.Error(err)
			return
		}
		ended.Add(int64(len(outcomes)))
		outcomes = outcomes[:0]
		for _, c := range r.Claimed {
			outcomes = append(outcomes, jobs.Outcome{RunID: c.Run.ID, Fence: c.Run.Fence, Seq: c.Run.Seq + 1, End: &jobs.RunEnd{Status: jobs.RunSuccess, At: now}})
		}
	}
}
