package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// TestStream_Live follows a run from its start to its end over a real connection.
func TestStream_Live(t *testing.T) {
	w := newWorld(t)
	w.startEngine()
	server := httptest.NewServer(w.api)
	t.Cleanup(server.Close)
	c := &client{t: t, http: server.Client(), base: server.URL + "/api", caller: "mara"}
	j := w.job("mara", jobs.JobSpec{Type: "block", Name: "Live", Actions: []jobs.ActionSpec{{Type: "plain", Name: "After"}}})
	status, run := c.run(j.ID, "?wait=0")
	if status != http.StatusAccepted {
		t.Fatalf("start: status %d", status)
	}
	l := c.listen(j.ID, run.ID)
	l.until("log", "waiting at the gate")
	had := append([]sentEvent(nil), l.events...)
	second := c.listen(j.ID, run.ID, "Last-Event-ID", strconv.FormatInt(had[len(had)-1].id, 10))
	if err := w.gate.release(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.until("log", "through the gate")
	l.until("progress", `"jobActionId":"`+string(j.Actions[0].ID))
	events := l.rest()
	if got := names(events[len(events)-2:]); !cmp.Equal(got, []string{"status", "end"}) {
		t.Errorf("the last events are %v", got)
	}
	var end struct {
		Status   string
		Success  bool
		Progress []struct{ Result struct{ Status string } }
	}
	if err := json.Unmarshal([]byte(events[len(events)-1].data), &end); err != nil {
		t.Fatal(err)
	}
	if end.Status != "success" || !end.Success || len(end.Progress) != 2 {
		t.Errorf("the end is %+v", end)
	}
	w.check()
	whole := append(had, second.rest()...)
	if !cmp.Equal(logsOf(whole), logsOf(events)) || !cmp.Equal(stepsOf(t, whole), stepsOf(t, events)) {
		t.Errorf("a listener that broke off in the middle has %v, one that did not %v", whole, events)
	}
	resumeEverywhere(t, c, j.ID, run.ID, events)
}

// TestStream_Batches sends a log that is read in several parts.
func TestStream_Batches(t *testing.T) {
	w := newWorld(t)
	w.startEngine()
	server := httptest.NewServer(w.api)
	t.Cleanup(server.Close)
	c := &client{t: t, http: server.Client(), base: server.URL + "/api", caller: "mara"}
	j := w.job("mara", jobs.JobSpec{Type: "flood", Name: "Flood", Actions: []jobs.ActionSpec{{Type: "noted", Name: "Last"}}})
	_, run := c.run(j.ID, "")
	events := c.listen(j.ID, run.ID).rest()
	lines := 0
	for _, e := range events {
		if e.name != "log" {
			continue
		}
		if want := fmt.Sprintf(`"message":"line %d"`, lines); !strings.Contains(e.data, want) {
			t.Fatalf("log entry %d is %s", lines, e.data)
		}
		lines++
	}
	if lines != 1300 {
		t.Errorf("the stream has %d of 1300 lines", lines)
	}
	if tail := names(events[len(events)-4:]); !cmp.Equal(tail, []string{"progress", "progress", "status", "end"}) {
		t.Errorf("the stream ends with %v", tail)
	}
	for _, at := range []int{0, 499, 500, 501, 1000, len(events) - 1} {
		resumeAt(t, c, j.ID, run.ID, events, at)
	}
}

// resumeEverywhere is the property of Last-Event-ID: wherever a listener breaks off, what it has and what it gets later are the whole.
func resumeEverywhere(t *testing.T, c *client, job jobs.ID, run jobs.RunID, recorded []sentEvent) {
	t.Helper()
	for at := range recorded {
		resumeAt(t, c, job, run, recorded, at)
	}
}

func resumeAt(t *testing.T, c *client, job jobs.ID, run jobs.RunID, recorded []sentEvent, at int) {
	t.Helper()
	had := recorded[:at+1]
	last := strconv.FormatInt(had[at].id, 10)
	later := c.listen(job, run, "Last-Event-ID", last).rest()
	whole := append(append([]sentEvent(nil), had...), later...)
	if got, want := logsOf(whole), logsOf(recorded); !cmp.Equal(got, want) {
		t.Errorf("after event %s: log lines differ: %s", last, cmp.Diff(want, got))
	}
	if got, want := stepsOf(t, whole), stepsOf(t, recorded); !cmp.Equal(got, want) {
		t.Errorf("after event %s: steps differ: %s", last, cmp.Diff(want, got))
	}
	for _, e := range later {
		if e.id < had[at].id || e.id == had[at].id && e.name != "status" && e.name != "end" {
			t.Errorf("after event %s comes event %d (%s) again", last, e.id, e.name)
		}
	}
	if tail := names(later); len(tail) < 2 || tail[len(tail)-1] != "end" || tail[len(tail)-2] != "status" {
		t.Errorf("after event %s the stream ends with %v", last, tail)
	}
}

func logsOf(events []sentEvent) []string {
	var lines []string
	for _, e := range events {
		if e.name == "log" {
			lines = append(lines, e.data)
		}
	}
	return lines
}

// stepsOf gives the last state of each step.
func stepsOf(t *testing.T, events []sentEvent) map[int]string {
	t.Helper()
	steps := map[int]string{}
	for _, e := range events {
		if e.name != "progress" {
			continue
		}
		var entry struct{ Index int }
		if err := json.Unmarshal([]byte(e.data), &entry); err != nil {
			t.Fatal(err)
		}
		steps[entry.Index] = e.data
	}
	return steps
}
