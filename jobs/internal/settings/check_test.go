package settings_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs/internal/settings"
)

func TestSchema_Check(t *testing.T) {
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
			got := written(t, s, tc.data)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Check (-want +got):\n%s", diff)
			}
			if strings.Contains(strings.Join(got, "\n"), secretCanary) {
				t.Errorf("the faults show a secret: %q", got)
			}
		})
	}
}

func TestSchema_CheckPlaceholders(t *testing.T) {
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
			if diff := cmp.Diff(tc.written, written(t, s, tc.data)); diff != "" {
				t.Errorf("Check (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.expanded, expanded(t, s, tc.data)); diff != "" {
				t.Errorf("CheckExpanded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSchema_CheckAlternatives(t *testing.T) {
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
		if diff := cmp.Diff(want, written(t, s, data)); diff != "" {
			t.Errorf("Check(%s) (-want +got):\n%s", data, diff)
		}
	}
}

// The location of an error of propertyNames in jsonschema v6.0.3 changes when a later value is checked.
func TestSchema_CheckNamesTheObjectOfABadName(t *testing.T) {
	s := compile(t, `{"type":"object","additionalProperties":{"type":"object","propertyNames":{"maxLength":1}}}`)
	var members []string
	for i := range 20 {
		members = append(members, fmt.Sprintf(`"m%02d":{}`, i))
	}
	members = append(members, `"bad":{"long":1}`)
	for range 50 { // the order of a Go map is random
		got := written(t, s, "{"+strings.Join(members, ",")+"}")
		if diff := cmp.Diff([]string{"bad.long: is not an allowed name"}, got); diff != "" {
			t.Fatalf("Check (-want +got):\n%s", diff)
		}
	}
}

func TestSchema_CheckBoundsItsReport(t *testing.T) {
	s := compile(t, webhookSchema)
	var members []string
	for i := range 150 {
		members = append(members, fmt.Sprintf(`"x%03d%s":1`, i, strings.Repeat("y", 200)))
	}
	got := written(t, s, "{"+strings.Join(members, ",")+"}")
	if len(got) != 101 || got[100] != ": and 51 more faults" {
		t.Errorf("%d faults, the last is %q; want 100 and the number of the others", len(got), got[len(got)-1])
	}
	if len(got[1]) > 200 {
		t.Errorf("a name of 200 characters is not cut: %q", got[1])
	}
}

func TestSchema_CheckLimits(t *testing.T) {
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
		"size":     {text(settings.MaxBytes), text(settings.MaxBytes + 1), ": has 262145 bytes; at most 262144"},
		"depth":    {nest(settings.MaxDepth), nest(settings.MaxDepth + 1), ": is nested deeper than 32"},
		"keys":     {keys(settings.MaxKeys), keys(settings.MaxKeys + 1), ": has more than 10000 names"},
		"digits":   {number(100), number(101), "a: is a number with too many digits"},
		"exponent": {`{"a":1e400}`, `{"a":1E+401}`, "a: is a number with too many digits"},
		"fraction": {`{"a":1e-400}`, `{"a":1e-401}`, "a: is a number with too many digits"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := written(t, s, tc.at); got != nil {
				t.Errorf("at the limit: %q", got)
			}
			if diff := cmp.Diff([]string{tc.message}, written(t, s, tc.above)); diff != "" {
				t.Errorf("above the limit (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzSchema_Check: the reading as written never refuses what the expanded one takes, and is the same without placeholders.
func FuzzSchema_Check(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `{"url":"https://a.example/x","secret":"12345678","secretHeaders":{"X-Key":"v"},"auth":{"user":"u","password":"p"}}`, `{"url":"${x}","to":["a@b.example","${y}"],"secret":"${z}"}`, `{"secret":null,"auth":{"password":null}}`,
		`{"auth":"x","secretHeaders":7,"tries":1e999999999}`, `{"a":{"a":{"a":[[[{}]]]}},"labels":{"A":1}}`, `{"url":"http://[::1","method":7.0}`,
		`{"auth.password":"x","":1,"[0]":2,"secret[":3}`, `{"share":-0.0,"body":"\ud800"}`, "{\"url\":\"\xff\"}", `{"url":"http://a.example",}`,
	} {
		f.Add(seed)
	}
	s := compile(f, webhookSchema)
	f.Fuzz(func(t *testing.T, text string) {
		written, expanded := written(t, s, text), expanded(t, s, text)
		if written != nil && expanded == nil {
			t.Fatalf("as written it is refused, expanded it is not: %q", written)
		}
		if !strings.Contains(text, "${") && !strings.Contains(text, `\u`) && (written == nil) != (expanded == nil) {
			t.Fatalf("without a placeholder the two readings differ: %q and %q", written, expanded)
		}
	})
}
