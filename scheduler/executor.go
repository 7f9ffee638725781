package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// Texts of steps and runs that did not end by themselves.
const (
	textCanceled    = "canceled"
	textRunCanceled = "the run was canceled"
	textNoStop      = "did not stop"
)

// execute is the life of a run on this worker. The claim has started the current step.
func (r *run) execute() {
	defer r.s.executors.Done()
	defer r.exit()
	i := jobs.CurrentStep(r.steps)
	if r.info.CancelRequested {
		if i < len(r.steps) {
			r.unstart(i)
		}
		r.cancel(false)
		return
	}
	switch {
	case i == len(r.steps):
	case !r.ownerMayUse(i):
		// The owner may not use the datasets of the job any more: the step has failed, and what asks for that goes on.
		if i = r.next(i); i < 0 {
			return
		}
	case r.steps[i].Attempt == 1 && !r.admitted(i):
		// It was put back before it had started, so nobody has asked its condition yet.
		if i = r.next(i); i < 0 {
			return
		}
	}
	for i < len(r.steps) {
		if !r.perform(i) {
			return
		}
		if i = r.advance(i + 1); i < 0 {
			return
		}
	}
	r.finish()
}

// next goes on after step i, which was started and not performed: it has a result, or the run has to stop and the start is taken back.
func (r *run) next(i int) int {
	if r.steps[i].State.Done() {
		return r.advance(i + 1)
	}
	r.unstart(i)
	r.interrupted(context.Cause(r.ctx))
	return -1
}

// advance starts the next step at or after i whose condition is met, and skips the others. It returns len(steps) if none is left,
// and -1 if the run has ended for this worker.
func (r *run) advance(i int) int {
	for ; i < len(r.steps); i++ {
		if !r.admitted(i) && r.steps[i].State.Done() {
			continue
		}
		if r.ctx.Err() != nil {
			r.interrupted(context.Cause(r.ctx))
			return -1
		}
		if !r.started(i) {
			return -1
		}
		return i
	}
	return i
}

// started records the start of an attempt, with the result of what came before it, and waits for the commit. False: the run has
// ended for this worker.
func (r *run) started(i int) bool {
	switch r.begin(i) {
	case answerFenced:
		return false
	case answerCanceled:
		r.unstart(i)
		r.cancel(false)
		return false
	case answerGo:
	}
	if r.ctx.Err() == nil {
		return true
	}
	// The worker is to stop, and the driver was not called.
	r.unstart(i)
	r.interrupted(context.Cause(r.ctx))
	return false
}

// unstart takes back a start whose driver was not called.
func (r *run) unstart(i int) {
	r.set(i, func(s *jobs.Step) {
		s.Attempt--
		s.State, s.StartedAt = jobs.StepPending, time.Time{}
		if s.Attempt > 0 {
			s.State = jobs.StepInterrupted // of the attempts before
		}
	})
}

// admitted decides by condition and the rule of the first error whether a step runs (contract 7.3). If not, it is skipped; a condition
// that cannot be evaluated is an error of the step. A false answer without a result means that the run has to stop.
func (r *run) admitted(i int) bool {
	step := &r.steps[i]
	action, _, ok := r.def.Action(step.ActionID)
	if !ok && step.Kind == jobs.StepAction {
		return true // the attempt fails and says so
	}
	if plain := !ok || action.Condition == nil; plain || !action.Condition.UsesStatus() {
		if r.status(i) == jobs.RunError {
			r.skip(i, "not met: run.status ne error")
			return false
		}
		if plain {
			return true
		}
	}
	values, err := r.conditionValues(i, action)
	switch {
	case err != nil && r.ctx.Err() != nil:
		return false
	case err != nil:
		r.fail(i, failed(r.redacted(err)))
		return false
	}
	decision := action.Condition.Decide(values)
	for _, w := range decision.Warnings {
		r.warn()
		r.note(jobs.LogWarn, w, step.ActionID, nil)
	}
	if decision.Met != nil && *decision.Met {
		return true
	}
	r.skip(i, "not met: "+decision.Decisive)
	return false
}

func (r *run) skip(i int, message string) {
	now := r.s.clock.now()
	r.set(i, func(s *jobs.Step) {
		s.State, s.Message, s.EndedAt = jobs.StepSkipped, cutBytes(clean(message), jobs.MaxErrorText), now
	})
}

// perform makes attempts of a step until it has a result. False: the run has ended for this worker.
func (r *run) perform(i int) bool {
	for {
		res := r.attempt(i)
		switch {
		case errors.Is(res.stopped, jobs.ErrCanceled):
			r.cancel(res.leaked)
			return false
		case res.stopped != nil && res.leaked:
			r.abandon(i, res.stopped)
			return false
		case res.stopped != nil:
			r.interrupted(res.stopped)
			return false
		case res.err == nil:
			r.succeed(i, res)
			return true
		}
		wait, again := r.failure(i, res)
		if !again {
			r.fail(i, res)
			return true
		}
		if wait > maxHeldPause || !r.wait(wait) {
			r.pauseEnded(i, wait)
			return false
		}
		if !r.started(i) {
			return false
		}
	}
}

// succeed records the result of a step. Outputs of a run have a bound together.
func (r *run) succeed(i int, res result) {
	total := len(res.output)
	for j := range r.steps[:i] {
		total += len(r.steps[j].Output)
	}
	if total > jobs.MaxRunOutputs {
		r.fail(i, failed(fmt.Errorf("the outputs of the run have %d bytes together; at most %d", total, jobs.MaxRunOutputs)))
		return
	}
	now := r.s.clock.now()
	r.set(i, func(s *jobs.Step) {
		s.State, s.Message, s.Output, s.EndedAt = jobs.StepSuccess, res.message, res.output, now
	})
}

// failure counts a failed attempt and decides whether there is another one.
func (r *run) failure(i int, res result) (wait time.Duration, again bool) {
	step := &r.steps[i]
	advice := jobs.AdviceOf(res.err)
	if advice.Unclear {
		r.s.health.note(func(h *Health) { h.UnclearOutcomes++ })
	}
	policy, known := r.def.Policy(step)
	now := r.s.clock.now()
	text := errorText(res.err)
	r.set(i, func(s *jobs.Step) { s.Failures++; s.Message = text; s.EndedAt = now })
	if !known {
		return 0, false
	}
	wait, again = retryPause(policy, step, advice, jobs.EffectKey(r.info.ID, step.ID()))
	if left, _ := r.timeLeft(); again && left <= wait {
		return 0, false
	}
	if again {
		r.set(i, func(s *jobs.Step) { s.State = jobs.StepInterrupted })
		r.note(jobs.LogInfo, fmt.Sprintf("attempt %d failed, the next one is in %s: %s", step.Attempt, wait, text), step.ActionID, nil)
	}
	return wait, again
}

// errorText is the message of a failed step.
func errorText(err error) string {
	text := err.Error()
	if jobs.AdviceOf(err).Unclear {
		text += " (it is unclear whether this had an effect)"
	}
	return cutBytes(clean(text), jobs.MaxErrorText)
}

// fail records that a step has failed for good.
func (r *run) fail(i int, res result) {
	state := jobs.StepError
	if action, _, ok := r.def.Action(r.steps[i].ActionID); ok && action.OnError == jobs.OnErrorWarn {
		state = jobs.StepWarning
		r.warn()
	}
	now := r.s.clock.now()
	text := errorText(res.err)
	r.set(i, func(s *jobs.Step) { s.State, s.Message, s.EndedAt = state, text, now })
}

// wait lets a pause before the next attempt pass; false if the run has to stop before.
func (r *run) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.ctx.Done():
		return false
	case <-r.draining:
		return false
	case <-timer.C:
		return true
	}
}

// pauseEnded gives back the slot of a run that waits for its next attempt: the pause is long, or the worker ends.
func (r *run) pauseEnded(i int, wait time.Duration) {
	switch cause := context.Cause(r.ctx); {
	case cause == nil:
	case errors.Is(cause, jobs.ErrCanceled):
		r.cancel(false)
		return
	case errors.Is(cause, jobs.ErrFenced) && !errors.Is(cause, errSilent):
		return
	}
	// Counted from the end of the attempt, so that what has passed of the pause is not waited for again.
	r.close(nil, &jobs.Requeue{NotBefore: r.steps[i].EndedAt.Add(wait)})
}

// interrupted ends the work on a run that the worker cannot go on with: others go on if they may (reliability section 2).
func (r *run) interrupted(cause error) {
	reason := jobs.ErrShutdown.Error()
	switch {
	case errors.Is(cause, jobs.ErrCanceled):
		r.cancel(false)
		return
	case errors.Is(cause, errSilent):
		l := *r.s.limits.Load()
		reason = "worker lost: no heartbeat for " + timeText(l.Timeout-l.Heartbeat)
	case errors.Is(cause, jobs.ErrFenced):
		return // nothing is written any more
	}
	now := r.s.clock.now()
	r.out.mu.Lock()
	run := r.info
	run.Steps, run.Seq = r.steps, r.seq
	what := jobs.Interrupt(&run, r.def, now, reason)
	r.steps, r.seq = what.Steps, what.Seq
	r.out.mu.Unlock()
	if what.Requeue {
		r.note(jobs.LogInfo, reason+"; the run goes on later", "", nil)
		r.close(nil, &jobs.Requeue{NotBefore: now})
		return
	}
	r.conclude(jobs.RunError, now)
}

// abandon ends a run whose driver was told to stop and did not. It is not put back: its work may still be going on.
func (r *run) abandon(i int, cause error) {
	if errors.Is(cause, jobs.ErrFenced) && !errors.Is(cause, errSilent) {
		return
	}
	now := r.s.clock.now()
	text := textNoStop + " (" + cause.Error() + ")"
	r.set(i, func(s *jobs.Step) { s.State, s.Message, s.EndedAt = jobs.StepError, text, now })
	r.skipRest(i+1, "the run was interrupted")
	r.conclude(jobs.RunError, now)
}

// cancel ends the run as canceled: what has a result keeps it (reliability section 6).
func (r *run) cancel(leaked bool) {
	now := r.s.clock.now()
	i := jobs.CurrentStep(r.steps)
	if i < len(r.steps) && r.steps[i].Attempt > 0 {
		text := textCanceled
		if leaked {
			text += ", but the driver " + textNoStop
		}
		r.set(i, func(s *jobs.Step) { s.State, s.Message, s.EndedAt = jobs.StepError, text, now })
		i++
	}
	r.skipRest(i, textRunCanceled)
	r.conclude(jobs.RunCanceled, now)
}

func (r *run) skipRest(i int, message string) {
	for ; i < len(r.steps); i++ {
		r.skip(i, message)
	}
}

// finish ends a run all of whose steps have a result (contract 3.2).
func (r *run) finish() {
	if r.status(len(r.steps)) != jobs.RunError {
		r.removeOldSnapshots()
	}
	r.conclude(r.status(len(r.steps)), r.s.clock.now())
}

func (r *run) conclude(status jobs.RunStatus, at time.Time) {
	r.s.health.note(func(h *Health) { h.Runs++ })
	r.close(&jobs.RunEnd{Status: status, Error: r.firstError(), At: at}, nil)
}
