package placeholder_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs/internal/placeholder"
)

var at = time.Date(2026, 3, 25, 23, 4, 5, 0, time.UTC)

// zone is one hour ahead of UTC at that moment, so the date differs.
var zone = time.FixedZone("Europe/Berlin", 3600)

// tree is a flat Values: path to value. What is below "previous" exists only in a run.
type tree map[string]any

func (v tree) Lookup(path string) (any, bool, bool) {
	value, found := v[path]
	return value, found, !strings.HasPrefix(path, "previous.")
}

func values() tree {
	return tree{
		"job.name":              "Nightly ${job.id} $${x} ${",
		"driver.data.n":         json.Number("12345678901234567890.0"),
		"driver.data.t":         true,
		"driver.data.null":      nil,
		"driver.data.list":      []any{json.Number("1"), map[string]any{"b": json.Number("2"), "a": "<é\n"}},
		"driver.data.list.1.b":  json.Number("2"),
		"driver.data.big":       strings.Repeat("x", 40_000),
		"run.params.f":          1.5e6,
		"run.params.first name": "Mara",
		"run.params.$ref":       "r",
	}
}

// lines are the faults as "path: message".
func lines(faults []placeholder.Fault) []string {
	var out []string
	for _, f := range faults {
		out = append(out, f.Path+": "+f.Message)
	}
	return out
}

func TestExpand_Strings(t *testing.T) {
	tests := map[string]string{
		"":                                        "",
		"plain $ {} $x } text":                    "plain $ {} $x } text",
		"${job.name}":                             "Nightly ${job.id} $${x} ${",
		"a${run.params.f}b${driver.data.t}c":      "a1500000btruec",
		"${driver.data.n}":                        "12345678901234567890.0",
		"[${driver.data.null}]":                   "[]",
		"${driver.data.list}":                     `[1,{"a":"<é\n","b":2}]`,
		"${driver.data.list.1.b}":                 "2",
		"${run.params.first name}":                "Mara",
		"${run.params.$ref}":                      "r",
		"$${job.name}":                            "${job.name}",
		"$$${job.name}":                           "$${job.name}",
		"$${${run.params.f}":                      "${1500000",
		"$${":                                     "${",
		"$${}${run.params.f}":                     "${}1500000",
		"${date('YYYY-MM-DD')}":                   "2026-03-26",
		"${date('YY MM DD HH:mm:ss')}.csv":        "26 03 26 00:04:05.csv",
		"${date('YYYYMMDDTHHmmss')}":              "20260326T000405",
		"${date('YYYY年MM月')}${date('}')}":         "2026年03月}",
		"${run.params.f}${run.params.f}":          "15000001500000",
		"Ümlaut ${run.params.f} \x00 ${job.name}": "Ümlaut 1500000 \x00 Nightly ${job.id} $${x} ${",
	}
	for text, want := range tests {
		got, faults := placeholder.Expand(text, values(), at, zone)
		if len(faults) > 0 || got != want {
			t.Errorf("Expand(%q) = %q, %v; want %q", text, got, faults, want)
		}
		if faults := placeholder.Check(text); len(faults) > 0 {
			t.Errorf("Check(%q) = %v", text, faults)
		}
		if got := placeholder.In(text); got != strings.Contains(text, "${") {
			t.Errorf("In(%q) = %v", text, got)
		}
	}
	if got, faults := placeholder.Expand("${date('HH')}", values(), at.In(zone), nil); got != "23" || len(faults) > 0 {
		t.Errorf("without a zone: %v, %v; want the hour in UTC", got, faults)
	}
}

func TestExpand_Values(t *testing.T) {
	in := map[string]any{
		"${job.name}": "${run.params.f}", "n": json.Number("1.0"), "i": 7, "b": true, "null": nil,
		"list": []any{"a", []any{"${driver.data.t}"}}, "raw": json.RawMessage(`{"x":"${driver.data.t}","y":1.50}`),
	}
	want := map[string]any{
		"${job.name}": "1500000", "n": json.Number("1.0"), "i": 7, "b": true, "null": nil,
		"list": []any{"a", []any{"true"}}, "raw": map[string]any{"x": "true", "y": json.Number("1.50")},
	}
	got, faults := placeholder.Expand(in, values(), at, zone)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if in["list"].([]any)[1].([]any)[0] != "${driver.data.t}" {
		t.Error("the input changed")
	}
	got.(map[string]any)["list"].([]any)[0] = "changed"
	if in["list"].([]any)[0] != "a" {
		t.Error("the result shares memory with the input")
	}
}

func TestExpand_NamesWhatHasNoValue(t *testing.T) {
	in := map[string]any{"to": []any{"ok", "${run.params.mail}"}, "subject": "${previous.data.x}", "text": "${env.HOME}", "z": struct{}{}}
	_, faults := placeholder.Expand(in, values(), at, zone)
	want := []string{
		"subject: has no value for ${previous.data.x} yet: it exists only in a run",
		"text: has no value for ${env.HOME}: unknown path",
		"to[1]: has no value for ${run.params.mail}: unknown path",
		"z: a value of Go type struct {} is not JSON",
	}
	if diff := cmp.Diff(want, lines(faults)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExpand_IsBounded(t *testing.T) {
	expand := func(v any) []string {
		_, faults := placeholder.Expand(v, values(), at, zone)
		return lines(faults)
	}
	const big = 40_000
	fill := func(n int) string { return "${driver.data.big}" + strings.Repeat("y", n-big) }
	for n, ok := range map[int]bool{placeholder.MaxResult - 1: true, placeholder.MaxResult: true, placeholder.MaxResult + 1: false} {
		if got := expand(fill(n)); (got == nil) != ok {
			t.Errorf("a result of %d bytes: %q", n, got)
		}
	}
	if got := expand(strings.Repeat("y", placeholder.MaxResult+1)); got != nil {
		t.Errorf("a long string without placeholder: %q", got)
	}
	list := make([]any, placeholder.MaxTotal/placeholder.MaxResult)
	for i := range list {
		list[i] = fill(placeholder.MaxResult)
	}
	if got := expand(list); got != nil {
		t.Errorf("at the bound of all strings: %q", got)
	}
	got := expand(append(list, "${run.params.f}"))
	if len(got) != 1 || got[0] != "[64]: becomes too long by its placeholders: at most 65536 bytes for a string and 4194304 together" {
		t.Errorf("beyond the bound of all strings: %q", got)
	}
}

func TestCheck_Refuses(t *testing.T) {
	tests := map[string]string{
		"${":                     "without }",
		"a ${job.name":           "without }",
		"$${ok} ${":              "without }",
		"${}":                    "empty placeholder",
		"${.a}":                  "empty name",
		"${a.}":                  "empty name",
		"${a..b}":                "empty name",
		"${a${b}}":               "no path",
		"${if (x) {\n}":          "no path",
		"${a\tb}":                "no path",
		"${date()}":              "bad date placeholder",
		"${date(YYYY)}":          "bad date placeholder",
		"${date('YYYY)}":         "bad date placeholder",
		"${date('YYYY') }":       "bad date placeholder",
		`${date("YYYY")}`:        "bad date placeholder",
		"${date('')}":            "without a format",
		"${date('yyyy')}":        "bad date format",
		"${date('YYY')}":         "bad date format",
		"${date('hh:mm')}":       "bad date format",
		"${date('HH:mm:ssZ')}":   "bad date format",
		"${date('MMM')}":         "bad date format",
		"${date('DD'MM')}":       "bad date format",
		"${date('DD\nMM')}":      "bad date format",
		"${job.name} ${date(x)}": "bad date placeholder",
	}
	for text, want := range tests {
		got := lines(placeholder.Check(map[string]any{"a": []any{"", text}}))
		if len(got) != 1 || !strings.HasPrefix(got[0], "a[1]: ") || !strings.Contains(got[0], want) {
			t.Errorf("Check(%q) = %q; want one with %q", text, got, want)
		}
		if _, faults := placeholder.Expand(text, values(), at, nil); len(faults) == 0 {
			t.Errorf("Expand(%q) takes what Check refuses", text)
		}
	}
	got := lines(placeholder.Check(json.RawMessage(`{"b":"${","a":"${}","ok":"${x.y}"}`)))
	if len(got) != 2 || !strings.HasPrefix(got[0], "a: ") || !strings.HasPrefix(got[1], "b: ") {
		t.Errorf("faults of raw JSON = %q", got)
	}
	many := make([]any, 1000)
	for i := range many {
		many[i] = "${"
	}
	if got := lines(placeholder.Check(many)); len(got) != 100 {
		t.Errorf("%d faults reported, want a bound of 100", len(got))
	}
}

func TestRewrite(t *testing.T) {
	names := map[string]string{"a1": "b7", "[2]": "c8", "z": "[0]"}
	tests := map[string]string{
		"${actions.a1.data.x} and ${actions.a1}":            "${actions.b7.data.x} and ${actions.b7}",
		"${actions[2].status}":                              "${actions.c8.status}",
		"${actions.z.error}":                                "${actions[0].error}",
		"${actions.a12.data.x} ${actions.} ${job.data.a1}":  "${actions.a12.data.x} ${actions.} ${job.data.a1}",
		"${actions.a12.data.x} ${job.data.a1} actions.a1.x": "${actions.a12.data.x} ${job.data.a1} actions.a1.x",
		"$${actions.a1.x} $$${actions.a1.x}":                "$${actions.a1.x} $$${actions.a1.x}",
		"$${${actions.a1.x}${date('YYYY')}$${":              "$${${actions.b7.x}${date('YYYY')}$${",
		"${actions.a1.x} ${":                                "${actions.a1.x} ${",
	}
	for text, want := range tests {
		got := placeholder.Rewrite(map[string]any{"k": []any{text, 1}}, names)
		if diff := cmp.Diff(map[string]any{"k": []any{want, 1}}, got); diff != "" {
			t.Errorf("Rewrite(%q) (-want +got):\n%s", text, diff)
		}
	}
}

func TestInAuthority(t *testing.T) {
	tests := map[string]bool{
		"https://wms.globex.example/hooks": false, "https://wms.globex.example/${run.params.x}?a=${job.id}#${job.id}": false,
		"https://wms.globex.example?${run.params.x}": false, "https://wms.globex.example:8443/${a.b}": false, "": false,
		"${run.params.url}": true, "${a.b}://h/": true, "http${a.b}://h/": true, "https://${a.b}/": true, "https://h${a.b}": true,
		"https://h:${a.b}/": true, "https://${a.b/c}.example/": true, "https://u:${a.b}@h/": true, "https:///${a.b}": true, "https:/${a.b}": true,
		"/hooks/${a.b}": true, "//h/${a.b}": true, "h/https://x/${a.b}": true, "https://$${h}/": true, "https://h\\${a.b}": true, "mailto:${a.b}": true,
	}
	for url, want := range tests {
		if got := placeholder.InAuthority(url); got != want {
			t.Errorf("InAuthority(%q) = %v, want %v", url, got, want)
		}
	}
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"", "${a.b}", "$${a}", "x${date('YYYY-MM-DDTHH:mm')}$$${a.c}", "${a", "${}", "${actions.x.data}", "${date('", "$$${${a.b}}"} {
		f.Add(seed, "in${a.b}serted")
	}
	f.Fuzz(func(t *testing.T, text, inserted string) {
		c := tree{"a.b": inserted, "a.c": []any{inserted}, "actions.x.data": 1}
		checked := placeholder.Check(text)
		got, faults := placeholder.Expand(text, c, at, nil)
		if checked != nil && faults == nil {
			t.Fatalf("%q expands to %q in spite of %v", text, got, checked)
		}
		if faults == nil && strings.Contains(text, "${") && len(got.(string)) > placeholder.MaxResult {
			t.Fatalf("%d bytes", len(got.(string)))
		}
		if same := placeholder.Rewrite(text, nil); same != text {
			t.Fatalf("Rewrite without names changes %q to %q", text, same)
		}
		there := placeholder.Rewrite(text, map[string]string{"x": "y"})
		if checked == nil && placeholder.Check(there) != nil {
			t.Fatalf("a rewritten string is refused: %q", there)
		}
		// Escaped whole, a text means itself.
		if plain, faults := placeholder.Expand(strings.ReplaceAll(text, "${", "$${"), c, at, nil); !strings.Contains(text, "$${") &&
			len(text) < placeholder.MaxResult && (faults != nil || plain != text) {
			t.Fatalf("escaped %q expands to %q, %v", text, plain, faults)
		}
	})
}
