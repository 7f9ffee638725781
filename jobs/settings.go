package jobs

import (
	"encoding/json"
	"fmt"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
	"github.com/carillon-go/carillon/jobs/internal/settings"
)

// Limits of settings and of params (reliability rules, section 13).
const (
	// MaxSettings is the largest JSON of the settings of a job, an action or an attachment with its secrets, in bytes: 256 KiB.
	MaxSettings = settings.MaxBytes
	// MaxSettingsDepth is the deepest nesting of objects and arrays, 32; the settings themselves count as 1.
	MaxSettingsDepth = settings.MaxDepth
	// MaxSettingsKeys bounds the members of all objects together, 10,000.
	MaxSettingsKeys = settings.MaxKeys
)

// Settings are the rules for the data of one driver, made of its JSON Schema. Immutable, safe for concurrent use.
type Settings struct{ schema *settings.Schema }

// CompileSettings reads the schemas of a driver; no Schema means any object. What it refuses would be a hole later: a schema that is
// not of type object, a dialect other than 2020-12, a reference to anything outside, a secret where Split would not find it (in an
// array, below a pattern, in a structure that contains itself), and a secret in params, which are stored as they are.
func CompileSettings(info DriverInfo) (*Settings, error) {
	schema, err := settings.Compile(info.Schema)
	if err != nil {
		return nil, fmt.Errorf("schema of %s driver %q: %w", info.Kind, info.ID, err)
	}
	if _, err := compileParams(info.ParamsSchema); err != nil {
		return nil, fmt.Errorf("params schema of %s driver %q: %w", info.Kind, info.ID, err)
	}
	return &Settings{schema}, nil
}

func compileParams(text json.RawMessage) (*settings.Schema, error) {
	schema, err := settings.Compile(text)
	if err != nil {
		return nil, err
	}
	if secrets := schema.Secrets(); len(secrets) > 0 {
		return nil, fmt.Errorf("%q is writeOnly; params of a run are stored as they are", secrets[0])
	}
	return schema, nil
}

// Secrets are the paths of the writeOnly properties ("secret", "auth.password"), sorted. They are not to be changed.
func (s *Settings) Secrets() []string { return s.schema.Secrets() }

// Check validates settings as they are written, secrets included. Nil is the empty object. Faults are a *ValidationError whose paths
// are relative to the settings ("to[0]"); messages never hold a value of a secret. A string with a placeholder is not checked against
// format, pattern, enum and length, which CheckExpanded does at run time (contract 6.1).
func (s *Settings) Check(data json.RawMessage) error {
	return settingsError(s.schema.Check(data))
}

// CheckExpanded validates settings in which placeholders are replaced and secrets filled in: all of the schema holds. A "${" in
// a string is then a text like any other.
func (s *Settings) CheckExpanded(data json.RawMessage) error {
	return settingsError(s.schema.CheckExpanded(data))
}

// settingsError is the error of a check: its faults, or what kept it from being made.
func settingsError(faults []settings.Fault, err error) error {
	if err != nil {
		return err
	}
	return invalidOf(faults)
}

// CheckParams validates the params of a run against a driver's ParamsSchema. No schema lets any object pass; nil params are the
// empty object. Faults are a *ValidationError with paths relative to the params; any other error is a fault of the schema.
func CheckParams(schema, params json.RawMessage) error {
	compiled, err := compileParams(schema)
	if err != nil {
		return fmt.Errorf("params schema: %w", err)
	}
	return settingsError(compiled.CheckParams(params, MaxParamsBytes))
}

// writeJSON is the one form of settings that we store: names sorted, digits of numbers kept.
func writeJSON(value any) (json.RawMessage, error) { return jsontext.Append(nil, value) }

// MergePatch applies a partial write of data (contract 1.9): members of the patch replace those of old, null removes one, and what
// the patch leaves out stays. Only the first level is merged. Old and patch are objects, nil is the empty one; the result has
// its names sorted.
func MergePatch(old, patch json.RawMessage) (json.RawMessage, error) {
	before, faults := settings.Read(old, MaxSettings)
	if len(faults) > 0 {
		return nil, invalidOf(faults)
	}
	changes, faults := settings.Read(patch, MaxSettings)
	if len(faults) > 0 {
		return nil, invalidOf(faults)
	}
	settings.Patch(before, changes)
	return writeJSON(before)
}
