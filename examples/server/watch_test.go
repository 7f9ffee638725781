package main_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// event is one server-sent event.
type event struct {
	id, name string
	data     map[string]any
}

// watch opens the live stream of a run. The channel is closed when the server ends the stream.
func (p *process) watch(path string) <-chan event {
	p.t.Helper()
	response, err := p.send("GET", path+"/progress", nil, http.Header{
		"Authorization": {"Bearer " + token}, "Accept": {"text/event-stream"},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = response.Body.Close() }) // read to its end, or the server is gone
	if response.StatusCode != http.StatusOK {
		p.t.Fatalf("stream of %s: status %d", path, response.StatusCode)
	}
	events := make(chan event, 1000)
	go func() {
		defer close(events)
		var e event
		for scan := bufio.NewScanner(response.Body); scan.Scan(); {
			field, value, _ := strings.Cut(scan.Text(), ": ")
			switch field {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				if json.Unmarshal([]byte(value), &e.data) != nil {
					e.name = "unreadable: " + value
				}
			case "":
				if e.name != "" {
					events <- e
				}
				e = event{}
			}
		}
	}()
	return events
}

// until reads events up to the one with that name, which it gives back after the names of those before it.
func until(t *testing.T, events <-chan event, name string) (event, []string) {
	t.Helper()
	var before []string
	limit := time.After(patience)
	for {
		select {
		case e, ok := <-events:
			switch {
			case !ok:
				t.Fatalf("the stream ended before %q; it had %v", name, before)
			case e.name == name:
				return e, before
			}
			before = append(before, e.name)
		case <-limit:
			t.Fatalf("no event %q; the stream had %v", name, before)
		}
	}
}

// finish waits for the end of a run and gives it as it ended.
func (p *process) finish(path string) map[string]any {
	p.t.Helper()
	end, _ := until(p.t, p.watch(path), "end")
	return end.data
}
