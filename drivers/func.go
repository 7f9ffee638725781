package drivers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"

	"github.com/carillon-go/carillon/drivers/internal/settings"
	"github.com/carillon-go/carillon/jobs"
)

// Func makes a driver of a Go function. The settings of a job become In, and what the function returns becomes the output
// that conditions and later steps read; a function that also has a message for people returns a jobs.Output. TaskFrom
// gives the function its log, progress, params and effect key.
//
// The JSON Schema of the settings is made from In, a struct: the names are those of encoding/json; fields with omitempty or
// omitzero and pointers are optional, all others required; unknown fields are refused. Tags for forms:
//
//	Region string `json:"region" title:"Region" desc:"Where the report is made" enum:"eu,us"`
//	Token  string `json:"token" secret:"true"`
//
// title and desc are shown to people, enum lists the texts that are allowed, and secret hides a value: it is stored
// encrypted and never shown again. A field of type jobs.Secret is secret without a tag.
//
// A type that has no JSON form, such as a channel, is an error of Registry.Add, as are a bad id and a nil function. An
// error of f is one after which another try may help, unless it is marked by Permanent, RetryAfter or Unclear.
func Func[In, Out any](id string, f func(ctx context.Context, in In) (Out, error)) *FuncDriver {
	d := &FuncDriver{info: jobs.DriverInfo{ID: id, Name: words(id), Kind: jobs.DriverJob, Source: jobs.SourceHost}}
	d.info.Schema, d.err = settingsSchema(reflect.TypeFor[In]())
	if d.err == nil {
		d.rules, d.err = jobs.CompileSettings(d.info)
	}
	if err := checkOutput(reflect.TypeFor[Out]()); err != nil {
		d.err = errors.Join(d.err, fmt.Errorf("output: %w", err))
	}
	if f == nil {
		d.err = errors.Join(d.err, errors.New("the function is nil"))
	}
	d.decode = func(data json.RawMessage) error {
		var in In
		return json.Unmarshal(data, &in)
	}
	d.run = func(ctx context.Context, data json.RawMessage) (jobs.Output, error) {
		var in In
		if err := settings.Decode(d.rules, data, &in); err != nil {
			return jobs.Output{}, jobs.Permanent(err)
		}
		out, err := f(ctx, in)
		if err != nil {
			return jobs.Output{}, err
		}
		return output(out), nil
	}
	return d
}

// FuncDriver is a Go function as a driver. It is safe for concurrent use if the function is.
type FuncDriver struct {
	info   jobs.DriverInfo
	rules  *jobs.Settings
	decode func(data json.RawMessage) error
	run    func(ctx context.Context, data json.RawMessage) (jobs.Output, error)
	// err says why the function cannot be a driver.
	err error
}

var (
	_ jobs.Driver    = (*FuncDriver)(nil)
	_ jobs.Validator = (*FuncDriver)(nil)
)

// FuncOptions describe a function. The zero value is right for a job whose interrupted step must not be repeated.
type FuncOptions struct {
	// Kind is jobs.DriverJob when empty; jobs.DriverAction makes an action.
	Kind jobs.DriverKind
	// Name is shown to people, default the id in words: "Nightly report" for nightly-report.
	Name        string
	Description string
	// Icon is a word that a page may know.
	Icon string

	// Idempotent promises that an interrupted step may be repeated: the second call with the same effect key does no harm.
	Idempotent bool
	// Params is any value of the type that the params of a run have, such as ReportParams{}: the schema is made from its type
	// as for settings. Nil: any object. Kind job only. See ParamsFrom.
	Params any
}

// With is the same function with other options: all of them are replaced. The receiver stays as it is.
func (d *FuncDriver) With(o FuncOptions) *FuncDriver {
	c := *d
	c.info = jobs.DriverInfo{
		ID: d.info.ID, Name: o.Name, Description: o.Description, Icon: o.Icon, Kind: o.Kind,
		Schema: d.info.Schema, Idempotent: o.Idempotent, Source: jobs.SourceHost,
	}
	if o.Name == "" {
		c.info.Name = words(d.info.ID)
	}
	if o.Kind == "" {
		c.info.Kind = jobs.DriverJob
	}
	if o.Params != nil {
		var err error
		if c.info.ParamsSchema, err = settingsSchema(reflect.TypeOf(o.Params)); err != nil {
			c.err = errors.Join(d.err, fmt.Errorf("params: %w", err))
		}
	}
	return &c
}

// Info describes the function. Its schema is empty if In cannot be settings.
func (d *FuncDriver) Info() jobs.DriverInfo { return d.info }

// Run calls the function. Settings that do not fit In are a permanent error.
func (d *FuncDriver) Run(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
	if d.err != nil {
		return jobs.Output{}, jobs.Permanent(d.err)
	}
	return d.run(context.WithValue(ctx, taskKey{}, complete(task)), task.Data)
}

// Validate checks what a schema cannot: that the values fit the Go types. Settings with placeholders are checked when they run.
func (d *FuncDriver) Validate(data json.RawMessage) error {
	if d.err != nil {
		return d.err
	}
	if len(data) == 0 || jobs.HasPlaceholder(string(data)) {
		return nil
	}
	return settings.Fault(d.decode(data))
}

// output leaves nothing for a nil pointer or map instead of a JSON null.
func output(out any) jobs.Output {
	switch v := out.(type) {
	case nil:
		return jobs.Output{}
	case jobs.Output:
		return v
	}
	if v := reflect.ValueOf(out); (v.Kind() == reflect.Pointer || v.Kind() == reflect.Map) && v.IsNil() {
		return jobs.Output{}
	}
	return jobs.Output{Data: out}
}

// words writes nightly-report as "Nightly report".
func words(id string) string {
	text := strings.ReplaceAll(id, "-", " ")
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

type taskKey struct{}

// TaskFrom gives a function of Func the task that it works on: log, progress, params, effect key, attempt. It is never nil:
// outside of a run, as in a unit test of the function, it is an empty task whose log and progress go nowhere.
func TaskFrom(ctx context.Context) *jobs.Task {
	if task, ok := ctx.Value(taskKey{}).(*jobs.Task); ok {
		return task
	}
	return complete(&jobs.Task{})
}

// ParamsFrom reads the params of the run into a T. Params that do not fit are a permanent error. Without params it is the
// zero T.
func ParamsFrom[T any](ctx context.Context) (T, error) {
	var params T
	task := TaskFrom(ctx)
	if len(task.Params) == 0 {
		return params, nil
	}
	if err := json.Unmarshal(task.Params, &params); err != nil {
		return params, jobs.Permanent(fmt.Errorf("read params: %w", err))
	}
	return params, nil
}

// complete gives a task a log and a progress if it has none, so that a function may use both without asking.
func complete(task *jobs.Task) *jobs.Task {
	if task.Log != nil && task.Progress != nil {
		return task
	}
	c := *task
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Progress == nil {
		c.Progress = func(float64, string) {}
	}
	return &c
}
