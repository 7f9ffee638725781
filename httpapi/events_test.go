package httpapi_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// sentEvent is a server-sent event as a client reads it.
type sentEvent struct {
	id   int64
	name string
	data string
}

// parseEvents reads the events of a stream; comments are left out. Anything that is no event is an error.
func parseEvents(t testing.TB, text string) []sentEvent {
	t.Helper()
	var events []sentEvent
	for _, block := range strings.Split(text, "\n\n") {
		if block == "" || strings.HasPrefix(block, ":") {
			continue
		}
		events = append(events, parseEvent(t, block))
	}
	return events
}

func parseEvent(t testing.TB, block string) sentEvent {
	t.Helper()
	e := sentEvent{id: -1}
	for _, line := range strings.Split(block, "\n") {
		name, value, ok := strings.Cut(line, ": ")
		var err error
		switch {
		case ok && name == "id":
			e.id, err = strconv.ParseInt(value, 10, 64)
		case ok && name == "event":
			e.name = value
		case ok && name == "data":
			e.data += value
		default:
			t.Fatalf("bad line of an event: %q", line)
		}
		if err != nil {
			t.Fatalf("bad line of an event: %q: %v", line, err)
		}
	}
	if e.id < 0 || e.name == "" || !json.Valid([]byte(e.data)) {
		t.Fatalf("bad event: %q", block)
	}
	return e
}
