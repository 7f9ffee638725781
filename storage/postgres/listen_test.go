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

// deafen ends the two sessions that listen, whose numbers it gives, and waits until a watcher is woken by the new one.
func deafen(t *testing.T, dsn string, wake <-chan struct{}) []int {
	t.Helper()
	before := listeners(t, dsn, 2)
	for len(wake) > 0 {
		<-wake
	}
	conn := session(t, dsn)
	for _, pid := range before {
		if _, err := conn.Exec(context.Background(), "SELECT pg_terminate_backend($1)", pid); err != nil {
			t.Fatal(err)
		}
	}
	woken(t, wake, "the end of the connection")
	return before
}

// TestListen_again ends the connection that listens: it comes back, whoever watches is told that something may have been missed, and what
// comes later is heard.
func TestListen_again(t *testing.T) {
	ctx := context.Background()
	dsn := postgrestest.Database(t)
	s, other := openAt(t, dsn), openAt(t, dsn)
	wake, stop := s.Watch(jobs.TopicPlan, "")
	defer stop()
	before := deafen(t, dsn, wake)
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
	again, stopAgain := s.Watch(jobs.TopicPlan, "")
	deafen(t, dsn, again)
	stopAgain()
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
	w := &cycle{s: s, now: now, worker: "a"}
	start := func(n int) {
		start := jobs.Start{Tenant: "acme", JobID: "stock", Trigger: jobs.TriggerManual, TriggeredBy: "ole", Params: make([]json.RawMessage, n)}
		if _, err := s.StartRuns(ctx, now, start); err != nil {
			t.Fatal(err)
		}
	}
	// An end, so that the node does not tell of the next one because it may have missed something while it was deaf.
	start(1)
	w.turn(t, 1)
	w.turn(t, 0)
	start(limit)
	w.turn(t, limit) // all there is: this node knows of nobody who waits
	start(1)
	(&cycle{s: other, now: now, worker: "b"}).turn(t, 0)
	held, err := other.Exchange(ctx, jobs.ExchangeRequest{Worker: "b", Beat: 2, Now: now, Want: 1, Has: func(jobs.DriverKind, string) bool { return true }})
	if err != nil || len(held.Claimed) != 0 {
		t.Fatalf("a claim beyond the limit: %+v, %v", held, err)
	}
	wake, stop := other.Watch(jobs.TopicQueue, "")
	defer stop()
	// The word of the claim that was held back takes a moment; the next end after it is told.
	for ends := w.outcomes; len(ends) > 0; ends = ends[1:] {
		w.outcomes = ends[:1]
		w.turn(t, 0)
		if len(wake) > 0 {
			return
		}
	}
	woken(t, wake, "the ends of runs on another node")
}
