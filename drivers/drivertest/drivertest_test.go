package drivertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/drivers/drivertest"
	"github.com/carillon-go/carillon/jobs"
)

// good is a driver that keeps the contract, with places to break it.
type good struct {
	change  func(*jobs.DriverInfo)
	run     func(ctx context.Context, task *jobs.Task, d *good) (jobs.Output, error)
	preview func(d *good) (any, error)
	target  func() string

	mu      sync.Mutex // guards the fields below
	keys    []string
	calls   int
	entered chan struct{}
}

const schema = `{"type":"object","required":["mode"],"additionalProperties":false,"properties":{
	"mode":{"type":"string"},"token":{"type":"string","writeOnly":true}}}`

func (d *good) Info() jobs.DriverInfo {
	info := jobs.DriverInfo{
		ID: "good", Name: "Good", Kind: jobs.DriverAction, Schema: json.RawMessage(schema), Preview: true, Source: jobs.SourceHost,
	}
	if d.change != nil {
		d.change(&info)
	}
	return info
}

func (d *good) Run(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
	if d.run != nil {
		return d.run(ctx, task, d)
	}
	return d.work(ctx, task)
}

func (d *good) work(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
	var s struct{ Mode, Token string }
	if err := json.Unmarshal(task.Data, &s); err != nil {
		return jobs.Output{}, drivers.Permanent(errors.New("bad settings"))
	}
	switch s.Mode {
	case "ok":
	case "wait":
		d.entered <- struct{}{}
		<-ctx.Done()
		return jobs.Output{}, context.Cause(ctx)
	case "unclear":
		return jobs.Output{}, drivers.Unclear(errors.New("lost"))
	default:
		return jobs.Output{}, drivers.Permanent(errors.New("unknown mode"))
	}
	d.effect(task.Key)
	return jobs.Output{Data: map[string]any{"x": 1}, Message: "done"}, nil
}

func (d *good) effect(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keys = append(d.keys, key)
}

func (d *good) Preview(context.Context, *jobs.Task) (any, error) {
	if d.preview != nil {
		return d.preview(d)
	}
	return map[string]any{"mode": "ok"}, nil
}

func (d *good) SecretTarget(json.RawMessage) string {
	if d.target != nil {
		return d.target()
	}
	return ""
}

func (d *good) effects() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.keys...)
}

func (d *good) subject() drivertest.Subject {
	d.entered = make(chan struct{}, 1)
	return drivertest.Subject{
		Driver:   d,
		Good:     json.RawMessage(`{"mode":"ok","token":"sesame-open-7"}`),
		Bad:      map[string]json.RawMessage{"no mode": json.RawMessage(`{}`), "a list": json.RawMessage(`[]`)},
		BadInRun: map[string]json.RawMessage{"a mode": json.RawMessage(`{"mode":"x"}`)},
		Failures: map[string]drivertest.Failure{
			"lost": {Data: json.RawMessage(`{"mode":"unclear"}`), Want: jobs.RetryAdvice{Unclear: true}},
		},
		Wait: func() drivertest.Waiting {
			return drivertest.Waiting{Data: json.RawMessage(`{"mode":"wait"}`), Entered: d.entered}
		},
		Effects: d.effects,
	}
}

func TestRun(t *testing.T) {
	drivertest.Run(t, func(testing.TB) drivertest.Subject { return new(good).subject() })
}

func TestRun_Func(t *testing.T) {
	type settings struct {
		Mode  string `json:"mode" enum:"ok,wait,fail"`
		Token string `json:"token,omitempty" secret:"true"`
	}
	drivertest.Run(t, func(testing.TB) drivertest.Subject {
		entered := make(chan struct{}, 1)
		f := drivers.Func("f", func(ctx context.Context, s settings) (map[string]int, error) {
			switch s.Mode {
			case "wait":
				entered <- struct{}{}
				<-ctx.Done()
				return nil, context.Cause(ctx)
			case "fail":
				return nil, errors.New("failed")
			}
			return map[string]int{"n": 1}, nil
		})
		return drivertest.Subject{
			Driver: f,
			Good:   json.RawMessage(`{"mode":"ok","token":"sesame-open-7"}`),
			Bad: map[string]json.RawMessage{
				"no mode": json.RawMessage(`{}`), "an unknown mode": json.RawMessage(`{"mode":"x"}`),
				"an unknown field": json.RawMessage(`{"mode":"ok","more":1}`),
			},
			Failures: map[string]drivertest.Failure{"fails": {Data: json.RawMessage(`{"mode":"fail"}`)}},
			Wait: func() drivertest.Waiting {
				return drivertest.Waiting{Data: json.RawMessage(`{"mode":"wait"}`), Entered: entered}
			},
		}
	})
}

// Each faulty driver has to be found out by the rule that it breaks.
func TestCheck_faulty(t *testing.T) {
	t.Parallel()
	type run = func(context.Context, *jobs.Task, *good) (jobs.Output, error)
	after := func(change func(task *jobs.Task, o jobs.Output, err error, d *good) (jobs.Output, error)) run {
		return func(ctx context.Context, task *jobs.Task, d *good) (jobs.Output, error) {
			o, err := d.work(ctx, task)
			return change(task, o, err, d)
		}
	}
	onSuccess := func(data any, message string) run {
		return after(func(_ *jobs.Task, o jobs.Output, err error, _ *good) (jobs.Output, error) {
			if err != nil {
				return o, err
			}
			return jobs.Output{Data: data, Message: message}, nil
		})
	}
	const (
		names   = "Info gives an id, a name, a kind and a source"
		schemas = "the schemas compile and are of objects"
		secrets = "secrets show in no output, message, error, log or preview"
		preview = "a preview is JSON, the same each time, and has no effect"
		success = "a run with good settings succeeds"
		inRun   = "bad settings are a permanent error of a run"
		key     = "two attempts of a step show the same key, two steps do not"
	)
	for _, c := range []struct {
		name, rule string
		d          *good
	}{
		{"no name", names, &good{change: func(i *jobs.DriverInfo) { i.Name = "" }}},
		{"a bad id", names, &good{change: func(i *jobs.DriverInfo) { i.ID = "Good" }}},
		{"no source", names, &good{change: func(i *jobs.DriverInfo) { i.Source = "" }}},
		{"no schema", schemas, &good{change: func(i *jobs.DriverInfo) { i.Schema = nil }}},
		{"an ability of another kind", "an ability that Info claims fits the kind and has its method", &good{change: func(i *jobs.DriverInfo) {
			i.Kind = jobs.DriverJob
		}}},
		{"a schema that refuses good settings", "good settings pass schema and Validate", &good{change: func(i *jobs.DriverInfo) {
			i.Schema = json.RawMessage(`{"type":"object","maxProperties":1}`)
		}}},
		{"a schema that takes all", "bad settings are refused when they are written", &good{change: func(i *jobs.DriverInfo) {
			i.Schema = json.RawMessage(`{"type":"object"}`)
		}}},
		{"bad settings are tried again", inRun, &good{run: after(func(_ *jobs.Task, o jobs.Output, err error, _ *good) (jobs.Output, error) {
			if jobs.AdviceOf(err).Permanent {
				err = errors.New("plain")
			}
			return o, err
		})}},
		{"a panic in Run", success, &good{run: func(context.Context, *jobs.Task, *good) (jobs.Output, error) { panic("boom") }}},
		{"a panic in SecretTarget", "questions about settings have an answer for any settings", &good{target: func() string { panic("boom") }}},
		{"an output that is no JSON", success, &good{run: onSuccess(func() {}, "")}},
		{"an output that is too large", success, &good{run: onSuccess(make([]int, jobs.MaxStepOutput), "")}},
		{"a message of two lines", success, &good{run: onSuccess(nil, "a\nb")}},
		{"a secret in the output", secrets, &good{run: onSuccess("is sesame-open-7", "")}},
		{"a secret in the message", secrets, &good{run: onSuccess(nil, "is sesame-open-7")}},
		{"a secret in the log", secrets, &good{run: after(func(task *jobs.Task, o jobs.Output, err error, _ *good) (jobs.Output, error) {
			task.Log.Info("settings", "data", string(task.Data))
			return o, err
		})}},
		{"a secret in the preview", secrets, &good{preview: func(*good) (any, error) { return "sesame-open-7", nil }}},
		{"a preview with an effect", preview, &good{preview: func(d *good) (any, error) { d.effect("k"); return nil, nil }}},
		{"a preview that changes", preview, &good{preview: func(d *good) (any, error) { d.calls++; return d.calls, nil }}},
		{"a task that is changed", "a run leaves its task as it was", &good{run: after(func(task *jobs.Task, o jobs.Output, err error, _ *good) (jobs.Output, error) {
			task.Data[0] = '['
			return o, err
		})}},
		{"a key for each attempt", key, &good{run: func(ctx context.Context, task *jobs.Task, d *good) (jobs.Output, error) {
			c := *task
			c.Key = jobs.NewUUID()
			return d.work(ctx, &c)
		}}},
		{"one key for all", key, &good{run: func(ctx context.Context, task *jobs.Task, d *good) (jobs.Output, error) {
			c := *task
			c.Key = "always"
			return d.work(ctx, &c)
		}}},
		{"success after a cancel", "a cancelled run ends soon, with an error", &good{run: after(func(_ *jobs.Task, o jobs.Output, err error, _ *good) (jobs.Output, error) {
			if errors.Is(err, jobs.ErrCanceled) {
				err = nil
			}
			return o, err
		})}},
		{"an unclear end that is not called so", "an error says whether another try makes sense", &good{
			run: after(func(_ *jobs.Task, o jobs.Output, err error, _ *good) (jobs.Output, error) {
				if jobs.AdviceOf(err).Unclear {
					err = errors.New("plain")
				}
				return o, err
			}),
		}},
		{"an effect that is lost among others", "runs at the same time do not disturb each other", &good{
			run: func(ctx context.Context, task *jobs.Task, d *good) (jobs.Output, error) {
				o, err := d.work(ctx, task)
				d.mu.Lock()
				defer d.mu.Unlock()
				if len(d.keys) == 5 {
					d.keys = d.keys[1:]
				}
				return o, err
			},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var found []string
			for _, v := range drivertest.Check(t.Context(), func() drivertest.Subject {
				return (&good{change: c.d.change, run: c.d.run, preview: c.d.preview, target: c.d.target}).subject()
			}) {
				if v.Rule == c.rule {
					return
				}
				found = append(found, v.Rule+": "+v.Err.Error())
			}
			t.Errorf("the kit does not find that it breaks %q, only %s", c.rule, cmp.Diff([]string(nil), found))
		})
	}
}
