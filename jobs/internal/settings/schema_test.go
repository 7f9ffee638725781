package settings_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs/internal/settings"
)

func TestCompile_Refuses(t *testing.T) {
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
			if _, err := settings.Compile([]byte(schema)); err == nil {
				t.Error("the schema is accepted")
			} else if outside := strings.Contains(schema, file); outside && !strings.Contains(err.Error(), "only to itself") {
				t.Errorf("the file was read: %v", err)
			}
		})
	}
}

func TestCompile_AnEmptyTextIsAnyObject(t *testing.T) {
	s := compile(t, "")
	if got := written(t, s, `{"a":[1]}`); got != nil {
		t.Errorf("an object is refused: %q", got)
	}
	if diff := cmp.Diff([]string{": must be an object"}, written(t, s, `[]`)); diff != "" {
		t.Errorf("an array (-want +got):\n%s", diff)
	}
}

func TestSchema_Secrets(t *testing.T) {
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

func TestSchema_TakeAndPut(t *testing.T) {
	s := compile(t, webhookSchema)
	object, faults := s.Read([]byte(`{"url":"x","auth":{"password":"p","user":"u"},"secret":null,"secretHeaders":{"a":["${x}"]}}`))
	if faults != nil {
		t.Fatal(faults)
	}
	values, faults := s.Take(object)
	if diff := cmp.Diff([]string{"secretHeaders: is a secret and may not have a placeholder"}, lines(faults)); diff != "" {
		t.Errorf("faults of Take (-want +got):\n%s", diff)
	}
	want := map[string]any{"auth.password": "p", "secret": nil, "secretHeaders": map[string]any{"a": []any{"${x}"}}}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"url": "x", "auth": map[string]any{"user": "u"}}, object); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
	secrets := map[string]json.RawMessage{"auth.password": json.RawMessage(`"p"`)}
	into := map[string]any{}
	if faults := settings.Put(into, secrets); faults != nil {
		t.Errorf("Put into nothing: %v", faults)
	}
	if diff := cmp.Diff(map[string]any{"auth": map[string]any{"password": "p"}}, into); diff != "" {
		t.Errorf("Put into nothing (-want +got):\n%s", diff)
	}
	faults = settings.Put(map[string]any{"auth": 7}, secrets)
	if diff := cmp.Diff([]string{`auth: must be an object: it holds the secret "auth.password"`}, lines(faults)); diff != "" {
		t.Errorf("Put into a number (-want +got):\n%s", diff)
	}
	for _, bad := range []string{``, `{`, `1,"x":2`, secretCanary} {
		_, faults := settings.ReadSecret("secret", []byte(bad))
		if diff := cmp.Diff([]string{"secret: is not valid JSON"}, lines(faults)); diff != "" {
			t.Errorf("ReadSecret of %q (-want +got):\n%s", bad, diff)
		}
	}
}

func TestSchema_Hide(t *testing.T) {
	s := compile(t, webhookSchema)
	for path, want := range map[string]string{
		"secretHeaders.X-Key": "secretHeaders", "secret[0]": "secret", "secret": "secret", "secrets": "secrets", "auth.user": "auth.user", "": "",
	} {
		if got := s.Hide(path); got != want {
			t.Errorf("Hide(%q) = %q, want %q", path, got, want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"type":"object"}`, webhookSchema, `{"type":"object","$ref":"#"}`, `{"type":"object","allOf":[{"$ref":"#"}]}`,
		`{"type":"object","properties":{"a":{"$ref":"#/properties/b"},"b":{"$ref":"#/properties/a","writeOnly":true}}}`,
		`{"type":"object","properties":{"a":{"writeOnly":1}}}`, `{"type":"object","$id":"x","$defs":{"$id":1}}`,
		`{"type":"object","properties":{"a":{"multipleOf":0}}}`, `{"type":"object","$vocabulary":{"x":true},"$schema":"y"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, schema string) {
		s, err := settings.Compile([]byte(schema))
		if err != nil {
			return
		}
		for _, data := range []string{`{}`, `{"a":{"a":{"b":["x"]}},"b":1}`} {
			if _, err := s.Check([]byte(data)); err != nil {
				t.Fatalf("%v; want faults or nothing", err)
			}
		}
	})
}
