package drivers_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
)

type nested struct {
	Unit string `json:"unit" enum:"kg,t"`
}

type embedded struct {
	Base int8 `json:"base"`
}

type everything struct {
	embedded
	Text     string            `json:"text" title:"Text" desc:"Some text"`
	Flag     bool              `json:"flag,omitempty"`
	Count    uint16            `json:"count,omitzero"`
	Big      int64             `json:"big"`
	Ratio    float64           `json:"ratio,string"`
	At       time.Time         `json:"at"`
	Wait     time.Duration     `json:"wait"`
	Opt      *string           `json:"opt"`
	OptGone  *nested           `json:"optGone,omitempty"`
	List     []nested          `json:"list"`
	Pair     [2]int            `json:"pair"`
	Labels   map[string]string `json:"labels,omitempty"`
	ByNumber map[int]bool      `json:"byNumber"`
	Bytes    []byte            `json:"bytes"`
	Any      any               `json:"any"`
	Raw      json.RawMessage   `json:"raw"`
	Number   json.Number       `json:"number"`
	Addr     netip.Addr        `json:"addr"`
	Token    string            `json:"token,omitempty" secret:"true"`
	Key      jobs.Secret       `json:"key,omitempty"`
	NoTag    string
	Ignored  chan int `json:"-"`
	hidden   chan int
}

const everythingSchema = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{` +
	`"base":{"type":"integer","minimum":-128,"maximum":127},` +
	`"text":{"type":"string","title":"Text","description":"Some text"},` +
	`"flag":{"type":"boolean"},` +
	`"count":{"type":"integer","minimum":0,"maximum":65535},` +
	`"big":{"type":"integer"},` +
	`"ratio":{"type":"string"},` +
	`"at":{"type":"string","format":"date-time"},` +
	`"wait":{"type":"integer","description":"In nanoseconds"},` +
	`"opt":{"type":["string","null"]},` +
	`"optGone":{"type":"object","properties":{"unit":{"type":"string","enum":["kg","t"]}},"required":["unit"],"additionalProperties":false},` +
	`"list":{"type":["array","null"],"items":{"type":"object","properties":{"unit":{"type":"string","enum":["kg","t"]}},` +
	`"required":["unit"],"additionalProperties":false}},` +
	`"pair":{"type":"array","minItems":2,"maxItems":2,"items":{"type":"integer"}},` +
	`"labels":{"type":"object","additionalProperties":{"type":"string"}},` +
	`"byNumber":{"type":["object","null"],"additionalProperties":{"type":"boolean"}},` +
	`"bytes":{"type":["string","null"],"contentEncoding":"base64"},` +
	`"any":{},"raw":{},"number":{"type":"number"},"addr":{"type":"string"},` +
	`"token":{"type":"string","writeOnly":true},"key":{"type":"string","writeOnly":true},"NoTag":{"type":"string"}},` +
	`"required":["base","text","big","ratio","at","wait","list","pair","byNumber","bytes","any","raw","number","addr","NoTag"],` +
	`"additionalProperties":false}`

func nothing[In any](context.Context, In) (struct{}, error) { return struct{}{}, nil }

func TestFunc_schema(t *testing.T) {
	t.Parallel()
	d := drivers.Func("all", nothing[everything])
	if got := string(d.Info().Schema); got != everythingSchema {
		t.Errorf("schema:\n%s\nwant:\n%s", got, everythingSchema)
	}
	// What encoding/json writes of a value has to be accepted, nil lists and pointers included.
	empty := everything{Number: "0", hidden: nil}
	full := everything{
		Opt: new("x"), OptGone: &nested{"t"}, List: []nested{{"kg"}}, Labels: map[string]string{"a": "b"},
		ByNumber: map[int]bool{-7: true}, Bytes: []byte{1}, Any: []any{1}, Raw: json.RawMessage(`{"x":[]}`), Number: "1.5",
		Addr: netip.MustParseAddr("::1"), Wait: time.Second, At: time.Now(), Token: "t",
	}
	for name, in := range map[string]everything{"empty": empty, "full": full} {
		data, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Run(t.Context(), &jobs.Task{Data: data}); err != nil {
			t.Errorf("%s: %v in %s", name, err, data)
		}
	}
}

func TestFunc_otherSettings(t *testing.T) {
	t.Parallel()
	const draft = `{"$schema":"https://json-schema.org/draft/2020-12/schema",`
	for _, c := range []struct {
		d    *drivers.FuncDriver
		want string
	}{
		{drivers.Func("none", nothing[struct{}]), draft + `"type":"object","properties":{},"additionalProperties":false}`},
		{drivers.Func("pointer", nothing[*nested]), draft + `"type":"object","properties":{"unit":{"type":"string","enum":["kg","t"]}},` +
			`"required":["unit"],"additionalProperties":false}`},
		{drivers.Func("map", nothing[map[string]int]), draft + `"type":"object","additionalProperties":{"type":"integer"}}`},
		{drivers.Func("raw", nothing[json.RawMessage]), draft + `"type":"object"}`},
	} {
		if got := string(c.d.Info().Schema); got != c.want {
			t.Errorf("%s: schema %s, want %s", c.d.Info().ID, got, c.want)
		}
		if _, err := drivers.NewRegistry(c.d); err != nil {
			t.Error(err)
		}
	}
}

type loop struct {
	Next *loop `json:"next"`
}

func TestFunc_unsupported(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d    *drivers.FuncDriver
		want string
	}{
		{drivers.Func("a", nothing[struct{ C chan int }]), "field C: chan int has no JSON form"},
		{drivers.Func("a", nothing[struct{ In struct{ F []func() } }]), "field In.F[]: func() has no JSON form"},
		{drivers.Func("a", nothing[struct{ M map[bool]int }]), "field M: map[bool]int has no JSON form"},
		{drivers.Func("a", nothing[struct{ E error }]), "field E: error has no JSON form"},
		{drivers.Func("a", nothing[struct{ C complex64 }]), "field C: complex64 has no JSON form"},
		{drivers.Func("a", nothing[loop]), "field Next: drivers_test.loop contains itself"},
		{drivers.Func("a", nothing[string]), "settings must be a struct or a map, not string"},
		{drivers.Func("a", nothing[any]), "settings must be a struct or a map"},
		{drivers.Func("a", nothing[[]int]), "settings must be a struct or a map"},
		{drivers.Func("a", nothing[struct{ *nested }]), "embed the struct"},
		{drivers.Func("a", nothing[struct {
			embedded
			Base int `json:"base"`
		}]), `field Base: there are two fields with the name "base"`},
		{drivers.Func("a", nothing[struct {
			L []struct {
				S string `secret:"true"`
			}
		}]), "field L[].S: a secret cannot be within a list"},
		{drivers.Func("a", nothing[struct {
			M map[string]jobs.Secret
		}]), "a secret cannot be within a list"},
		{drivers.Func("a", nothing[struct {
			S string `secret:"yes"`
		}]), "the tag secret must be true or false"},
		{drivers.Func("a", nothing[struct {
			N int `enum:"1,2"`
		}]), "tag enum"},
		{drivers.Func("a", func(context.Context, struct{}) (struct{ C chan int }, error) { panic("called") }), "output: field C: chan int"},
		{drivers.Func[struct{}, struct{}]("a", nil), "the function is nil"},
		{drivers.Func("a", nothing[struct{}]).With(drivers.FuncOptions{Params: 7}), "params: settings must be a struct"},
		{drivers.Func("a", nothing[struct{}]).With(drivers.FuncOptions{Kind: jobs.DriverAction, Params: nested{}}), "only a job driver has a schema of params"},
	} {
		_, err := drivers.NewRegistry(c.d)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("NewRegistry = %v, want %q", err, c.want)
		}
		if strings.Contains(c.want, "only a job driver") {
			continue
		}
		if _, err := c.d.Run(t.Context(), &jobs.Task{}); !jobs.AdviceOf(err).Permanent {
			t.Errorf("Run of a driver that cannot be (%s) = %v", c.want, err)
		}
		if err := c.d.Validate(nil); err == nil {
			t.Errorf("Validate of a driver that cannot be (%s) = nil", c.want)
		}
	}
}

func TestFuncDriver_Run(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		d    *drivers.FuncDriver
		want jobs.Output
		err  error
	}{
		"a value": {drivers.Func("a", func(context.Context, nested) (nested, error) { return nested{"t"}, nil }), jobs.Output{Data: nested{"t"}}, nil},
		"an output with a message": {
			drivers.Func("a", func(context.Context, nested) (jobs.Output, error) { return jobs.Output{Data: 1, Message: "m"}, nil }),
			jobs.Output{Data: 1, Message: "m"},
			nil,
		},
		"a nil pointer":   {drivers.Func("a", func(context.Context, nested) (*nested, error) { return nil, nil }), jobs.Output{}, nil},
		"a nil map":       {drivers.Func("a", func(context.Context, nested) (map[string]any, error) { return nil, nil }), jobs.Output{}, nil},
		"a nil interface": {drivers.Func("a", func(context.Context, nested) (any, error) { return nil, nil }), jobs.Output{}, nil},
		"an error":        {drivers.Func("a", func(context.Context, nested) (nested, error) { return nested{"t"}, boom }), jobs.Output{}, boom},
	} {
		got, err := c.d.Run(t.Context(), &jobs.Task{Data: json.RawMessage(`{"unit":"kg"}`)})
		if diff := cmp.Diff(c.want, got); diff != "" || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: %v, (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestFuncDriver_Run_badSettings(t *testing.T) {
	t.Parallel()
	d := drivers.Func("a", func(context.Context, everything) (any, error) { panic("called") })
	for _, data := range []string{``, `{}`, `[]`, `null`, `{"unit":"kg"}`, `{`} {
		if _, err := d.Run(t.Context(), &jobs.Task{Data: json.RawMessage(data)}); !jobs.AdviceOf(err).Permanent || !errors.Is(err, jobs.ErrInvalid) {
			t.Errorf("Run with %q = %v", data, err)
		}
	}
}

func TestFuncDriver_Validate(t *testing.T) {
	t.Parallel()
	type number struct {
		N    int        `json:"n"`
		Addr netip.Addr `json:"addr"`
	}
	d := drivers.Func("a", nothing[number])
	for data, want := range map[string]string{
		``:                        "",
		`{"n":7,"addr":"::1"}`:    "",
		`{"n":7,"addr":"${a.b}"}`: "",
		`{"n":1e30,"addr":"::1"}`: `"n" does not fit: must be int`,
		`{"n":7,"addr":"sesame"}`: "hold a value that cannot be read",
	} {
		err := d.Validate(json.RawMessage(data))
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("Validate(%s) = %v, want %q", data, err, want)
		}
		if want != "" {
			if _, err := d.Run(t.Context(), &jobs.Task{Data: json.RawMessage(data)}); err == nil || err.Error() != want {
				t.Errorf("Run(%s) = %v, want %q", data, err, want)
			}
		}
	}
}

func TestFuncDriver_With(t *testing.T) {
	t.Parallel()
	plain := drivers.Func("nightly-report", nothing[nested])
	if got := plain.Info(); got.Name != "Nightly report" || got.Kind != jobs.DriverJob || got.Source != jobs.SourceHost || got.Idempotent {
		t.Errorf("Info without options = %+v", got)
	}
	got := plain.With(drivers.FuncOptions{
		Kind: jobs.DriverJob, Name: "N", Description: "D", Icon: "i", Idempotent: true, Params: struct{ Year int }{},
	}).Info()
	if got.ID != "nightly-report" || got.Name != "N" || got.Description != "D" || got.Icon != "i" || !got.Idempotent ||
		!strings.Contains(string(got.ParamsSchema), `"Year":{"type":"integer"}`) || string(got.Schema) != string(plain.Info().Schema) {
		t.Errorf("Info = %+v", got)
	}
	if plain.Info().Idempotent {
		t.Error("With changed its receiver")
	}
}

func TestTaskFrom(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	var percent float64
	d := drivers.Func("a", func(ctx context.Context, _ struct{}) (string, error) {
		task := drivers.TaskFrom(ctx)
		task.Log.Info("reading")
		task.Progress(40, "half")
		params, err := drivers.ParamsFrom[struct{ Year int }](ctx)
		if err != nil || params.Year != 2026 {
			t.Errorf("ParamsFrom = %+v, %v", params, err)
		}
		_, err = drivers.ParamsFrom[struct{ Year string }](ctx)
		if !jobs.AdviceOf(err).Permanent {
			t.Errorf("ParamsFrom of another type = %v", err)
		}
		return task.Key, nil
	})
	task := &jobs.Task{
		Key: "k", Params: json.RawMessage(`{"Year":2026}`), Log: slog.New(slog.NewTextHandler(&log, nil)),
		Progress: func(p float64, _ string) { percent = p },
	}
	output, err := d.Run(t.Context(), task)
	if err != nil || output.Data != "k" || percent != 40 || !strings.Contains(log.String(), "msg=reading") {
		t.Errorf("Run = %+v, %v; progress %v; log %q", output, err, percent, log.String())
	}
	if _, err := d.Run(t.Context(), &jobs.Task{Params: task.Params}); err != nil { // neither log nor progress
		t.Errorf("Run = %v", err)
	}
	outside := drivers.TaskFrom(t.Context())
	outside.Log.Error("nobody reads this")
	outside.Progress(1, "")
	if params, err := drivers.ParamsFrom[map[string]any](t.Context()); params != nil || err != nil {
		t.Errorf("ParamsFrom outside of a run = %v, %v", params, err)
	}
}
