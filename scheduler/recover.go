package scheduler

import (
	"context"
	"errors"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// unanswered takes in that a call failed, which is no proof that it had no effect (R4). Before anything else is sent the store has to
// tell where the worker stands.
func (w *worker) unanswered(err error) {
	w.verify = true
	if w.s.broken == "R3" && w.sent != nil { // what has no answer is taken for done
		w.applied(w.sent, nil, func(*run) bool { return false })
		return
	}
	if errors.Is(err, jobs.ErrFenced) && w.retry.tries == 0 {
		w.retry.tries++ // the store has answered; no need to wait before asking
		return
	}
	if !errors.Is(err, jobs.ErrFenced) {
		w.s.health.storeError("worker", err)
	}
	if w.retry.tries <= 1 {
		w.s.log.Warn("store failed, trying again", "worker_id", w.id, "err", err)
	}
	w.retryAt = time.Now().Add(w.retry.next())
}

// recovered takes in that an exchange was applied.
func (w *worker) recovered() {
	w.s.health.storeWorks("worker")
	if w.retry.tries > 0 {
		w.s.log.Info("store works again", "worker_id", w.id)
	}
	w.retry.reset()
	w.verify, w.retryAt = false, time.Time{}
	if w.silent && !w.tooLong() {
		w.silent = false
		w.s.health.set(func() { w.s.health.silent = false })
	}
}

// askWhereIStand reads the worker's row and its runs (R3).
func (w *worker) askWhereIStand() {
	limit := w.limits.Timeout
	w.ask(func(ctx context.Context) func() {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		row, held, err := w.s.store.HeldRuns(ctx, w.id)
		return func() { w.stands(row, held, err) }
	})
}

// stands decides by the row what became of the exchange without an answer (R3).
func (w *worker) stands(row jobs.Worker, held []jobs.Claim, err error) {
	switch {
	case errors.Is(err, jobs.ErrNotFound):
		w.lost = true
	case err != nil:
		w.unanswered(err)
	case !row.Status.Live():
		w.drain.stopped = row.Status == jobs.WorkerStopped && w.drain.stopping
		w.lost = !w.drain.stopped
	case w.sent != nil && row.Beat == w.sent.request.Beat:
		w.reconcile(held)
	case row.Beat == w.beat:
		// The exchange was not applied, or there was none. It is sent again as it is.
		w.verify, w.wanted = false, w.wanted || w.sent == nil
	default:
		w.lost = true // a restored backup
	}
}

// reconcile goes on after an exchange that was applied and whose answer was lost: what it said is seen from the runs themselves.
func (w *worker) reconcile(held []jobs.Claim) {
	b := w.sent
	at := make(map[jobs.RunID]*jobs.Claim, len(held))
	var canceled []jobs.RunID
	for i := range held {
		c := &held[i]
		at[c.Run.ID] = c
		if c.Run.CancelRequested {
			canceled = append(canceled, c.Run.ID)
		}
	}
	mine := func(r *run) bool {
		c := at[r.info.ID]
		return c != nil && c.Run.Fence == r.info.Fence
	}
	// An end that was applied and an end that was refused look the same now; either way the run is no longer ours.
	fenced := func(r *run) bool { return !r.ending && !mine(r) }
	w.applied(b, canceled, fenced)
	for _, r := range w.runs {
		if fenced(r) {
			w.drop(r)
		}
	}
	w.wanted = true // limits, orders and what waits come with the next answer
	for i := range held {
		if c := &held[i]; w.runs[c.Run.ID] == nil {
			w.start(c)
		}
	}
}

// hush stops all work when the last exchange is so long ago that others may soon give the worker up (R6). Nothing is written before
// the store has told where the worker stands.
func (w *worker) hush() {
	if w.silent || w.lost || !w.tooLong() {
		return
	}
	w.silent = true
	if w.sent == nil { // else its answer tells
		w.verify = true
	}
	w.s.health.set(func() { w.s.health.silent = true })
	w.s.log.Error("worker stops its work: no answer of the store", "worker_id", w.id, "runs", len(w.runs))
	for _, r := range w.runs {
		r.stop(errSilent)
	}
}
