package openapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Object is a JSON object of a document. Its keys are written in order of the alphabet, so a document is the same whenever it is made.
type Object = map[string]any

// Schemas makes schemas of Go types by the rules of encoding/json. Structs become components with names of their own, to which the schemas refer.
//
// A struct field says what its Go type cannot by the tag wire, words separated by commas: "set" (never null although the type can be),
// "object" (raw JSON that is an object), "null" (can be null although the type cannot), "uuid" and "date-time" (formats of a string).
type Schemas struct {
	// Known are the schemas of types that write themselves. They are used as they are, not by reference.
	Known map[reflect.Type]Object
	// Named are those of types that write themselves and deserve a component.
	Named map[reflect.Type]Object
	// Examples are values by the name of the field that they fit; schemas of fields show them.
	Examples map[string]any
	// Closed: objects made of structs have no other members than those of the struct. Clients should not rely on that, so a document that is
	// published leaves it open; tests close it.
	Closed bool

	components Object
	names      map[string]reflect.Type
}

// Components are the components that were made so far.
func (s *Schemas) Components() Object { return s.components }

// Of gives the schema of a type: a reference if it is a struct.
func (s *Schemas) Of(t reflect.Type) Object {
	if known, ok := s.Known[t]; ok {
		return maps.Clone(known)
	}
	if named, ok := s.Named[t]; ok {
		return s.component(t, func() Object { return maps.Clone(named) })
	}
	switch t.Kind() {
	case reflect.Pointer:
		return Nullable(s.Of(t.Elem()))
	case reflect.Struct:
		if t.Name() == "" {
			return s.Structure(t)
		}
		return s.component(t, func() Object { return s.Structure(t) })
	case reflect.Slice:
		if t == reflect.TypeFor[json.RawMessage]() {
			return Object{}
		}
		return Object{"type": "array", "items": s.Of(t.Elem())}
	case reflect.Array:
		return Object{"type": "array", "items": s.Of(t.Elem()), "minItems": t.Len(), "maxItems": t.Len()}
	case reflect.Map:
		return Object{"type": "object", "additionalProperties": s.Of(t.Elem())}
	case reflect.Interface:
		return Object{}
	}
	return scalar(t)
}

func scalar(t reflect.Type) Object {
	switch t.Kind() {
	case reflect.String:
		return Object{"type": "string"}
	case reflect.Bool:
		return Object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return Object{"type": "number"}
	case reflect.Int64, reflect.Uint64:
		return Object{"type": "integer", "format": "int64"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return Object{"type": "integer"}
	}
	panic(fmt.Sprintf("openapi: %s cannot be on the wire", t))
}

// Define puts a component that was made by hand, or by the caller, under a name, and gives the reference to it.
func (s *Schemas) Define(name string, schema Object) Object {
	s.init()
	if _, taken := s.components[name]; taken {
		panic("openapi: two components are called " + name)
	}
	s.components[name] = schema
	return Ref(name)
}

func (s *Schemas) init() {
	if s.components == nil {
		s.components, s.names = Object{}, map[string]reflect.Type{}
	}
}

// component makes a component once; a type that refers to itself finds the reference.
func (s *Schemas) component(t reflect.Type, build func() Object) Object {
	s.init()
	name := Name(t)
	if other, made := s.names[name]; made {
		if other != t {
			panic(fmt.Sprintf("openapi: %s and %s would both be called %s", other, t, name))
		}
		return Ref(name)
	}
	s.names[name] = t
	s.components[name] = nil // Define with the same name is a mistake from now on
	s.components[name] = build()
	return Ref(name)
}

// Ref is a reference to a component.
func Ref(name string) Object { return Object{"$ref": "#/components/schemas/" + name} }

// Name is the name of a type's component: the Go name with a capital, without "View".
func Name(t reflect.Type) string {
	name := strings.TrimSuffix(t.Name(), "View")
	if i := strings.IndexByte(name, '['); i >= 0 {
		name = name[:i]
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// Structure is the schema of a struct itself, not a reference: embedded structs are flattened as encoding/json does it.
func (s *Schemas) Structure(t reflect.Type) Object {
	properties, required := Object{}, []string{}
	s.members(t, false, properties, &required)
	schema := Object{"type": "object", "properties": properties}
	if len(required) > 0 {
		slices.Sort(required)
		schema["required"] = required
	}
	if s.Closed {
		schema["additionalProperties"] = false
	}
	return schema
}

func (s *Schemas) members(t reflect.Type, optional bool, properties Object, required *[]string) {
	for f := range fieldsOf(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		embedded := f.Type
		if embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		switch {
		case name == "-":
			continue
		case f.Anonymous && name == "" && embedded.Kind() == reflect.Struct:
			s.members(embedded, optional || f.Type.Kind() == reflect.Pointer, properties, required)
			continue
		case !f.IsExported():
			continue
		}
		name = cmp.Or(name, f.Name)
		properties[name] = s.member(name, f)
		leftOut := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		if !optional && !leftOut && !slices.Contains(*required, name) {
			*required = append(*required, name)
		}
	}
}

// fieldsOf gives the fields of a struct, embedded ones first: encoding/json lets the outer field of a name win.
func fieldsOf(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for _, embedded := range []bool{true, false} {
			for i := range t.NumField() {
				if f := t.Field(i); f.Anonymous == embedded && !yield(f) {
					return
				}
			}
		}
	}
}

// member is the schema of a field with what its tag says.
func (s *Schemas) member(name string, f reflect.StructField) Object {
	schema := s.Of(f.Type)
	for word := range strings.SplitSeq(f.Tag.Get("wire"), ",") {
		switch word {
		case "":
		case "set":
			schema = notNull(schema)
		case "null":
			schema = Nullable(schema)
		case "object":
			schema = Object{"type": "object"}
		case "uuid", "date-time":
			schema["format"] = word
		default:
			panic(fmt.Sprintf("openapi: field %s has the unknown word %q in its tag", f.Name, word))
		}
	}
	return s.WithExample(name, schema)
}

// WithExample adds the example that fits a field of that name, if there is one and the schema has none.
func (s *Schemas) WithExample(name string, schema Object) Object {
	example, ok := s.Examples[name]
	if ok && schema["$ref"] == nil && schema["examples"] == nil && schema["format"] == nil && fits(example, schema) {
		schema["examples"] = []any{example}
	}
	return schema
}

// Nullable allows null.
func Nullable(schema Object) Object {
	if _, ref := schema["$ref"]; ref {
		return Object{"anyOf": []any{schema, Object{"type": "null"}}}
	}
	types := typesOf(schema)
	if len(types) == 0 || slices.Contains(types, "null") {
		return schema
	}
	schema = maps.Clone(schema)
	schema["type"] = append(types, "null")
	if words, ok := schema["enum"].([]any); ok {
		schema["enum"] = append(slices.Clone(words), nil)
	}
	return schema
}

func notNull(schema Object) Object {
	types := slices.DeleteFunc(typesOf(schema), func(t string) bool { return t == "null" })
	schema = maps.Clone(schema)
	switch len(types) {
	case 0:
	case 1:
		schema["type"] = types[0]
	default:
		schema["type"] = types
	}
	return schema
}

// typesOf are the types that a schema allows; none if it does not say.
func typesOf(schema Object) []string {
	switch t := schema["type"].(type) {
	case string:
		return []string{t}
	case []string:
		return slices.Clone(t)
	}
	return nil
}
