package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

func TestScheduler_executes(t *testing.T) {
	inWorld(t, func(w *world) {
		var c calls
		w.work(func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			c.note(task)
			return jobs.Output{Data: map[string]any{"records": 412, "names": []string{"a", "b"}}, Message: "412 records"}, nil
		})
		w.action("mail", func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			c.note(task)
			return jobs.Output{Message: "sent"}, nil
		})
		mail := action("mail", func(a *jobs.Action) {
			a.Data = json.RawMessage(`{"text":"${driver.data.records} of ${job.name}, ${run.params.n}, ${driver.data.names.1}","raw":"$${x}"}`)
		})
		off := action("mail", func(a *jobs.Action) { a.Disabled = true })
		j := w.job(func(j *jobs.Job) { j.Actions = []jobs.Action{off, mail} })
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		id := w.queue(j)
		r := w.ended(id, jobs.RunSuccess)

		w.equal("steps", stepsOf(r), "success: 412 records, success: sent")
		w.equal("output", string(r.Steps[0].Output), `{"names":["a","b"],"records":412}`)
		got := c.all()
		if len(got) != 2 {
			t.Fatalf("%d calls of drivers, want 2", len(got))
		}
		w.equal("settings of the action", string(got[1].Data), `{"raw":"${x}","text":"412 of Stock, 0, b"}`)
		for i, task := range got {
			stepID := []string{"driver", string(mail.ID)}[i]
			w.equal("key", task.Key, jobs.EffectKey(id, stepID))
			w.equal("attempt", task.Attempt, 1)
			w.equal("resumed", task.Resumed, false)
			w.equal("run", task.RunID, id)
			w.equal("owner", task.OwnerID, "mara")
			w.equal("status", task.RunStatus, jobs.RunSuccess)
			w.equal("start", task.StartedAt, r.StartedAt)
		}
	})
}

func TestScheduler_firstError(t *testing.T) {
	const (
		onError  = `{"match":"all","rules":[{"field":"run.status","operator":"eq","value":"error"}]}`
		onSkip   = `{"match":"all","rules":[{"field":"previous.status","operator":"eq","value":"skipped"}]}`
		onAmount = `{"match":"all","rules":[{"field":"driver.data.n","operator":"gt","value":5}]}`
		mixed    = `{"match":"all","rules":[{"field":"driver.data.n","operator":"gt","value":"five"}]}`
	)
	type act struct {
		condition string
		onError   jobs.OnError
		fails     bool
	}
	cases := []struct {
		name   string
		fails  bool
		acts   []act
		status jobs.RunStatus
		steps  string
		err    string
		warns  bool
	}{
		{"all is well", false, []act{{}, {}}, jobs.RunSuccess, "success, success, success", "", false},
		{
			"the driver fails and nothing asks for it", true,
			[]act{{}, {condition: onAmount}},
			jobs.RunError,
			"error: boom, skipped: not met: run.status ne error, skipped: not met: run.status ne error", "boom", false,
		},
		{
			"an alert runs after an error", true,
			[]act{{}, {condition: onError}},
			jobs.RunError,
			"error: boom, skipped: not met: run.status ne error, success", "boom", false,
		},
		{
			"an alert does not run without one", false,
			[]act{{condition: onError}, {}},
			jobs.RunSuccess,
			"success, skipped: not met: run.status eq error, success", "", false,
		},
		{
			"an action fails", false,
			[]act{{fails: true}, {}, {condition: onError}},
			jobs.RunError,
			"success, error: boom, skipped: not met: run.status ne error, success", "boom", false,
		},
		{"the first error is that of the run", true, []act{{condition: onError, fails: true}}, jobs.RunError, "error: boom, error: boom", "boom", false},
		{
			"an error that counts as a warning", false,
			[]act{{fails: true, onError: jobs.OnErrorWarn}, {}},
			jobs.RunWarning,
			"success, warning: boom, success", "", true,
		},
		{
			"a warning and an error", false,
			[]act{{fails: true, onError: jobs.OnErrorWarn}, {fails: true}},
			jobs.RunError,
			"success, warning: boom, error: boom", "boom", true,
		},
		{"a condition on data", false, []act{{condition: onAmount}}, jobs.RunSuccess, "success, skipped: not met: driver.data.n gt 5", "", false},
		{
			"a condition on the skipped step before", false,
			[]act{{condition: onAmount}, {condition: onSkip}},
			jobs.RunSuccess,
			"success, skipped: not met: driver.data.n gt 5, success", "", false,
		},
		{
			"values that cannot be compared warn", false,
			[]act{{condition: mixed}},
			jobs.RunWarning,
			"success, skipped: not met: driver.data.n gt five", "", true,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.work(func(context.Context, *jobs.Task) (jobs.Output, error) {
					if c.fails {
						return jobs.Output{}, errors.New("boom")
					}
					return jobs.Output{Data: map[string]int{"n": 3}}, nil
				})
				fails := map[jobs.ActionID]bool{}
				w.action("act", func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
					if fails[task.ActionID] {
						return jobs.Output{}, errors.New("boom")
					}
					return jobs.Output{}, nil
				})
				j := w.job(func(j *jobs.Job) {
					for _, a := range c.acts {
						made := action("act", func(made *jobs.Action) {
							made.Condition = condition(t, a.condition)
							if a.onError != "" {
								made.OnError = a.onError
							}
						})
						fails[made.ID] = a.fails
						j.Actions = append(j.Actions, made)
					}
				})
				e := w.engine(w.store, scheduler.Options{})
				defer e.stop()
				r := w.ended(w.queue(j), c.status)
				w.equal("steps", stepsOf(r), c.steps)
				w.equal("error", r.Error, c.err)
				w.equal("warnings", r.Warnings, c.warns)
			})
		})
	}
}

func TestScheduler_faultsOfDrivers(t *testing.T) {
	big := strings.Repeat("x", jobs.MaxStepOutput)
	cases := []struct {
		name string
		run  func(context.Context, *jobs.Task) (jobs.Output, error)
		want string
	}{
		{"a panic", func(context.Context, *jobs.Task) (jobs.Output, error) { panic("ouch") }, "the driver panicked: ouch"},
		{"a nil dereference", func(context.Context, *jobs.Task) (jobs.Output, error) {
			var j *jobs.Job
			return jobs.Output{Message: j.Slug}, nil
		}, "the driver panicked: runtime error: invalid memory address or nil pointer dereference"},
		{"an end of the goroutine", func(context.Context, *jobs.Task) (jobs.Output, error) {
			runtime.Goexit()
			return jobs.Output{}, nil
		}, "the driver ended its goroutine"},
		{"an output that is no JSON", func(context.Context, *jobs.Task) (jobs.Output, error) {
			return jobs.Output{Data: func() {}}, nil
		}, "encode the output: json: unsupported type: func()"},
		{"an output that panics", func(context.Context, *jobs.Task) (jobs.Output, error) {
			return jobs.Output{Data: angry{}}, nil
		}, "the driver panicked: angry"},
		{"an output above the limit", func(context.Context, *jobs.Task) (jobs.Output, error) {
			return jobs.Output{Data: big[:jobs.MaxStepOutput-1]}, nil
		}, fmt.Sprintf("the output has %d bytes; at most %d", jobs.MaxStepOutput+1, jobs.MaxStepOutput)},
		{"an output at the limit", func(context.Context, *jobs.Task) (jobs.Output, error) {
			return jobs.Output{Data: big[:jobs.MaxStepOutput-2]}, nil
		}, ""},
		{"a long error", func(context.Context, *jobs.Task) (jobs.Output, error) {
			return jobs.Output{}, errors.New(strings.Repeat("é", jobs.MaxErrorText))
		}, strings.Repeat("é", (jobs.MaxErrorText-len(" … [cut]"))/2) + " … [cut]"},
		{"text that is no UTF-8", func(context.Context, *jobs.Task) (jobs.Output, error) {
			return jobs.Output{}, errors.New("a\x00b\xffc")
		}, "a\uFFFDb\uFFFDc"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.work(c.run)
				e := w.engine(w.store, scheduler.Options{})
				defer e.stop()
				j := w.job(nil)
				id := w.queue(j)
				if c.want == "" {
					w.ended(id, jobs.RunSuccess)
					return
				}
				r := w.ended(id, jobs.RunError)
				w.equal("error", r.Error, c.want)
				if strings.Contains(c.want, "panicked") {
					logs := w.logs(id)
					if len(logs) != 1 || logs[0].Level != jobs.LogError || !strings.Contains(string(logs[0].Data), "goroutine") {
						t.Errorf("the stack is not in the log: %+v", logs)
					}
				}
				w.work(nothing)
				w.ended(w.queue(j), jobs.RunSuccess) // the worker lives on
			})
		})
	}
}

type angry struct{}

func (angry) MarshalJSON() ([]byte, error) { panic("angry") }

func TestScheduler_missingPlaceholder(t *testing.T) {
	inWorld(t, func(w *world) {
		var c calls
		w.work(func(_ context.Context, task *jobs.Task) (jobs.Output, error) { c.note(task); return jobs.Output{}, nil })
		j := w.job(func(j *jobs.Job) {
			j.Data = json.RawMessage(`{"a":"${run.params.missing}"}`)
			j.Policies.Driver.MaxRetries = 3
		})
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		r := w.ended(w.queue(j), jobs.RunError)
		if !strings.Contains(r.Error, "run.params.missing") || len(c.all()) != 0 || r.Steps[0].Attempt != 1 {
			t.Errorf("error %q after %d attempts and %d calls; want the path named, one attempt, no call", r.Error, r.Steps[0].Attempt, len(c.all()))
		}
	})
}

func TestScheduler_outputsOfARun(t *testing.T) {
	inMemory(t, func(w *world) {
		quarter := strings.Repeat("x", jobs.MaxStepOutput-2)
		output := func(context.Context, *jobs.Task) (jobs.Output, error) { return jobs.Output{Data: quarter}, nil }
		w.work(output)
		w.action("act", output)
		j := w.job(func(j *jobs.Job) {
			for range jobs.MaxRunOutputs / jobs.MaxStepOutput {
				j.Actions = append(j.Actions, action("act", nil))
			}
		})
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		r := w.ended(w.queue(j), jobs.RunError)
		last := len(r.Steps) - 1
		w.equal("the step before the last", r.Steps[last-1].State, jobs.StepSuccess)
		w.equal("the last step", r.Steps[last].State, jobs.StepError)
		if !strings.Contains(r.Error, fmt.Sprint(jobs.MaxRunOutputs)) {
			t.Errorf("error %q does not name the limit", r.Error)
		}
	})
}

func TestScheduler_commitsBeforeItCalls(t *testing.T) {
	inWorld(t, func(w *world) {
		var seen []string
		look := func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			seen = append(seen, stepsOf(w.run(task.RunID)))
			time.Sleep(time.Second)
			return jobs.Output{}, nil
		}
		w.work(look)
		w.action("act", look)
		j := w.job(func(j *jobs.Job) { j.Actions = []jobs.Action{action("act", nil), action("act", nil)} })
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		w.ended(w.queue(j), jobs.RunSuccess)
		w.equal("what was stored when each driver was called", seen,
			[]string{"started, pending, pending", "success, started, pending", "success, success, started"})
	})
}

// Contract 6.1: what placeholders make of the settings is checked at run time.
func TestScheduler_checksExpandedSettings(t *testing.T) {
	inWorld(t, func(w *world) {
		called := 0
		info := jobs.DriverInfo{
			ID: "count", Kind: jobs.DriverJob,
			Schema: json.RawMessage(`{"type":"object","properties":{"code":{"type":"string","pattern":"^[A-Z]{3}$"}},"additionalProperties":false}`),
		}
		w.driver(info, func(context.Context, *jobs.Task) (jobs.Output, error) {
			called++
			return jobs.Output{}, nil
		})
		e := w.engine(w.store, scheduler.Options{})
		defer e.stop()
		for text, want := range map[string]jobs.RunStatus{"${job.type}": jobs.RunError, "HAM": jobs.RunSuccess} {
			j := w.job(func(j *jobs.Job) {
				j.Type, j.Data = "count", json.RawMessage(`{"code":"`+text+`"}`)
			})
			r := w.ended(w.queue(j), want)
			if want == jobs.RunError && !strings.Contains(r.Error, `"code"`) {
				t.Errorf("error %q does not name the field", r.Error)
			}
		}
		w.equal("calls of the driver", called, 1)
	})
}
