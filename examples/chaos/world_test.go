//go:build unix

package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// limits are the paper's, scaled down as far as they go.
var limits = jobs.Limits{TenantConcurrency: 100, ClusterConcurrency: 1000, Heartbeat: time.Second, Timeout: 2 * time.Second}

// world is a database, a receiver, and the eyes of the test, which are one more process on the database.
type world struct {
	t      *testing.T
	db     database
	store  checked
	client *jobs.Client
	out    *receiver
	jobs   []jobs.ID
	// acked are runs of which a node has said that they are queued.
	acked []jobs.RunID
	// forgets: runs were removed, or the database was set back: the receiver may know more than it.
	forgets bool
	starts  atomic.Int64
}

func newWorld(t *testing.T, db database) *world {
	t.Helper()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	store, err := db.open(t.Context(), -1)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, store: store, out: newReceiver(t)}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	registry, err := newRegistry("")
	if err != nil {
		t.Fatal(err)
	}
	w.client = jobs.NewService(store, registry, jobs.ServiceOptions{}).As(jobs.System(tenant))
	if err := store.SetLimits(t.Context(), tenant, limits, true); err != nil {
		t.Fatal(err)
	}
	return w
}

// newJob makes a job with a driver step that may be repeated and an action that may not. An empty interval never fires.
func (w *world) newJob(interval string) jobs.ID {
	w.t.Helper()
	policies := jobs.DefaultPolicies()
	policies.Overlap = jobs.OverlapQueue
	spec := jobs.JobSpec{Type: "call", Name: "Under fire", Policies: &policies, Actions: []jobs.ActionSpec{{Type: "tell", Name: "Tell"}}}
	if interval != "" {
		spec.Schedule = jobs.Every(interval)
	}
	j, err := w.client.CreateJob(w.t.Context(), spec)
	if err != nil {
		w.t.Fatal(err)
	}
	w.jobs = append(w.jobs, j.ID)
	return j.ID
}

// eventually looks again and again; errors of a database that is away are no answer.
func (w *world) eventually(what string, look func(ctx context.Context) (bool, error)) {
	w.t.Helper()
	w.within(patience, 50*time.Millisecond, what, look)
}

// within is eventually for what takes longer, and for looks that cost more.
func (w *world) within(patience, pause time.Duration, what string, look func(ctx context.Context) (bool, error)) {
	w.t.Helper()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	limit := time.After(patience)
	for {
		done, err := look(w.t.Context())
		if err != nil && !errors.Is(err, jobs.ErrUnavailable) {
			w.t.Fatalf("%s: %v", what, err)
		}
		if done && err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			w.t.Fatalf("waited in vain: %s (last error: %v)", what, err)
		}
	}
}

// count is how many runs of the job have one of the states.
func (w *world) count(ctx context.Context, id jobs.ID, statuses ...jobs.RunStatus) (int, error) {
	page, err := w.store.Runs(ctx, jobs.RunQuery{Tenant: tenant, JobID: id, Statuses: statuses, Summary: true, Limit: 1})
	return page.Total, err
}

// moves waits until each job has ended n more runs well: the system works again.
func (w *world) moves(n int) {
	w.t.Helper()
	for _, id := range w.jobs {
		before := -1
		w.eventually(fmt.Sprintf("%d more runs of %s", n, id), func(ctx context.Context) (bool, error) {
			now, err := w.count(ctx, id, jobs.RunSuccess)
			if err == nil && before < 0 {
				before = now
			}
			return now >= before+n, err
		})
	}
}

// quiet stops the schedules and waits until no run is live.
func (w *world) quiet() {
	w.t.Helper()
	for _, id := range w.jobs {
		w.eventually("the job is switched off", func(ctx context.Context) (bool, error) {
			_, err := w.client.UpdateJob(ctx, jobs.JobRef{ID: id}, jobs.JobPatch{Enabled: jobs.Value(false)}, jobs.Precondition{})
			return true, err
		})
	}
	for _, id := range w.jobs {
		w.eventually("no run is live", func(ctx context.Context) (bool, error) {
			n, err := w.count(ctx, id, jobs.RunQueued, jobs.RunRunning)
			return n == 0, err
		})
	}
}

// run has a node start a run and repeats it under the same key until it is acknowledged.
func (w *world) run(n *nodeProcess, id jobs.ID) jobs.RunID {
	w.t.Helper()
	key := fmt.Sprint("start-", w.starts.Add(1))
	limit := time.After(patience)
	for {
		a := n.do(order{Do: "run", Job: id, Key: key})
		if a.Error == "" {
			w.acked = append(w.acked, a.Run)
			return a.Run
		}
		select {
		case <-limit:
			w.t.Fatalf("no run is acknowledged: %s\n%s", a.Error, n.log)
		default:
		}
	}
}

// ended waits for the end of a run.
func (w *world) ended(id jobs.RunID) *jobs.Run {
	w.t.Helper()
	var run *jobs.Run
	w.eventually(fmt.Sprintf("the end of run %s", id), func(ctx context.Context) (done bool, err error) {
		run, err = w.store.Run(ctx, tenant, id)
		return err == nil && run.Status.Terminal(), err
	})
	return run
}

// history reads all runs of a job, oldest first.
func (w *world) history(id jobs.ID) []*jobs.Run {
	w.t.Helper()
	var runs []*jobs.Run
	for {
		page, err := w.store.Runs(w.t.Context(), jobs.RunQuery{
			Tenant: tenant, JobID: id, Sort: []jobs.SortKey{{Field: "createdAt"}}, Start: len(runs), Limit: 1000,
		})
		if err != nil {
			w.t.Fatal(err)
		}
		runs = append(runs, page.Items...)
		if len(runs) >= page.Total {
			return runs
		}
	}
}

// live gives the ids of the workers that count as alive.
func (w *world) live(ctx context.Context) ([]jobs.WorkerID, error) {
	beats, err := w.store.Beats(ctx)
	ids := make([]jobs.WorkerID, len(beats))
	for i, b := range beats {
		ids[i] = b.ID
	}
	slices.Sort(ids)
	return ids, err
}

// over ends the nodes in order and checks everything.
func (w *world) over(nodes ...*nodeProcess) {
	w.t.Helper()
	w.quiet()
	for _, n := range nodes {
		n.terminate()
	}
	for _, n := range nodes {
		n.ends()
	}
	w.check()
}
