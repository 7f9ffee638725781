package jobs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

const (
	// schemaDialect is the only one that a schema may name.
	schemaDialect = "https://json-schema.org/draft/2020-12/schema"
	// schemaAddress is what relative references resolve against; nothing is ever loaded from it.
	schemaAddress = "carillon://driver/schema.json"
	// maxSecretPaths bounds the secrets of one driver.
	maxSecretPaths = 100
)

// noLoader refuses every reference to another document: by default the compiler reads local files.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errSelfOnly }

var errSelfOnly = errors.New("a schema may refer only to itself")

func newSettingsSchema(text []byte) (*settingsSchema, error) {
	strict, err := compileDocument(text)
	if err != nil {
		return nil, err
	}
	for schema := range reachable(strict) {
		if !strings.HasPrefix(schema.Location, schemaAddress+"#") { // the compiler brings the dialects along
			return nil, errSelfOnly
		}
		if schema.DynamicRef != nil || schema.RecursiveRef != nil {
			// What they refer to is known only with a value, so Split could not tell where the secrets are.
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
	return &settingsSchema{
		written: validator{lenient, true}, expanded: validator{strict, false}, secrets: secrets,
	}, nil
}

func compileDocument(text []byte) (schema *jsonschema.Schema, err error) {
	document, err := readObject(text, MaxSettings, maxSchemaDepth)
	if err != nil {
		return nil, err
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

// secretWalk finds the paths of writeOnly properties.
type secretWalk struct {
	// holds tells of a schema whether a writeOnly one can be reached from it.
	holds map[*jsonschema.Schema]bool
	// seen are schemas at a path; onPath the schemas that led to where the walk is.
	seen   map[schemaAt]bool
	onPath []*jsonschema.Schema
	found  map[string]bool
}

type schemaAt struct {
	schema *jsonschema.Schema
	path   string
}

func secretPaths(root *jsonschema.Schema) ([]string, error) {
	w := &secretWalk{holds: map[*jsonschema.Schema]bool{}, seen: map[schemaAt]bool{}, found: map[string]bool{}}
	w.markHolders(reachable(root))
	if err := w.visit(root, ""); err != nil {
		return nil, err
	}
	all := slices.Sorted(maps.Keys(w.found))
	// A secret inside a secret is part of the outer one.
	return slices.DeleteFunc(all, func(path string) bool {
		return slices.ContainsFunc(all, func(other string) bool { return other != path && belowPath(path, other) })
	}), nil
}

// markHolders repeats until nothing is new: schemas may contain themselves.
func (w *secretWalk) markHolders(all map[*jsonschema.Schema]bool) {
	above := map[*jsonschema.Schema][]*jsonschema.Schema{}
	var todo []*jsonschema.Schema
	for s := range all {
		same, members, others := subschemas(s)
		for _, inner := range slices.AppendSeq(slices.Concat(same, others), maps.Values(members)) {
			above[inner] = append(above[inner], s)
		}
		if s.WriteOnly {
			todo = append(todo, s)
		}
	}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !w.holds[at] {
			w.holds[at] = true
			todo = append(todo, above[at]...)
		}
	}
}

func (w *secretWalk) visit(s *jsonschema.Schema, path string) error {
	if !w.holds[s] || w.seen[schemaAt{s, path}] {
		return nil
	}
	w.seen[schemaAt{s, path}] = true
	if s.WriteOnly {
		if path == "" {
			return errors.New("writeOnly is for properties, not for the settings as a whole")
		}
		if w.found[path] = true; len(w.found) > maxSecretPaths {
			return fmt.Errorf("has more than %d writeOnly properties", maxSecretPaths)
		}
		return nil
	}
	same, members, others := subschemas(s)
	for _, inner := range others {
		if w.holds[inner] {
			return fmt.Errorf("writeOnly is only for named properties of objects; it is used in an array, a pattern, or a negation of %q", path)
		}
	}
	for _, inner := range same {
		if err := w.visit(inner, path); err != nil {
			return err
		}
	}
	if slices.Contains(w.onPath, s) && len(members) > 0 {
		return fmt.Errorf("a structure that contains itself has a writeOnly property: %q", path)
	}
	w.onPath = append(w.onPath, s)
	defer func() { w.onPath = w.onPath[:len(w.onPath)-1] }()
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !w.holds[members[name]] {
			continue
		}
		if name == "" || strings.ContainsAny(name, ".[]") {
			return fmt.Errorf("a writeOnly property has an empty name, a dot or a bracket in its path: %q", JoinPath(path, name))
		}
		if err := w.visit(members[name], JoinPath(path, name)); err != nil {
			return err
		}
	}
	return nil
}

// allowPlaceholders lets strings with a placeholder pass what only their expanded form can be checked against.
func allowPlaceholders(s *jsonschema.Schema) {
	if s.Format != nil {
		check := s.Format.Validate
		s.Format = &jsonschema.Format{Name: s.Format.Name, Validate: func(v any) error {
			if isPlaceholder(v) {
				return nil
			}
			return check(v)
		}}
	}
	if s.Pattern != nil {
		s.Pattern = lenientPattern{s.Pattern}
	}
	if s.Enum != nil {
		s.Extensions = append(s.Extensions, lenientEnum{s.Enum.Values})
		s.Enum = nil
	}
	if s.MinLength != nil || s.MaxLength != nil {
		s.Extensions = append(s.Extensions, lenientLength{s.MinLength, s.MaxLength})
		s.MinLength, s.MaxLength = nil, nil
	}
	// contentEncoding and contentMediaType only describe: the compiler asserts them on demand, and we do not demand it.
}

func isPlaceholder(v any) bool {
	text, ok := v.(string)
	return ok && HasPlaceholder(text)
}

type lenientPattern struct{ jsonschema.Regexp }

func (p lenientPattern) MatchString(s string) bool {
	return HasPlaceholder(s) || p.Regexp.MatchString(s)
}

type lenientEnum struct{ values []any }

func (e lenientEnum) Validate(ctx *jsonschema.ValidatorContext, v any) {
	if isPlaceholder(v) {
		return
	}
	for _, value := range e.values {
		if equal, err := ctx.Equals(v, value); err == nil && equal {
			return
		}
	}
	ctx.AddError(&kind.Enum{Got: v, Want: e.values})
}

type lenientLength struct{ least, most *int }

func (l lenientLength) Validate(ctx *jsonschema.ValidatorContext, v any) {
	text, ok := v.(string)
	if !ok || HasPlaceholder(text) {
		return
	}
	n := len([]rune(text))
	if l.least != nil && n < *l.least {
		ctx.AddError(&kind.MinLength{Got: n, Want: *l.least})
	}
	if l.most != nil && n > *l.most {
		ctx.AddError(&kind.MaxLength{Got: n, Want: *l.most})
	}
}

// fixPropertyNames replaces the keyword by one of ours: jsonschema v6.0.3 does not copy the location of its error, which then changes to
// that of a value that is checked later.
func fixPropertyNames(s *jsonschema.Schema) {
	if s.PropertyNames != nil {
		s.Extensions = append(s.Extensions, propertyNames{s.PropertyNames})
		s.PropertyNames = nil
	}
}

type propertyNames struct{ names *jsonschema.Schema }

func (p propertyNames) Validate(ctx *jsonschema.ValidatorContext, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		return
	}
	for name := range object {
		if p.names.Validate(name) != nil {
			ctx.AddError(&kind.PropertyNames{Property: name})
		}
	}
}
