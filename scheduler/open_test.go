package scheduler_test

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
)

// openStore opens a new SQLite file. Tests do not cut the power, so they do without the sync of each commit.
func openStore(t testing.TB, dir string) jobs.Store { return openDurable(t, dir, "NORMAL") }

func openDurable(t testing.TB, dir, synchronous string) jobs.Store {
	t.Helper()
	store, err := sqlite.Open(context.Background(), sqlitetest.File(t, dir), sqlite.Options{
		Synchronous: synchronous,
		Logger:      slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	warm(store)
	return store
}

// warm makes the store prepare its reading statements one after another: several engines that start at once would have all reading
// connections wait for a statement whose preparation needs one more of them.
func warm(store jobs.Store) {
	ctx := context.Background() // what the calls find does not matter, nor that there is nothing
	_, _ = store.Beats(ctx)
	_, _ = store.NextDue(ctx)
	_, _ = store.Run(ctx, tenant, "none")
	_, _, _ = store.HeldRuns(ctx, "none")
	_, _ = store.Logs(ctx, jobs.LogQuery{Tenant: tenant, RunID: "none"})
}
