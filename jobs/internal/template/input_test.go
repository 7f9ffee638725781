package template_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs/internal/template"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`{"text": "a"}`: `{"text": "a", "plain": "p"}`,
		`{"text": "a", "plain": null, "number": null}`: `{"text": "a", "plain": "p"}`,
		`{"text": "a", "plain": "", "more": ""}`:       `{"text": "a", "plain": "", "more": ""}`,
		`{"text": "a", "number": 1.50, "on": false}`:   `{"text": "a", "plain": "p", "number": 1.50, "on": false}`,
		`{"text": "a", "day": "2028-02-29", "set": "globex:stock", "to": "stock@globex.example"}`: `{"text": "a", "plain": "p", "day": "2028-02-29",
			"set": "globex:stock", "to": "stock@globex.example"}`,
	} {
		got, faults := template.Resolve(inputs(), object(t, given))
		if len(faults) > 0 {
			t.Errorf("Resolve(%s): %v", given, faults)
		}
		if diff := cmp.Diff(object(t, want), got); diff != "" {
			t.Errorf("Resolve(%s) (-want +got):\n%s", given, diff)
		}
	}
}

func TestResolve_refuses(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`{}`:                                             `inputs.text is required`,
		`{"text": ""}`:                                   `inputs.text is required`,
		`{"text": null}`:                                 `inputs.text is required`,
		`{"text": 1}`:                                    `inputs.text has to be a text`,
		`{"text": "a", "number": "1"}`:                   `inputs.number has to be a number`,
		`{"text": "a", "number": true}`:                  `inputs.number has to be a number`,
		`{"text": "a", "number": [1]}`:                   `inputs.number has to be a number`,
		`{"text": "a", "on": "true"}`:                    `inputs.on has to be true or false`,
		`{"text": "a", "on": 1}`:                         `inputs.on has to be true or false`,
		`{"text": "a", "day": 20280229}`:                 `inputs.day has to be a date that exists, as YYYY-MM-DD`,
		`{"text": "a", "day": "2026-02-29"}`:             `inputs.day is "2026-02-29"; it has to be a date that exists, as YYYY-MM-DD`,
		`{"text": "a", "day": "2026-2-1"}`:               `inputs.day is "2026-2-1"; it has to be a date that exists, as YYYY-MM-DD`,
		`{"text": "a", "day": "2026-02-01T00:00:00Z"}`:   `inputs.day is "2026-02-01T00:00:00Z"; it has to be a date that exists, as YYYY-MM-DD`,
		`{"text": "a", "day": ""}`:                       `inputs.day is ""; it has to be a date that exists, as YYYY-MM-DD`,
		`{"text": "a", "set": ""}`:                       `inputs.set is ""; it has to be the id of a dataset`,
		`{"text": "a", "to": "stock"}`:                   `inputs.to is "stock"; it has to be an e-mail address`,
		`{"text": "a", "to": "S <s@globex.example>"}`:    `inputs.to is "S <s@globex.example>"; it has to be an e-mail address`,
		`{"text": "a", "to": "a@b.example,c@d.example"}`: `inputs.to is "a@b.example,c@d.example"; it has to be an e-mail address`,
		`{"text": "a", "colour": "red", "Text": 1}`:      `inputs.Text is no input of this template; inputs.colour is no input of this template`,
	} {
		_, faults := template.Resolve(inputs(), object(t, given))
		if got := told(faults); got != want {
			t.Errorf("Resolve(%s) finds %s, want %s", given, got, want)
		}
	}
}

// told are faults in one text.
func told(faults []template.Fault) string {
	texts := make([]string, len(faults))
	for i, f := range faults {
		texts[i] = f.Path + " " + f.Message
	}
	return strings.Join(texts, "; ")
}

// TestResolve_longValues: a message does not repeat a long value, and a number of a million digits is none.
func TestResolve_longValues(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 100_000)
	_, faults := template.Resolve(inputs(), map[string]any{
		"text": "a", "day": long, "set": long, long: 1, "number": json.Number(strings.Repeat("9", 1_000_000)),
	})
	if len(faults) != 4 || len(told(faults)) > 1000 {
		t.Errorf("%d faults of %d bytes", len(faults), len(told(faults)))
	}
}
