package postgres_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/postgres"
	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
)

// TestSeek works beside 90,000 queued and as many ended runs, with and without statistics of the planner, and asks the server how many rows
// were read: those that are wanted and few others, found in indexes.
func TestSeek(t *testing.T) {
	if testing.Short() {
		t.Skip("it stores 180,000 rows")
	}
	ctx := context.Background()
	dsn := postgrestest.Blank(t)
	now := time.UnixMilli(1_000_000).UTC()
	s := openAt(t, dsn)
	l := limits(10_000)
	l.TenantConcurrency = 10_000
	j := &jobs.Job{
		ID: "stock", Tenant: "acme", Slug: "stock", OwnerID: "mara", Revision: 1, CreatedAt: now, UpdatedAt: now, DefnUpdatedAt: now,
		Definition: jobs.Definition{Type: "report", Name: "Stock", Data: []byte(`{}`), Policies: jobs.DefaultPolicies()},
	}
	j.Policies.Overlap, j.Policies.MaxConcurrent = jobs.OverlapAllow, 10_000
	for _, err := range []error{
		s.SetLimits(ctx, "acme", l, true), s.InsertJob(ctx, now, j), s.RegisterWorker(ctx, now, jobs.Worker{ID: "w", Concurrency: 100}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	w := &cycle{s: s, worker: "w", now: now}
	start := jobs.Start{Tenant: "acme", JobID: "stock", Trigger: jobs.TriggerManual, TriggeredBy: "ole", Params: make([]json.RawMessage, 2)}
	if _, err := s.StartRuns(ctx, now, start); err != nil {
		t.Fatal(err)
	}
	w.turn(t, 1)
	w.turn(t, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sqlOn(t, dsn, "INSERT INTO carillon.runs SELECT (jsonb_populate_record(r, jsonb_build_object('id', 'copy-' || i))).*"+
		" FROM carillon.runs r, generate_series(1, 90000) i WHERE r.id = (SELECT min(id) FROM carillon.runs)",
		"INSERT INTO carillon.run_history SELECT (jsonb_populate_record(r, jsonb_build_object('id', 'old-' || i, 'created_at', i, 'ended_at', i))).*"+
			" FROM carillon.run_history r, generate_series(1, 90000) i WHERE r.id = (SELECT min(id) FROM carillon.run_history)",
		"UPDATE carillon.tenants SET queued = queued + 90000", "UPDATE carillon.run_totals SET ended = ended + 90000")
	for _, c := range []struct {
		name, statement string
		// sought are the tables that are sought in. Pages of the history need statistics, which the server gathers by itself within a minute.
		sought []string
	}{{"without statistics", "SELECT 1", []string{"runs", "jobs"}}, {"with statistics", "ANALYZE", []string{"runs", "jobs", "run_history"}}} {
		t.Run(c.name, func(t *testing.T) {
			sqlOn(t, dsn, c.statement, "SELECT pg_stat_reset()")
			store, err := postgres.Open(ctx, dsn, postgres.Options{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			w.s = store
			for range 20 {
				w.turn(t, 10)
			}
			for _, q := range []jobs.RunQuery{{Tenant: "acme", JobID: "stock"}, {Tenant: "acme"}} {
				q.Summary, q.Limit, q.Statuses = true, 30, []jobs.RunStatus{jobs.RunSuccess}
				if _, err := store.Runs(ctx, q); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := store.Plan(ctx, now, 10); err != nil {
				t.Fatal(err)
			}
			if err := store.Close(); err != nil { // sessions tell what they have read when they end
				t.Fatal(err)
			}
			read := rowsRead(t, dsn)
			t.Logf("rows read: %v", read)
			for _, table := range c.sought {
				if n := read[table]; n > 2_000 {
					t.Errorf("%d rows of %s were read for 20 claims of 10 runs and two pages", n, table)
				}
			}
			if read["runs"] == 0 {
				t.Error("no row was counted: the statistics came later than this test")
			}
		})
	}
}

// cycle is the life of a worker.
type cycle struct {
	s        *postgres.Store
	worker   jobs.WorkerID
	now      time.Time
	beat     int64
	outcomes []jobs.Outcome
}

// turn ends what was claimed before and claims again.
func (w *cycle) turn(t *testing.T, want int) {
	t.Helper()
	w.beat++
	r, err := w.s.Exchange(context.Background(), jobs.ExchangeRequest{
		Worker: w.worker, Beat: w.beat, Now: w.now, Want: want, Outcomes: w.outcomes, Has: func(jobs.DriverKind, string) bool { return true },
	})
	if err != nil || len(r.Claimed) != want {
		t.Fatalf("claimed %d of %d, %v", len(r.Claimed), want, err)
	}
	w.outcomes = nil
	for _, c := range r.Claimed {
		w.outcomes = append(w.outcomes, jobs.Outcome{
			RunID: c.Run.ID, Fence: c.Run.Fence, Seq: c.Run.Seq + 1, End: &jobs.RunEnd{Status: jobs.RunSuccess, At: w.now},
		})
	}
}

// rowsRead are the rows of each table that scans of it or of its indexes have given since the statistics were reset.
func rowsRead(t *testing.T, dsn string) map[string]int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn := session(t, dsn)
	for {
		var others int
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").Scan(&others); err != nil {
			t.Fatal(err)
		}
		if others == 0 {
			break
		}
	}
	rows, err := conn.Query(ctx, "SELECT relname, COALESCE(seq_tup_read, 0) + COALESCE(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE schemaname = 'carillon'")
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]int64{}
	var table string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&table, &n}, func() error {
		if n > 0 {
			read[table] = n
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return read
}
