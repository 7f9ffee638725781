package jobs

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

// Settings are the rules for the data of one driver, made of its JSON Schema. Immutable, safe for concurrent use.
type Settings struct{ schema *settingsSchema }

// settingsSchema is a schema in both readings, and where its secrets are.
type settingsSchema struct {
	// written lets strings with a placeholder pass format, pattern, enum and length (contract 6.1); expanded does not.
	written, expanded validator
	secrets           []string
}

// compiledSchemas keeps what was compiled by the bytes of the schema: one schema is used for each write and each step.
var compiledSchemas = struct {
	sync.Mutex // guards bySum
	bySum      map[[sha256.Size]byte]*settingsSchema
}{bySum: map[[sha256.Size]byte]*settingsSchema{}}

// maxCompiledSchemas bounds compiledSchemas; beyond it any one is dropped and compiled again when it is needed.
const maxCompiledSchemas = 256

// anyObject stands for a schema that is not there.
var anyObject = json.RawMessage(`{"type":"object"}`)

// CompileSettings reads the schemas of a driver; no Schema means any object. What it refuses would be a hole later: a schema that is
// not of type object, a dialect other than 2020-12, a reference to anything outside, a secret where Split would not find it (in an
// array, below a pattern, in a structure that contains itself), and a secret in params, which are stored as they are.
func CompileSettings(info DriverInfo) (*Settings, error) {
	schema, err := compileSchema(info.Schema)
	if err != nil {
		return nil, fmt.Errorf("schema of %s driver %q: %w", info.Kind, info.ID, err)
	}
	if _, err := compileParams(info.ParamsSchema); err != nil {
		return nil, fmt.Errorf("params schema of %s driver %q: %w", info.Kind, info.ID, err)
	}
	return &Settings{schema}, nil
}

func compileSchema(text json.RawMessage) (*settingsSchema, error) {
	if len(text) == 0 {
		text = anyObject
	}
	sum := sha256.Sum256(text)
	compiledSchemas.Lock()
	schema, ok := compiledSchemas.bySum[sum]
	compiledSchemas.Unlock()
	if ok {
		return schema, nil
	}
	schema, err := newSettingsSchema(text)
	if err != nil {
		return nil, err
	}
	compiledSchemas.Lock()
	defer compiledSchemas.Unlock()
	if len(compiledSchemas.bySum) >= maxCompiledSchemas {
		for other := range compiledSchemas.bySum {
			delete(compiledSchemas.bySum, other)
			break
		}
	}
	compiledSchemas.bySum[sum] = schema
	return schema, nil
}

func compileParams(text json.RawMessage) (*settingsSchema, error) {
	schema, err := compileSchema(text)
	if err != nil {
		return nil, err
	}
	if len(schema.secrets) > 0 {
		return nil, fmt.Errorf("%q is writeOnly; params of a run are stored as they are", schema.secrets[0])
	}
	return schema, nil
}

// Secrets are the paths of the writeOnly properties ("secret", "auth.password"), sorted. They are not to be changed.
func (s *Settings) Secrets() []string { return s.schema.secrets }

// Check validates settings as they are written, secrets included. Nil is the empty object. Faults are a *ValidationError whose paths
// are relative to the settings ("to[0]"); messages never hold a value of a secret. A string with a placeholder is not checked against
// format, pattern, enum and length, which CheckExpanded does at run time (contract 6.1).
func (s *Settings) Check(data json.RawMessage) error {
	return s.check(s.schema.written, data)
}

// CheckExpanded validates settings in which placeholders are replaced and secrets filled in: all of the schema holds. A "${" in
// a string is then a text like any other.
func (s *Settings) CheckExpanded(data json.RawMessage) error {
	return s.check(s.schema.expanded, data)
}

func (s *Settings) check(v validator, data json.RawMessage) error {
	object, err := readObject(data, MaxSettings, MaxSettingsDepth)
	if err != nil {
		return s.hideSecretPaths(err)
	}
	return v.check(object, s.schema.secrets)
}

// CheckParams validates the params of a run against a driver's ParamsSchema. No schema lets any object pass; nil params are the
// empty object. Faults are a *ValidationError with paths relative to the params; any other error is a fault of the schema.
func CheckParams(schema, params json.RawMessage) error {
	compiled, err := compileParams(schema)
	if err != nil {
		return fmt.Errorf("params schema: %w", err)
	}
	object, err := readObject(params, MaxParamsBytes, MaxSettingsDepth)
	if err != nil {
		return err
	}
	return compiled.expanded.check(object, nil)
}

// hideSecretPaths cuts paths inside a secret to the secret: names of its members are part of it.
func (s *Settings) hideSecretPaths(err error) error {
	invalid, ok := err.(*ValidationError) //nolint:errorlint // straight from readObject
	if !ok {
		return err
	}
	fields := slices.Clone(invalid.Fields)
	for i := range fields {
		for _, secret := range s.schema.secrets {
			if belowPath(fields[i].Path, secret) {
				fields[i].Path = secret
			}
		}
	}
	return &ValidationError{Fields: fields}
}

// belowPath reports whether path is prefix or a path inside it.
func belowPath(path, prefix string) bool {
	if len(path) <= len(prefix) {
		return path == prefix
	}
	return path[:len(prefix)] == prefix && (path[len(prefix)] == '.' || path[len(prefix)] == '[')
}
