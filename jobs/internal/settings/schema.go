// Package settings is the machinery behind jobs.Settings: it compiles the JSON Schema of a driver in two readings, finds where its
// secrets are, reads JSON strictly, and says what is wrong with settings in words for people.
package settings

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	// schemaDialect is the only one that a schema may name.
	schemaDialect = "https://json-schema.org/draft/2020-12/schema"
	// schemaAddress is what relative references resolve against; nothing is ever loaded from it.
	schemaAddress = "carillon://driver/schema.json"
	// maxSecretPaths bounds the secrets of one driver.
	maxSecretPaths = 100
)

// Schema is a schema in both readings, and where its secrets are. It is immutable and safe for concurrent use.
type Schema struct {
	// written lets strings with a placeholder pass format, pattern, enum and length (contract 6.1); expanded does not.
	written, expanded validator
	secrets           []string
}

// compiled keeps what was compiled by the bytes of the schema: one schema is used for each write and each step.
var compiled = struct {
	sync.Mutex // guards bySum
	bySum      map[[sha256.Size]byte]*Schema
}{bySum: map[[sha256.Size]byte]*Schema{}}

// maxCompiled bounds compiled; beyond it any one is dropped and compiled again when it is needed.
const maxCompiled = 256

// anyObject stands for a schema that is not there.
var anyObject = []byte(`{"type":"object"}`)

// Compile reads a schema; an empty text means any object. What it refuses is said at jobs.CompileSettings.
func Compile(text []byte) (*Schema, error) {
	if len(text) == 0 {
		text = anyObject
	}
	sum := sha256.Sum256(text)
	compiled.Lock()
	schema, ok := compiled.bySum[sum]
	compiled.Unlock()
	if ok {
		return schema, nil
	}
	schema, err := newSchema(text)
	if err != nil {
		return nil, err
	}
	compiled.Lock()
	defer compiled.Unlock()
	if len(compiled.bySum) >= maxCompiled {
		for other := range compiled.bySum {
			delete(compiled.bySum, other)
			break
		}
	}
	compiled.bySum[sum] = schema
	return schema, nil
}

// noLoader refuses every reference to another document: by default the compiler reads local files.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errSelfOnly }

var errSelfOnly = errors.New("a schema may refer only to itself")

func newSchema(text []byte) (*Schema, error) {
	strict, err := compileDocument(text)
	if err != nil {
		return nil, err
	}
	for schema := range reachable(strict) {
		if !strings.HasPrefix(schema.Location, schemaAddress+"#") { // the compiler brings the dialects along
			return nil, errSelfOnly
		}
		if schema.DynamicRef != nil || schema.RecursiveRef != nil {
			// What they refer to is known only with a value, so Take could not tell where the secrets are.
			return nil, errors.New("$dynamicRef is not supported; use $ref")
		}
	}
	secrets, err := secretPaths(strict)
	if err != nil {
		return nil, err
	}
	lenient, err := compileDocument(text)
	if err != nil {
		return nil, err
	}
	for schema := range reachable(strict) {
		fixPropertyNames(schema)
	}
	for schema := range reachable(lenient) {
		fixPropertyNames(schema)
		allowPlaceholders(schema)
	}
	return &Schema{
		written: validator{lenient, true}, expanded: validator{strict, false}, secrets: secrets,
	}, nil
}

func compileDocument(text []byte) (schema *jsonschema.Schema, err error) {
	document, faults := readObject(text, MaxBytes, maxSchemaDepth)
	if len(faults) > 0 {
		return nil, errors.New(joinFaults(faults))
	}
	if dialect, ok := document["$schema"]; ok && dialect != schemaDialect && dialect != schemaDialect+"#" {
		return nil, fmt.Errorf("$schema is not %q", schemaDialect)
	}
	if document["type"] != "object" {
		return nil, errors.New(`"type" is not "object"`)
	}
	defer func() { // the text may come from a plugin, and is compiled by code that is not ours
		if r := recover(); r != nil {
			schema, err = nil, fmt.Errorf("cannot be compiled: %v", r)
		}
	}()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(noLoader{})
	if err := c.AddResource(schemaAddress, document); err != nil {
		return nil, err
	}
	return c.Compile(schemaAddress)
}

// subschemas are the schemas directly inside one, in two groups: those that speak of the same value or of a named member, in which
// secrets can be found by a path, and the others.
func subschemas(s *jsonschema.Schema) (same []*jsonschema.Schema, members map[string]*jsonschema.Schema, others []*jsonschema.Schema) {
	same = slices.Concat([]*jsonschema.Schema{s.Ref, s.If, s.Then, s.Else}, s.AllOf, s.AnyOf, s.OneOf)
	same = slices.AppendSeq(same, maps.Values(s.DependentSchemas))
	for _, dependency := range s.Dependencies {
		same = appendSchemas(same, dependency)
	}
	others = slices.Concat([]*jsonschema.Schema{
		s.Not, s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema,
	}, s.PrefixItems)
	others = slices.AppendSeq(others, maps.Values(s.PatternProperties))
	for _, either := range []any{s.AdditionalProperties, s.Items, s.AdditionalItems} {
		others = appendSchemas(others, either)
	}
	absent := func(s *jsonschema.Schema) bool { return s == nil }
	return slices.DeleteFunc(same, absent), s.Properties, slices.DeleteFunc(others, absent)
}

// appendSchemas adds a schema or a list of them; other kinds of values hold none.
func appendSchemas(list []*jsonschema.Schema, v any) []*jsonschema.Schema {
	switch x := v.(type) {
	case *jsonschema.Schema:
		return append(list, x)
	case []*jsonschema.Schema:
		return append(list, x...)
	}
	return list
}

// reachable is s and all schemas below it.
func reachable(s *jsonschema.Schema) map[*jsonschema.Schema]bool {
	seen := map[*jsonschema.Schema]bool{}
	todo := []*jsonschema.Schema{s}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		same, members, others := subschemas(at)
		todo = slices.AppendSeq(slices.Concat(todo, same, others), maps.Values(members))
	}
	return seen
}
