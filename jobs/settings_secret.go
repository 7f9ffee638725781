package jobs

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Split takes the secrets out of settings: public is what may be stored and returned, secrets are the values of the writeOnly
// properties by their path. A secret that is null is in neither. A secret with a placeholder is refused (R47): what it would become
// could be chosen by whoever writes the values of a run. Both results are canonical: names sorted, digits kept.
func (s *Settings) Split(data json.RawMessage) (public json.RawMessage, secrets map[string]json.RawMessage, err error) {
	object, err := readObject(data, MaxSettings, MaxSettingsDepth)
	if err != nil {
		return nil, nil, s.hideSecretPaths(err)
	}
	values := s.take(object)
	if err := checkSecretValues(values); err != nil {
		return nil, nil, err
	}
	secrets = map[string]json.RawMessage{}
	for path, value := range values {
		if value == nil {
			continue
		}
		if secrets[path], err = writeJSON(value); err != nil {
			return nil, nil, err
		}
	}
	public, err = writeJSON(object)
	return public, secrets, err
}

// take removes the secrets from an object and gives them by path, null included.
func (s *Settings) take(object map[string]any) map[string]any {
	values := map[string]any{}
	for _, path := range s.schema.secrets {
		parent, name := parentOf(object, path)
		if value, ok := parent[name]; ok {
			delete(parent, name)
			values[path] = value
		}
	}
	return values
}

func checkSecretValues(values map[string]any) error {
	var f Faults
	for _, path := range slices.Sorted(maps.Keys(values)) {
		if anyPlaceholder(values[path]) {
			f.Add(path, "is a secret and may not have a placeholder")
		}
	}
	return f.Err()
}

// parentOf gives the object that holds the last name of a path, nil if there is none.
func parentOf(object map[string]any, path string) (parent map[string]any, name string) {
	for {
		first, rest, more := strings.Cut(path, ".")
		if !more {
			return object, first
		}
		object, _ = object[first].(map[string]any) // a nil map has no members
		path = rest
	}
}

// Merge puts secrets back into settings, the inverse of Split. It makes the objects above a secret that are missing; something
// else in their place is a *ValidationError.
func (s *Settings) Merge(public json.RawMessage, secrets map[string]json.RawMessage) (json.RawMessage, error) {
	return mergeSecrets(public, secrets)
}

func mergeSecrets(public json.RawMessage, secrets map[string]json.RawMessage) (json.RawMessage, error) {
	object, err := readObject(public, MaxSettings, MaxSettingsDepth)
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(secrets)) {
		value, err := readSecret(path, secrets[path])
		if err != nil {
			return nil, err
		}
		if err := put(object, path, value); err != nil {
			return nil, err
		}
	}
	return writeJSON(object)
}

// readSecret parses the value of a secret. Its faults name the secret alone.
func readSecret(path string, text json.RawMessage) (any, error) {
	const name = "value"
	wrapped := slices.Concat([]byte(`{"`+name+`":`), text, []byte("}"))
	object, err := readObject(wrapped, MaxSettings+len(wrapped)-len(text), MaxSettingsDepth+1)
	if err != nil || len(object) != 1 { // text that closes the object and goes on
		return nil, Invalid(path, "is not valid JSON")
	}
	return object[name], nil
}

func put(object map[string]any, path string, value any) error {
	names := strings.Split(path, ".")
	for i, name := range names[:len(names)-1] {
		next, there := object[name]
		inner, ok := next.(map[string]any)
		if there && !ok {
			return Invalid(strings.Join(names[:i+1], "."), "must be an object: it holds the secret %q", path)
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

// plaintextsOf are the strings inside a secret value.
func plaintextsOf(value any) []string {
	switch x := value.(type) {
	case string:
		return []string{x}
	case []any:
		var all []string
		for _, item := range x {
			all = append(all, plaintextsOf(item)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, name := range slices.Sorted(maps.Keys(x)) {
			all = append(all, plaintextsOf(x[name])...)
		}
		return all
	}
	return nil
}
