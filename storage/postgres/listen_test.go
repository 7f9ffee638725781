package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
)

// patience is how long something may take that comes at once on a machine that has nothing else to do.
const patience = 30 * time.Second

func woken(t *testing.T, wake <-chan struct{}, by string) {
	t.Helper()
	select {
	case <-wake:
	case <-time.After(patience):
		t.Fatalf("nobody was woken by %s", by)
	}
}

// listeners waits until so many sessions listen on the database, and gives their process numbers.
func listeners(t *testing.T, dsn string, n int) []int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn := session(t, dsn)
	for {
		rows, err := conn.Query(ctx, `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%' AND pid <> pg_backend_pid()`)
		if err != nil {
			t.Fatal(err)
		}
		pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
		if err != nil {
			t.Fatal(err)
		}
		if len(pids) == n {
			return pids
		}
	}
}

// TestListen_again ends the connection that listens: it comes back, whoever watches is told that something may have been missed, and what
// comes later is heard.
func TestListen_again(t *testing.T) {
	ctx := context.Background()
	dsn := postgrestest.Database(t)
	s, other := openAt(t, dsn), openAt(t, dsn)
	before := listeners(t, dsn, 2)
	wake, stop := s.Watch(jobs.TopicPlan, "")
	defer stop()
	for len(wake) > 0 {
		<-wake
	}
	conn := session(t, dsn)
	for _, pid := range before {
		if _, err := conn.Exec(ctx, "SELECT pg_terminate_backend($1)", pid); err != nil {
			t.Fatal(err)
		}
	}
	woken(t, wake, "the end of the connection")
	for _, pid := range listeners(t, dsn, 2) {
		if pid == before[0] || pid == before[1] {
			t.Fatalf("the session %d has not ended", pid)
		}
	}
	for len(wake) > 0 {
		<-wake
	}
	// Not of a topic that is watched, so nobody is woken by it.
	if err := other.SetLimits(ctx, "acme", jobs.DefaultLimits(), true); err != nil {
		t.Fatal(err)
	}
	j := &jobs.Job{
		ID: "stock", Tenant: "acme", Slug: "stock", OwnerID: "mara", Enabled: true, Revision: 1, NextRunAt: time.UnixMilli(1000).UTC(),
		CreatedAt: time.UnixMilli(1).UTC(), UpdatedAt: time.UnixMilli(1).UTC(), DefnUpdatedAt: time.UnixMilli(1).UTC(),
		Definition: jobs.Definition{Type: "report", Name: "Stock", Data: []byte(`{}`), Policies: jobs.DefaultPolicies()},
	}
	if err := other.InsertJob(ctx, time.UnixMilli(1).UTC(), j); err != nil {
		t.Fatal(err)
	}
	woken(t, wake, "a job of another node")
}

// TestHeld: a claim that a limit has held back on one node is told of an end on another one.
func TestHeld(t *testing.T) {
	ctx := context.Background()
	dsn := postgrestest.Database(t)
	s, other := openAt(t, dsn), openAt(t, dsn)
	listeners(t, dsn, 2)
	const limit = 50
	l := jobs.DefaultLimits()
	l.ClusterConcurrency, l.TenantConcurrency = limit, limit
	now := time.UnixMilli(1_000_000).UTC()
	j := &jobs.Job{
		ID: "stock", Tenant: "acme", Slug: "stock", OwnerID: "mara", Revision: 1, CreatedAt: now, UpdatedAt: now, DefnUpdatedAt: now,
		Definition: jobs.Definition{Type: "report", Name: "Stock", Data: []byte(`{}`), Policies: jobs.DefaultPolicies()},
	}
	j.Policies.Overlap, j.Policies.MaxConcurrent = jobs.OverlapAllow, 2*limit
	if err := errors.Join(s.SetLimits(ctx, "acme", l, true), s.InsertJob(ctx, now, j),
		s.RegisterWorker(ctx, now, jobs.Worker{ID: "a", Concurrency: limit}), other.RegisterWorker(ctx, now, jobs.Worker{ID: "b", Concurrency: limit})); err != nil {
		t.Fatal(err)
	}
	if _, err := s.StartRuns(ctx, now, jobs.Start{Tenant: "acme", JobID: "stock", Trigger: jobs.TriggerManual, TriggeredBy: "ole", Params: make([]json.RawMessage, limit+1)}); err != nil {
		t.Fatal(err)
	}
	has := func(jobs.DriverKind, string) bool { return true }
	first, err := s.Exchange(ctx, jobs.ExchangeRequest{Worker: "a", Beat: 1, Now: now, Want: limit, Has: has})
	if err != nil || len(first.Claimed) != limit {
		t.Fatalf("the first claim: %+v, %v", first, err)
	}
	held, err := other.Exchange(ctx, jobs.ExchangeRequest{Worker: "b", Beat: 1, Now: now, Want: 1, Has: has})
	if err != nil || len(held.Claimed) != 0 {
		t.Fatalf("a claim beyond the limit: %+v, %v", held, err)
	}
	wake, stop := other.Watch(jobs.TopicQueue, "")
	defer stop()
	// The word of the claim that was held back takes a moment; the next end after it is told.
	for i, c := range first.Claimed {
		end := jobs.Outcome{RunID: c.Run.ID, Fence: c.Run.Fence, Seq: 9, End: &jobs.RunEnd{Status: jobs.RunSuccess, At: now}}
		r := jobs.ExchangeRequest{Worker: "a", Beat: int64(i) + 2, Now: now, Has: has, Outcomes: []jobs.Outcome{end}}
		if _, err := s.Exchange(ctx, r); err != nil {
			t.Fatal(err)
		}
		if len(wake) > 0 {
			return
		}
	}
	woken(t, wake, "the ends of runs on another node")
}
