package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs"
)

// runJob serves POST /jobs/{id}: it starts a run, and waits for its end as far as the caller wants (contract 3.1).
func (a *API) runJob(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := r.client.Can(r.Context(), ref, jobs.PermissionRun); err != nil {
		return err
	}
	wait, err := runWait(r, -1)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	b, err := newBodyBesideQuery(r.Request, true)
	if err != nil {
		return err
	}
	params := readRunParams(b)
	if err := b.finish(); err != nil {
		return err
	}
	if a.closed() {
		return &jobs.UnavailableError{Reason: "The server is shutting down"}
	}
	run, err := r.client.Run(r.Context(), ref, jobs.RunOptions{Params: params, Key: key, NeedWorker: wait.seconds != 0})
	if err != nil {
		return err
	}
	return a.writeStarted(w, r, ref, run, wait)
}

// writeStarted answers with a run that was started, after its end as far as the caller wants to wait.
func (a *API) writeStarted(w http.ResponseWriter, r *request, ref jobs.JobRef, run *jobs.Run, wait waiting) error {
	if err := r.client.Explain(r.Context(), run); err != nil {
		return err
	}
	// Without a worker that could take the run its end may never come: the caller is told at once what it waits for.
	hopeless := run.Waiting != nil && (run.Waiting.Reason == jobs.WaitNoWorker || run.Waiting.Reason == jobs.WaitNoDriver)
	if wait.seconds != 0 && !hopeless {
		var err error
		if run, err = a.await(w, r, ref, run, wait.seconds); err != nil {
			return err
		}
		if err := r.client.Explain(r.Context(), run); err != nil {
			return err
		}
	}
	if wait.applied != "" {
		w.Header().Set("Preference-Applied", wait.applied)
	}
	status := http.StatusOK
	if !run.Status.Terminal() {
		status = http.StatusAccepted
		w.Header().Set("Location", a.path("jobs", string(run.JobID), "history", string(run.ID)))
	}
	return write(w, r.Request, status, a.newRunView(run))
}

// await waits for the end of a run; seconds below zero means without a bound. If the client goes away, the run goes on.
func (a *API) await(w http.ResponseWriter, r *request, ref jobs.JobRef, run *jobs.Run, seconds int) (*jobs.Run, error) {
	release, ok := a.waiting.take(string(r.identity.Principal.Tenant) + "/" + string(r.identity.Principal.User))
	if !ok {
		return run, nil // too many wait already: the answer is 202, as if the time was over
	}
	defer release()
	control := http.NewResponseController(w)
	liftDeadline(control)
	ctx, cancel := context.WithCancel(r.Context())
	var over <-chan time.Time
	if seconds > 0 {
		over = time.After(time.Duration(seconds) * time.Second)
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-over:
		case <-a.closing:
		case <-ctx.Done():
		}
		cancel()
	}()
	run, err := r.client.Wait(ctx, ref, run.ID)
	cancel()
	<-watched
	_ = control.SetWriteDeadline(time.Now().Add(answerTime)) // as for liftDeadline
	return run, err
}

// answerTime bounds the writing of an answer that had to wait, so that a client that does not read holds nothing for ever.
const answerTime = time.Minute

// liftDeadline is for answers that take as long as a run: with HTTP/2 the server's WriteTimeout ends them even while nothing is written.
// Not every writer has deadlines; then there is none to lift.
func liftDeadline(c *http.ResponseController) { _ = c.SetWriteDeadline(time.Time{}) }

// waiting is how long a caller wants to wait: 0 not at all, -1 until the end.
type waiting struct {
	seconds int
	applied string
}

// maxWait is the longest time, in seconds, that a caller can ask to wait.
const maxWait = 48 * 3600

// readRunWait reads the parameter wait; without one it gives -1.
func readRunWait(q *query) int { return q.integer("wait", -1, 0, maxWait) }

// readRunParams reads the body of contract 3.1.
func readRunParams(b *body) json.RawMessage { return b.object("params").Value }

// runWait reads the query parameter wait, or else the header Prefer; otherwise is what a caller wants who says nothing.
func runWait(r *request, otherwise int) (waiting, error) {
	q, err := newQuery(r.Request)
	if err != nil {
		return waiting{}, err
	}
	seconds := readRunWait(q)
	if err := q.finish(); err != nil {
		return waiting{}, err
	}
	if seconds >= 0 {
		return waiting{seconds: seconds}, nil
	}
	w := waiting{seconds: -1}
	for preference := range strings.SplitSeq(strings.Join(r.Header.Values("Prefer"), ","), ",") {
		preference, _, _ = strings.Cut(preference, ";")
		name, value, _ := strings.Cut(preference, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "respond-async":
			if w.seconds < 0 { // together with wait it says what wait says (RFC 7240, section 4.3)
				w = waiting{seconds: 0, applied: "respond-async"}
			}
		case "wait":
			n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`))
			if err != nil || n < 0 || n > maxWait {
				return waiting{}, badHeader("Prefer", "has wait=%q; an integer from 0 to %d", clip(value), maxWait)
			}
			return waiting{seconds: n, applied: "wait=" + strconv.Itoa(n)}, nil
		}
	}
	if w.applied == "" {
		w.seconds = otherwise
	}
	return w, nil
}

func idempotencyKey(r *request) (string, error) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	if len(values) > 1 || key == "" || len(key) > jobs.MaxIdempotencyKey || !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) {
		return "", badHeader("Idempotency-Key", "has to be one text of 1 to %d bytes", jobs.MaxIdempotencyKey)
	}
	return key, nil
}
