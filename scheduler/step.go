package scheduler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// lateActionTime bounds each action that still runs after the run has timed out: those that ask for the status, such as alerts.
	lateActionTime = time.Minute
	// maxStack bounds the stack of a panic in the log, in bytes.
	maxStack = 6 << 10
)

// errSilent is the cause with which a worker stops its own work because it cannot reach the store (R6).
var errSilent = fmt.Errorf("no heartbeat: %w", jobs.ErrFenced)

// result is what came of one attempt.
type result struct {
	output  json.RawMessage
	message string
	// err is the fault of the step; its text has been redacted, its advice kept.
	err error
	// stopped is the cause for which the work was to end before it had: ErrCanceled, ErrShutdown, errSilent or ErrFenced. What the
	// driver returned does not matter then.
	stopped error
	// leaked: the driver did not return.
	leaked bool
}

// settings are where a step finds what it is to do.
type settings struct {
	kind    jobs.DriverKind
	policy  jobs.StepPolicy
	data    json.RawMessage
	secrets jobs.Secrets
	field   string
}

func (r *run) settings(s *jobs.Step) (settings, bool) {
	switch s.Kind {
	case jobs.StepDriver:
		return settings{jobs.DriverJob, r.def.Policies.Driver, r.def.Data, r.def.Secrets, "data"}, true
	case jobs.StepSnapshotBefore, jobs.StepSnapshotAfter:
		policy, ok := r.def.Policy(s)
		return settings{policy: policy}, ok
	case jobs.StepAction:
	}
	a, _, ok := r.def.Action(s.ActionID)
	if !ok {
		return settings{}, false
	}
	return settings{jobs.DriverAction, a.Step, a.Data, a.Secrets, "actions." + string(a.ID) + ".data"}, true
}

// attempt calls the driver of a step once. It returns at most stopTime after the context has ended, whatever the driver does.
func (r *run) attempt(i int) result {
	step := &r.steps[i]
	set, ok := r.settings(step)
	if !ok {
		return failed(jobs.Permanent(errors.New("the definition has no such action")))
	}
	driver, ok := r.driver(step, set.kind)
	if !ok {
		return failed(jobs.Permanent(fmt.Errorf("the driver %q is not available", step.Type)))
	}
	limit, limitText := r.bound(i, set.policy)
	if limit <= 0 {
		return failed(jobs.Permanent(fmt.Errorf("%w %s", jobs.ErrTimeout, limitText)))
	}
	ctx, cancel := context.WithTimeoutCause(r.ctx, limit, jobs.ErrTimeout)
	defer cancel()
	task, attached, err := r.prepare(ctx, i, driver, set)
	if err != nil {
		return r.judge(ctx, failed(err), limitText)
	}
	c := &call{done: make(chan result, 1)}
	go c.run(ctx, r, driver, task, attached)
	select {
	case res := <-c.done:
		return r.judge(ctx, res, limitText)
	case <-ctx.Done():
	}
	return r.judge(ctx, c.await(r.s), limitText)
}

// prepare makes what the driver of a step gets. It asks drivers where their secrets go, and a panic of one is an error of the step.
func (r *run) prepare(ctx context.Context, i int, driver jobs.Driver, set settings) (task *jobs.Task, attached []rendering, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = r.panicked(r.steps[i].ActionID, v).err
		}
	}()
	if task, err = r.task(ctx, i, driver, set); err != nil {
		return nil, nil, err
	}
	attached, err = r.renderings(ctx, i, task)
	return task, attached, err
}

// driver is the code of a step; false if this worker does not have it.
func (r *run) driver(s *jobs.Step, kind jobs.DriverKind) (jobs.Driver, bool) {
	if s.Kind.Snapshot() == "" {
		return r.s.drivers.Driver(kind, s.Type)
	}
	a, _, ok := r.def.Association(s.Name)
	return snapshots{r, a, s.ID(), s.Kind.Snapshot()}, ok
}

// bound is how long the next attempt may take: the time-out of the step or what is left for the run, with words for the error. Zero:
// nothing is left. Actions that run because the run has failed, such as alerts, get lateActionTime even then.
func (r *run) bound(i int, p jobs.StepPolicy) (time.Duration, string) {
	limit := p.Timeout
	if limit == 0 {
		limit = jobs.MaxStepDuration
	}
	left, whole := r.timeLeft()
	if left <= 0 && r.status(i) == jobs.RunError {
		left = lateActionTime
	}
	if left < limit {
		return max(left, 0), "because the run took longer than " + timeText(whole)
	}
	return limit, "after " + timeText(limit)
}

// timeLeft is what is left of the time of the whole run, which counts from its first start on whatever worker.
func (r *run) timeLeft() (left, whole time.Duration) {
	whole = r.def.Policies.Timeout
	if whole == 0 {
		whole = jobs.MaxRunDuration
	}
	return whole - r.s.clock.now().Sub(r.info.StartedAt), whole
}

// judge decides what an attempt was after its context ended. A result that a driver brings home during a shutdown counts; one that
// comes after a cancel or a time-out does not.
func (r *run) judge(ctx context.Context, res result, limitText string) result {
	if ctx.Err() == nil {
		return res
	}
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, jobs.ErrTimeout):
		res.err = fmt.Errorf("%w %s", jobs.ErrTimeout, limitText)
		if res.leaked {
			res.err = jobs.Permanent(fmt.Errorf("%w and did not stop", res.err))
		}
	case errors.Is(cause, jobs.ErrCanceled), res.leaked, res.err != nil, errors.Is(cause, jobs.ErrFenced) && !errors.Is(cause, errSilent):
		res.stopped = cause
	}
	return res
}

func failed(err error) result { return result{err: err} }

// call is one call of a driver, in a goroutine of its own so that a driver that does not stop holds nobody up.
type call struct {
	done chan result
	// over is set by the one of the two that ends first: the driver, or the patience of the executor.
	over atomic.Bool
}

// run calls the driver. Panics and runtime.Goexit are errors of the step.
func (c *call) run(ctx context.Context, r *run, driver jobs.Driver, task *jobs.Task, attached []rendering) {
	res, returned := result{}, false
	defer func() {
		if !returned {
			res = r.panicked(task.ActionID, recover())
		}
		if !c.over.CompareAndSwap(false, true) {
			r.s.unleak()
			return
		}
		c.done <- res
	}()
	var output jobs.Output
	var err error
	if task.Attachments, err = render(ctx, attached); err == nil {
		output, err = driver.Run(ctx, task)
	}
	if err != nil {
		res = failed(r.redacted(err))
	} else {
		res = r.encode(output)
	}
	returned = true
}

// await gives the driver stopTime to return; then the call is leaked.
func (c *call) await(s *Scheduler) result {
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case res := <-c.done:
		return res
	case <-timer.C:
	}
	s.leak()
	if !c.over.CompareAndSwap(false, true) {
		s.unleak()
		return <-c.done
	}
	return result{leaked: true}
}

func (s *Scheduler) leak() {
	s.occupied.Add(1)
	s.health.note(func(h *Health) { h.LeakedSlots++; h.Leaks++ })
}

func (s *Scheduler) unleak() {
	s.health.note(func(h *Health) { h.LeakedSlots-- })
	s.release()
}

// panicked makes the error of a driver that did not return in order; its stack goes to the log of the run.
func (r *run) panicked(action jobs.ActionID, value any) result {
	err := errors.New("the driver ended its goroutine")
	if value != nil {
		err = fmt.Errorf("the driver panicked: %v", value)
	}
	err = r.redacted(err)
	stack, marshalErr := json.Marshal(map[string]string{
		"stack": cutBytes(clean(r.redactor.Load().String(string(debug.Stack()))), maxStack),
	})
	if marshalErr != nil { // strings always marshal
		stack = nil
	}
	r.note(jobs.LogError, err.Error(), action, stack)
	return failed(err)
}

// redacted is an error of a driver as the engine goes on with it: its text without secrets, and what it says of another try. The error itself is
// not kept: it is code of the driver, which may panic whenever it is asked.
func (r *run) redacted(err error) error {
	plain := errors.New(cutBytes(clean(r.redactor.Load().String(err.Error())), jobs.MaxErrorText))
	switch advice := jobs.AdviceOf(err); {
	case advice.Permanent:
		return jobs.Permanent(plain)
	case advice.Unclear:
		return jobs.Unclear(plain)
	case advice.After > 0:
		return jobs.RetryAfter(advice.After, plain)
	}
	return plain
}

// encode turns what a driver returned into what is stored.
func (r *run) encode(out jobs.Output) result {
	redact := r.redactor.Load()
	res := result{message: cutBytes(clean(redact.String(out.Message)), jobs.MaxErrorText)}
	if out.Data == nil {
		return res
	}
	text, err := json.Marshal(out.Data)
	if err != nil {
		return failed(jobs.Permanent(r.redacted(fmt.Errorf("encode the output: %w", err))))
	}
	if text, err = redactJSON(redact, text); err != nil {
		return failed(jobs.Permanent(r.redacted(fmt.Errorf("redact the output: %w", err))))
	}
	if len(text) > jobs.MaxStepOutput {
		return failed(jobs.Permanent(fmt.Errorf("the output has %d bytes; at most %d", len(text), jobs.MaxStepOutput)))
	}
	res.output = text
	return res
}

// redactJSON redacts JSON text, value by value: in the text itself a secret may be escaped.
func redactJSON(redact *jobs.Redactor, text json.RawMessage) (json.RawMessage, error) {
	if redact == nil && !bytes.ContainsAny(text, `@\`) {
		return text, nil // no password of a URL either
	}
	text, err := json.Marshal(redact.Value(text))
	return cleanJSON(text), err
}
