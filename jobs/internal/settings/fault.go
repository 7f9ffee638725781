package settings

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
	"github.com/carillon-go/carillon/jobs/internal/placeholder"
)

const (
	// maxFaults bounds a report; the last line says how many more there are.
	maxFaults = 100
	// maxShownValue is how much of a bad value a message shows, in characters.
	maxShownValue = 100
)

// Fault is one thing that is wrong with settings.
type Fault struct{ Path, Message string }

// one is a report of one fault.
func one(path, format string, args ...any) []Fault {
	return []Fault{{path, fmt.Sprintf(format, args...)}}
}

// joinFaults is a report in one text.
func joinFaults(faults []Fault) string {
	parts := make([]string, len(faults))
	for i, f := range faults {
		parts[i] = f.Message
		if f.Path != "" {
			parts[i] = fmt.Sprintf("%q %s", f.Path, f.Message)
		}
	}
	return strings.Join(parts, "; ")
}

// validator is a compiled schema that speaks to people.
type validator struct {
	schema *jsonschema.Schema
	// placeholders tells that strings with a placeholder may still become anything.
	placeholders bool
}

// check reports all faults of an object, sorted, one for each reason. No message has a value at or below one of the secret paths.
func (v validator) check(object map[string]any, secrets []string) ([]Fault, error) {
	err := v.schema.Validate(object)
	if err == nil {
		return nil, nil
	}
	var root *jsonschema.ValidationError
	if !errors.As(err, &root) {
		return nil, fmt.Errorf("check settings: %w", err)
	}
	r := faultReport{root: object, secrets: secrets, placeholders: v.placeholders}
	r.add(root)
	slices.SortFunc(r.faults, func(a, b Fault) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return strings.Compare(a.Message, b.Message)
	})
	r.faults = slices.Compact(r.faults)
	if more := len(r.faults) - maxFaults; more > 0 {
		r.faults = append(r.faults[:maxFaults], Fault{Message: fmt.Sprintf("and %d more faults", more)})
	}
	return r.faults, nil // none if all faults can be undone by what placeholders become
}

type faultReport struct {
	root         map[string]any
	secrets      []string
	placeholders bool
	faults       []Fault
}

// add walks to the leaves of an error.
func (r *faultReport) add(e *jsonschema.ValidationError) {
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf:
		r.addAlternatives(e)
		return
	case *kind.OneOf:
		if k.Subschemas == nil {
			r.addAlternatives(e)
			return
		}
	case *kind.Contains, *kind.MinContains:
		// The causes say why each item is not the one that is missing.
	default:
		if len(e.Causes) > 0 {
			for _, cause := range e.Causes {
				r.add(cause)
			}
			return
		}
	}
	r.addLeaf(e)
}

// addAlternatives explains why none of several forms fits. Forms of another type than the value are left out; if one is left, its
// faults are the answer.
func (r *faultReport) addAlternatives(e *jsonschema.ValidationError) {
	branches := slices.DeleteFunc(slices.Clone(e.Causes), func(c *jsonschema.ValidationError) bool {
		t, ok := leafOf(c).ErrorKind.(*kind.Type)
		return ok && t != nil && len(leafOf(c).InstanceLocation) == len(e.InstanceLocation)
	})
	if len(branches) == 1 {
		r.add(branches[0])
		return
	}
	var types, names []string
	onlyNames := len(branches) > 0
	for _, c := range e.Causes {
		if t, ok := leafOf(c).ErrorKind.(*kind.Type); ok {
			types = append(types, t.Want...)
		}
	}
	for _, c := range branches {
		leaf := leafOf(c)
		required, ok := leaf.ErrorKind.(*kind.Required)
		onlyNames = onlyNames && ok && len(leaf.InstanceLocation) == len(e.InstanceLocation)
		if ok {
			names = append(names, strings.Join(required.Missing, " and "))
		}
	}
	switch path, _, _ := r.locate(e.InstanceLocation); {
	case len(branches) == 0:
		slices.Sort(types)
		r.note(path, "must be "+typeNames(slices.Compact(types)))
	case onlyNames:
		r.note(path, "needs one of: "+strings.Join(names, ", "))
	default:
		r.note(path, "has none of the allowed forms")
	}
}

// leafOf follows references and groups of one.
func leafOf(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	for len(e.Causes) == 1 {
		switch e.ErrorKind.(type) {
		case *kind.Reference, *kind.Group, *kind.AllOf:
			e = e.Causes[0]
			continue
		}
		break
	}
	return e
}

func (r *faultReport) note(path, message string) {
	r.faults = append(r.faults, Fault{Path: path, Message: message})
}

func (r *faultReport) addLeaf(e *jsonschema.ValidationError) {
	path, value, secret := r.locate(e.InstanceLocation)
	if secret {
		r.note(path, secretMessage(e.ErrorKind))
		return
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		r.addMissing(path, k.Missing, "is required")
	case *kind.DependentRequired:
		r.addMissing(path, k.Missing, fmt.Sprintf("is required together with %q", k.Prop))
	case *kind.Dependency:
		r.addMissing(path, k.Missing, fmt.Sprintf("is required together with %q", k.Prop))
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			r.note(memberPath(path, name), "is an unknown property")
		}
	case *kind.PropertyNames:
		r.note(memberPath(path, k.Property), "is not an allowed name")
	case *kind.Not, *kind.OneOf, *kind.MaxContains, *kind.UniqueItems:
		// These faults come from values that do fit, and a placeholder fits only so far as we know now.
		if r.placeholders && anyPlaceholder(value) {
			return
		}
		r.note(path, message(e.ErrorKind, value))
	default:
		r.note(path, message(e.ErrorKind, value))
	}
}

func (r *faultReport) addMissing(path string, names []string, why string) {
	for _, name := range names {
		r.note(memberPath(path, name), why)
	}
}

// locate makes a path of the validator's location and gives the value there. Inside a secret the path is that of the secret:
// names of members are part of it.
func (r *faultReport) locate(location []string) (path string, value any, secret bool) {
	value = r.root
	for _, step := range location {
		switch x := value.(type) {
		case []any:
			path += "[" + step + "]"
			if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(x) {
				value = x[i]
			}
		case map[string]any:
			path = memberPath(path, step)
			value = x[step]
		}
		if slices.Contains(r.secrets, path) {
			return path, nil, true
		}
	}
	return path, value, false
}

// secretMessage says what is wrong with a secret by what the schema says, never by what the secret is.
func secretMessage(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return "must be " + typeNames(k.Want)
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("may have at most %d characters", k.Want)
	case *kind.Format:
		return "is not a valid " + k.Want
	}
	return "is not valid"
}

func message(k jsonschema.ErrorKind, value any) string {
	switch k := k.(type) {
	case *kind.Type:
		return "must be " + typeNames(k.Want)
	case *kind.Enum:
		return "must be " + oneOf(k.Want)
	case *kind.Const:
		return "must be " + oneOf([]any{k.Want})
	case *kind.Format:
		return "is not a valid " + k.Want + shown(value)
	case *kind.Pattern:
		return "does not match the pattern " + k.Want + shown(value)
	case *kind.MinLength:
		if k.Want == 1 {
			return "may not be empty"
		}
		return fmt.Sprintf("must have at least %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("may have at most %d characters", k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d items", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("may have at most %d items", k.Want)
	case *kind.MinProperties:
		return fmt.Sprintf("must have at least %d properties", k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("may have at most %d properties", k.Want)
	case *kind.UniqueItems:
		return fmt.Sprintf("has the same item twice, at %d and %d", k.Duplicates[0], k.Duplicates[1])
	case *kind.Minimum:
		return "must be at least " + number(k.Want)
	case *kind.Maximum:
		return "must be at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be more than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be less than " + number(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + number(k.Want)
	case *kind.Contains, *kind.MinContains, *kind.MaxContains:
		return "has too few or too many items of the kind that is asked for"
	case *kind.OneOf:
		return "has more than one of the allowed forms"
	case *kind.FalseSchema, *kind.Not:
		return "is not allowed"
	}
	return "is not valid"
}

var typeWords = map[string]string{
	"null": "null", "boolean": "true or false", "number": "a number", "integer": "a whole number",
	"string": "a string", "array": "an array", "object": "an object",
}

func typeNames(types []string) string {
	words := make([]string, len(types))
	for i, name := range types {
		words[i] = typeWords[name]
	}
	return strings.Join(words, " or ")
}

// oneOf lists what a schema allows. It is the schema's text, so it shows no value.
func oneOf(values []any) string {
	words := make([]string, len(values))
	for i, value := range values {
		text, err := jsontext.Append(nil, value)
		if err != nil { // a schema is JSON
			text = []byte("?")
		}
		words[i] = string(text)
	}
	if len(words) == 1 {
		return words[0]
	}
	return "one of " + strings.Join(words, ", ")
}

// shown quotes the start of a string that is no secret. URLs with a user are left out: they may hold a password (R63).
func shown(value any) string {
	text, ok := value.(string)
	if !ok || strings.Contains(text, "//") && strings.Contains(text, "@") {
		return ""
	}
	if runes := []rune(text); len(runes) > maxShownValue {
		text = string(runes[:maxShownValue]) + "…"
	}
	return ": " + strconv.Quote(text)
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64() // the nearest one is good enough to read
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// anyPlaceholder reports whether a string in the value has a placeholder.
func anyPlaceholder(value any) bool {
	switch x := value.(type) {
	case string:
		return placeholder.In(x)
	case []any:
		return slices.ContainsFunc(x, anyPlaceholder)
	case map[string]any:
		for _, member := range x {
			if anyPlaceholder(member) {
				return true
			}
		}
	}
	return false
}
