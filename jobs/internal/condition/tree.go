package condition

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

// Match says how the members of a group are joined.
type Match string

// The two ways to join.
const (
	MatchAll Match = "all"
	MatchAny Match = "any"
)

// Group is the root of a condition, or a group within one. Parse makes it; nothing changes it after that.
type Group struct {
	Match   Match
	Members []Member
}

// Member is a rule or a group: exactly one of both is set.
type Member struct {
	Rule  *Rule
	Group *Group
}

// Rule compares one field with one value.
type Rule struct {
	Field    Field
	Operator Operator
	// Value is the canonical JSON of the value.
	Value json.RawMessage

	value   any            // decoded; numbers as json.Number
	pattern *regexp.Regexp // of OpMatches
	size    int            // of its program: what one byte of the text may cost
}

// Operator is one of contract 7.4.
type Operator string

// The operators.
const (
	OpEqual          Operator = "eq"
	OpNotEqual       Operator = "ne"
	OpGreater        Operator = "gt"
	OpGreaterOrEqual Operator = "gte"
	OpLess           Operator = "lt"
	OpLessOrEqual    Operator = "lte"
	OpIn             Operator = "in"
	OpNotIn          Operator = "nin"
	OpContains       Operator = "contains"
	OpMatches        Operator = "matches"
	OpExists         Operator = "exists"
)

// maxText bounds how much of a rule's value its text shows.
const maxText = 200

// Text is the rule for people: "datasets.stock.records gt 0". Plain words stand without quotes, as in the contract;
// a long value is cut and marked.
func (r *Rule) Text() string {
	value := string(r.Value)
	if s, ok := r.value.(string); ok && isWord(s) {
		value = s
	}
	if len(value) > maxText {
		cut := maxText
		for !utf8.RuneStart(value[cut]) {
			cut--
		}
		value = value[:cut] + "…"
	}
	return r.Field.Path + " " + string(r.Operator) + " " + value
}

// isWord reports whether s reads as itself without quotes: no space, and nothing that looks like another JSON type.
func isWord(s string) bool {
	if s == "" || s == "true" || s == "false" || s == "null" || strings.ContainsAny(s, " \t\"'\\[]{},") {
		return false
	}
	if jsontext.IsNumber(s) {
		return false
	}
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

// Walk visits every rule in order, with its path relative to g: "rules[0].rules[2]".
func (g *Group) Walk(visit func(path string, r *Rule)) { g.walk("", visit) }

func (g *Group) walk(prefix string, visit func(string, *Rule)) {
	for i, m := range g.Members {
		path := memberPath(prefix, i)
		if m.Group != nil {
			m.Group.walk(path, visit)
			continue
		}
		visit(path, m.Rule)
	}
}

func memberPath(prefix string, i int) string {
	return join(prefix, "rules["+strconv.Itoa(i)+"]")
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// Rewrite returns a copy in which actions are named anew; names that the map does not have stay.
func (g *Group) Rewrite(names map[string]string) *Group {
	out := &Group{Match: g.Match, Members: make([]Member, len(g.Members))}
	for i, m := range g.Members {
		if m.Group != nil {
			out.Members[i].Group = m.Group.Rewrite(names)
			continue
		}
		rule := *m.Rule
		if name, ok := names[rule.Field.Action]; ok && rule.Field.Action != "" {
			rule.Field = rule.Field.Rename(name)
		}
		out.Members[i].Rule = &rule
	}
	return out
}

// AppendJSON appends the group in its canonical form: members in the order of contract 7.1, no white space.
func (g *Group) AppendJSON(b []byte) []byte {
	b = append(b, `{"match":`...)
	b = jsontext.AppendString(b, string(g.Match))
	b = append(b, `,"rules":[`...)
	for i, m := range g.Members {
		if i > 0 {
			b = append(b, ',')
		}
		if m.Group != nil {
			b = m.Group.AppendJSON(b)
			continue
		}
		b = append(b, `{"field":`...)
		b = jsontext.AppendString(b, m.Rule.Field.Path)
		b = append(b, `,"operator":`...)
		b = jsontext.AppendString(b, string(m.Rule.Operator))
		b = append(b, `,"value":`...)
		b = append(b, m.Rule.Value...)
		b = append(b, '}')
	}
	return append(b, "]}"...)
}
