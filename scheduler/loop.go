package scheduler

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// pollTime is how often the worker looks for runs that limits of tenant or cluster hold back: nobody tells it when another worker
// makes room.
const pollTime = time.Second

// storeCall is a call to the store; what it returns is done by the loop.
type storeCall func(ctx context.Context) func()

// live is the life of a worker: one loop that records what happened, claims, and hands out. At most one call to the store is under way
// at any moment. Again is true if others have given the worker up.
func (w *worker) live(ctx context.Context) (again bool, err error) {
	calls, abort := context.WithCancel(w.base)
	var pipe sync.WaitGroup
	pipe.Go(func() { w.serve(calls) })
	defer pipe.Wait()
	defer close(w.calls)
	defer abort()
	queue, stopQueue := w.s.store.Watch(jobs.TopicQueue, "")
	defer stopQueue()
	orders, stopOrders := w.s.store.Watch(jobs.TopicWorker, "")
	defer stopOrders()

	ending := ctx.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		w.hush()
		w.stopWork()
		switch {
		case w.lost:
			return w.leave(ctx)
		case w.drain.stopped || w.givesUp():
			return false, w.drain.err
		}
		w.send()
		timer.Reset(w.sleep())
		select {
		case <-ending:
			ending = nil
			w.beginDrain()
		case then := <-w.answers:
			w.busy = false
			then()
		case <-w.out.wake:
		case <-w.s.freed:
		case <-queue:
			w.queued = true
		case <-orders:
			w.wanted = true
		case <-timer.C:
		}
	}
}

// serve makes the calls to the store.
func (w *worker) serve(ctx context.Context) {
	for call := range w.calls {
		w.answers <- call(ctx)
	}
}

// ask makes a call unless one is under way; nobody asks then.
func (w *worker) ask(call storeCall) {
	w.busy = true
	w.calls <- call
}

// send makes the next call to the store if one is due.
func (w *worker) send() {
	switch {
	case w.busy || time.Now().Before(w.retryAt):
	case w.verify:
		w.askWhereIStand()
	case w.sent != nil:
		w.exchange()
	case w.wantsSteer():
		w.askSteer()
	case w.wantsStop():
		w.askStop()
	case w.exchangeIn() <= 0:
		w.compose()
		w.exchange()
	}
}

// exchangeIn is how long it is until an exchange is due for whatever reason; zero or less: now.
func (w *worker) exchangeIn() time.Duration {
	urgent, lazyAt := w.out.due()
	free := w.free() > 0
	if w.wanted || urgent || free && w.queued {
		return 0
	}
	in := w.rhythm() - elapsed(w.okAt)
	if !lazyAt.IsZero() {
		in = min(in, time.Until(lazyAt))
	}
	if free && !w.nextDue.IsZero() {
		in = min(in, w.nextDue.Sub(w.s.clock.now()))
	}
	if free && !w.pollAt.IsZero() {
		in = min(in, time.Until(w.pollAt))
	}
	return in
}

// sleep is how long the loop may wait for something to happen.
func (w *worker) sleep() time.Duration {
	d := w.drainIn()
	if !w.silent {
		d = min(d, w.patience()-elapsed(w.okAt))
	}
	if !w.busy {
		next := time.Duration(0)
		if !w.verify && w.sent == nil {
			next = w.exchangeIn()
		}
		d = min(d, max(next, time.Until(w.retryAt)))
	}
	return max(d, 0)
}

// compose makes the next exchange of all that has happened.
func (w *worker) compose() {
	switch {
	case w.s.rest != nil:
		w.s.rest(w.out)
	case w.holding > 1:
		w.out.settle()
	}
	outcomes, runs := w.out.collect()
	for i := range outcomes {
		if outcomes[i].End != nil || outcomes[i].Requeue != nil {
			w.letGo(runs[i])
		}
	}
	want := w.free()
	w.wanted = false
	if want > 0 {
		w.queued, w.nextDue, w.pollAt = false, time.Time{}, time.Time{}
	}
	w.sent = &batch{runs: runs, request: jobs.ExchangeRequest{
		Worker: w.id, Beat: w.beat + 1, Outcomes: outcomes, Want: want, Has: w.s.has,
	}}
}

// exchange sends the composed exchange, again if need be: it stays the same under the same number until it is known what became of
// it (R4).
func (w *worker) exchange() {
	b := w.sent
	b.started = time.Now()
	b.request.Now = w.s.clock.now()
	limit := w.limits.Timeout
	w.ask(func(ctx context.Context) func() {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		result, err := w.s.store.Exchange(ctx, b.request)
		return func() { w.answered(b, result, err) }
	})
}

// answered takes in the answer of an exchange.
func (w *worker) answered(b *batch, result *jobs.ExchangeResult, err error) {
	if err != nil {
		w.unanswered(err)
		return
	}
	w.applied(b, result.CancelRequested, func(r *run) bool { return contains(result.Fenced, r.info.ID) })
	w.obey(b, result)
	for i := range result.Claimed {
		w.start(&result.Claimed[i])
	}
}

// applied takes the outcomes of an exchange that was committed off the books and lets those go on that waited for it.
func (w *worker) applied(b *batch, canceled []jobs.RunID, fenced func(*run) bool) {
	w.sent = nil
	w.beat, w.okAt = b.request.Beat, b.started
	w.recovered()
	for _, id := range canceled {
		if r := w.runs[id]; r != nil {
			r.stop(jobs.ErrCanceled)
		}
	}
	for i, r := range b.runs {
		switch o := &b.request.Outcomes[i]; {
		case w.runs[r.info.ID] != r:
		case fenced(r):
			w.drop(r)
		case o.End != nil || o.Requeue != nil:
			w.forget(r)
		case o.Starts && contains(canceled, r.info.ID):
			r.confirm(answerCanceled)
		case o.Starts:
			r.confirm(answerGo)
		}
	}
}

func contains(ids []jobs.RunID, id jobs.RunID) bool {
	for _, x := range ids {
		if x == id {
			return true
		}
	}
	return false
}

// obey takes over what operators and the store want of the worker.
func (w *worker) obey(b *batch, result *jobs.ExchangeResult) {
	if result.Status.Live() && result.Status != w.status {
		w.s.log.Info("worker has a new status", "worker_id", w.id, "status", result.Status)
		w.status = result.Status
	}
	if result.Concurrency > 0 && result.Concurrency != w.concurrency {
		w.s.log.Info("worker has a new concurrency", "worker_id", w.id, "concurrency", result.Concurrency)
		w.concurrency = result.Concurrency
	}
	if result.Limits != w.limits && result.Limits.Heartbeat > 0 && result.Limits.Timeout > result.Limits.Heartbeat {
		w.limits = result.Limits
		limits := result.Limits
		w.s.limits.Store(&limits)
		select {
		case w.s.newLimits <- struct{}{}:
		default: // the observer has not taken the last signal yet; it will read the newest limits
		}
	}
	w.nextDue = result.NextDue
	switch {
	case !result.More:
	case len(result.Claimed) > 0 || b.request.Want == 0:
		w.queued = true
	default:
		w.pollAt = time.Now().Add(pollTime)
	}
	if !w.nextDue.IsZero() && !w.nextDue.After(b.request.Now) {
		w.nextDue, w.pollAt = time.Time{}, time.Now().Add(pollTime)
	}
	w.s.health.turn(w.holding+len(result.Claimed), w.concurrency, result.Refused)
}

// leave ends a life that others have ended.
func (w *worker) leave(ctx context.Context) (again bool, err error) {
	held := len(w.runs)
	for _, r := range w.runs {
		w.drop(r)
	}
	w.s.health.note(func(h *Health) { h.Restarts++; h.Running = 0 })
	w.s.health.set(func() { w.s.health.silent = false }) // of the next life that is not known yet
	if ctx.Err() == nil {
		return true, nil
	}
	if held > 0 {
		return false, fmt.Errorf("worker %s was given up by others while it shut down, with %d runs", w.id, held)
	}
	return false, nil
}
