package condition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

// Limits of reliability rule section 13.
const (
	// MaxRules is the largest number of rules of a whole condition.
	MaxRules = 50
	// MaxDepth is the deepest nesting of groups; the outermost is 1.
	MaxDepth = 5
	// MaxPattern is the longest regular expression, in bytes.
	MaxPattern = 1000
	// MaxProgram is how many steps a regular expression may have once its counted repeats are written out.
	MaxProgram = 2000
	// MaxMatching bounds the steps of all regular expressions of one evaluation, a fraction of a second: size of the program times
	// bytes of the text. A rule beyond it is false, with a warning.
	MaxMatching = 20_000_000
	// MaxValue is the longest value of a rule, in bytes of JSON.
	MaxValue = 64 << 10
	// maxValueDepth is the deepest nesting of a value, as for JSON bodies.
	maxValueDepth = 32
	// maxFaults bounds a report: nobody reads more, and a hostile body has room for thousands.
	maxFaults = 100
)

// Fault is one thing that is wrong in a condition.
type Fault struct{ Path, Message string }

// Parse reads a group. It returns either a checked tree or all faults, with paths relative to the group.
// JSON null and empty input are no condition: both results are nil.
func Parse(data []byte) (*Group, []Fault) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || string(data) == "null" {
		return nil, nil
	}
	if !utf8.Valid(data) {
		return nil, []Fault{{"", "is not UTF-8"}}
	}
	if !json.Valid(data) {
		return nil, []Fault{{"", "is not JSON"}}
	}
	p := &parser{}
	g := p.group("", data, 1)
	if p.rules > MaxRules {
		p.fault("rules", "has %d rules, at most %d are allowed in a condition", p.rules, MaxRules)
	}
	if len(p.faults) > 0 {
		return nil, p.faults
	}
	return g, nil
}

type parser struct {
	rules  int
	faults []Fault
}

func (p *parser) fault(path, format string, args ...any) {
	if len(p.faults) == maxFaults {
		return
	}
	p.faults = append(p.faults, Fault{path, fmt.Sprintf(format, args...)})
}

// group reads the group at path; depth is its own.
func (p *parser) group(path string, data []byte, depth int) *Group {
	if depth > MaxDepth {
		p.fault(path, "is nested deeper than %d groups", MaxDepth)
		return nil
	}
	members, ok := p.object(path, data, "match", "rules")
	if !ok {
		return nil
	}
	g := &Group{Match: p.match(path, members["match"])}
	raw, ok := members["rules"]
	if !ok {
		p.fault(join(path, "rules"), "is required")
		return nil
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || items == nil {
		p.fault(join(path, "rules"), "must be an array")
		return nil
	}
	if len(items) == 0 || len(items) > MaxRules {
		p.fault(join(path, "rules"), "has %d members, 1 to %d are allowed", len(items), MaxRules)
		return nil
	}
	for i, item := range items {
		at := memberPath(path, i)
		if isGroup(item) {
			g.Members = append(g.Members, Member{Group: p.group(at, item, depth+1)})
			continue
		}
		p.rules++
		g.Members = append(g.Members, Member{Rule: p.rule(at, item)})
	}
	return g
}

func (p *parser) match(path string, raw json.RawMessage) Match {
	s, ok := text(raw)
	m := Match(s)
	switch {
	case raw == nil:
		p.fault(join(path, "match"), "is required")
	case !ok || (m != MatchAll && m != MatchAny):
		p.fault(join(path, "match"), `must be "all" or "any"`)
	}
	return m
}

// rule reads the rule at path. With a fault noted, what it returns is never used.
func (p *parser) rule(path string, data []byte) *Rule {
	members, ok := p.object(path, data, "field", "operator", "value")
	if !ok {
		return nil
	}
	r := &Rule{}
	field, ok := text(members["field"])
	switch {
	case members["field"] == nil:
		p.fault(join(path, "field"), "is required")
	case !ok:
		p.fault(join(path, "field"), "must be a string")
	default:
		var err error
		if r.Field, err = ParseField(field); err != nil {
			p.fault(join(path, "field"), "%s", err)
		}
	}
	operator, ok := text(members["operator"])
	r.Operator = Operator(operator)
	switch {
	case members["operator"] == nil:
		p.fault(join(path, "operator"), "is required")
	case !ok:
		p.fault(join(path, "operator"), "must be a string")
	default:
		p.value(path, r, members["value"])
	}
	return r
}

// value reads the value that the rule's operator asks for.
func (p *parser) value(path string, r *Rule, raw json.RawMessage) {
	check, ok := kinds[r.Operator]
	if !ok {
		p.fault(join(path, "operator"), "is unknown: %.40q; allowed are eq, ne, gt, gte, lt, lte, in, nin, contains, matches, exists", r.Operator)
		return
	}
	path = join(path, "value")
	if raw == nil {
		p.fault(path, "is required")
		return
	}
	if len(raw) > MaxValue {
		p.fault(path, "has %d bytes, at most %d are allowed", len(raw), MaxValue)
		return
	}
	value, err := decode(raw)
	if err != nil {
		p.fault(path, "%s", err)
		return
	}
	canonical, err := jsontext.Append(nil, value)
	if err != nil {
		p.fault(path, "%s", err)
		return
	}
	r.value, r.Value = value, canonical
	if reason := check(value); reason != "" {
		p.fault(path, "%s for %q", reason, r.Operator)
		return
	}
	if r.Operator == OpMatches {
		p.compile(path, r)
	}
}

func (p *parser) compile(path string, r *Rule) {
	expression, _ := r.value.(string) // the kind was checked
	if len(expression) > MaxPattern {
		p.fault(path, "has %d bytes, an expression may have %d", len(expression), MaxPattern)
		return
	}
	var err error
	if r.pattern, err = regexp.Compile(expression); err != nil {
		p.fault(path, "is not an RE2 expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return
	}
	if r.size = programSize(expression); r.size > MaxProgram {
		p.fault(path, "is an expression of %d steps, it may have %d: counted repeats multiply", r.size, MaxProgram)
	}
}

// programSize is how many steps a compiled expression has: matching takes up to so many for each byte of the text. The expression compiles.
func programSize(expression string) int {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return 0
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0
	}
	return len(program.Inst)
}

// kinds holds the check of the value for each operator; it returns the reason of a refusal.
var kinds = map[Operator]func(any) string{
	OpEqual: anyKind, OpNotEqual: anyKind, OpContains: anyKind,
	OpGreater: ordered, OpGreaterOrEqual: ordered, OpLess: ordered, OpLessOrEqual: ordered,
	OpIn: isKind("array"), OpNotIn: isKind("array"), OpMatches: isKind("string"), OpExists: isKind("boolean"),
}

func anyKind(any) string { return "" }

func ordered(v any) string {
	if k := kind(v); k != "number" && k != "string" {
		return "must be a number or a string"
	}
	return ""
}

func isKind(want string) func(any) string {
	article := "a "
	if want == "array" {
		article = "an "
	}
	return func(v any) string {
		if kind(v) != want {
			return "must be " + article + want
		}
		return ""
	}
}

// object reads the members of an object and refuses unknown and repeated ones. encoding/json would take "Match" for
// "match" and the last of two equal names.
func (p *parser) object(path string, data []byte, known ...string) (map[string]json.RawMessage, bool) {
	members := make(map[string]json.RawMessage, len(known))
	good := true
	d := json.NewDecoder(bytes.NewReader(data))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		p.fault(path, "must be an object")
		return nil, false
	}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		var raw json.RawMessage
		if err == nil && ok {
			err = d.Decode(&raw)
		}
		if err != nil || !ok {
			p.fault(path, "is not JSON")
			return nil, false
		}
		if _, repeated := members[name]; repeated {
			p.fault(join(path, name), "is there twice")
			good = false
			continue
		}
		if !slices.Contains(known, name) {
			p.fault(join(path, fmt.Sprintf("%.60s", name)), "is unknown; allowed are %s", strings.Join(known, ", "))
			good = false
			continue
		}
		members[name] = raw
	}
	return members, good
}

// isGroup tells a group from a rule by the members that only a group has.
func isGroup(data []byte) bool {
	var probe map[string]json.RawMessage
	if err := json.Unmarshal(data, &probe); err != nil {
		return false // not an object; rule says so with its path
	}
	_, match := probe["match"]
	_, rules := probe["rules"]
	return match || rules
}

// text reads a JSON string.
func text(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// decode reads a value exactly, and refuses what could not be stored or compared.
func decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errors.New("is not JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("is not one JSON value")
	}
	return v, storable(v, 1)
}

func storable(v any, depth int) error {
	if depth > maxValueDepth {
		return fmt.Errorf("is nested deeper than %d", maxValueDepth)
	}
	switch x := v.(type) {
	case string:
		if strings.ContainsRune(x, 0) {
			return errors.New("holds a NUL character")
		}
	case json.Number:
		if !jsontext.IsNumber(string(x)) {
			return fmt.Errorf("holds a number with an exponent beyond %d", int64(jsontext.MaxExponent))
		}
	case []any:
		for _, item := range x {
			if err := storable(item, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, item := range x {
			if strings.ContainsRune(name, 0) {
				return errors.New("holds a NUL character")
			}
			if err := storable(item, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
