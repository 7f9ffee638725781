package template_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/placeholder"
	"github.com/carillon-go/carillon/jobs/internal/template"
)

// run is a run in which every path has a value that shows who asked for it.
type run struct{}

func (run) Lookup(path string) (any, bool, bool) { return "<run " + path + ">", true, true }

// FuzzFill: whatever a template and its users write, the run sees the values as text: it makes of the filled settings what one gets by putting
// values and results of the run side by side.
func FuzzFill(f *testing.F) {
	for _, seed := range [][3]string{
		{"${inputs.a}", "x", "y"},
		{"${inputs.a}${inputs.b}", "$", "{job.id}"},
		{"${inputs.a}${job.id}", "$", ""},
		{"$${inputs.a} ${inputs.b}", "${inputs.b}", "$${"},
		{"a${inputs.a}b${job.name}c$${d", "$$", "${"},
		{"$$${inputs.a}", "{", "$"},
		{"${date('YYYY')}${inputs.a}", "}", ""},
		{"${inputs.c}${inputs.a}{x}", "$$$", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	at := time.Date(2026, 3, 26, 4, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text, a, b string) {
		parts, err := placeholder.Parts(text)
		if err != nil || len(text)+len(a)+len(b) > 1000 {
			return
		}
		values := map[string]any{"a": a, "b": b}
		var want, name strings.Builder
		for _, part := range parts {
			input, is := strings.CutPrefix(part.Path, "inputs.")
			switch {
			case part.Written == "":
				want.WriteString(part.Literal)
				name.WriteString(part.Literal)
			case is || part.Path == "inputs":
				value, _ := values[input].(string) // one that does not exist has no value
				want.WriteString(value)
				name.WriteString(value)
			default:
				once, faults := placeholder.Expand(part.Written, run{}, at, nil)
				if len(faults) > 0 {
					t.Fatalf("Parts gives %q, which is no placeholder: %v", part.Written, faults)
				}
				got, _ := once.(string)
				want.WriteString(got)
				name.WriteString(part.Written)
			}
		}
		job, faults := template.Fill(map[string]any{"data": map[string]any{"x": []any{text}}, "name": "-" + text}, values)
		if len(faults) > 0 {
			if !strings.Contains(faults[0].Message, `may not end with "$"`) {
				t.Fatalf("Fill(%q): %v", text, faults)
			}
			return
		}
		settings, _ := job["data"].(map[string]any)
		seen, unread := placeholder.Expand(settings["x"], run{}, at, nil)
		if len(unread) > 0 {
			t.Fatalf("Fill(%q, %q, %q) = %q, which no run can read: %v", text, a, b, settings["x"], unread)
		}
		got := ""
		if list, _ := seen.([]any); len(list) > 0 { // a value that was not given leaves no entry
			got, _ = list[0].(string)
		}
		if got != want.String() {
			t.Errorf("Fill(%q, %q, %q) = %q, of which the run makes %q, want %q", text, a, b, settings["x"], got, want.String())
		}
		if job["name"] != "-"+name.String() {
			t.Errorf("Fill(%q) outside of settings = %q, want %q", text, job["name"], "-"+name.String())
		}
	})
}
