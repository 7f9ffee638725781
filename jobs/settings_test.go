package jobs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

func TestSettings_Check(t *testing.T) {
	cases := map[string]struct {
		data string
		want []string
	}{
		"the least": {`{"url":"https://a.example"}`, nil},
		"everything": {`{"url":"https://a.example","method":7,"code":"x","mode":"fast","to":["a@b.example"],"tries":10,"share":1.25,
			"labels":{"a":1},"body":[null],"secret":"12345678","secretHeaders":{"X-Key":"v"},"auth":{"user":"u","password":"p"}}`, nil},
		"nothing":                     {``, []string{"url: is required"}},
		"null":                        {`null`, []string{": must be an object"}},
		"an array":                    {`[]`, []string{": must be an object"}},
		"no JSON":                     {`{"url":`, []string{": is not valid JSON near byte 7"}},
		"an object that does not end": {`{"url":"https://a.example"`, []string{": is not valid JSON near byte 26"}},
		"an array that does not end":  {`{"to":["a"`, []string{": is not valid JSON near byte 10"}},
		"more after the end":          {`{} {}`, []string{": has more after its end"}},
		"a name twice":                {`{"url":"https://a.example","url":"https://b.example"}`, []string{"url: is there twice"}},
		"a NUL":                       {`{"url":"https://a.example","body":{"x":["\u0000"]}}`, []string{"body.x[0]: has a NUL character"}},
		"broken UTF-8":                {"{\"url\":\"\xff\"}", []string{": is not valid UTF-8"}},
		"a number that fills the memory": {
			`{"url":"https://a.example","tries":1e999999999}`, []string{"tries: is a number with too many digits"},
		},
		"all at once, sorted": {
			`{"url":"no url","method":"PUT","code":"A","mode":"slow","to":["x","x","y@b.example"],"tries":0,"share":0.3,"foo":1}`,
			[]string{
				"code: does not match the pattern ^[a-z]+$: \"A\"",
				"foo: is an unknown property",
				"method: must be one of \"GET\", \"POST\", 7",
				"mode: must be \"fast\"",
				"share: must be a multiple of 0.25",
				"to: has the same item twice, at 0 and 1",
				"to: may have at most 2 items",
				"to[0]: is not a valid email: \"x\"",
				"to[1]: is not a valid email: \"x\"",
				"tries: must be at least 1",
				"url: is not a valid uri: \"no url\"",
			},
		},
		"types": {
			`{"url":1,"to":"x","tries":1.5,"share":true,"labels":null,"auth":[],"method":"GET"}`,
			[]string{
				"auth: must be an object", "labels: must be an object", "share: must be a number", "to: must be an array",
				"tries: must be a whole number", "url: must be a string",
			},
		},
		"other bounds": {
			`{"url":"","method":"GET","to":[],"tries":11,"share":1.5,"labels":{"A":1,"b":2,"c":3}}`,
			[]string{
				"labels: may have at most 2 properties", "labels.A: is not an allowed name", "share: must be less than 1.5",
				"to: must have at least 1 items", "tries: must be at most 10", "url: is not a valid uri: \"\"",
			},
		},
		"dependent":             {`{"url":"https://a.example","tries":1}`, []string{"method: is required together with \"tries\""}},
		"nested required":       {`{"url":"https://a.example","auth":{"password":"p"}}`, []string{"auth.user: is required"}},
		"a URL with a password": {`{"url":"http://me:` + secretCanary + ` x@a.example"}`, []string{"url: is not a valid uri"}},
		"a secret too short":    {`{"url":"https://a.example","secret":"1234567"}`, []string{"secret: must have at least 8 characters"}},
		"a secret too long": {
			`{"url":"https://a.example","secret":"` + strings.Repeat(secretCanary, 4) + `"}`, []string{"secret: may have at most 40 characters"},
		},
		"a secret with a bad character": {`{"url":"https://a.example","secret":"` + secretCanary + `é"}`, []string{"secret: is not valid"}},
		"a secret of another type":      {`{"url":"https://a.example","secret":["` + secretCanary + `"]}`, []string{"secret: must be a string"}},
		"a member of a secret": {
			`{"url":"https://a.example","secretHeaders":{"` + secretCanary + `":1}}`, []string{"secretHeaders: must be a string"},
		},
		"a name twice in a secret": {
			`{"url":"https://a.example","secretHeaders":{"` + secretCanary + `":"x","` + secretCanary + `":"y"}}`, []string{"secretHeaders: is there twice"},
		},
	}
	s := compile(t, webhookSchema)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := s.Check(json.RawMessage(tc.data))
			if diff := cmp.Diff(tc.want, settingsFaults(t, err)); diff != "" {
				t.Errorf("Check (-want +got):\n%s", diff)
			}
			if err != nil && strings.Contains(err.Error(), secretCanary) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestSettings_CheckPlaceholders(t *testing.T) {
	cases := map[string]struct {
		data              string
		written, expanded []string
	}{
		"format, pattern, enum and length": {
			data: `{"url":"${params.u} ` + strings.Repeat("x", 60) + `","code":"A${x}","method":"${params.m}"}`,
			expanded: []string{
				"code: does not match the pattern ^[a-z]+$: \"A${x}\"", "method: must be one of \"GET\", \"POST\", 7",
				"url: is not a valid uri: \"${params.u} " + strings.Repeat("x", 60) + "\"",
			},
		},
		"inside an array": {
			data: `{"url":"https://a.example","to":["${params.to}"]}`, expanded: []string{`to[0]: is not a valid email: "${params.to}"`},
		},
		"the type holds": {
			data: `{"url":"https://a.example","tries":"${params.n}","method":"GET"}`, written: []string{"tries: must be a whole number"},
			expanded: []string{"tries: must be a whole number"},
		},
		"other members are checked": {
			data: `{"url":"${x}","code":"A"}`, written: []string{"code: does not match the pattern ^[a-z]+$: \"A\""},
			expanded: []string{"code: does not match the pattern ^[a-z]+$: \"A\"", "url: is not a valid uri: \"${x}\""},
		},
		"two equal items may become different": {
			data: `{"url":"https://a.example","to":["${x}","${x}"]}`,
			expanded: []string{
				"to: has the same item twice, at 0 and 1", `to[0]: is not a valid email: "${x}"`, `to[1]: is not a valid email: "${x}"`,
			},
		},
	}
	s := compile(t, webhookSchema)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.written, settingsFaults(t, s.Check(json.RawMessage(tc.data)))); diff != "" {
				t.Errorf("Check (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.expanded, settingsFaults(t, s.CheckExpanded(json.RawMessage(tc.data)))); diff != "" {
				t.Errorf("CheckExpanded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSettings_CheckAlternatives(t *testing.T) {
	s := compile(t, `{"type":"object","properties":{
		"to": {"anyOf": [{"type":"string","format":"email"}, {"type":"array","items":{"type":"string","format":"email"}}]},
		"when": {"oneOf": [{"required":["on"],"properties":{"on":{"pattern":"^a"}}}, {"required":["at"]}]},
		"not": {"type":"string","not":{"pattern":"^x"}},
		"ref": {"$ref":"#/$defs/r"}
	}, "anyOf": [{"required":["text"]}, {"required":["html"]}], "$defs": {"r": {"anyOf":[{"type":"null"},{"type":"integer"}]}}}`)
	for data, want := range map[string][]string{
		`{"text":1}`:                                     nil,
		`{}`:                                             {": needs one of: text, html"},
		`{"text":1,"to":"x"}`:                            {`to: is not a valid email: "x"`},
		`{"text":1,"to":["a@b.example","x"]}`:            {`to[1]: is not a valid email: "x"`},
		`{"text":1,"to":7}`:                              {"to: must be an array or a string"},
		`{"text":1,"when":{}}`:                           {"when: needs one of: on, at"},
		`{"text":1,"when":{"on":"a","at":"b"}}`:          {"when: has more than one of the allowed forms"},
		`{"text":1,"when":{"on":"b"}}`:                   {"when: has none of the allowed forms"},
		`{"text":1,"when":{"on":"${x}","at":"${x}"}}`:    nil,
		`{"text":1,"not":"xy"}`:                          {"not: is not allowed"},
		`{"text":1,"not":"x${params.a}"}`:                nil,
		`{"text":1,"ref":"s"}`:                           {"ref: must be a whole number or null"},
		`{"text":1,"to":"${params.to}","when":{"at":1}}`: nil,
	} {
		if diff := cmp.Diff(want, settingsFaults(t, s.Check(json.RawMessage(data)))); diff != "" {
			t.Errorf("Check(%s) (-want +got):\n%s", data, diff)
		}
	}
}

// The location of an error of propertyNames in jsonschema v6.0.3 changes when a later value is checked.
func TestSettings_CheckNamesTheObjectOfABadName(t *testing.T) {
	s := compile(t, `{"type":"object","additionalProperties":{"type":"object","propertyNames":{"maxLength":1}}}`)
	var members []string
	for i := range 20 {
		members = append(members, fmt.Sprintf(`"m%02d":{}`, i))
	}
	members = append(members, `"bad":{"long":1}`)
	for range 50 { // the order of a Go map is random
		got := settingsFaults(t, s.Check(json.RawMessage("{"+strings.Join(members, ",")+"}")))
		if diff := cmp.Diff([]string{"bad.long: is not an allowed name"}, got); diff != "" {
			t.Fatalf("Check (-want +got):\n%s", diff)
		}
	}
}

func TestSettings_CheckBoundsItsReport(t *testing.T) {
	s := compile(t, webhookSchema)
	var members []string
	for i := range 150 {
		members = append(members, fmt.Sprintf(`"x%03d%s":1`, i, strings.Repeat("y", 200)))
	}
	got := settingsFaults(t, s.Check(json.RawMessage("{"+strings.Join(members, ",")+"}")))
	if len(got) != 101 || got[100] != ": and 51 more faults" {
		t.Errorf("%d faults, the last is %q; want 100 and the number of the others", len(got), got[len(got)-1])
	}
	if len(got[1]) > 200 {
		t.Errorf("a name of 200 characters is not cut: %q", got[1])
	}
}

func TestSettings_CheckLimits(t *testing.T) {
	s := compile(t, `{"type":"object"}`)
	text := func(n int) string { return `{"a":"` + strings.Repeat("x", n-len(`{"a":""}`)) + `"}` }
	nest := func(depth int) string { return strings.Repeat(`{"a":`, depth-1) + "{}" + strings.Repeat("}", depth-1) }
	keys := func(n int) string {
		members := make([]string, n)
		for i := range members {
			members[i] = fmt.Sprintf(`"k%d":0`, i)
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	number := func(digits int) string { return `{"a":` + strings.Repeat("1", digits) + "}" }
	for name, tc := range map[string]struct{ at, above, message string }{
		"size":     {text(jobs.MaxSettings), text(jobs.MaxSettings + 1), ": has 262145 bytes; at most 262144"},
		"depth":    {nest(jobs.MaxSettingsDepth), nest(jobs.MaxSettingsDepth + 1), ": is nested deeper than 32"},
		"keys":     {keys(jobs.MaxSettingsKeys), keys(jobs.MaxSettingsKeys + 1), ": has more than 10000 names"},
		"digits":   {number(100), number(101), "a: is a number with too many digits"},
		"exponent": {`{"a":1e400}`, `{"a":1E+401}`, "a: is a number with too many digits"},
		"fraction": {`{"a":1e-400}`, `{"a":1e-401}`, "a: is a number with too many digits"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.Check(json.RawMessage(tc.at)); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			if diff := cmp.Diff([]string{tc.message}, settingsFaults(t, s.Check(json.RawMessage(tc.above)))); diff != "" {
				t.Errorf("above the limit (-want +got):\n%s", diff)
			}
		})
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
	file := filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(file, []byte("not read, so not seen to be no JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := `{"type":"string","writeOnly":true}`
	cases := map[string]string{
		"no JSON":                        `{"type":"object"`,
		"a boolean":                      `true`,
		"another type":                   `{"type":"string"}`,
		"no type":                        `{}`,
		"two types":                      `{"type":["object","null"]}`,
		"a bad keyword":                  `{"type":"object","required":"url"}`,
		"a bad pattern":                  `{"type":"object","properties":{"a":{"pattern":"("}}}`,
		"another dialect":                `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}`,
		"a reference to a file":          `{"type":"object","properties":{"a":{"$ref":"file://` + file + `"}}}`,
		"a reference to an address":      `{"type":"object","properties":{"a":{"$ref":"http://127.0.0.1:1/x.json"}}}`,
		"a relative reference":           `{"type":"object","properties":{"a":{"$ref":"other.json"}}}`,
		"a reference to a dialect":       `{"type":"object","properties":{"a":{"$ref":"http://json-schema.org/draft-07/schema"}}}`,
		"a dynamic reference":            `{"type":"object","$dynamicAnchor":"x","properties":{"a":{"$dynamicRef":"#x"}}}`,
		"a reference to nothing":         `{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}}}`,
		"a number that fills memory":     `{"type":"object","properties":{"a":{"maximum":1e999999999}}}`,
		"a secret as a whole":            `{"type":"object","writeOnly":true}`,
		"a secret in an array":           `{"type":"object","properties":{"a":{"items":` + secret + `}}}`,
		"a secret deep in an array":      `{"type":"object","properties":{"a":{"items":{"properties":{"b":` + secret + `}}}}}`,
		"a secret in a tuple":            `{"type":"object","properties":{"a":{"prefixItems":[` + secret + `]}}}`,
		"a secret under any name":        `{"type":"object","additionalProperties":` + secret + `}`,
		"a secret under a pattern":       `{"type":"object","patternProperties":{"^s":` + secret + `}}`,
		"a secret in a negation":         `{"type":"object","not":{"properties":{"a":` + secret + `}}}`,
		"a secret behind a reference":    `{"type":"object","properties":{"a":{"items":{"$ref":"#/$defs/s"}}},"$defs":{"s":` + secret + `}}`,
		"a secret with a dotted name":    `{"type":"object","properties":{"a.b":` + secret + `}}`,
		"a secret under a dotted name":   `{"type":"object","properties":{"a.b":{"properties":{"c":` + secret + `}}}}`,
		"a secret without a name":        `{"type":"object","properties":{"":` + secret + `}}`,
		"a secret in a recursion":        `{"type":"object","properties":{"s":` + secret + `,"next":{"$ref":"#"}}}`,
		"a secret in a hidden recursion": `{"type":"object","allOf":[{"properties":{"s":` + secret + `,"next":{"$ref":"#"}}}]}`,
	}
	for name, schema := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := jobs.CompileSettings(jobs.DriverInfo{ID: "x", Schema: json.RawMessage(schema)}); err == nil {
				t.Error("the schema is accepted")
			} else if !strings.Contains(err.Error(), `"x"`) {
				t.Errorf("the error does not name the driver: %v", err)
			} else if outside := strings.Contains(schema, file); outside && !strings.Contains(err.Error(), "only to itself") {
				t.Errorf("the file was read: %v", err)
			}
		})
	}
	info := jobs.DriverInfo{ID: "x", ParamsSchema: json.RawMessage(`{"type":"object","properties":{"pin":` + secret + `}}`)}
	if _, err := jobs.CompileSettings(info); err == nil {
		t.Error("a secret in params is accepted")
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
	secret := `{"type":"string","writeOnly":true}`
	for schema, want := range map[string][]string{
		webhookSchema:       {"auth.password", "secret", "secretHeaders"},
		`{"type":"object"}`: nil,
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/s"},"b":{"properties":{"c":{"$ref":"#/$defs/s"}}}},"$defs":{"s":` + secret + `}}`: {"a", "b.c"},
		`{"type":"object","allOf":[{"properties":{"a":` + secret + `}}],"oneOf":[{"properties":{"b":` + secret + `}},{"properties":{"b":{}}}],
			"if":{"required":["c"]},"then":{"properties":{"c":` + secret + `}},"dependentSchemas":{"e":{"properties":{"d":` + secret + `}}}}`: {"a", "b", "c", "d"},
		`{"type":"object","properties":{"a":{"writeOnly":true,"properties":{"b":` + secret + `}}}}`:                                                 {"a"},
		`{"$id":"https://a.example/s","type":"object","properties":{"a":{"$ref":"t"}},"$defs":{"t":{"$id":"t","properties":{"b":` + secret + `}}}}`: {"a.b"},
		// A structure that contains itself, beside a secret, is fine.
		`{"type":"object","properties":{"s":` + secret + `,"t":{"$ref":"#/$defs/t"}},"$defs":{"t":{"properties":{"t":{"$ref":"#/$defs/t"}}}}}`: {"s"},
	} {
		if diff := cmp.Diff(want, compile(t, schema).Secrets()); diff != "" {
			t.Errorf("Secrets of %s (-want +got):\n%s", schema, diff)
		}
	}
}
