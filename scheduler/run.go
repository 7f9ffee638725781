package scheduler

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// run is one run in the hands of this worker. Its executor is the only one that changes steps, but for progress.
type run struct {
	s    *Scheduler
	out  *outbox
	info jobs.Run // as it was claimed
	def  *jobs.Definition

	// ctx ends with the cause for which the run has to stop; pauses end with draining too.
	ctx      context.Context
	stop     context.CancelCauseFunc
	draining <-chan struct{}
	// answers has room for the one answer that the executor waits for.
	answers chan answer
	// ending: the outcome that ends the run for this worker is in the hands of the loop. The loop's own.
	ending bool

	// redactor knows the secrets that the run has opened so far.
	redactor atomic.Pointer[jobs.Redactor]
	secrets  []string

	journal
}

// set changes one step, as a new event.
func (r *run) set(i int, change func(*jobs.Step)) {
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	if r.shut {
		return
	}
	change(&r.steps[i])
	r.seq++
	r.steps[i].Seq = r.seq
	r.stepsDirty = true
	r.out.mark(r, false)
}

// begin changes a step into a started one and waits until that is committed (T4).
func (r *run) begin(i int) answer {
	now := r.s.clock.now()
	r.out.mu.Lock()
	if r.shut {
		r.out.mu.Unlock()
		return answerFenced
	}
	step := &r.steps[i]
	step.State, step.StartedAt, step.EndedAt = jobs.StepStarted, now, time.Time{}
	step.Message, step.Percent = "", nil
	step.Attempt++
	r.seq++
	step.Seq = r.seq
	r.stepsDirty, r.starts, r.waiting = true, true, true
	r.out.mark(r, true)
	r.out.mu.Unlock()
	return <-r.answers
}

// reply answers an executor that waits. The caller holds the lock.
func (r *run) reply(a answer) {
	if r.waiting {
		r.waiting = false
		r.answers <- a
	}
}

// confirm answers an executor that waits for the commit of a start.
func (r *run) confirm(a answer) {
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	r.reply(a)
}

// close ends the run for this worker: one of end and requeue is set. Later news of the run is dropped.
func (r *run) close(end *jobs.RunEnd, requeue *jobs.Requeue) {
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	if r.shut {
		return
	}
	r.shut = true
	r.end, r.requeue = end, requeue
	r.seq++
	r.stepsDirty, r.progress = true, false
	r.out.mark(r, true)
}

// drop forgets a run that was taken away. Its executor keeps its slot until it has ended. It may be repeated.
func (r *run) drop(cause error) {
	r.stop(cause)
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	r.shut = true
	if !r.gone && !r.exited {
		r.s.occupied.Add(1)
	}
	r.gone = true
	r.reply(answerFenced)
}

// exit notes that the executor has ended.
func (r *run) exit() {
	r.stop(nil) // nobody needs the context any more
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	r.exited = true
	if r.gone {
		r.s.release()
	}
}
