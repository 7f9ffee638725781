package httpapi_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
	"github.com/carillon-go/carillon/storage/folder"
	"github.com/carillon-go/carillon/storage/sqlite"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
)

// canary is the secret of every test: it may be in no answer, no log and no file (R64).
const canary = "canary-5e9d1f27b3"

// maxUpload is the largest upload of every test but those of the memory, in bytes.
const maxUpload = 2000

// world is a whole system around one API: the real store on a file, the real service, and a real engine for tests that need one.
type world struct {
	t        testing.TB
	path     string
	store    *sqlite.Store
	files    string
	blobs    *folder.Store
	registry *drivers.Registry
	service  *jobs.Service
	api      *httpapi.API
	log      *logBuffer
	gate     *gate
	callers  *callers
	// accounts are there in a world with the built-in identity.
	accounts *accountsWorld
	datasets *datasets
}

type logBuffer struct {
	mu   sync.Mutex // guards the field below
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newWorld makes a world; change may set options of the API.
func newWorld(t testing.TB, change ...func(*httpapi.Options)) *world {
	t.Helper()
	return newWorldAt(t, t.TempDir(), change...)
}

// newWorldAt is newWorld with its files in a folder of the caller's: inside of a bubble there are no temporary folders.
func newWorldAt(t testing.TB, dir string, change ...func(*httpapi.Options)) *world {
	t.Helper()
	w := &world{t: t, path: sqlitetest.File(t, dir), log: &logBuffer{}, gate: newGate(), callers: newCallers(), datasets: newDatasets()}
	logger := w.logger()
	store, err := sqlite.Open(t.Context(), w.path, sqlite.Options{Logger: logger, Synchronous: "NORMAL", MinFreeBytes: -1})
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	w.store = store
	if w.registry, err = drivers.NewRegistry(testDrivers(w.gate)...); err != nil {
		t.Fatal(err)
	}
	keys, err := jobs.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	w.files = filepath.Join(filepath.Dir(w.path), "files")
	blobs, err := folder.Open(w.files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := blobs.Close(); err != nil {
			t.Error(err)
		}
	})
	w.blobs = blobs
	w.service = jobs.NewService(store, w.registry, jobs.ServiceOptions{
		Blobs: blobs, MaxUpload: maxUpload, Templates: testTemplates(t, w.registry),
		Keys: keys, Directory: directory{}, MinInterval: time.Second, Logger: logger, Datasets: w.datasets, Reports: reports{},
	})
	o := httpapi.Options{Authenticator: w.callers, Logger: logger}
	for _, f := range change {
		f(&o)
	}
	if w.api, err = httpapi.New(w.service, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.api.Close)
	return w
}

func (w *world) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// startEngine runs a worker until the test ends, and waits until it is registered.
func (w *world) startEngine() {
	w.t.Helper()
	s, err := scheduler.New(w.store, w.registry, scheduler.Options{
		Vault: w.service.Vault(), Blobs: w.blobs, Datasets: w.datasets, Logger: w.logger(), Grace: time.Millisecond,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	wake, unwatch := w.store.Watch(jobs.TopicWorker|jobs.TopicQueue|jobs.TopicRun, "")
	defer unwatch()
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("engine: %v", err)
		}
	})
	for {
		page, err := w.store.Workers(ctx, jobs.WorkerQuery{Statuses: []jobs.WorkerStatus{jobs.WorkerActive}})
		if err != nil {
			w.t.Fatal(err)
		}
		if page.Total > 0 {
			return
		}
		select {
		case <-wake:
		case <-time.After(10 * time.Millisecond): // registering need not be news
		}
	}
}

// await waits until a run is in a state; "ended" stands for every final one.
func (w *world) await(id jobs.RunID, status string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	wake, stop := w.store.Watch(jobs.TopicRun, id)
	defer stop()
	for {
		r, err := w.store.Run(ctx, "globex", id)
		if err != nil {
			w.t.Fatalf("run %s: %v", id, err)
		}
		if string(r.Status) == status || status == "ended" && r.Status.Terminal() {
			return
		}
		if r.Status.Terminal() {
			w.t.Fatalf("run %s has ended as %s (%s), want %s", id, r.Status, r.Error, status)
		}
		select {
		case <-wake:
		case <-ctx.Done():
			w.t.Fatalf("run %s is still %s, want %s", id, r.Status, status)
		}
	}
}

// check is the store's own check of all that has to hold.
func (w *world) check() {
	w.t.Helper()
	if err := w.store.Check(w.t.Context()); err != nil {
		w.t.Errorf("store: %v", err)
	}
}

// share gives a level on a job of globex, or takes it away with level none.
func (w *world) share(job jobs.ID, principal string, level jobs.Level) {
	w.t.Helper()
	p, now := jobs.PrincipalID(principal), time.Now().UTC().Truncate(time.Millisecond)
	j, err := w.store.Job(w.t.Context(), "globex", jobs.JobRef{ID: job})
	if err != nil {
		w.t.Fatalf("share: %v", err)
	}
	was, _ := j.ShareOf(p)
	if level == jobs.LevelNone {
		err = w.store.DeleteShare(w.t.Context(), now, "globex", job, p, was.Level)
	} else {
		err = w.store.PutShare(w.t.Context(), now, "globex", job, p, level, was.Level)
	}
	if err != nil {
		w.t.Fatalf("share: %v", err)
	}
}

// draft stores a draft of a job of globex.
func (w *world) draft(job jobs.ID, user jobs.PrincipalID) jobs.ID {
	w.t.Helper()
	j, err := w.store.Job(w.t.Context(), "globex", jobs.JobRef{ID: job})
	if err != nil {
		w.t.Fatalf("draft: %v", err)
	}
	d := *j
	d.ID, d.EditingID, d.OwnerID, d.Slug, d.Revision, d.NextRunAt = jobs.NewID(), j.ID, user, "", 1, time.Time{}
	d.Base = jobs.DraftBase{Revision: j.Revision, Source: j.Revision, DefnUpdatedAt: j.DefnUpdatedAt, OwnerID: j.OwnerID, Enabled: j.Enabled}
	if err := w.store.InsertJob(w.t.Context(), j.UpdatedAt, &d); err != nil {
		w.t.Fatalf("draft: %v", err)
	}
	return d.ID
}

// as is the client of a caller of the tests.
func (w *world) as(caller string) *jobs.Client {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set(callerHeader, caller)
	who, err := w.callers.Authenticate(r)
	if err != nil {
		w.t.Fatalf("caller %q: %v", caller, err)
	}
	return w.service.As(who.Principal)
}

// job makes a job of a caller.
func (w *world) job(caller string, spec jobs.JobSpec) *jobs.Job {
	w.t.Helper()
	j, err := w.as(caller).CreateJob(w.t.Context(), spec)
	if err != nil {
		w.t.Fatalf("create job: %v", err)
	}
	return j
}

// oneByOne is for tests that send thousands of requests, one after another: there is nothing to race, and the detector makes minutes of them.
// CI runs them in a part of their own, without it.
func oneByOne(t *testing.T) {
	t.Helper()
	if underRace {
		t.Skip("thousands of requests one after another; run without -race")
	}
}
