package settings_test

import (
	"testing"

	"github.com/carillon-go/carillon/jobs/internal/settings"
)

// secretCanary is looked for where secrets must not be.
const secretCanary = "c4nary-9f2d7-value"

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

func compile(t testing.TB, schema string) *settings.Schema {
	t.Helper()
	s, err := settings.Compile([]byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// written are the faults of settings as they are written, "path: message".
func written(t testing.TB, s *settings.Schema, data string) []string {
	t.Helper()
	faults, err := s.Check([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return lines(faults)
}

// expanded are the faults of settings whose placeholders are replaced.
func expanded(t testing.TB, s *settings.Schema, data string) []string {
	t.Helper()
	faults, err := s.CheckExpanded([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return lines(faults)
}

func lines(faults []settings.Fault) []string {
	var out []string
	for _, f := range faults {
		out = append(out, f.Path+": "+f.Message)
	}
	return out
}
