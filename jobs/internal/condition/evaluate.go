package condition

import (
	"fmt"
	"strings"
)

// Values gives the values of the run context. known is false for a value that exists only in a run (contract 6.8);
// found is false for a path that leads to nothing, which counts as null.
type Values interface {
	Lookup(path string) (value any, found bool, known bool)
}

// Outcome is true, false or unknown.
type Outcome int8

// The three outcomes. The zero value is unknown.
const (
	Unknown Outcome = iota
	False
	True
)

func outcomeOf(b bool) Outcome {
	if b {
		return True
	}
	return False
}

// RuleResult is what became of one rule.
type RuleResult struct {
	Rule *Rule
	// Actual is the field's value: nil if it is unknown, missing or null.
	Actual any
	Known  bool
	Met    Outcome
}

// Result is the outcome of a condition.
type Result struct {
	Met Outcome
	// Rules are the rules of all groups, in the order of the text.
	Rules []RuleResult
	// Decisive is the rule at which a reader who goes from left to right could stop; nil if Met is Unknown.
	Decisive *Rule
	// Warnings name comparisons of types that cannot be compared.
	Warnings []string
}

// Evaluate evaluates every rule, those too that no longer decide: the preview shows them all.
func (g *Group) Evaluate(v Values) Result {
	e := evaluation{values: v}
	e.rules = make([]RuleResult, 0, g.count())
	met, decisive := e.group(g)
	return Result{Met: met, Rules: e.rules, Decisive: decisive, Warnings: e.warnings}
}

func (g *Group) count() int {
	n := 0
	for _, m := range g.Members {
		if m.Group != nil {
			n += m.Group.count()
			continue
		}
		n++
	}
	return n
}

type evaluation struct {
	values   Values
	rules    []RuleResult
	warnings []string
	// matching is what regular expressions have cost so far, see MaxMatching.
	matching int
}

// group joins its members in three-valued logic: an unknown member only matters if the known ones do not decide.
func (e *evaluation) group(g *Group) (Outcome, *Rule) {
	stop, met := False, True // what decides the group at once; what it is without such a member
	if g.Match == MatchAny {
		stop, met = True, False
	}
	var last, decisive *Rule
	for _, m := range g.Members {
		outcome, rule := e.member(m)
		switch {
		case decisive != nil:
		case outcome == stop:
			met, decisive = stop, rule
		case outcome == Unknown:
			met = Unknown
		default:
			last = rule
		}
	}
	switch {
	case decisive != nil:
		return met, decisive
	case met == Unknown:
		return Unknown, nil
	}
	return met, last
}

func (e *evaluation) member(m Member) (Outcome, *Rule) {
	if m.Group != nil {
		return e.group(m.Group)
	}
	return e.rule(m.Rule), m.Rule
}

func (e *evaluation) rule(r *Rule) Outcome {
	actual, found, known := e.values.Lookup(r.Field.Path)
	if !known {
		e.rules = append(e.rules, RuleResult{Rule: r})
		return Unknown
	}
	if !found {
		actual = nil
	}
	met := outcomeOf(e.holds(r, actual, found))
	e.rules = append(e.rules, RuleResult{Rule: r, Actual: actual, Known: true, Met: met})
	return met
}

// holds is contract 7.4. A missing field makes ne and nin true and every other comparison false, also "eq null": only a
// null that is there equals null. Neither missing nor null is worth a warning, since a step that was skipped has no data.
func (e *evaluation) holds(r *Rule, actual any, found bool) bool {
	switch r.Operator {
	case OpEqual:
		return found && equal(actual, r.value)
	case OpNotEqual:
		return !found || !equal(actual, r.value)
	case OpIn:
		return found && holdsItem(r.value, actual)
	case OpNotIn:
		return !found || !holdsItem(r.value, actual)
	case OpExists:
		return (actual != nil) == (r.value == true)
	default:
	}
	if actual == nil {
		return false
	}
	switch r.Operator {
	case OpContains:
		return e.contains(r, actual)
	case OpMatches:
		s, ok := actual.(string)
		if !ok {
			e.warn(r, actual)
		}
		return ok && e.matches(r, s)
	default:
		return e.ordered(r, actual)
	}
}

// matches bounds what an expression can cost: no matching can be stopped once it has begun.
func (e *evaluation) matches(r *Rule, s string) bool {
	cost := r.size * len(s)
	if e.matching+cost > MaxMatching {
		e.warnings = append(e.warnings, fmt.Sprintf("%s: a text of %d bytes is too long for the expressions of this condition",
			r.Field.Path, len(s)))
		return false
	}
	e.matching += cost
	return r.pattern.MatchString(s)
}

func (e *evaluation) ordered(r *Rule, actual any) bool {
	c, ok := compare(actual, r.value)
	if !ok {
		e.warn(r, actual)
		return false
	}
	switch r.Operator {
	case OpGreater:
		return c > 0
	case OpGreaterOrEqual:
		return c >= 0
	case OpLess:
		return c < 0
	default: // OpLessOrEqual; Parse lets no other operator through
		return c <= 0
	}
}

func (e *evaluation) contains(r *Rule, actual any) bool {
	switch x := actual.(type) {
	case []any:
		return holdsItem(x, r.value)
	case string:
		if part, ok := r.value.(string); ok {
			return strings.Contains(x, part)
		}
	}
	e.warn(r, actual)
	return false
}

func holdsItem(list, item any) bool {
	items, _ := list.([]any) // Parse saw to it that the value of in and nin is an array
	for _, candidate := range items {
		if equal(item, candidate) {
			return true
		}
	}
	return false
}

// warn names the types, never the values: those may be secret.
func (e *evaluation) warn(r *Rule, actual any) {
	is := kind(actual)
	if is == "" {
		is = fmt.Sprintf("Go value of type %T", actual)
	}
	e.warnings = append(e.warnings, fmt.Sprintf("condition on %s: %q cannot compare the field's %s with the given %s; the rule counts as not met",
		r.Field.Path, r.Operator, is, kind(r.value)))
}
