package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

// Secrets are the paths of the writeOnly properties ("secret", "auth.password"), sorted. They are not to be changed.
func (s *Schema) Secrets() []string { return s.secrets }

// Hide cuts a path inside a secret to that of the secret: names of its members are part of it.
func (s *Schema) Hide(path string) string {
	for _, secret := range s.secrets {
		if jsontext.PathWithin(path, secret) {
			path = secret
		}
	}
	return path
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
		return slices.ContainsFunc(all, func(other string) bool { return other != path && jsontext.PathWithin(path, other) })
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
			return fmt.Errorf("a writeOnly property has an empty name, a dot or a bracket in its path: %q", jsontext.JoinPath(path, name))
		}
		if err := w.visit(members[name], jsontext.JoinPath(path, name)); err != nil {
			return err
		}
	}
	return nil
}
