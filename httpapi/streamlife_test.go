package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/jobs"
)

// heldRun is a world in virtual time with a run that is held at the gate.
func heldRun(t *testing.T, change ...func(*httpapi.Options)) (w *world, c *client, job jobs.ID, run jobs.RunID) {
	t.Helper()
	w = newWorld(t, change...)
	w.startEngine()
	c = w.serve(false)
	j := w.job("mara", jobs.JobSpec{Type: "block", Name: "Held"})
	_, started := c.run(j.ID, "?wait=0")
	w.await(started.ID, "running")
	synctest.Wait()
	return w, c, j.ID, started.ID
}

// broken reads a stream that does not end in order.
func (l *listener) broken() {
	l.t.Helper()
	if text, err := io.ReadAll(l.body); err == nil {
		l.t.Errorf("the stream ended in order, after %q", text)
	}
}

func TestStream_Quiet(t *testing.T) {
	for two, name := range map[bool]string{false: "HTTP/1", true: "HTTP/2"} {
		t.Run("a comment goes out every 15 seconds, and the server's time-outs do not end the stream, "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _, job, run := heldRun(t)
				quietStream(t, w, w.serve(two), job, run)
			})
		})
	}
	t.Run("a listener that goes away frees its place", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, c, job, run := heldRun(t)
			l := c.listen(job, run)
			l.until("log", "waiting")
			if n := w.api.LiveStreams(); n != 1 {
				t.Fatalf("%d streams are open", n)
			}
			l.cancel()
			synctest.Wait()
			if n := w.api.LiveStreams(); n != 0 {
				t.Errorf("%d streams are open after the listener has gone", n)
			}
			if strings.Contains(w.log.String(), "request failed") {
				t.Errorf("that is no failure: %s", w.log)
			}
		})
	})
	t.Run("a listener that does not read is dropped", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, c, job, run := heldRun(t)
			conn, err := c.http.Transport.(*http.Transport).DialContext(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }() // it may be closed already by the other side
			_, err = fmt.Fprintf(conn, "GET /api/jobs/%s/history/%s/progress HTTP/1.1\r\nHost: carillon.test\r\nAccept: text/event-stream\r\n%s: mara\r\n\r\n",
				job, run, callerHeader)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if n := w.api.LiveStreams(); n != 1 {
				t.Fatalf("%d streams are open", n)
			}
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if n := w.api.LiveStreams(); n != 0 {
				t.Errorf("%d streams are open", n)
			}
		})
	})
}

// quietStream listens to a run of which nothing is heard for a minute.
func quietStream(t *testing.T, w *world, c *client, job jobs.ID, run jobs.RunID) {
	t.Helper()
	l := c.listen(job, run)
	l.until("log", "waiting at the gate")
	var last time.Time
	for i := range 5 {
		if text, ok := l.block(); !ok || text != ": still here" {
			t.Fatalf("instead of a comment comes %q", text)
		}
		if pause := time.Since(last); i > 0 && pause != 15*time.Second {
			t.Errorf("comment %d came after %s", i, pause)
		}
		last = time.Now()
	}
	if err := w.gate.release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := l.rest(); e[len(e)-1].name != "end" {
		t.Errorf("the last event is %v", e[len(e)-1])
	}
}

func TestStream_Ends(t *testing.T) {
	t.Run("a shutdown ends it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, c, job, run := heldRun(t)
			l := c.listen(job, run)
			l.until("log", "waiting")
			w.api.Close()
			if events := l.rest(); events[len(events)-1].name == "end" {
				t.Error("the run has not ended, but the stream says so")
			}
			if n := w.api.LiveStreams(); n != 0 {
				t.Errorf("%d streams are open", n)
			}
		})
	})
	t.Run("an identity that is revoked ends it within 30 seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, c, job, run := heldRun(t)
			l := c.listen(job, run)
			l.until("log", "waiting")
			start := time.Now()
			w.callers.revoke("mara")
			l.broken()
			if after := time.Since(start); after > 30*time.Second {
				t.Errorf("it lasted %s", after)
			}
			if n := w.api.LiveStreams(); n != 0 {
				t.Errorf("%d streams are open", n)
			}
		})
	})
	t.Run("a share that is withdrawn ends it within 30 seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, c, job, run := heldRun(t)
			w.share(job, "share1", jobs.LevelRead)
			guest := *c
			guest.caller = "share1"
			l := guest.listen(job, run)
			l.until("log", "waiting")
			start := time.Now()
			w.share(job, "share1", jobs.LevelNone)
			l.over()
			if after := time.Since(start); after > 30*time.Second {
				t.Errorf("it lasted %s", after)
			}
		})
	})
	t.Run("a job that is removed ends it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, c, job, run := heldRun(t)
			l := c.listen(job, run)
			l.until("log", "waiting")
			if err := w.as("mara").DeleteJob(t.Context(), jobs.JobRef{ID: job}, true, jobs.Precondition{}); err != nil {
				t.Fatal(err)
			}
			l.over()
		})
	})
	t.Run("the end of the run ends it, after every change of the status", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			c := w.serve(false)
			j := w.job("mara", jobs.JobSpec{Type: "block", Name: "From the queue on"})
			_, run := c.run(j.ID, "?wait=0")
			l := c.listen(j.ID, run.ID)
			l.until("status", `"queued"`)
			w.startEngine()
			l.until("status", `"running"`)
			if err := w.gate.release(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.until("status", `"success"`)
			if e, ok := l.next(); !ok || e.name != "end" {
				t.Errorf("after the last status comes %v", e)
			}
			if text, ok := l.block(); ok {
				t.Errorf("after the end comes %q", text)
			}
		})
	})
	t.Run("a queued run that is cancelled ends it in order", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			c := w.serve(false)
			j := w.job("mara", jobs.JobSpec{Type: "ok", Name: "Never starts"})
			_, run := c.run(j.ID, "?wait=0")
			l := c.listen(j.ID, run.ID)
			l.until("status", `"queued"`)
			if _, err := w.as("mara").CancelRun(t.Context(), jobs.JobRef{ID: j.ID}, run.ID); err != nil {
				t.Fatal(err)
			}
			if events := names(l.rest()); events[len(events)-1] != "end" {
				t.Errorf("events are %v", events)
			}
		})
	})
	t.Run("a run that is cancelled ends it in order", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, c, job, run := heldRun(t)
			l := c.listen(job, run)
			l.until("log", "waiting")
			if _, err := w.as("mara").CancelRun(t.Context(), jobs.JobRef{ID: job}, run); err != nil {
				t.Fatal(err)
			}
			events := l.rest()
			if last := events[len(events)-1]; last.name != "end" || !strings.Contains(last.data, `"status":"canceled"`) {
				t.Errorf("the last event is %v", last)
			}
		})
	})
}

func TestStream_Limits(t *testing.T) {
	few := func(o *httpapi.Options) { o.StreamsPerUser, o.Streams = 1, 2 }
	synctest.Test(t, func(t *testing.T) {
		w, c, job, run := heldRun(t, few)
		path := "/jobs/" + string(job) + "/history/" + string(run) + "/progress"
		refused := func(caller string) {
			t.Helper()
			other := *c
			other.caller = caller
			res, err := other.do(t.Context(), http.MethodGet, path, "Accept", "text/event-stream")
			if err != nil {
				t.Fatal(err)
			}
			defer c.close(res)
			if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
				t.Errorf("as %s: status %d, Retry-After %q", caller, res.StatusCode, res.Header.Get("Retry-After"))
			}
		}
		first := c.listen(job, run)
		refused("mara") // one for each user
		boss := *c
		boss.caller = "boss"
		boss.listen(job, run)
		refused("root") // two in all
		first.cancel()
		synctest.Wait()
		c.listen(job, run).until("log", "waiting")
		if n := w.api.LiveStreams(); n != 2 {
			t.Errorf("%d streams are open", n)
		}
	})
}

func TestRun_Wait(t *testing.T) {
	t.Run("for some seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.startEngine()
			c := w.serve(false)
			j := w.job("mara", jobs.JobSpec{Type: "block", Name: "Waits"})
			start := time.Now()
			status, run := c.run(j.ID, "?wait=7")
			if status != http.StatusAccepted || run.Status != "running" {
				t.Errorf("status %d, the run is %s", status, run.Status)
			}
			if took := time.Since(start); took < 7*time.Second || took > 8*time.Second {
				t.Errorf("the answer came after %s", took)
			}
			if n := w.api.Waiting(); n != 0 {
				t.Errorf("%d requests wait", n)
			}
		})
	})
	for two, name := range map[bool]string{false: "HTTP/1", true: "HTTP/2"} {
		t.Run("until the end, beyond the server's time-outs, "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.startEngine()
				c := w.serve(two)
				j := w.job("mara", jobs.JobSpec{Type: "block", Name: "Waits long"})
				done := make(chan error, 1)
				go func() {
					time.Sleep(10 * time.Minute)
					done <- w.gate.release(t.Context())
				}()
				status, run := c.run(j.ID, "")
				if status != http.StatusOK || run.Status != "success" {
					t.Errorf("status %d, the run is %s", status, run.Status)
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
	t.Run("the client goes away and the run goes on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.startEngine()
			c := w.serve(false)
			j := w.job("mara", jobs.JobSpec{Type: "block", Name: "Left alone"})
			ctx, cancel := context.WithCancel(t.Context())
			gone := make(chan error, 1)
			go func() {
				res, err := c.do(ctx, http.MethodPost, "/jobs/"+string(j.ID))
				if err == nil {
					err = errors.Join(errors.New("it was answered"), res.Body.Close())
				}
				gone <- err
			}()
			synctest.Wait()
			if n := w.api.Waiting(); n != 1 {
				t.Errorf("%d requests wait", n)
			}
			cancel()
			if err := <-gone; !errors.Is(err, context.Canceled) {
				t.Errorf("the client got %v", err)
			}
			synctest.Wait()
			if n := w.api.Waiting(); n != 0 {
				t.Errorf("%d requests wait after the client has gone", n)
			}
			if err := w.gate.release(t.Context()); err != nil {
				t.Fatal(err)
			}
			page, err := w.as("mara").Runs(t.Context(), jobs.JobRef{ID: j.ID}, jobs.RunQuery{Limit: 1})
			if err != nil || page.Total != 1 {
				t.Fatalf("runs: %v, %v", page, err)
			}
			w.await(page.Items[0].ID, "success")
			w.check()
		})
	})
	t.Run("a shutdown answers at once that it goes on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.startEngine()
			c := w.serve(false)
			j := w.job("mara", jobs.JobSpec{Type: "block", Name: "Shut"})
			done := make(chan struct{})
			go func() {
				defer close(done)
				time.Sleep(time.Second)
				w.api.Close()
			}()
			status, run := c.run(j.ID, "")
			<-done
			if status != http.StatusAccepted || run.Status != "running" {
				t.Errorf("status %d, the run is %s", status, run.Status)
			}
		})
	})
	t.Run("beyond the limit nobody waits, but the run is started", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(o *httpapi.Options) { o.Waiting = 1 })
			w.startEngine()
			c := w.serve(false)
			j := w.job("mara", jobs.JobSpec{Type: "block", Name: "First"})
			other := w.job("mara", jobs.JobSpec{Type: "block", Name: "Second"})
			first := make(chan int, 1)
			go func() {
				status, _ := c.run(j.ID, "?wait=60")
				first <- status
			}()
			synctest.Wait()
			start := time.Now()
			if status, run := c.run(other.ID, ""); status != http.StatusAccepted || run.ID == "" {
				t.Errorf("status %d, run %q", status, run.ID)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("it waited %s", took)
			}
			if status := <-first; status != http.StatusAccepted {
				t.Errorf("the first has status %d", status)
			}
		})
	})
}

// over waits for the end of a stream whose run cannot be seen any more: in order, and without saying that the run has ended.
func (l *listener) over() {
	l.t.Helper()
	if events := l.rest(); len(events) > 0 && events[len(events)-1].name == "end" {
		l.t.Error("the run has not ended, but the stream says so")
	}
}

// counting is an authenticator that tells requests from the looks at streams.
type counting struct {
	httpapi.Authenticator
	requests, looks atomic.Int64
}

func (c *counting) Authenticate(r *http.Request) (httpapi.Identity, error) {
	c.requests.Add(1)
	return c.Authenticator.Authenticate(r)
}

func (c *counting) Recheck(r *http.Request) (httpapi.Identity, error) {
	c.looks.Add(1)
	return c.Authenticator.Authenticate(r)
}

// TestStream_Recheck: an open stream is not taken for requests, which would keep a session alive (R49).
func TestStream_Recheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var who *counting
		_, c, job, run := heldRun(t, func(o *httpapi.Options) {
			who = &counting{Authenticator: o.Authenticator}
			o.Authenticator = who
		})
		l := c.listen(job, run)
		l.until("log", "waiting")
		requests := who.requests.Load()
		go func() { _, _ = io.Copy(io.Discard, l.body) }() // a listener that does not read is dropped; it ends with the server
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		if n := who.requests.Load(); n != requests {
			t.Errorf("%d requests were authenticated while the stream was open", n-requests)
		}
		if n := who.looks.Load(); n != 10 {
			t.Errorf("it was looked at %d times in 5 minutes, want 10", n)
		}
	})
}
