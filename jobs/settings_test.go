package jobs_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// webhookSchema has one of each thing that the tests need.
const webhookSchema = `{
	"type": "object", "required": ["url"], "additionalProperties": false,
	"properties": {
		"url": {"type": "string", "format": "uri", "minLength": 1, "maxLength": 60},
		"method": {"enum": ["GET", "POST", 7]},
		"code": {"type": "string", "pattern": "^[a-z]+$"},
		"mode": {"const": "fast"},
		"to": {"type": "array", "items": {"type": "string", "format": "email"}, "minItems": 1, "maxItems": 2, "uniqueItems": true},
		"tries": {"type": "integer", "minimum": 1, "maximum": 10},
		"share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1.5, "multipleOf": 0.25},
		"labels": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}, "maxProperties": 2},
		"body": {},
		"secret": {"type": "string", "minLength": 8, "maxLength": 40, "pattern": "^[ -~]*$", "writeOnly": true},
		"secretHeaders": {"type": "object", "writeOnly": true, "additionalProperties": {"type": "string", "maxLength": 40}},
		"auth": {"type": "object", "required": ["user"], "additionalProperties": false, "properties": {
			"user": {"type": "string"}, "password": {"type": "string", "writeOnly": true}}}
	},
	"dependentRequired": {"tries": ["method"]}
}`

func compile(t testing.TB, schema string) *jobs.Settings {
	t.Helper()
	s, err := jobs.CompileSettings(jobs.DriverInfo{ID: "test", Kind: jobs.DriverAction, Schema: json.RawMessage(schema)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// settingsFaults gives the faults as "path: message".
func settingsFaults(t testing.TB, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var invalid *jobs.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatalf("the error is no ValidationError: %v", err)
	}
	var out []string
	for _, f := range invalid.Fields {
		out = append(out, f.Path+": "+f.Message)
	}
	return out
}

// What is refused, and in which words, is tested in internal/settings.
func TestSettings_Check(t *testing.T) {
	s := compile(t, webhookSchema)
	text := `{"url":"https://a.example","method":"${params.m}","to":["x"],"secretHeaders":{"` + secretCanary + `":1}}`
	want := []string{"secretHeaders: must be a string", `to[0]: is not a valid email: "x"`}
	err := s.Check(json.RawMessage(text))
	if diff := cmp.Diff(want, settingsFaults(t, err)); diff != "" {
		t.Errorf("Check (-want +got):\n%s", diff)
	}
	if !errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("%v is not ErrInvalid", err)
	}
	want = append([]string{`method: must be one of "GET", "POST", 7`}, want...)
	if diff := cmp.Diff(want, settingsFaults(t, s.CheckExpanded(json.RawMessage(text)))); diff != "" {
		t.Errorf("CheckExpanded (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{": must be an object"}, settingsFaults(t, s.Check(json.RawMessage(`[]`)))); diff != "" {
		t.Errorf("Check of an array (-want +got):\n%s", diff)
	}
	if err := s.Check(json.RawMessage(`{"url":"https://a.example"}`)); err != nil {
		t.Errorf("right settings: %v", err)
	}
}

func TestCheckParams(t *testing.T) {
	schema := json.RawMessage(`{"type":"object","properties":{"day":{"type":"string","format":"date"}},"additionalProperties":false}`)
	for params, want := range map[string][]string{
		``: nil, `{}`: nil, `{"day":"2026-11-24"}`: nil,
		`{"day":"${date('YYYY')}","x":1}`: {`day: is not a valid date: "${date('YYYY')}"`, "x: is an unknown property"},
		`[]`:                              {": must be an object"},
	} {
		if diff := cmp.Diff(want, settingsFaults(t, jobs.CheckParams(schema, json.RawMessage(params)))); diff != "" {
			t.Errorf("CheckParams(%s) (-want +got):\n%s", params, diff)
		}
	}
	if err := jobs.CheckParams(nil, json.RawMessage(`{"x":1}`)); err != nil {
		t.Errorf("params without a schema: %v", err)
	}
	if err := jobs.CheckParams(json.RawMessage(`{"type":"array"}`), nil); err == nil || errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("a bad schema gives %v; want an error that does not blame the params", err)
	}
}

func TestCompileSettings_Refuses(t *testing.T) {
	pin := json.RawMessage(`{"type":"object","properties":{"pin":{"type":"string","writeOnly":true}}}`)
	for name, info := range map[string]jobs.DriverInfo{
		"a schema that is no object":        {ID: "x", Schema: json.RawMessage(`{"type":"array"}`)},
		"a schema that is no JSON":          {ID: "x", Schema: json.RawMessage(`{"type":`)},
		"a params schema that is no object": {ID: "x", ParamsSchema: json.RawMessage(`{"type":"array"}`)},
		"a secret in params":                {ID: "x", ParamsSchema: pin},
	} {
		if _, err := jobs.CompileSettings(info); err == nil {
			t.Errorf("%s is accepted", name)
		} else if !strings.Contains(err.Error(), `"x"`) || errors.Is(err, jobs.ErrInvalid) {
			t.Errorf("%s: %v; want an error that names the driver, and blames no caller", name, err)
		}
	}
}

func TestCompileSettings_WithoutSchemaTakesAnyObject(t *testing.T) {
	s, err := jobs.CompileSettings(jobs.DriverInfo{ID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(json.RawMessage(`{"a":[1]}`)); err != nil {
		t.Error(err)
	}
}

func TestSettings_Secrets(t *testing.T) {
	if diff := cmp.Diff([]string{"auth.password", "secret", "secretHeaders"}, compile(t, webhookSchema).Secrets()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
