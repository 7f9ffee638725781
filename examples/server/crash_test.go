package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// receiver is a real HTTP server outside of the process under test. It notes every request by its effect key.
type receiver struct {
	*httptest.Server
	arrived chan string // "driver" or "webhook", for each request
	// held is the kind whose requests get no answer until their sender is gone; empty for none. caught tells of each of them.
	held   atomic.Value
	caught chan string

	mu   sync.Mutex // guards calls
	byID map[string]int
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{arrived: make(chan string, 10_000), caught: make(chan string, 10_000), byID: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if _, err := io.Copy(io.Discard, q.Body); err != nil {
			return // the server under test was killed while it sent
		}
		what := q.URL.Path[1:]
		r.mu.Lock()
		r.byID[what+" "+q.Header.Get("Idempotency-Key")]++
		r.mu.Unlock()
		if what == r.held.Load() {
			r.caught <- what
			<-q.Context().Done()
			return
		}
		r.arrived <- what
		fmt.Fprint(w, `{"ok":true}`)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) calls(what, key string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byID[what+` "`+key+`"`]
}

// TestServer_is_killed_in_the_middle_of_runs kills the server with SIGKILL again and again, while a driver step or a webhook step is
// under way, and looks at the database after each life.
func TestServer_is_killed_in_the_middle_of_runs(t *testing.T) {
	data := t.TempDir()
	out := newReceiver(t)
	lives := 12
	if testing.Short() {
		lives = 3
	}
	p := start(t, data)
	job := p.must(http.StatusCreated, "POST", "/jobs", map[string]any{
		"type": "api-call", "name": "Under fire", "interval": "1 second",
		"data":     map[string]any{"url": out.URL + "/driver", "method": "PUT"},
		"policies": map[string]any{"overlap": "queue"},
		"actions": []any{map[string]any{
			"type": "webhook", "name": "Tell", "data": map[string]any{"url": out.URL + "/webhook"},
		}},
	})
	id := fmt.Sprint(job["id"])
	for life := range lives {
		// Odd lives die at a driver request, even ones at a webhook; a little later each time, so that the kill meets every moment of the
		// step and of the commit after it.
		want := []string{"webhook", "driver"}[life%2]
		if life < 4 || life%3 == 0 {
			out.held.Store(want) // surely in the middle of the step
			await(t, out.caught, want)
		} else {
			await(t, out.arrived, want)
		}
		timer := time.NewTimer(time.Duration(life) * 300 * time.Microsecond)
		<-timer.C
		p.kill()
		out.held.Store("")
		checkDatabase(t, data)
		p = start(t, data)
	}
	// The last life goes on until it has done some runs in peace, and drains.
	for range 3 {
		await(t, out.arrived, "webhook")
	}
	p.must(http.StatusOK, "PUT", "/jobs/"+id, map[string]any{"enabled": false})
	awaitQuiet(t, p, id)
	checkHistory(t, p, out, id)
	checkLedger(t, p, id)
	p.terminate()
	if code := p.wait(); code != 0 {
		t.Errorf("exit code after SIGTERM is %d, want 0\n%s", code, p.stderr)
	}
	checkDatabase(t, data)
}

// await waits for a request of that kind.
func await(t *testing.T, requests <-chan string, what string) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case got := <-requests:
			if got == what {
				return
			}
		case <-limit:
			t.Fatalf("no %s request in a minute", what)
		}
	}
}

// awaitQuiet waits until no run of the job is live, by waiting for each.
func awaitQuiet(t *testing.T, p *process, id string) {
	t.Helper()
	for range 100 {
		page := p.must(http.StatusOK, "GET", "/jobs/"+id+"/history?status=queued&status=running", nil)
		runs := embedded(page, "inf:job-history")
		if len(runs) == 0 {
			return
		}
		run := fmt.Sprint(runs[0]["id"])
		r, err := http.NewRequestWithContext(t.Context(), "GET", p.url+"/jobs/"+id+"/history/"+run+"/progress", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Accept", "text/event-stream")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil { // the stream ends with the run
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("runs stay live")
}

func embedded(page map[string]any, rel string) []map[string]any {
	var items []map[string]any
	list, _ := page["_embedded"].(map[string]any)
	for _, item := range list[rel].([]any) {
		items = append(items, item.(map[string]any))
	}
	return items
}

// checkDatabase runs the invariant checker on the files that a dead process left.
func checkDatabase(t *testing.T, data string) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(data, "carillon.db"), sqlite.Options{})
	if err != nil {
		t.Fatalf("open the database after a kill: %v", err)
	}
	if err := store.Check(t.Context()); err != nil {
		t.Errorf("invariants after a kill: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// checkHistory holds each run against what the receiver saw: a webhook, which may not be repeated, arrived at most once, and exactly
// once if the history says success; the driver step, a PUT, arrived at least once under one key (P3, P4).
func checkHistory(t *testing.T, p *process, out *receiver, id string) {
	t.Helper()
	page := p.must(http.StatusOK, "GET", "/jobs/"+id+"/history?limit=1000", nil)
	resumed, lost := 0, 0
	for _, run := range embedded(page, "inf:job-history") {
		runID := jobs.RunID(fmt.Sprint(run["id"]))
		if run["attempt"].(float64) > 1 {
			resumed++
		}
		if run["status"] == "error" {
			lost++
		}
		for _, entry := range run["progress"].([]any) {
			step := entry.(map[string]any)
			action, _ := step["jobActionId"].(string)
			status := fmt.Sprint(step["result"].(map[string]any)["status"])
			if action == "" {
				n := out.calls("driver", jobs.EffectKey(runID, "driver"))
				if status == "success" && n < 1 {
					t.Errorf("run %s: the driver step succeeded without a request", runID)
				}
				continue
			}
			n := out.calls("webhook", jobs.EffectKey(runID, action))
			if n > 1 {
				t.Errorf("run %s: the webhook arrived %d times under one key, at most once is allowed", runID, n)
			}
			if status == "success" && n != 1 {
				t.Errorf("run %s: the webhook step succeeded and arrived %d times", runID, n)
			}
		}
	}
	if resumed == 0 || lost == 0 {
		t.Errorf("%d runs were resumed and %d lost: the kills met nothing", resumed, lost)
	}
}

// checkLedger demands one line for every due moment between the first and the last, a second apart.
func checkLedger(t *testing.T, p *process, id string) {
	t.Helper()
	page := p.must(http.StatusOK, "GET", "/jobs/"+id+"/fires?sort=at&limit=1000", nil)
	var last time.Time
	for _, fire := range embedded(page, "inf:job-fire") {
		at, err := time.Parse(time.RFC3339, fmt.Sprint(fire["at"]))
		if err != nil {
			t.Fatal(err)
		}
		if !last.IsZero() && at.Sub(last) != time.Second {
			t.Errorf("the ledger has nothing between %s and %s", last, at)
		}
		if last = at; fire["until"] != nil {
			if last, err = time.Parse(time.RFC3339, fmt.Sprint(fire["until"])); err != nil {
				t.Fatal(err)
			}
		}
	}
	if last.IsZero() {
		t.Error("the ledger is empty")
	}
}
