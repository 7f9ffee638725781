package scheduler_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

const tenant jobs.TenantID = "globex"

// world is a store, drivers and engines on them, in virtual time.
type world struct {
	testing.TB
	store   jobs.Store
	drivers *registry
	// log gets what the engines log.
	log *slog.Logger
}

// inWorld runs a test in a bubble, on SQLite. Everything is opened and closed inside of it.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	dir := t.TempDir()
	inBubble(t, func(t *testing.T) jobs.Store { return openStore(t, dir) }, test)
}

// inMemory is inWorld on the fake store, for tests that are about the engine alone and would be slow on a database.
func inMemory(t *testing.T, test func(w *world)) {
	t.Helper()
	inBubble(t, func(*testing.T) jobs.Store { return newFakeStore() }, test)
}

func inBubble(t *testing.T, open func(*testing.T) jobs.Store, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		t.Cleanup(func() { // after the engines have ended
			if err := store.Close(); err != nil {
				t.Error("close:", err)
			}
		})
		test(&world{TB: t, store: store, drivers: &registry{}, log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	})
}

// engine is a scheduler that runs.
type engine struct {
	*scheduler.Scheduler
	w      *world
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of Run, once done is closed
}

// engine starts a scheduler on a store, which may be a wrapper of the world's.
func (w *world) engine(store scheduler.Store, o scheduler.Options) *engine {
	w.Helper()
	if o.Logger == nil {
		o.Logger = w.log
	}
	if o.Hostname == "" {
		o.Hostname = "node"
	}
	s, err := scheduler.New(store, w.drivers, o)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := &engine{Scheduler: s, w: w, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(e.done)
		e.err = s.Run(ctx)
	}()
	w.Cleanup(func() { cancel(); <-e.done })
	return e
}

// stop ends the engine and waits for it.
func (e *engine) stop() {
	e.w.Helper()
	e.cancel()
	<-e.done
	if e.err != nil {
		e.w.Error("Run:", e.err)
	}
}

// work makes driver "work", and the job type "work" with it.
func (w *world) work(run func(context.Context, *jobs.Task) (jobs.Output, error)) {
	w.driver(jobs.DriverInfo{ID: "work", Kind: jobs.DriverJob}, run)
}

func (w *world) action(id string, run func(context.Context, *jobs.Task) (jobs.Output, error)) {
	w.driver(jobs.DriverInfo{ID: id, Kind: jobs.DriverAction}, run)
}

func (w *world) driver(info jobs.DriverInfo, run func(context.Context, *jobs.Task) (jobs.Output, error)) {
	w.drivers.Store(string(info.Kind)+"/"+info.ID, driverFunc{info, run})
}

// job stores a job of type work.
func (w *world) job(change func(*jobs.Job)) *jobs.Job {
	w.Helper()
	id := jobs.NewID()
	j := &jobs.Job{
		ID: id, Tenant: tenant, Slug: "job-" + string(id), OwnerID: "mara", Enabled: true, Revision: 1,
		CreatedAt: now(), UpdatedAt: now(), DefnUpdatedAt: now(),
		Definition: jobs.Definition{
			Type: "work", Name: "Stock", Data: json.RawMessage(`{}`), Policies: jobs.DefaultPolicies(),
		},
	}
	if change != nil {
		change(j)
	}
	if err := w.store.InsertJob(context.Background(), now(), j); err != nil {
		w.Fatal("InsertJob:", err)
	}
	return j
}

// action is an action of a job to be.
func action(kind string, change func(*jobs.Action)) jobs.Action {
	a := jobs.Action{
		ID: jobs.NewActionID(), Type: kind, Name: "Action " + kind, Data: json.RawMessage(`{}`), OnError: jobs.OnErrorStop,
		Step: jobs.DefaultStepPolicy(), CreatedAt: now(), UpdatedAt: now(),
	}
	if change != nil {
		change(&a)
	}
	return a
}

// queue starts a run by hand.
func (w *world) queue(j *jobs.Job) jobs.RunID { return w.queueMany(j, 1)[0] }

func (w *world) queueMany(j *jobs.Job, n int) (ids []jobs.RunID) {
	w.Helper()
	params := make([]json.RawMessage, n)
	for i := range params {
		params[i] = json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))
	}
	runs, err := w.store.StartRuns(context.Background(), now(), jobs.Start{
		Tenant: tenant, JobID: j.ID, Trigger: jobs.TriggerManual, TriggeredBy: "mara", Params: params,
	})
	if err != nil {
		w.Fatal("StartRuns:", err)
	}
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	return ids
}

func (w *world) run(id jobs.RunID) *jobs.Run {
	w.Helper()
	r, err := w.store.Run(context.Background(), tenant, id)
	if err != nil {
		w.Fatal("Run:", err)
	}
	return r
}

func (w *world) logs(id jobs.RunID) []jobs.LogEntry {
	w.Helper()
	page, err := w.store.Logs(context.Background(), jobs.LogQuery{Tenant: tenant, RunID: id})
	if err != nil {
		w.Fatal("Logs:", err)
	}
	return page.Items
}

// until lets virtual time pass until something holds, a week at most.
func (w *world) until(what string, holds func() bool) {
	w.Helper()
	step := time.Millisecond
	for begin := time.Now(); !holds(); {
		if time.Since(begin) > 7*24*time.Hour {
			w.Fatal("waited a week for:", what)
		}
		time.Sleep(step)
		step = min(step*5/4+time.Millisecond, 10*time.Second)
	}
}

// ended waits for the end of a run and checks its status.
func (w *world) ended(id jobs.RunID, want jobs.RunStatus) *jobs.Run {
	w.Helper()
	var r *jobs.Run
	w.until("the end of the run", func() bool { r = w.run(id); return r.Status.Terminal() })
	if r.Status != want {
		w.Errorf("run ended as %s (%s), want %s; steps: %s", r.Status, r.Error, want, stepsOf(r))
	}
	return r
}

func (w *world) status(id jobs.RunID, want jobs.RunStatus) *jobs.Run {
	w.Helper()
	w.until("run "+string(want), func() bool { return w.run(id).Status == want })
	return w.run(id)
}

// stepsOf shows steps as "success, error: boom".
func stepsOf(r *jobs.Run) string {
	text := ""
	for i, s := range r.Steps {
		if i > 0 {
			text += ", "
		}
		text += string(s.State)
		if s.Message != "" {
			text += ": " + s.Message
		}
	}
	return text
}

func (w *world) equal(what string, got, want any) {
	w.Helper()
	synctest.Wait() // what the engine has done by now is done, and seen by the race detector as such
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// registry is a jobs.Drivers by "kind/id".
type registry struct{ sync.Map }

func (r *registry) Driver(kind jobs.DriverKind, id string) (jobs.Driver, bool) {
	d, ok := r.Load(string(kind) + "/" + id)
	if !ok {
		return nil, false
	}
	return d.(jobs.Driver), true
}

func (r *registry) All(kind jobs.DriverKind) []jobs.Driver {
	var all []jobs.Driver
	r.Range(func(_, d any) bool {
		if d := d.(jobs.Driver); d.Info().Kind == kind {
			all = append(all, d)
		}
		return true
	})
	return all
}

type driverFunc struct {
	info jobs.DriverInfo
	run  func(context.Context, *jobs.Task) (jobs.Output, error)
}

func (d driverFunc) Info() jobs.DriverInfo { return d.info }
func (d driverFunc) Run(ctx context.Context, t *jobs.Task) (jobs.Output, error) {
	return d.run(ctx, t)
}

// nothing is the driver that succeeds at once.
func nothing(context.Context, *jobs.Task) (jobs.Output, error) { return jobs.Output{}, nil }

// sleeps is a driver that takes that long and obeys its context.
func sleeps(d time.Duration) func(context.Context, *jobs.Task) (jobs.Output, error) {
	return func(ctx context.Context, _ *jobs.Task) (jobs.Output, error) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return jobs.Output{}, nil
		case <-ctx.Done():
			return jobs.Output{}, context.Cause(ctx)
		}
	}
}

// calls counts calls of drivers.
type calls struct {
	mu   sync.Mutex // guards the field below
	list []jobs.Task
}

func (c *calls) note(t *jobs.Task) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, *t)
	return len(c.list)
}

func (c *calls) all() []jobs.Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]jobs.Task(nil), c.list...)
}

func condition(t testing.TB, text string) *jobs.Condition {
	t.Helper()
	c, err := jobs.ParseCondition(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// gathered is a list that drivers add to while the test goes on.
type gathered[T any] struct {
	mu   sync.Mutex // guards list
	list []T
}

func (g *gathered[T]) add(items ...T) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = append(g.list, items...)
}

func (g *gathered[T]) all() []T {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.list)
}
