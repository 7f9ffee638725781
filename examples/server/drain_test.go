package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// caller makes a job that sends one request to a path of the endpoint, and gives the path of the job.
func (p *process) caller(out *endpoint, method, path string) string {
	p.t.Helper()
	job := p.must(http.StatusCreated, "POST", "/jobs", map[string]any{
		"type": "api-call", "name": method + " " + path, "data": map[string]any{"url": out.URL + path, "method": method, "timeoutSeconds": 300},
	})
	return "/jobs/" + id(job)
}

// begin starts a run of a job and gives its path.
func (p *process) begin(job string) string {
	p.t.Helper()
	return job + "/history/" + id(p.must(http.StatusAccepted, "POST", job+"?wait=0", nil))
}

// TestServer_drains: after SIGTERM a step that goes on is finished, who watches or waits for it learns how it ended, new runs are
// refused, and everything else is answered.
func TestServer_drains(t *testing.T) {
	t.Parallel()
	out, data := newEndpoint(t), t.TempDir()
	release := out.hold("/slow")
	p := start(t, data)
	slow, other := p.caller(out, "POST", "/slow"), p.caller(out, "POST", "/other")
	waited := make(chan string, 1)
	go func() {
		status, run, err := p.try("POST", slow, nil) // answers when the run has ended
		waited <- fmt.Sprintf("%d %v %v", status, run["status"], err)
	}()
	out.next(t, "/slow")
	runs := embedded(p.must(http.StatusOK, "GET", slow+"/history", nil), "inf:job-history")
	if len(runs) != 1 {
		t.Fatalf("runs %v", runs)
	}
	path := slow + "/history/" + id(runs[0])
	events := p.watch(path)
	p.terminate()
	p.awaitLine(p.stderr, "worker is draining")

	for _, query := range []string{"", "?wait=0"} {
		response, err := p.send("POST", other+query, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("a new run while the server drains: status %d, Retry-After %q", response.StatusCode, response.Header.Get("Retry-After"))
		}
	}
	p.must(http.StatusNotFound, "POST", "/jobs/main:nobody", nil)
	p.must(http.StatusOK, "PUT", other, map[string]any{"description": "changed while the server drains"})
	p.must(http.StatusOK, "GET", path, nil)
	late := p.watch(path)
	release()
	for name, stream := range map[string]<-chan event{"opened before": events, "opened while it drained": late} {
		if end, _ := until(t, stream, "end"); end.data["status"] != "success" {
			t.Errorf("the stream that was %s ended with %v", name, end.data)
		}
	}
	if got := <-waited; got != "200 success <nil>" {
		t.Errorf("who waited got %s", got)
	}
	p.ends(0)

	p = start(t, data)
	if run := p.must(http.StatusOK, "GET", path, nil); run["status"] != "success" {
		t.Errorf("after the next start the run is %v", run)
	}
	if total := p.must(http.StatusOK, "GET", other+"/history", nil)["total"]; total != 0.0 {
		t.Errorf("the refused run is there: total %v", total)
	}
	if job := p.must(http.StatusOK, "GET", other, nil); job["description"] != "changed while the server drains" {
		t.Errorf("the change was lost: %v", job)
	}
}

// TestServer_ends_at_once_at_the_second_signal, and the next start takes the work up again.
func TestServer_ends_at_once_at_the_second_signal(t *testing.T) {
	t.Parallel()
	out, data := newEndpoint(t), t.TempDir()
	release := out.hold("/slow")
	p := start(t, data, "-grace", "24h")
	path := p.begin(p.caller(out, "PUT", "/slow"))
	first := out.next(t, "/slow")
	p.terminate()
	p.awaitLine(p.stderr, "worker is draining")
	p.terminate()
	p.ends(130)
	release()

	checkDatabase(t, data)
	p = start(t, data)
	resumed(t, first, out.next(t, "/slow"))
	if run := p.finish(path); run["status"] != "success" {
		t.Errorf("the resumed run: %v", run)
	}
}

// TestServer_interrupts_steps_after_the_grace: what may be repeated is put back for the next start, the rest ends with an error
// (reliability section 6).
func TestServer_interrupts_steps_after_the_grace(t *testing.T) {
	t.Parallel()
	out, data := newEndpoint(t), t.TempDir()
	out.hold("/post") // never answered
	release := out.hold("/put")
	p := start(t, data, "-grace", "1s")
	put, post := p.begin(p.caller(out, "PUT", "/put")), p.begin(p.caller(out, "POST", "/post"))
	// They begin in any order.
	arrived := map[string]request{}
	for len(arrived) < 2 {
		r := <-out.requests
		arrived[r.path] = r
	}
	first := arrived["/put"]
	watched, interrupted := p.watch(put), p.watch(post)
	p.terminate()
	end, _ := until(t, interrupted, "end")
	p.ends(0)
	for e := range watched {
		if e.name == "end" {
			t.Errorf("the run that was put back has ended: %v", e.data)
		}
	}
	if end.data["status"] != "error" || !strings.HasPrefix(fmt.Sprint(end.data["error"]), "interrupted by shutdown") {
		t.Errorf("the step that may not be repeated: %v, %v", end.data["status"], end.data["error"])
	}
	checkDatabase(t, data)

	release()
	p = start(t, data)
	resumed(t, first, out.next(t, "/put"))
	if run := p.finish(put); run["status"] != "success" {
		t.Errorf("the resumed run: %v", run)
	}
	if diff := cmp.Diff(end.data, p.must(http.StatusOK, "GET", post, nil)); diff != "" {
		t.Errorf("the ended run has changed:\n%s", diff)
	}
	out.quiet(t)
}

// resumed demands the same request again, with its key and the next attempt.
func resumed(t *testing.T, first, again request) {
	t.Helper()
	want := first
	want.attempt = "2"
	if first.attempt != "1" || again != want {
		t.Errorf("the interrupted step came again as %+v, want %+v", again, want)
	}
}
