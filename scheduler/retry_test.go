package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

// failing makes a driver that fails with each error in turn and then succeeds, and notes when it was called.
func failing(c *calls, at *[]time.Time, errs ...error) func(context.Context, *jobs.Task) (jobs.Output, error) {
	return func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
		n := c.note(task)
		*at = append(*at, now())
		if n <= len(errs) {
			return jobs.Output{}, errs[n-1]
		}
		return jobs.Output{}, nil
	}
}

func gaps(at []time.Time) (out []time.Duration) {
	for i := 1; i < len(at); i++ {
		out = append(out, at[i].Sub(at[i-1]))
	}
	return out
}

func TestScheduler_retries(t *testing.T) {
	boom := errors.New("boom")
	policy := func(retries int, delay time.Duration) jobs.StepPolicy {
		return jobs.StepPolicy{MaxRetries: retries, RetryDelay: delay, Backoff: jobs.BackoffFixed, OnInterrupt: jobs.OnInterruptAuto}
	}
	retry := func(p jobs.StepPolicy) jobs.StepPolicy { p.OnInterrupt = jobs.OnInterruptRetry; return p }
	cases := []struct {
		name   string
		policy jobs.StepPolicy
		errs   []error
		status jobs.RunStatus
		gaps   []time.Duration
		err    string
	}{
		{"no tries are left from the start", policy(0, time.Second), []error{boom}, jobs.RunError, nil, "boom"},
		{"the second try helps", policy(2, 5*time.Second), []error{boom}, jobs.RunSuccess, []time.Duration{5 * time.Second}, ""},
		{
			"the tries end", policy(2, 5*time.Second),
			[]error{boom, boom, errors.New("last")},
			jobs.RunError,
			[]time.Duration{5 * time.Second, 5 * time.Second},
			"last",
		},
		{"no pause", policy(1, 0), []error{boom}, jobs.RunSuccess, []time.Duration{0}, ""},
		{"a permanent error", policy(5, time.Second), []error{jobs.Permanent(boom)}, jobs.RunError, nil, "boom"},
		{"a wrapped permanent error", policy(5, time.Second), []error{fmt.Errorf("call: %w", jobs.Permanent(boom))}, jobs.RunError, nil, "call: boom"},
		{
			"an error that sets the pause", policy(1, 20*time.Second),
			[]error{jobs.RetryAfter(3*time.Second, boom)},
			jobs.RunSuccess,
			[]time.Duration{3 * time.Second},
			"",
		},
		{"a pause that is set needs tries", policy(0, time.Second), []error{jobs.RetryAfter(time.Second, boom)}, jobs.RunError, nil, "boom"},
		{
			"an unclear outcome of a step that nobody called safe", policy(3, time.Second),
			[]error{jobs.Unclear(boom)},
			jobs.RunError, nil,
			"boom (it is unclear whether this had an effect)",
		},
		{
			"an unclear outcome of a step whose policy says retry", retry(policy(3, time.Second)),
			[]error{jobs.Unclear(boom)},
			jobs.RunSuccess,
			[]time.Duration{time.Second},
			"",
		},
		{"a pause of 31 s", policy(1, 31*time.Second), []error{boom}, jobs.RunSuccess, []time.Duration{31 * time.Second}, ""},
		{
			"three long pauses", policy(3, 10*time.Minute),
			[]error{boom, boom, boom, errors.New("last")},
			jobs.RunError,
			[]time.Duration{10 * time.Minute, 10 * time.Minute, 10 * time.Minute},
			"last",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var got calls
				var at []time.Time
				w.work(failing(&got, &at, c.errs...))
				j := w.job(func(j *jobs.Job) { j.Policies.Driver = c.policy })
				e := w.engine(w.store, scheduler.Options{})
				defer e.stop()
				id := w.queue(j)
				r := w.ended(id, c.status)
				w.equal("pauses", gaps(at), c.gaps)
				w.equal("error", r.Error, c.err)
				for i, task := range got.all() {
					w.equal("attempt", task.Attempt, i+1)
					w.equal("resumed", task.Resumed, false)
					w.equal("key", task.Key, jobs.EffectKey(id, "driver"))
				}
				w.equal("attempts", r.Steps[0].Attempt, len(c.gaps)+1)
			})
		})
	}
}

func TestScheduler_backoff(t *testing.T) {
	inMemory(t, func(w *world) {
		var got calls
		var at []time.Time
		boom := errors.New("boom")
		w.work(failing(&got, &at, boom, boom, boom, boom, boom, boom, boom, boom, boom, boom))
		j := w.job(func(j *jobs.Job) {
			j.Policies.Driver.MaxRetries, j.Policies.Driver.RetryDelay = 10, 10*time.Second
			j.Policies.Driver.Backoff = jobs.BackoffExponential
		})
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		w.ended(w.queue(j), jobs.RunSuccess)
		for i, d := range gaps(at) {
			want := min(10*time.Second<<i, time.Hour)
			if d < want*8/10 || d > min(want*12/10, time.Hour)+time.Millisecond {
				t.Errorf("pause %d is %s, want %s ± 20 %%, at most an hour", i+1, d, want)
			}
		}
		if len(at) != 11 {
			t.Errorf("%d attempts, want 11", len(at))
		}
	})
}

func TestScheduler_longPauseFreesTheSlot(t *testing.T) {
	inWorld(t, func(w *world) {
		var got calls
		var at []time.Time
		w.work(failing(&got, &at, errors.New("boom")))
		w.driver(jobs.DriverInfo{ID: "other", Kind: jobs.DriverJob}, nothing)
		j := w.job(func(j *jobs.Job) { j.Policies.Driver.MaxRetries, j.Policies.Driver.RetryDelay = 1, time.Hour })
		other := w.job(func(j *jobs.Job) { j.Type = "other" })
		e := w.engine(w.store, scheduler.Options{Concurrency: 1})
		defer e.stop()
		id := w.queue(j)
		w.until("the first attempt has failed", func() bool { return w.run(id).Steps[0].State == jobs.StepInterrupted })
		r := w.status(id, jobs.RunQueued)
		w.equal("what is shown of the step", stepsOf(r), "interrupted: boom")
		w.equal("next start", r.NotBefore.Sub(at[0]), time.Hour)
		w.ended(w.queue(other), jobs.RunSuccess)
		if !now().Before(r.NotBefore) {
			t.Fatal("the other run had to wait for the pause")
		}
		w.ended(id, jobs.RunSuccess)
		w.equal("pauses", gaps(at), []time.Duration{time.Hour})
	})
}

func TestScheduler_shortPauseKeepsTheSlot(t *testing.T) {
	inWorld(t, func(w *world) {
		var got calls
		var at []time.Time
		w.work(failing(&got, &at, errors.New("boom")))
		j := w.job(func(j *jobs.Job) { j.Policies.Driver.MaxRetries, j.Policies.Driver.RetryDelay = 1, 30*time.Second })
		e := w.engine(w.store, scheduler.Options{Concurrency: 1})
		defer e.stop()
		id := w.queue(j)
		time.Sleep(29 * time.Second)
		r := w.run(id)
		w.equal("status in the pause", r.Status, jobs.RunRunning)
		w.equal("step in the pause", stepsOf(r), "interrupted: boom")
		w.ended(id, jobs.RunSuccess)
		logs := w.logs(id)
		if len(logs) != 1 || logs[0].Message != "attempt 1 failed, the next one is in 30s: boom" || logs[0].Level != jobs.LogInfo {
			t.Errorf("the log does not tell of the attempt: %+v", logs)
		}
	})
}
