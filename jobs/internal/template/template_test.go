package template_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs/internal/placeholder"
	"github.com/carillon-go/carillon/jobs/internal/template"
)

func TestFill(t *testing.T) {
	t.Parallel()
	given := `{"text": "a", "number": 7.50, "on": true, "more": "${job.name} and ${inputs.text}"}`
	for job, want := range map[string]string{
		// A whole string keeps the type of the value.
		`{"n": "${inputs.number}", "b": "${inputs.on}", "s": "${inputs.text}"}`: `{"n": 7.50, "b": true, "s": "a"}`,
		// In a longer text values are written.
		`{"name": "<${inputs.number}> ${inputs.on}${inputs.text}"}`: `{"name": "<7.50> truea"}`,
		// What was not given is not there; in a text it is nothing.
		`{"a": "${inputs.to}", "b": ["x", "${inputs.to}", "y"], "c": "to ${inputs.to}", "d": {"e": "${inputs.day}"}}`: `{"b": ["x", "y"], "c": "to ", "d": {}}`,
		// Values are not read again, and in settings not by the run either.
		`{"name": "${inputs.more}"}`:                                   `{"name": "${job.name} and ${inputs.text}"}`,
		`{"data": {"x": "${inputs.more}", "y": ["> ${inputs.more}"]}}`: `{"data": {"x": "$${job.name} and $${inputs.text}", "y": ["> $${job.name} and $${inputs.text}"]}}`,
		`{"actions": [{"name": "${inputs.more}", "data": {"x": "${inputs.more}"}, "attachments": [{"data": {"data": "${inputs.more}"}, "name": "${inputs.more}"}]}]}`: `
			{"actions": [{"name": "${job.name} and ${inputs.text}", "data": {"x": "$${job.name} and $${inputs.text}"},
				"attachments": [{"data": {"data": "$${job.name} and $${inputs.text}"}, "name": "${job.name} and ${inputs.text}"}]}]}`,
		// Placeholders of the run and escapes stay for the run; elsewhere an escape is the text that it stands for.
		`{"data": {"x": "${job.name} ${date('YYYY')} $${inputs.text} ${inputs.text}"}}`:             `{"data": {"x": "${job.name} ${date('YYYY')} $${inputs.text} a"}}`,
		`{"data": {"x": "${job.name} $${y}"}, "name": "$${inputs.text} ${job.name}", "z": "$${q}"}`: `{"data": {"x": "${job.name} $${y}"}, "name": "${inputs.text} ${job.name}", "z": "${q}"}`,
		// A word "data" is settings only where it is that of a job, an action or an attachment.
		`{"datasets": [{"data": "${inputs.more}"}], "policies": {"data": {"x": "${inputs.more}"}}}`: `
			{"datasets": [{"data": "${job.name} and ${inputs.text}"}], "policies": {"data": {"x": "${job.name} and ${inputs.text}"}}}`,
		`{"x": null, "y": 1.0, "z": [[]], "w": {}}`: `{"x": null, "y": 1.0, "z": [[]], "w": {}}`,
	} {
		before := object(t, job)
		values, faults := template.Resolve(inputs(), object(t, given))
		got, more := template.Fill(before, values)
		if len(faults)+len(more) > 0 {
			t.Errorf("Fill(%s): %v %v", job, faults, more)
		}
		if diff := cmp.Diff(object(t, want), got); diff != "" {
			t.Errorf("Fill(%s) (-want +got):\n%s", job, diff)
		}
		if diff := cmp.Diff(object(t, job), before); diff != "" {
			t.Errorf("Fill(%s) has changed the template: %s", job, diff)
		}
	}
}

// TestFill_joined: what stands side by side in a text may not become a placeholder of the run, whoever wrote which part of it.
func TestFill_joined(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"${inputs.text}${inputs.more}":  "$${job.id}",
		"${inputs.text}{job.id}":        "$${job.id}",
		"a ${inputs.text}${inputs.to}$": "a $$",
		"$${x}${inputs.text}":           "$${x}$",
	} {
		got, faults := template.Fill(map[string]any{"data": text}, map[string]any{"text": "$", "more": "{job.id}"})
		if len(faults) > 0 || got["data"] != want {
			t.Errorf("Fill(%s) = %v, %v, want %s", text, got, faults, want)
		}
	}
	for _, text := range []string{"${inputs.text}${job.id}", "${inputs.text}${inputs.to}${date('YYYY')}"} {
		got, faults := template.Fill(map[string]any{"data": text}, map[string]any{"text": "5$"})
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Message, `may not end with "$"`) || got != nil {
			t.Errorf("Fill(%s) = %v, %v, want a fault: the two would be an escape", text, got, faults)
		}
		if got, faults := template.Fill(map[string]any{"name": text}, map[string]any{"text": "5$"}); len(faults) > 0 {
			t.Errorf("Fill(%s) outside of settings = %v, %v", text, got, faults)
		}
	}
}

// TestFill_size: a small body cannot make a large job.
func TestFill_size(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", placeholder.MaxResult)
	many := make([]any, 100)
	for i := range many {
		many[i] = "${inputs.text}"
	}
	for name, job := range map[string]map[string]any{
		"one text": {"data": "${inputs.text}${inputs.text}"}, "escapes": {"data": "${inputs.more}"}, "all texts": {"data": many},
		"one text of many": {"name": strings.Repeat("${inputs.text}", 100_000)},
	} {
		got, faults := template.Fill(job, map[string]any{"text": text, "more": strings.Repeat("${", placeholder.MaxResult/2)})
		if len(faults) == 0 || !strings.Contains(faults[0].Message, "too large") || got != nil {
			t.Errorf("%s: %v", name, faults)
		}
	}
	if _, faults := template.Fill(map[string]any{"data": "${inputs.text}"}, map[string]any{"text": text}); len(faults) > 0 {
		t.Errorf("a text of the largest size: %v", faults)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	in := func(name, kind string, value any) template.Input {
		return template.Input{Name: name, Type: kind, Default: value}
	}
	for name, c := range map[string]struct {
		inputs []template.Input
		job    string
		want   string
	}{
		"good":               {[]template.Input{in("a", "string", nil), in("b-2_C", "number", 1)}, `{"x": "${inputs.a}", "y": ["- ${inputs.b-2_C}", "$${inputs.c}", "${job.name}"]}`, ``},
		"no inputs":          {nil, `{}`, ``},
		"unknown input":      {nil, `{"actions": [{"data": {"to": ["x", "${inputs.a}"]}}]}`, `job.actions[0].data.to[1] has ${inputs.a}, which is no input of the template`},
		"inputs itself":      {nil, `{"x": "${inputs}", "y": "${inputs.a.b}"}`, `job.x has ${inputs}, which is no input of the template; job.y has ${inputs.a.b}, which is no input of the template`},
		"unused":             {[]template.Input{in("a", "string", nil)}, `{"x": "$${inputs.a}"}`, `inputs[0] is not used: the job has no ${inputs.a}`},
		"in a name":          {nil, `{"data": {"${inputs.a}": 1}}`, `job.data.${inputs.a} has a placeholder in a name; they are replaced in values only`},
		"syntax":             {nil, `{"x": "${"}`, `job.x has ${ without }; write $${ for a literal ${`},
		"no name":            {[]template.Input{in("", "string", nil)}, `{}`, `inputs[0].name is required`},
		"bad name":           {[]template.Input{in("a.b", "string", nil)}, `{"x": "${inputs.a.b}"}`, `inputs[0].name is "a.b"; a letter, then up to 62 letters, digits, _ and -`},
		"twice":              {[]template.Input{in("a", "string", nil), in("a", "number", nil)}, `{"x": "${inputs.a}"}`, `inputs[1].name is "a", as that of inputs[0]`},
		"type":               {[]template.Input{in("a", "text", 1)}, `{"x": "${inputs.a}"}`, `inputs[0].type is "text"; string, number, boolean, date, dataset or email`},
		"default of a type":  {[]template.Input{in("a", "number", "1")}, `{"x": "${inputs.a}"}`, `inputs[0].default has to be a number`},
		"default of a date":  {[]template.Input{in("a", "date", "2026-13-01")}, `{"x": "${inputs.a}"}`, `inputs[0].default is "2026-13-01"; it has to be a date that exists, as YYYY-MM-DD`},
		"default of no type": {[]template.Input{in("a", "string", struct{}{})}, `{"x": "${inputs.a}"}`, `inputs[0].default has to be a text`},
	} {
		if got := told(template.Check(c.inputs, object(t, c.job))); got != c.want {
			t.Errorf("%s: Check finds %s, want %s", name, got, c.want)
		}
	}
	many := make([]template.Input, template.MaxInputs+1)
	if got := told(template.Check(many, nil)); !strings.HasPrefix(got, "inputs has 51 entries; at most 50") {
		t.Errorf("too many inputs: %s", got)
	}
}

func TestSamples(t *testing.T) {
	t.Parallel()
	if values, faults := template.Resolve(inputs(), template.Samples(inputs())); len(faults) > 0 || len(values) != len(inputs()) {
		t.Errorf("Resolve(Samples) = %v, %v", values, faults)
	}
}
