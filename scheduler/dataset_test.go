package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/jobs/jobstest"
	"github.com/carillon-go/carillon/scheduler"
)

// stock is a provider with one dataset, on which the owner of the jobs of these tests has all rights.
func stock() *jobstest.Datasets {
	d := &jobstest.Datasets{}
	d.Put(tenant, "globex:stock", "Stock", 412, time.Date(2026, 3, 26, 4, 30, 20, 0, time.UTC))
	d.Grant(tenant, "globex:stock", "mara", jobs.AllDatasetRights())
	return d
}

// withStock is a job that uses it.
func (w *world) withStock(policy *jobs.SnapshotPolicy, change func(*jobs.Job)) *jobs.Job {
	w.Helper()
	return w.job(func(j *jobs.Job) {
		j.Datasets = []jobs.Association{{Alias: "stock", DatasetID: "globex:stock", Snapshots: policy, CreatedAt: now(), UpdatedAt: now()}}
		j.Schedule.Timezone = "Europe/Berlin"
		if change != nil {
			change(j)
		}
	})
}

func (w *world) snapshots(d jobs.Datasets, j *jobs.Job) []jobs.Snapshot {
	w.Helper()
	page, err := d.Snapshots(context.Background(), jobs.SnapshotQuery{
		Tenant: tenant, JobID: j.ID, Alias: "stock", Sort: []jobs.SortKey{{Field: "createdAt"}},
	})
	if err != nil {
		w.Fatal(err)
	}
	return page.Items
}

// kinds shows the steps of a run as "driver success".
func kinds(r *jobs.Run) string {
	var list []string
	for _, s := range r.Steps {
		list = append(list, string(s.Kind)+" "+string(s.State))
	}
	return strings.Join(list, ", ")
}

func fails(context.Context, *jobs.Task) (jobs.Output, error) {
	return jobs.Output{}, jobs.Permanent(errors.New("no"))
}

func TestSnapshots_before_and_after(t *testing.T) {
	inWorld(t, func(w *world) {
		d := stock()
		w.driver(jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, func(context.Context, *jobs.Task) (jobs.Output, error) {
			d.Put(tenant, "globex:stock", "Stock", 7, now())
			return jobs.Output{}, nil
		})
		w.driver(jobs.DriverInfo{ID: "act", Kind: jobs.DriverAction}, nothing)
		w.engine(w.store, scheduler.Options{Datasets: d})
		j := w.withStock(&jobs.SnapshotPolicy{When: jobs.SnapshotBoth}, func(j *jobs.Job) {
			j.Actions = []jobs.Action{action("act", func(a *jobs.Action) {
				a.Condition = condition(t, `{"match":"all","rules":[{"field":"previous.status","operator":"eq","value":"success"},{"field":"driver.status","operator":"eq","value":"success"}]}`)
			})}
		})
		r := w.ended(w.queue(j), jobs.RunSuccess)
		w.equal("steps", kinds(r), "snapshot-before success, driver success, action success, snapshot-after success")
		w.equal("messages", r.Steps[0].Message+", "+r.Steps[3].Message, "Kept 412 records, Kept 7 records")
		var got []string
		for _, s := range w.snapshots(d, j) {
			got = append(got, fmt.Sprintf("%s %d %s %v", s.When, s.Records, s.Name, s.RunID == r.ID))
		}
		start := r.StartedAt.In(j.Schedule.Location()).Format("2006-01-02 15:04")
		w.equal("snapshots", strings.Join(got, "; "), "before 412 stock "+start+" before true; after 7 stock "+start+" after true")
	})
}

func TestSnapshots_of_a_run_that_fails(t *testing.T) {
	inWorld(t, func(w *world) {
		d := stock()
		d.Put(tenant, "globex:orders", "Orders", 1, now())
		d.Grant(tenant, "globex:orders", "mara", jobs.AllDatasetRights())
		d.Fail = func(_ context.Context, method string) error {
			if method == "TakeSnapshot" {
				return errors.New("disk full at https://user:hunter2@store.example")
			}
			return nil
		}
		w.driver(jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, nothing)
		w.driver(jobs.DriverInfo{ID: "broken", Kind: jobs.DriverJob}, fails)
		w.driver(jobs.DriverInfo{ID: "act", Kind: jobs.DriverAction}, nothing)
		w.engine(w.store, scheduler.Options{Datasets: d})

		// Without the snapshot that was asked for before it, the driver step does not run. An action that asks for the error does.
		j := w.withStock(&jobs.SnapshotPolicy{When: jobs.SnapshotBefore}, func(j *jobs.Job) {
			j.Datasets = append(j.Datasets, jobs.Association{Alias: "orders", DatasetID: "globex:orders", Snapshots: &jobs.SnapshotPolicy{When: jobs.SnapshotBoth}})
			j.Actions = []jobs.Action{action("act", func(a *jobs.Action) {
				a.Condition = condition(t, `{"match":"all","rules":[{"field":"run.status","operator":"eq","value":"error"},{"field":"driver.status","operator":"eq","value":"skipped"}]}`)
			})}
		})
		r := w.ended(w.queue(j), jobs.RunError)
		w.equal("steps", kinds(r), "snapshot-before error, snapshot-before skipped, driver skipped, action success, snapshot-after skipped")
		if !strings.Contains(r.Error, `take a snapshot of "globex:stock": disk full`) || strings.Contains(r.Error, "hunter2") {
			t.Errorf("error of the run: %s", r.Error)
		}
		// After a driver that failed there is no snapshot.
		k := w.withStock(&jobs.SnapshotPolicy{When: jobs.SnapshotAfter}, func(j *jobs.Job) { j.Type = "broken" })
		w.equal("steps", kinds(w.ended(w.queue(k), jobs.RunError)), "driver error, snapshot-after skipped")
	})
}

// forgetful loses the answer of the first snapshot that it has taken.
type forgetful struct {
	*jobstestDatasets
	lost atomic.Bool
}

type jobstestDatasets = jobstest.Datasets

func (f *forgetful) TakeSnapshot(ctx context.Context, r jobs.SnapshotRequest) (jobs.Snapshot, error) {
	s, err := f.jobstestDatasets.TakeSnapshot(ctx, r)
	if err == nil && f.lost.CompareAndSwap(false, true) {
		return jobs.Snapshot{}, &jobs.UnavailableError{Reason: "connection reset"}
	}
	return s, err
}

func TestSnapshots_are_taken_once(t *testing.T) {
	inWorld(t, func(w *world) {
		d := &forgetful{jobstestDatasets: stock()}
		w.driver(jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, nothing)
		w.engine(w.store, scheduler.Options{Datasets: d})
		j := w.withStock(&jobs.SnapshotPolicy{When: jobs.SnapshotBefore}, nil)
		r := w.ended(w.queue(j), jobs.RunSuccess)
		w.equal("snapshots", len(w.snapshots(d, j)), 1)
		w.equal("attempts", r.Steps[0].Attempt, 1)
		w.equal("requests", d.Calls("TakeSnapshot"), 2)
	})
}

// TestSnapshots_of_a_run_that_was_lost: the worker is gone in the middle of the step, after the snapshot was taken.
func TestSnapshots_of_a_run_that_was_lost(t *testing.T) {
	inWorld(t, func(w *world) {
		d := stock()
		w.driver(jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, nothing)
		j := w.withStock(&jobs.SnapshotPolicy{When: jobs.SnapshotBefore}, nil)
		id := w.queue(j)
		// A worker claims the run, takes the snapshot, and is never heard of again.
		at := now()
		if err := w.store.RegisterWorker(context.Background(), at, jobs.Worker{ID: "gone", Hostname: "h", Status: jobs.WorkerActive, Concurrency: 1, StartedAt: at, HeartbeatAt: at}); err != nil {
			t.Fatal(err)
		}
		res, err := w.store.Exchange(context.Background(), jobs.ExchangeRequest{Worker: "gone", Beat: 1, Now: at, Want: 1, Has: func(jobs.DriverKind, string) bool { return true }})
		if err != nil || len(res.Claimed) != 1 {
			t.Fatalf("claimed %v, %v", res, err)
		}
		step := res.Claimed[0].Run.Steps[0]
		if _, err := d.TakeSnapshot(context.Background(), jobs.SnapshotRequest{
			Tenant: tenant, DatasetID: "globex:stock", Key: jobs.SnapshotKey(id, step.ID(), "globex:stock"), JobID: j.ID, Alias: "stock", RunID: id,
		}); err != nil {
			t.Fatal(err)
		}
		w.engine(w.store, scheduler.Options{Datasets: d})
		r := w.ended(id, jobs.RunSuccess)
		w.equal("steps", kinds(r), "snapshot-before success, driver success")
		w.equal("attempt", r.Steps[0].Attempt, 2)
		w.equal("snapshots", len(w.snapshots(d, j)), 1)
	})
}

func TestSnapshots_keep(t *testing.T) {
	inWorld(t, func(w *world) {
		d := stock()
		var broken, stuck atomic.Bool
		d.Fail = func(_ context.Context, method string) error {
			if method == "DeleteSnapshot" && stuck.Load() {
				return errors.New("read-only")
			}
			return nil
		}
		w.driver(jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, func(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
			if broken.Load() {
				return fails(ctx, task)
			}
			return jobs.Output{}, nil
		})
		w.engine(w.store, scheduler.Options{Datasets: d})
		j := w.withStock(&jobs.SnapshotPolicy{When: jobs.SnapshotBefore, Keep: 2}, nil)
		var runs []jobs.RunID
		start := func(want jobs.RunStatus) *jobs.Run {
			runs = append(runs, w.queue(j))
			return w.ended(runs[len(runs)-1], want)
		}
		for range 3 {
			start(jobs.RunSuccess)
		}
		kept := func() (list []int) {
			for _, s := range w.snapshots(d, j) {
				for i, id := range runs {
					if s.RunID == id {
						list = append(list, i)
					}
				}
			}
			return list
		}
		w.equal("snapshots of the runs", kept(), []int{1, 2})
		broken.Store(true)
		start(jobs.RunError)
		w.equal("after a run that failed nothing is removed", kept(), []int{1, 2, 3})
		broken.Store(false)
		stuck.Store(true)
		r := start(jobs.RunWarning)
		w.equal("what cannot be removed stays", kept(), []int{1, 2, 3, 4})
		logs := w.logs(r.ID)
		if last := logs[len(logs)-1]; last.Level != jobs.LogWarn || !strings.Contains(last.Message, `old snapshots of "stock" cannot be removed: read-only`) {
			t.Errorf("the log ends with %v", last)
		}
		stuck.Store(false)
		start(jobs.RunSuccess)
		w.equal("the next run removes it", kept(), []int{4, 5})
	})
}

func TestDatasets_rights_of_the_owner(t *testing.T) {
	inWorld(t, func(w *world) {
		d := stock()
		var c calls
		w.driver(jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			c.note(task)
			return jobs.Output{}, nil
		})
		w.driver(jobs.DriverInfo{ID: "act", Kind: jobs.DriverAction}, nothing)
		w.engine(w.store, scheduler.Options{Datasets: d})
		j := w.withStock(&jobs.SnapshotPolicy{When: jobs.SnapshotAfter}, func(j *jobs.Job) {
			j.Actions = []jobs.Action{action("act", nil), action("act", func(a *jobs.Action) {
				a.Condition = condition(t, `{"match":"all","rules":[{"field":"run.status","operator":"eq","value":"error"}]}`)
			})}
		})
		d.Grant(tenant, "globex:stock", "mara", jobs.DatasetRights{Read: true})
		r := w.ended(w.queue(j), jobs.RunError)
		w.equal("steps", kinds(r), "driver error, action skipped, action success, snapshot-after skipped")
		want := `the owner mara may not use the datasets of the job: "stock" (globex:stock): the job takes snapshots of this dataset; snapshot is not allowed`
		w.equal("error", r.Error, want)
		w.equal("calls of the driver", len(c.all()), 0)
		d.Remove(tenant, "globex:stock")
		if r := w.ended(w.queue(j), jobs.RunError); !strings.Contains(r.Error, "the dataset does not exist") {
			t.Errorf("error is %s", r.Error)
		}
	})
}

func TestDatasets_without_a_provider(t *testing.T) {
	inWorld(t, func(w *world) {
		w.driver(jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, nothing)
		w.engine(w.store, scheduler.Options{})
		r := w.ended(w.queue(w.withStock(nil, nil)), jobs.RunError)
		w.equal("error", r.Error, "the job has datasets, and the worker has no provider for them")
	})
}

// TestDatasets_in_conditions: records are those of the moment of the check, and so are those of placeholders.
func TestDatasets_in_conditions(t *testing.T) {
	inWorld(t, func(w *world) {
		d := stock()
		var got gathered[string]
		w.driver(jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, nothing)
		w.driver(jobs.DriverInfo{ID: "set", Kind: jobs.DriverAction}, func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			got.add(string(task.Data))
			d.Put(tenant, "globex:stock", "Stock", 0, time.Time{})
			return jobs.Output{}, nil
		})
		w.engine(w.store, scheduler.Options{Datasets: d})
		more := func(a *jobs.Action) {
			a.Condition = condition(t, `{"match":"all","rules":[{"field":"datasets.stock.records","operator":"gt","value":0},{"field":"datasets.stock.updatedAt","operator":"gt","value":"2026-01-01T00:00:00.000Z"}]}`)
			a.Data = json.RawMessage(`{"text":"${datasets.stock.records} at ${datasets.stock.updatedAt}"}`)
		}
		j := w.withStock(nil, func(j *jobs.Job) {
			j.Actions = []jobs.Action{action("set", more), action("set", more), action("set", func(a *jobs.Action) {
				a.Data = json.RawMessage(`{"text":"[${datasets.stock.records}] [${datasets.stock.updatedAt}]"}`)
			})}
		})
		r := w.ended(w.queue(j), jobs.RunSuccess)
		w.equal("steps", kinds(r), "driver success, action success, action skipped, action success")
		w.equal("skipped", r.Steps[2].Message, "not met: datasets.stock.records gt 0")
		w.equal("settings", got.all(), []string{`{"text":"412 at 2026-03-26T04:30:20.000Z"}`, `{"text":"[0] []"}`})
	})
}

// TestDatasets_outage: what cannot be answered now is asked again; other errors are those of the step.
func TestDatasets_outage(t *testing.T) {
	inWorld(t, func(w *world) {
		d := stock()
		var until atomic.Int64 // the outage, in Unix seconds
		var other atomic.Bool
		d.Fail = func(_ context.Context, method string) error {
			switch {
			case time.Now().Unix() < until.Load():
				return &jobs.UnavailableError{Reason: "the provider restarts"}
			case other.Load() && method == "Datasets":
				return errors.New("broken index")
			}
			return nil
		}
		w.driver(jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, func(context.Context, *jobs.Task) (jobs.Output, error) {
			until.Store(time.Now().Add(5 * time.Minute).Unix())
			return jobs.Output{}, nil
		})
		w.driver(jobs.DriverInfo{ID: "act", Kind: jobs.DriverAction}, nothing)
		w.engine(w.store, scheduler.Options{Datasets: d})
		j := w.withStock(&jobs.SnapshotPolicy{When: jobs.SnapshotAfter}, func(j *jobs.Job) {
			j.Actions = []jobs.Action{action("act", func(a *jobs.Action) {
				a.Condition = condition(t, `{"match":"all","rules":[{"field":"datasets.stock.records","operator":"gt","value":0}]}`)
			})}
		})
		until.Store(time.Now().Add(5 * time.Minute).Unix())
		r := w.ended(w.queue(j), jobs.RunSuccess)
		w.equal("steps", kinds(r), "driver success, action success, snapshot-after success")
		until.Store(0)
		other.Store(true)
		r = w.ended(w.queue(j), jobs.RunError)
		w.equal("error", r.Error, "ask for the rights of the owner on datasets: broken index")
		until.Store(time.Now().Add(time.Hour).Unix())
		begun := time.Now()
		w.ended(w.queue(j), jobs.RunError)
		if waited := time.Since(begun); waited < 5*time.Minute || waited > 15*time.Minute {
			t.Errorf("the run gave up after %s", waited)
		}
	})
}

// TestDatasets_provider_that_hangs holds up neither a cancel nor, but for its slot, the worker.
func TestDatasets_provider_that_hangs(t *testing.T) {
	inWorld(t, func(w *world) {
		d := stock()
		var hang atomic.Bool
		go_on := make(chan struct{})
		d.Fail = func(_ context.Context, method string) error {
			if hang.Load() && method == "Datasets" {
				<-go_on
			}
			return nil
		}
		w.driver(jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, nothing)
		e := w.engine(w.store, scheduler.Options{Datasets: d, Concurrency: 2})
		j := w.withStock(nil, nil)
		hang.Store(true)
		id := w.queue(j)
		w.status(id, jobs.RunRunning)
		if _, err := w.store.CancelRun(context.Background(), now(), tenant, id, "mara"); err != nil {
			t.Fatal(err)
		}
		w.ended(id, jobs.RunCanceled)
		w.equal("leaked slots", e.Health().LeakedSlots, 1)
		close(go_on)
		hang.Store(false)
		w.ended(w.queue(j), jobs.RunSuccess)
		w.until("the slot is free again", func() bool { return e.Health().LeakedSlots == 0 })
	})
}

// TestDatasets_provider_that_panics is an error of the run.
func TestDatasets_provider_that_panics(t *testing.T) {
	inWorld(t, func(w *world) {
		d := stock()
		d.Fail = func(context.Context, string) error { panic("index out of range") }
		w.driver(jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, nothing)
		w.engine(w.store, scheduler.Options{Datasets: d})
		r := w.ended(w.queue(w.withStock(nil, nil)), jobs.RunError)
		w.equal("error", r.Error, "ask for the rights of the owner on datasets: the provider panicked: index out of range")
	})
}
