package openapi

import (
	"slices"
	"strings"
)

// Example makes a value that is valid by a schema: from the examples in it, else from its words, its format or its type. Members that only the
// server sets are left out; so are null members where that shortens nothing that a reader needs: all other members are there.
func (s *Schemas) Example(schema Object) any { return s.example(schema, 0) }

// maxExampleDepth ends examples of schemas that contain themselves.
const maxExampleDepth = 16

func (s *Schemas) example(schema Object, depth int) any {
	if depth > maxExampleDepth {
		return nil
	}
	if ref, ok := schema["$ref"].(string); ok {
		component, _ := s.components[strings.TrimPrefix(ref, "#/components/schemas/")].(Object)
		return s.example(component, depth+1)
	}
	if examples, ok := schema["examples"].([]any); ok {
		return examples[0]
	}
	if value, ok := schema["const"]; ok {
		return value
	}
	if words, ok := schema["enum"].([]any); ok {
		return words[0]
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		if alternatives, ok := schema[key].([]any); ok {
			first, _ := alternatives[0].(Object)
			return s.example(first, depth+1)
		}
	}
	types := typesOf(schema)
	if len(types) == 0 {
		return nil
	}
	switch types[0] {
	case "object":
		return s.exampleObject(schema, depth)
	case "array":
		return s.exampleArray(schema, depth)
	case "string":
		return exampleText(schema)
	case "integer", "number":
		if low, ok := schema["minimum"]; ok {
			return low
		}
		return 1
	case "boolean":
		return true
	}
	return nil
}

func (s *Schemas) exampleObject(schema Object, depth int) any {
	value := Object{}
	properties, _ := schema["properties"].(Object)
	for name, property := range properties {
		member, _ := property.(Object)
		if member["readOnly"] == true {
			continue
		}
		value[name] = s.example(member, depth+1)
	}
	if rest, ok := schema["additionalProperties"].(Object); ok && rest["$ref"] != nil && len(value) == 0 {
		value["self"] = s.example(rest, depth+1)
	}
	return value
}

func (s *Schemas) exampleArray(schema Object, depth int) any {
	items, _ := schema["items"].(Object)
	n := 1
	if low, ok := schema["minItems"].(int); ok {
		n = low
	}
	if most, ok := schema["maxItems"].(int); ok {
		n = min(n, most)
	}
	list := []any{}
	for range n {
		if item := s.example(items, depth+1); item != nil || slices.Contains(typesOf(items), "null") {
			list = append(list, item)
		}
	}
	return list
}

func exampleText(schema Object) any {
	switch schema["format"] {
	case "uuid":
		return "0b0e5a52-4c4c-4f0e-9b51-6a3f1f7f2d10"
	case "date-time":
		return "2026-03-26T04:30:00.000Z"
	}
	return "text"
}

// fits reports whether a value has one of the types of a schema.
func fits(value any, schema Object) bool {
	types := typesOf(schema)
	switch v := value.(type) {
	case string:
		words, limited := schema["enum"].([]any)
		return slices.Contains(types, "string") && (!limited || slices.Contains(words, any(v)))
	case int:
		return slices.Contains(types, "integer") || slices.Contains(types, "number")
	case bool:
		return slices.Contains(types, "boolean")
	case []any:
		return slices.Contains(types, "array")
	case Object:
		return slices.Contains(types, "object")
	}
	return false
}
