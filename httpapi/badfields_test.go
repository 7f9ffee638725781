package httpapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestBadInput_Fields: every field of every body, also below others, is refused with a wrong type, with a null that it does not take, with
// other letters, and when it is missing; each time the answer names it. What only the server sets is let through with any value.
func TestBadInput_Fields(t *testing.T) {
	oneByOne(t)
	b := newBadInput(t)
	every := map[string]bool{}
	b.forEachRoute(func(in *input) {
		properties, _ := in.fields["properties"].(map[string]any)
		for name := range properties {
			every[name] = true
		}
	})
	b.forEachRoute(func(in *input) {
		if in.fields == nil {
			return
		}
		properties, _ := in.fields["properties"].(map[string]any)
		for name := range every {
			if properties[name] != nil {
				continue
			}
			p := b.refused(in, "a field of another route", b.send(in, "", object(name, 1)), 400, name)
			if message := p.of(name); !strings.Contains(message, "is not a field here") && !strings.Contains(message, "cannot be changed here") {
				t.Errorf("%s reads the field %q, which is not described: %s", in.route.Name, name, message)
			}
		}
		b.refused(in, "an unknown field", b.send(in, "", `{"nothing_of_that":1}`), 400, "nothing_of_that")
		b.object(in, in.fields, func(v any) any { return v }, "")
	})
	if b.asked < 500 {
		t.Errorf("only %d requests were made", b.asked)
	}
}

func object(name string, value any) string {
	data, err := json.Marshal(map[string]any{name: value})
	if err != nil {
		panic(err)
	}
	return string(data)
}

// object tries the fields of an object; around puts a value into the place where the object stands in the body, whose path begins with prefix.
func (b *badInput) object(in *input, schema map[string]any, around func(any) any, prefix string) {
	b.t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	send := func(members map[string]any) (body string) {
		data, err := json.Marshal(around(members))
		if err != nil {
			b.t.Fatal(err)
		}
		return string(data)
	}
	required, _ := schema["required"].([]any)
	filled := func(members map[string]any) map[string]any { return in.filled(required, members) }
	then, _ := schema["then"].(map[string]any) // what has to be there without another field, which is left out here too
	more, _ := then["required"].([]any)
	for _, name := range slices.Concat(required, more) {
		name, _ := name.(string)
		b.refused(in, "a missing field", b.send(in, "", send(map[string]any{})), 400, prefix+name)
	}
	for name, member := range properties {
		field, _ := member.(map[string]any)
		at := prefix + name
		if field["readOnly"] == true {
			for _, value := range []any{nil, 1, "x", map[string]any{}, []any{1}} {
				body := send(map[string]any{name: value, "nothing_of_that": 1})
				p := b.refused(in, "what only the server sets", b.send(in, "", body), 400, prefix+"nothing_of_that")
				if slices.Contains(p.Validation.Keys, at) {
					b.t.Errorf("%s looks at %s, which only the server sets: %s", in.route.Name, at, p.of(at))
				}
			}
			continue
		}
		b.refused(in, "a field in other letters", b.send(in, "", send(map[string]any{strings.ToUpper(name[:1]) + name[1:]: 1})), 400,
			prefix+strings.ToUpper(name[:1])+name[1:])
		nullable := b.takes(field, "null")
		if p := in.try(b, at, send(map[string]any{name: nil})); !nullable && p == "" {
			b.t.Errorf("%s takes null for %s", in.route.Name, at)
		}
		for kind, value := range wrongTypes {
			if b.takes(field, kind) {
				continue
			}
			p := b.refused(in, "a field that is "+kind, b.send(in, "", send(map[string]any{name: value})), 400, at)
			if message := p.of(at); strings.Contains(message, "is not a field here") {
				b.t.Errorf("%s does not read %s, which is described", in.route.Name, at)
			}
		}
		b.values(in, field, at, func(v any) string { return send(filled(map[string]any{name: v})) })
		field = b.resolved(field)
		if properties, ok := field["properties"].(map[string]any); ok && properties["match"] == nil { // conditions have tests of their own
			b.object(in, field, func(v any) any { return around(filled(map[string]any{name: v})) }, at+".")
		}
		if items, ok := field["items"].(map[string]any); ok && items["properties"] != nil {
			b.object(in, items, func(v any) any { return around(filled(map[string]any{name: []any{v}})) }, at+"[0].")
		}
	}
}

// filled adds what the routes of the built-in identity demand before they look at anything else; other routes tell all faults at once.
func (in *input) filled(required []any, members map[string]any) map[string]any {
	if !in.route.Accounts {
		return members
	}
	good := map[string]string{
		"username": "newcomer", "password": "correct horse battery", "slug": "newcomers", "name": "Newcomers", "role": "member",
	}
	for _, name := range required {
		name, _ := name.(string)
		if _, there := members[name]; !there {
			members[name] = good[name]
		}
	}
	return members
}

// try sends a body that may be taken; it gives what the answer says of a key, and holds that it is no failure of the server. A run that
// finds no worker is none.
func (in *input) try(b *badInput, key, body string) string {
	b.t.Helper()
	w := b.send(in, "", body)
	if w.Code == 500 {
		b.t.Errorf("%s %s with %.200s: status %d: %s", in.route.Method, in.path, body, w.Code, w.Body)
	}
	var p problem
	if w.Code >= 400 {
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			b.t.Errorf("%s: %v", in.route.Name, err)
		}
	}
	return p.of(key)
}

var wrongTypes = map[string]any{
	"string": "nothing of that", "integer": 7, "number": 1.5, "boolean": true, "object": map[string]any{"a": 1}, "array": []any{[]any{1}},
}

// anyText are texts that may have any length: what is wrong with a log-in is always the same 401, and a superuser need not know the password that
// somebody has now.
var anyText = map[string]string{"POST /login/:domain": "*", "PUT /users/:username/password": "current"}

// values tries values of the right type that no field takes.
func (b *badInput) values(in *input, field map[string]any, at string, send func(any) string) {
	b.t.Helper()
	if b.takes(field, "integer") {
		for _, number := range []string{"1.5", "1e30", "99999999999999999999", "-9223372036854775808", "9223372036854775807"} {
			b.refused(in, "the number "+number, b.send(in, "", send(json.RawMessage(number))), 400, at)
		}
	}
	if field["enum"] != nil {
		for _, word := range []string{"", "nothing-of-that", "SKIP"} {
			b.refused(in, fmt.Sprintf("the word %q", word), b.send(in, "", send(word)), 400, at)
		}
		return
	}
	if b.takes(field, "string") && anyText[in.route.Method+" "+in.route.Path] != at && anyText[in.route.Method+" "+in.route.Path] != "*" {
		b.refused(in, "a text that is too long", b.send(in, "", send(strings.Repeat("x", 100_000))), 400, at)
	}
}

// resolved follows a reference, and the alternatives that are not null.
func (b *badInput) resolved(schema map[string]any) map[string]any {
	if ref, ok := schema["$ref"].(string); ok {
		target, _ := b.spec.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		found, _ := target.(map[string]any)
		return found
	}
	if list, ok := schema["anyOf"].([]any); ok {
		first, _ := list[0].(map[string]any)
		return b.resolved(first)
	}
	return schema
}

// takes reports whether a schema allows a type.
func (b *badInput) takes(schema map[string]any, kind string) bool {
	if list, ok := schema["anyOf"].([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool {
			alternative, _ := one.(map[string]any)
			return b.takes(alternative, kind)
		})
	}
	switch t := b.resolved(schema)["type"].(type) {
	case string:
		return t == kind || t == "number" && kind == "integer"
	case []any:
		return slices.ContainsFunc(t, func(one any) bool { return one == kind || one == "number" && kind == "integer" })
	}
	return true // any JSON
}
