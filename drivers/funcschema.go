package drivers

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// settingsSchema makes the schema of a Go type whose JSON form is an object.
func settingsSchema(t reflect.Type) (json.RawMessage, error) {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return nil, errors.New("settings need a type")
	}
	b := schemaBuilder{}
	root, err := b.of(t, "")
	if err != nil {
		return nil, err
	}
	if root.Type == nil && t == reflect.TypeFor[json.RawMessage]() {
		root.Type = "object" // whoever wants the settings as they are
	}
	// A map as the whole settings is never null.
	if names, ok := root.Type.([]string); ok && names[0] == "object" {
		root.Type = "object"
	}
	if root.Type != "object" {
		return nil, fmt.Errorf("settings must be a struct or a map, not %s", t)
	}
	root.Draft = "https://json-schema.org/draft/2020-12/schema"
	return json.Marshal(root)
}

type schemaBuilder struct {
	// visiting are the structs above the current one.
	visiting []reflect.Type
	// repeated counts the lists and maps above: a secret within one has no name to be stored by.
	repeated int
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// of makes the schema of a type. path names the Go field for errors.
func (b *schemaBuilder) of(t reflect.Type, path string) (*node, error) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return &node{Type: "string", Format: "date-time"}, nil
	case reflect.TypeFor[time.Duration]():
		return &node{Type: "integer", Description: "In nanoseconds"}, nil
	case reflect.TypeFor[json.Number]():
		return &node{Type: "number"}, nil
	case reflect.TypeFor[jobs.Secret]():
		return &node{Type: "string", WriteOnly: true}, b.secret(path)
	case reflect.TypeFor[json.RawMessage]():
		return &node{}, nil
	}
	pointer := reflect.PointerTo(t)
	switch {
	case t.Kind() == reflect.Pointer:
		n, err := b.of(t.Elem(), path)
		if err != nil {
			return nil, err
		}
		n.allowNull()
		return n, nil
	case pointer.Implements(jsonUnmarshaler):
		return &node{}, nil // its own business
	case pointer.Implements(textUnmarshaler):
		return &node{Type: "string"}, nil
	}
	switch kind := t.Kind(); kind {
	case reflect.Bool:
		return &node{Type: "boolean"}, nil
	case reflect.String:
		return &node{Type: "string"}, nil
	case reflect.Float32, reflect.Float64:
		return &node{Type: "number"}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return integer(kind), nil
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return &node{}, nil
		}
	case reflect.Slice, reflect.Array:
		return b.list(t, path)
	case reflect.Map:
		return b.mapping(t, path)
	case reflect.Struct:
		return b.object(t, path)
	}
	return nil, unsupported(t, path)
}

func unsupported(t reflect.Type, path string) error {
	if path == "" {
		return fmt.Errorf("%s has no JSON form", t)
	}
	return fmt.Errorf("field %s: %s has no JSON form", path, t)
}

// allowNull lets null stand for a nil pointer, list or map, as encoding/json writes it.
func (n *node) allowNull() {
	if name, ok := n.Type.(string); ok {
		n.Type = []string{name, "null"}
	}
}

// integer bounds the kinds that are smaller than the numbers that people write.
func integer(kind reflect.Kind) *node {
	n := &node{Type: "integer"}
	bounds := map[reflect.Kind][2]int64{
		reflect.Int8: {math.MinInt8, math.MaxInt8}, reflect.Int16: {math.MinInt16, math.MaxInt16},
		reflect.Int32: {math.MinInt32, math.MaxInt32},
		reflect.Uint8: {0, math.MaxUint8}, reflect.Uint16: {0, math.MaxUint16}, reflect.Uint32: {0, math.MaxUint32},
	}
	if bound, ok := bounds[kind]; ok {
		n.Minimum, n.Maximum = &bound[0], &bound[1]
	}
	if kind == reflect.Uint || kind == reflect.Uint64 {
		n.Minimum = new(int64)
	}
	return n
}

func (b *schemaBuilder) list(t reflect.Type, path string) (*node, error) {
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
		return &node{Type: []string{"string", "null"}, ContentEncoding: "base64"}, nil
	}
	b.repeated++
	items, err := b.of(t.Elem(), path+"[]")
	b.repeated--
	if err != nil {
		return nil, err
	}
	n := &node{Type: []string{"array", "null"}, Items: items}
	if t.Kind() == reflect.Array {
		size := t.Len()
		n.Type, n.MinItems, n.MaxItems = "array", &size, &size
	}
	return n, nil
}

func (b *schemaBuilder) mapping(t reflect.Type, path string) (*node, error) {
	switch kind := t.Key().Kind(); {
	case kind == reflect.String, reflect.PointerTo(t.Key()).Implements(textUnmarshaler):
	case kind >= reflect.Int && kind <= reflect.Uint64:
	default:
		return nil, unsupported(t, path)
	}
	b.repeated++
	values, err := b.of(t.Elem(), path+"[]")
	b.repeated--
	if err != nil {
		return nil, err
	}
	return &node{Type: []string{"object", "null"}, AdditionalProperties: values}, nil
}

func (b *schemaBuilder) object(t reflect.Type, path string) (*node, error) {
	if slices.Contains(b.visiting, t) {
		return nil, fmt.Errorf("field %s: %s contains itself", path, t)
	}
	b.visiting = append(b.visiting, t)
	defer func() { b.visiting = b.visiting[:len(b.visiting)-1] }()

	n := &node{Type: "object", Properties: &properties{}, AdditionalProperties: false}
	if err := b.fields(n, t, path); err != nil {
		return nil, err
	}
	return n, nil
}

// fields adds the fields of a struct, and of structs embedded in it, as encoding/json sees them.
func (b *schemaBuilder) fields(n *node, t reflect.Type, path string) error {
	for i := range t.NumField() {
		field := t.Field(i)
		tag := field.Tag.Get("json")
		if tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		where := strings.TrimPrefix(path+"."+field.Name, ".")
		if field.Anonymous && name == "" && field.Type.Kind() == reflect.Struct {
			if err := b.fields(n, field.Type, where); err != nil {
				return err
			}
			continue
		}
		if field.Anonymous && name == "" && field.Type.Kind() == reflect.Pointer {
			return fmt.Errorf("field %s: embed the struct, not a pointer to it", where)
		}
		if !field.IsExported() {
			continue
		}
		if name == "" {
			name = field.Name
		}
		if slices.ContainsFunc(*n.Properties, func(p property) bool { return p.name == name }) {
			return fmt.Errorf("field %s: there are two fields with the name %q", where, name)
		}
		value, err := b.field(field, where, strings.Split(options, ","))
		if err != nil {
			return err
		}
		*n.Properties = append(*n.Properties, property{name, value})
		optional := field.Type.Kind() == reflect.Pointer || slices.ContainsFunc(strings.Split(options, ","), omits)
		if !optional {
			n.Required = append(n.Required, name)
		}
	}
	return nil
}

func omits(option string) bool { return option == "omitempty" || option == "omitzero" }

// field makes the schema of one field with its tags.
func (b *schemaBuilder) field(field reflect.StructField, path string, options []string) (*node, error) {
	n, err := b.of(field.Type, path)
	if err != nil {
		return nil, err
	}
	if names, ok := n.Type.([]string); ok && slices.ContainsFunc(options, omits) {
		n.Type = names[0] // nil is left out, so null never occurs
	}
	kind := field.Type.Kind()
	if slices.Contains(options, "string") && (kind == reflect.Bool || kind >= reflect.Int && kind <= reflect.Float64) {
		n = &node{Type: "string"}
	}
	n.Title = field.Tag.Get("title")
	if text := field.Tag.Get("desc"); text != "" {
		n.Description = text
	}
	if text := field.Tag.Get("enum"); text != "" {
		if n.Type != "string" {
			return nil, fmt.Errorf("field %s: only a text that is not null can have the tag enum", path)
		}
		for word := range strings.SplitSeq(text, ",") {
			n.Enum = append(n.Enum, word)
		}
	}
	switch field.Tag.Get("secret") {
	case "", "false":
	case "true":
		n.WriteOnly = true
		return n, b.secret(path)
	default:
		return nil, fmt.Errorf("field %s: the tag secret must be true or false", path)
	}
	return n, nil
}

func (b *schemaBuilder) secret(path string) error {
	if b.repeated > 0 {
		return fmt.Errorf("field %s: a secret cannot be within a list or map", path)
	}
	return nil
}

// checkOutput finds types that encoding/json cannot write. It does not look into interfaces.
func checkOutput(t reflect.Type) error {
	if t == reflect.TypeFor[jobs.Output]() {
		return nil
	}
	return encodable(t, "", map[reflect.Type]bool{})
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

func encodable(t reflect.Type, path string, seen map[reflect.Type]bool) error {
	if seen[t] || t.Implements(jsonMarshaler) || t.Implements(textMarshaler) {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return unsupported(t, path)
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return encodable(t.Elem(), path, seen)
	case reflect.Struct:
		for i := range t.NumField() {
			field := t.Field(i)
			if field.Tag.Get("json") == "-" || !field.IsExported() && !field.Anonymous {
				continue
			}
			if err := encodable(field.Type, strings.TrimPrefix(path+"."+field.Name, "."), seen); err != nil {
				return err
			}
		}
	}
	return nil
}
