package template_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/carillon-go/carillon/jobs/internal/template"
)

// value reads JSON as the model does.
func value(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	v, ok := value(t, text).(map[string]any)
	if !ok {
		t.Fatalf("%s is no object", text)
	}
	return v
}

// inputs are one of each type with that name; text is required and plain has a default.
func inputs() []template.Input {
	return []template.Input{
		{Name: "text", Type: template.String, Required: true},
		{Name: "more", Type: template.String},
		{Name: "plain", Type: template.String, Default: "p"},
		{Name: "number", Type: template.Number},
		{Name: "on", Type: template.Boolean},
		{Name: "day", Type: template.Date},
		{Name: "set", Type: template.Dataset},
		{Name: "to", Type: template.Email},
	}
}
