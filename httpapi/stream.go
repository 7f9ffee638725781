package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// streamPing is how often a comment goes out on a quiet stream (contract 9.7).
	streamPing = 15 * time.Second
	// streamCheck is how often the identity of a listener is looked at again (reliability section 9).
	streamCheck = 30 * time.Second
	// streamWrite bounds one write: a listener that does not read is dropped, and resumes by Last-Event-ID.
	streamWrite = 10 * time.Second
	// streamBatch is the most log entries that are read at a time.
	streamBatch = 500
)

// progressSnapshot is the progress of a run as it is.
type progressSnapshot struct {
	Status   jobs.RunStatus `json:"status"`
	Progress []progressView `json:"progress"`
}

// statusEvent says that the status of a run has changed.
type statusEvent struct {
	Status jobs.RunStatus `json:"status"`
}

// runEvents are the events of a run.
var runEvents = events{"progress": progressView{}, "log": logView{}, "status": statusEvent{}, "end": runView{}}

// readSince reads the parameter since.
func readSince(q *query) int { return q.integer("since", 0, 0, maxStart) }

// runProgress serves GET /jobs/{id}/history/{historyId}/progress: a snapshot, or the live stream (contract 9.7).
func (a *API) runProgress(w http.ResponseWriter, r *request) error {
	ref, id, err := r.jobRun()
	if err != nil {
		return err
	}
	run, err := r.client.RunByID(r.Context(), ref, id)
	if err != nil {
		return err
	}
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	since := readSince(q)
	if err := q.finish(); err != nil {
		return err
	}
	switch progressType(r.Header.Values("Accept")) {
	case "text/event-stream":
		return a.streamRun(w, r, ref, id)
	case "application/json":
		entries := make([]progressView, 0, len(run.Steps))
		for _, e := range progress(run) {
			if e.Index >= since {
				entries = append(entries, e)
			}
		}
		return writePlain(w, r.Request, progressSnapshot{run.Status, entries})
	}
	return fail(http.StatusNotAcceptable, "This route sends application/json or text/event-stream")
}

// progressType picks what the route sends for an Accept header: of the two types the one with the greater weight, of equal ones the one that
// is named first. Empty: nothing fits.
func progressType(accept []string) string {
	header := strings.TrimSpace(strings.Join(accept, ","))
	if header == "" {
		return "application/json"
	}
	best, weight := "", 0.0
	for entry := range strings.SplitSeq(header, ",") {
		mediaType, params, _ := strings.Cut(entry, ";")
		kind := ""
		switch strings.ToLower(strings.TrimSpace(mediaType)) {
		case "text/event-stream", "text/*":
			kind = "text/event-stream"
		case "application/json", "application/hal+json", "application/*", "*/*":
			kind = "application/json"
		}
		if q := quality(params); kind != "" && q > weight {
			best, weight = kind, q
		}
	}
	return best
}

// quality is the parameter q of an entry of Accept: 1 without one, 0 for one that cannot be read.
func quality(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}

// streamRun sends everything that has happened to a run, and what happens, until it has ended. Event ids are the run's event numbers, so
// that a listener goes on with Last-Event-ID after any break, also on another server.
func (a *API) streamRun(w http.ResponseWriter, r *request, ref jobs.JobRef, id jobs.RunID) error {
	after, err := lastEventID(r)
	if err != nil {
		return err
	}
	release, ok := a.streams.take(string(r.identity.Principal.Tenant) + "/" + string(r.identity.Principal.User))
	if !ok {
		return &jobs.UnavailableError{Reason: fmt.Sprintf("Too many live streams are open: at most %d for a user, %d in all", a.streams.each, a.streams.total)}
	}
	defer release()
	wake, stop, err := r.client.WatchRun(r.Context(), ref, id)
	if err != nil {
		return err
	}
	defer stop()
	s := &stream{w: w, control: http.NewResponseController(w), api: a}
	if r.Method == http.MethodHead {
		s.open()
		return nil
	}
	ping := time.NewTicker(streamPing)
	defer ping.Stop()
	check := time.NewTicker(streamCheck)
	defer check.Stop()
	closing := a.closing
	for {
		run, logs, err := r.client.Events(r.Context(), ref, id, after, streamBatch)
		switch {
		case err != nil && s.opened && errors.Is(err, jobs.ErrNotFound):
			return nil // the run was removed under the listener: there is nothing more to come
		case err != nil:
			return err
		}
		if !s.opened && after > run.Seq {
			// The id is of another run, or of a database that was put back to an older state since: nothing of this one was seen.
			after = -1
			continue
		}
		s.open()
		full := len(logs) == streamBatch
		if after, err = s.send(run, logs, after, full); err != nil {
			return err
		}
		if full {
			continue
		}
		if run.Status.Terminal() || closing == nil {
			return nil
		}
		select {
		case <-wake:
		case <-ping.C:
			if err := s.write(": still here\n\n"); err != nil {
				return err
			}
		case <-check.C:
			if err := r.stillAllowed(a, ref); err != nil {
				return err
			}
		case <-r.Context().Done():
			return nil // nobody listens any more
		case <-closing:
			closing = nil // one more look: the run may have ended at the same moment
		}
	}
}

// stillAllowed looks at the identity of a listener again.
func (r *request) stillAllowed(a *API, ref jobs.JobRef) error {
	who, err := a.recheck(r)
	if err != nil {
		return err
	}
	r.client = a.service.As(who)
	return r.client.Can(r.Context(), ref, jobs.PermissionRead)
}

func lastEventID(r *request) (int64, error) {
	header := r.Header.Get("Last-Event-ID")
	if header == "" {
		return -1, nil
	}
	n, err := strconv.ParseInt(header, 10, 64)
	if err != nil || n < 0 {
		return 0, badHeader("Last-Event-ID", "is %q; the id of an event of this stream", clip(header))
	}
	return n, nil
}

// stream writes server-sent events; the one writer for all streams.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	api     *API
	opened  bool
	status  jobs.RunStatus
}

func (s *stream) open() {
	if s.opened {
		return
	}
	s.opened = true
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies would hold the events back
	s.w.WriteHeader(http.StatusOK)
}

// event is one server-sent event.
type event struct {
	seq  int64
	name string
	data any
}

// send writes what is newer than after, in the order of the event numbers, and gives the new mark. With more log entries to come it stays
// below them, so that a step that has changed later is sent in its place.
func (s *stream) send(run *jobs.Run, logs []jobs.LogEntry, after int64, more bool) (int64, error) {
	bound := run.Seq
	if more {
		bound = logs[len(logs)-1].Seq
	}
	var events []event
	for _, p := range progress(run) {
		if p.seq > after && p.seq <= bound {
			events = append(events, event{p.seq, "progress", p})
		}
	}
	for i := range logs {
		events = append(events, event{logs[i].Seq, "log", newLogView(&logs[i])})
	}
	sort.SliceStable(events, func(i, k int) bool { return events[i].seq < events[k].seq })
	ended := run.Status.Terminal() && !more
	if run.Status != s.status && !more {
		s.status = run.Status
		events = append(events, event{bound, "status", statusEvent{run.Status}})
	}
	if ended {
		events = append(events, event{bound, "end", s.api.newRunView(run)})
	}
	if len(events) == 0 {
		return max(after, bound), nil
	}
	var buf bytes.Buffer
	for _, e := range events {
		data, err := encode(e.data)
		if err != nil {
			return after, err
		}
		fmt.Fprintf(&buf, "id: %d\nevent: %s\ndata: %s\n\n", e.seq, e.name, bytes.TrimSpace(data))
	}
	return max(after, bound), s.write(buf.String())
}

func (s *stream) write(text string) error {
	// Not every writer has deadlines; without one a listener that does not read holds its own goroutine only.
	_ = s.control.SetWriteDeadline(time.Now().Add(streamWrite))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("flush event: %w", err)
	}
	liftDeadline(s.control)
	return nil
}
