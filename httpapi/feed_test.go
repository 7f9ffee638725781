package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// feedClient is a caller of a world that is served over a real connection.
func feedClient(t *testing.T, w *world, caller string) *client {
	t.Helper()
	server := httptest.NewServer(w.api)
	t.Cleanup(func() {
		w.api.Close()
		server.Close()
	})
	return &client{t: t, http: server.Client(), base: server.URL + "/api", caller: caller}
}

// byHand is a job that nothing starts.
func byHand(name string) jobs.JobSpec { return jobs.JobSpec{Type: "ok", Name: name} }

func (w *world) rename(job jobs.ID, name string) {
	w.t.Helper()
	if _, err := w.as("mara").UpdateJob(w.t.Context(), jobs.JobRef{ID: job}, jobs.JobPatch{Name: jobs.Value(name)}, jobs.Precondition{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) setShare(job jobs.ID, p jobs.PrincipalID, level, was jobs.Level) {
	w.t.Helper()
	var err error
	if level == jobs.LevelNone {
		err = w.store.DeleteShare(w.t.Context(), time.Now(), "globex", job, p, was)
	} else {
		err = w.store.PutShare(w.t.Context(), time.Now(), "globex", job, p, level, was)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestFeed_Readable: everybody hears of the jobs that they can read at that moment, and of no others.
func TestFeed_Readable(t *testing.T) {
	w := newWorld(t)
	mara := feedClient(t, w, "mara")
	mine := mara.listenTo("/job-events")
	mine.until("ping", "{}")
	other := *mara
	other.caller = "otto"
	theirs := other.listenTo("/job-events")
	theirs.until("ping", "{}")
	alien := *mara
	alien.caller = "alienboss"
	away := alien.listenTo("/job-events")
	away.until("ping", "{}")

	secret := w.job("mara", byHand("Secret"))
	mine.until("job", `"name":"Secret"`)
	shown := w.job("mara", byHand("Shown"))
	mine.until("job", string(shown.ID))
	w.setShare(shown.ID, "otto", jobs.LevelRead, jobs.LevelNone)
	theirs.until("job", `"name":"Shown"`)
	w.setShare(shown.ID, "otto", jobs.LevelNone, jobs.LevelRead)
	theirs.until("job", `"removed":true`)
	w.rename(shown.ID, "Hidden again")
	mine.until("job", "Hidden again")
	if err := w.as("mara").DeleteJob(t.Context(), jobs.JobRef{ID: secret.ID}, false, jobs.Precondition{}); err != nil {
		t.Fatal(err)
	}
	mine.until("job", `"removed":true`)
	last := w.job("mara", byHand("Last"))
	w.setShare(last.ID, "otto", jobs.LevelRead, jobs.LevelNone)
	theirs.until("job", `"name":"Last"`)
	if got := names(theirs.events); !cmp.Equal(got, []string{"ping", "job", "job", "job"}) {
		t.Errorf("otto has heard %v", theirs.events)
	}
	for _, e := range theirs.events {
		if strings.Contains(e.data, string(secret.ID)) || strings.Contains(e.data, "Hidden") {
			t.Errorf("otto has heard %v", e)
		}
	}
	foreign := w.job("alien", byHand("Foreign"))
	away.until("job", string(foreign.ID))
	if got := names(away.events); !cmp.Equal(got, []string{"ping", "job"}) {
		t.Errorf("the other tenant has heard %v", away.events)
	}
}

// TestFeed_Runs: runs with their states and what their jobs show then; workers for superusers only.
func TestFeed_Runs(t *testing.T) {
	w := newWorld(t)
	mara := feedClient(t, w, "mara")
	boss := *mara
	boss.caller = "boss"
	all := boss.listenTo("/job-events")
	all.until("ping", "{}")
	j := w.job("mara", byHand("Runs"))
	mine := mara.listenTo("/job-events")
	mine.until("ping", "{}")
	w.startEngine()
	all.until("worker", `"status":"active"`)
	_, run := mara.run(j.ID, "")
	mine.until("run", `"status":"success"`)
	mine.until("job", `"recent":["success"]`)
	for _, e := range mine.events {
		if e.name == "worker" || e.name == "run" && !strings.Contains(e.data, string(run.ID)) {
			t.Errorf("mara has heard %v", e)
		}
	}
	w.check()
}

// TestFeed_Resume: a listener that comes back gets what it has missed, or is told that it cannot.
func TestFeed_Resume(t *testing.T) {
	w := newWorld(t)
	mara := feedClient(t, w, "mara")
	first := mara.listenTo("/job-events")
	first.until("ping", "{}")
	a := w.job("mara", byHand("First"))
	first.until("job", string(a.ID))
	seen := first.events[len(first.events)-1].id
	first.cancel()
	b := w.job("mara", byHand("Missed"))
	w.rename(b.ID, "Missed and changed")
	back := mara.listenTo("/job-events", "Last-Event-ID", strconv.FormatInt(seen, 10))
	back.until("job", "Missed and changed") // before the first ping or after it: the watcher may be a moment behind
	beyond := mara.listenTo("/job-events", "Last-Event-ID", "999999")
	beyond.until("reset", "{}")
	if len(beyond.events) != 1 || beyond.events[0].id >= 999999 {
		t.Errorf("a listener with an id that was never given has %v", beyond.events)
	}
}

// TestFeed_OtherProcess: what another process commits is heard too.
func TestFeed_OtherProcess(t *testing.T) {
	w := newWorld(t)
	l := feedClient(t, w, "mara").listenTo("/job-events")
	l.until("ping", "{}")
	beside, err := sqlite.Open(t.Context(), w.path, sqlite.Options{Logger: w.logger(), MinFreeBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := beside.Close(); err != nil {
			t.Error(err)
		}
	})
	j, err := jobs.NewService(beside, w.registry, jobs.ServiceOptions{Logger: w.logger()}).As(w.as("mara").Principal()).CreateJob(t.Context(), byHand("Beside"))
	if err != nil {
		t.Fatal(err)
	}
	l.until("job", string(j.ID))
}

// TestFeed_Life is about time: pings, places, and listeners that do not keep up.
func TestFeed_Life(t *testing.T) {
	t.Run("a ping is an event every 15 seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			l := w.serve(false).listenTo("/job-events")
			l.until("ping", "{}")
			before := time.Now()
			l.until("ping", "{}")
			l.until("ping", "{}")
			if took := time.Since(before); took != 30*time.Second {
				t.Errorf("two pings took %s", took)
			}
			l.cancel()
			synctest.Wait()
			if n := w.api.LiveStreams(); n != 0 {
				t.Errorf("%d streams are open after the listener has gone", n)
			}
		})
	})
	t.Run("places are bounded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(o *httpapi.Options) { o.StreamsPerUser = 1 })
			c := w.serve(false)
			c.listenTo("/job-events").until("ping", "{}")
			answer := ask(t, w.api, "mara", http.MethodGet, "/api/job-events", "")
			if answer.Code != http.StatusServiceUnavailable {
				t.Errorf("a second stream: status %d", answer.Code)
			}
		})
	})
	t.Run("a listener that does not keep up is dropped, and the others go on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			feed := w.service.NewFeed()
			listen := func() *jobs.Listener {
				l, err := feed.Listen(t.Context(), w.as("mara"), -1)
				if err != nil {
					t.Fatal(err)
				}
				return l
			}
			slow, quick := listen(), listen()
			defer quick.Close()
			for i := range 80 {
				w.job("mara", byHand(fmt.Sprintf("Job %d", i)))
				if events := <-quick.Events; len(events) != 1 {
					t.Fatalf("batch %d has %d events", i, len(events))
				}
			}
			n := 0
			for range slow.Events {
				n++
			}
			if n == 0 || n >= 80 {
				t.Errorf("the slow listener has %d batches", n)
			}
			slow.Close()
		})
	})
}
