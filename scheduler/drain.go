package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// forever is a wait that something else ends.
const forever = time.Duration(1<<63 - 1)

// drain is how far the end of a worker is (reliability section 6).
type drain struct {
	// begun is closed when no more runs are claimed and pauses before retries end.
	begun chan struct{}
	at    time.Time
	// steered: operators were told, as far as that worked. told: the work was told to stop.
	steered, told bool
	// idleAt is when all work had ended.
	idleAt time.Time
	// stopping: the store was asked to mark the worker as stopped; stopped: it did.
	stopping, stopped bool
	err               error
}

func (d *drain) started() bool { return !d.at.IsZero() }

// beginDrain lets the work go on but claims nothing more.
func (w *worker) beginDrain() {
	w.drain.at = time.Now()
	close(w.drain.begun)
	w.s.log.Info("worker is draining", "worker_id", w.id, "runs", w.holding)
}

// stopWork tells the work to stop when the grace is over.
func (w *worker) stopWork() {
	d := &w.drain
	if !d.started() {
		return
	}
	if !d.told && elapsed(d.at) >= w.s.options.Grace {
		d.told = true
		for _, r := range w.runs {
			r.stop(jobs.ErrShutdown)
		}
	}
	if d.idleAt.IsZero() && w.idle() {
		d.idleAt = time.Now()
	}
}

// idle reports whether no executor works any more: those that are left only wait for the store.
func (w *worker) idle() bool {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	for _, r := range w.runs {
		if !r.exited && !(r.waiting && w.drain.told) {
			return false
		}
	}
	return true
}

// drainIn is how long it is until the drain has to go on.
func (w *worker) drainIn() time.Duration {
	d := &w.drain
	switch {
	case !d.started():
		return forever
	case !d.idleAt.IsZero():
		return lastTime - elapsed(d.idleAt)
	case !d.told:
		return w.s.options.Grace - elapsed(d.at)
	}
	return time.Second // executors end within stopTime, and most of them wake the loop
}

// wantsSteer: others should see that the worker takes nothing more.
func (w *worker) wantsSteer() bool {
	return w.drain.started() && !w.drain.steered && w.holding > 0 && w.status == jobs.WorkerActive
}

func (w *worker) askSteer() {
	w.drain.steered = true
	w.ask(func(ctx context.Context) func() {
		err := w.s.store.SteerWorker(ctx, w.id, jobs.WorkerDraining, 0)
		return func() {
			if err != nil { // it is only shown to people
				w.s.log.Warn("worker cannot be shown as draining", "worker_id", w.id, "err", err)
			}
		}
	})
}

// wantsStop: everything is recorded.
func (w *worker) wantsStop() bool { return w.drain.started() && len(w.runs) == 0 }

func (w *worker) askStop() {
	w.drain.stopping = true
	w.ask(func(ctx context.Context) func() {
		err := w.s.store.StopWorker(ctx, w.s.clock.now(), w.id)
		return func() {
			switch {
			case err == nil:
				w.drain.stopped = true
				w.s.log.Info("worker stopped", "worker_id", w.id)
			case errors.Is(err, jobs.ErrConflict):
				w.verify = true // stopped by the call whose answer was lost, or lost
				w.retryAt = time.Now().Add(w.retry.next())
			default:
				w.unanswered(err)
			}
		}
	})
}

// givesUp reports whether the store does not take the last results within lastTime.
func (w *worker) givesUp() bool {
	d := &w.drain
	if !d.started() || d.idleAt.IsZero() || elapsed(d.idleAt) < lastTime {
		return false
	}
	d.err = fmt.Errorf("worker %s could not be stopped: the store did not answer in time, %d runs are left to others", w.id, len(w.runs))
	for _, r := range w.runs {
		w.drop(r)
	}
	return true
}
