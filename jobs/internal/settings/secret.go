package settings

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Take removes the secrets from an object and gives them by path, null included. A secret with a placeholder is a fault (R47).
func (s *Schema) Take(object map[string]any) (values map[string]any, faults []Fault) {
	values = map[string]any{}
	for _, path := range s.secrets { // sorted, and so are the faults
		parent, name := ParentOf(object, path)
		value, ok := parent[name]
		if !ok {
			continue
		}
		delete(parent, name)
		values[path] = value
		if anyPlaceholder(value) {
			faults = append(faults, Fault{path, "is a secret and may not have a placeholder"})
		}
	}
	return values, faults
}

// ParentOf gives the object that holds the last name of a path, nil if there is none.
func ParentOf(object map[string]any, path string) (parent map[string]any, name string) {
	for {
		first, rest, more := strings.Cut(path, ".")
		if !more {
			return object, first
		}
		object, _ = object[first].(map[string]any) // a nil map has no members
		path = rest
	}
}

// Put puts secrets into an object by their paths, the inverse of Take. It makes the objects above a secret that are missing; something
// else in their place, and a secret that is no JSON, is a fault, and the first one ends it.
func Put(object map[string]any, secrets map[string]json.RawMessage) []Fault {
	for _, path := range slices.Sorted(maps.Keys(secrets)) {
		value, faults := ReadSecret(path, secrets[path])
		if len(faults) == 0 {
			faults = put(object, path, value)
		}
		if len(faults) > 0 {
			return faults
		}
	}
	return nil
}

// ReadSecret parses the value of a secret. Its faults name the secret alone.
func ReadSecret(path string, text []byte) (any, []Fault) {
	const name = "value"
	wrapped := slices.Concat([]byte(`{"`+name+`":`), text, []byte("}"))
	object, faults := readObject(wrapped, MaxBytes+len(wrapped)-len(text), MaxDepth+1)
	if len(faults) > 0 || len(object) != 1 { // text that closes the object and goes on
		return nil, []Fault{{path, "is not valid JSON"}}
	}
	return object[name], nil
}

func put(object map[string]any, path string, value any) []Fault {
	names := strings.Split(path, ".")
	for i, name := range names[:len(names)-1] {
		next, there := object[name]
		inner, ok := next.(map[string]any)
		if there && !ok {
			return one(strings.Join(names[:i+1], "."), "must be an object: it holds the secret %q", path)
		}
		if !there {
			inner = map[string]any{}
			object[name] = inner
		}
		object = inner
	}
	object[names[len(names)-1]] = value
	return nil
}

// Strings are the strings inside a value, those in objects in the order of their names.
func Strings(value any) []string {
	switch x := value.(type) {
	case string:
		return []string{x}
	case []any:
		var all []string
		for _, item := range x {
			all = append(all, Strings(item)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, name := range slices.Sorted(maps.Keys(x)) {
			all = append(all, Strings(x[name])...)
		}
		return all
	}
	return nil
}
