package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/carillon-go/carillon/drivers/file"
	"github.com/carillon-go/carillon/jobs"
)

// testDriver is a driver of the tests.
type testDriver struct {
	info      jobs.DriverInfo
	run       func(ctx context.Context, task *jobs.Task) (jobs.Output, error)
	preview   func(task *jobs.Task) (any, error)
	available error
}

func (d *testDriver) Info() jobs.DriverInfo { return d.info }
func (d *testDriver) Available() error      { return d.available }

func (d *testDriver) Run(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
	return d.run(ctx, task)
}

func (d *testDriver) Preview(_ context.Context, task *jobs.Task) (any, error) { return d.preview(task) }

// gate holds back the driver "block".
type gate struct{ open chan struct{} }

func newGate() *gate { return &gate{open: make(chan struct{})} }

// release lets one held run go on; it waits until there is one.
func (g *gate) release(ctx context.Context) error {
	select {
	case g.open <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errors.New("no run is held back")
	}
}

func (g *gate) hold(ctx context.Context) error {
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func schema(text string) json.RawMessage { return json.RawMessage(text) }

// madeDriver is an attachment driver of the tests: its text is its note.
type madeDriver struct {
	jobs.NotRun
	info jobs.DriverInfo
}

func (d *madeDriver) Info() jobs.DriverInfo { return d.info }

func (d *madeDriver) Render(_ context.Context, task *jobs.RenderTask) (*jobs.Contents, error) {
	var in struct{ Note, Password string }
	if err := json.Unmarshal(task.Data, &in); err != nil {
		return nil, err
	}
	switch in.Note {
	case "fail":
		return nil, errors.New("cannot make it with " + in.Password)
	case "panic":
		panic("renderer of a test")
	}
	return &jobs.Contents{ContentType: "text/plain", Size: -1, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(in.Note)), nil
	}}, nil
}

// attach makes an output of what a task has attached.
func attach(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
	list := []map[string]any{}
	for _, c := range task.Attachments {
		r, err := c.Open(ctx)
		if err != nil {
			return jobs.Output{}, err
		}
		text, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			return jobs.Output{}, err
		}
		list = append(list, map[string]any{"name": c.Name, "type": c.ContentType, "text": string(text)})
	}
	return jobs.Output{Data: map[string]any{"attached": list}}, nil
}

// testDrivers are: ok, fail, warn, block, chatty, flood, secret and params for jobs, noted, plain, broken, attach, hold and gone for actions,
// file and made for attachments.
func testDrivers(g *gate) []jobs.Driver {
	open := schema(`{"type": "object", "properties": {
		"note": {"type": "string", "maxLength": 200}, "to": {"type": "array", "items": {"type": "string"}},
		"password": {"type": "string", "writeOnly": true}}, "additionalProperties": false}`)
	job := func(id, name string, run func(context.Context, *jobs.Task) (jobs.Output, error)) *testDriver {
		return &testDriver{info: jobs.DriverInfo{
			ID: id, Name: name, Description: "for tests", Kind: jobs.DriverJob, Schema: open, Source: jobs.SourceHost, Idempotent: true,
		}, run: run}
	}
	action := func(id string, run func(context.Context, *jobs.Task) (jobs.Output, error)) *testDriver {
		d := job(id, "Action "+id, run)
		d.info.Kind = jobs.DriverAction
		return d
	}
	params := job("params", "Needs params", succeed)
	params.info.ParamsSchema = schema(`{"type": "object", "required": ["warehouse"], "properties": {"warehouse": {"type": "string"}},
		"additionalProperties": false}`)
	noted := action("noted", succeed)
	noted.info.Preview = true
	noted.preview = func(task *jobs.Task) (any, error) {
		if string(task.Data) == `{"note":"panic"}` {
			panic("preview of a test")
		}
		return map[string]any{"data": task.Data, "params": task.Params}, nil
	}
	attaching := action("attach", attach)
	attaching.info.Preview, attaching.info.Attachments = true, true
	attaching.preview = func(task *jobs.Task) (any, error) { return map[string]any{"attached": len(task.Attachments)}, nil }
	holding := action("hold", func(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
		if err := g.hold(ctx); err != nil {
			return jobs.Output{}, err
		}
		return attach(ctx, task)
	})
	holding.info.Attachments = true
	made := &madeDriver{info: jobs.DriverInfo{
		ID: "made", Name: "Made text", Description: "for tests", Kind: jobs.DriverAttachment, Schema: open, Source: jobs.SourceHost,
	}}
	gone := action("gone", succeed)
	gone.available = errors.New("no mail server is set")
	return []jobs.Driver{
		job("ok", "Works", succeed), params, noted, gone, action("plain", succeed), attaching, holding, made, file.New(true),
		&offering{job("fail", "Fails", fails)}, action("broken", fails),
		job("warn", "Warns", func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			task.Log.Warn("something is odd", "count", 3)
			return jobs.Output{}, nil
		}),
		job("block", "Waits", func(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
			task.Progress(40, "waiting")
			task.Log.Info("waiting at the gate")
			if err := g.hold(ctx); err != nil {
				return jobs.Output{}, err
			}
			task.Log.Info("through the gate")
			return jobs.Output{Message: "went on"}, nil
		}),
		job("chatty", "Talks", func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			for i := range 12 {
				task.Log.Debug(fmt.Sprintf("line %d", i), "n", i)
			}
			task.Progress(50, "half")
			task.Log.Info("a line about Shortages")
			task.Log.Error("the last line")
			return jobs.Output{Data: map[string]any{"lines": 14}}, nil
		}),
		job("flood", "Floods", func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			for i := range 1300 {
				task.Log.Debug(fmt.Sprintf("line %d", i))
			}
			return jobs.Output{}, nil
		}),
		job("secret", "Leaks", func(_ context.Context, task *jobs.Task) (jobs.Output, error) {
			var in struct{ Password string }
			if err := json.Unmarshal(task.Data, &in); err != nil {
				return jobs.Output{}, err
			}
			task.Progress(10, "signing in with "+in.Password)
			task.Log.Info("password is "+in.Password, "password", in.Password)
			return jobs.Output{Data: map[string]any{"echo": in.Password}, Message: "used " + in.Password}, nil
		}),
	}
}

func succeed(_ context.Context, task *jobs.Task) (jobs.Output, error) {
	task.Progress(100, "done")
	return jobs.Output{Data: map[string]any{"records": 412}, Message: "all good"}, nil
}

func fails(_ context.Context, task *jobs.Task) (jobs.Output, error) {
	var in struct{ Password string }
	if err := json.Unmarshal(task.Data, &in); err != nil {
		return jobs.Output{}, err
	}
	return jobs.Output{}, jobs.Permanent(errors.New("the other side said no " + in.Password))
}
