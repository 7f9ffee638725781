package jobs

import (
	"encoding/json"
	"slices"

	"github.com/carillon-go/carillon/jobs/internal/condition"
	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

// Limits of conditions (reliability rules, section 13). Beyond them ParseCondition refuses.
const (
	// MaxConditionRules is the largest number of rules of a condition, all groups together.
	MaxConditionRules = condition.MaxRules
	// MaxConditionDepth is the deepest nesting of groups; the outermost counts as 1.
	MaxConditionDepth = condition.MaxDepth
	// MaxConditionPattern is the longest regular expression, in bytes.
	MaxConditionPattern = condition.MaxPattern
	// MaxConditionValue is the longest value of a rule, in bytes of JSON.
	MaxConditionValue = condition.MaxValue
)

// Condition is the group of rules that decides whether an action runs (contract section 7). It is parsed once into a
// checked tree, immutable and safe for concurrent use. A nil or zero Condition is none: it is always met.
type Condition struct{ group *condition.Group }

// ParseCondition reads a group. JSON null and empty input are no condition: nil, nil. Everything that contract 7.5 refuses
// without knowing the job is a *ValidationError with all faults, paths relative to the group: "rules[0].field".
func ParseCondition(data json.RawMessage) (*Condition, error) {
	group, faults := condition.Parse(data)
	if len(faults) > 0 {
		return nil, invalidOf(faults)
	}
	if group == nil {
		return nil, nil
	}
	return &Condition{group}, nil
}

func (c *Condition) none() bool { return c == nil || c.group == nil }

// MarshalJSON gives the canonical form, which parses to an equal condition; numbers keep their digits.
func (c *Condition) MarshalJSON() ([]byte, error) {
	if c.none() {
		return []byte("null"), nil
	}
	return c.group.AppendJSON(nil), nil
}

// UnmarshalJSON is ParseCondition into c. It is for a new value: a condition that others hold must not change.
func (c *Condition) UnmarshalJSON(data []byte) error {
	parsed, err := ParseCondition(data)
	if err != nil {
		return err
	}
	*c = Condition{}
	if parsed != nil {
		c.group = parsed.group
	}
	return nil
}

// ConditionScope is what a condition may name.
type ConditionScope struct {
	// Aliases are the dataset aliases of the job.
	Aliases []string
	// EarlierActions are the ids of the actions before the one that the condition belongs to; "[0]", "[1]" for the actions
	// of a body that names them by position.
	EarlierActions []string
}

// Check refuses names that the scope does not have (contract 7.5): a *ValidationError with paths as ParseCondition gives.
func (c *Condition) Check(scope ConditionScope) error {
	if c.none() {
		return nil
	}
	var faults Faults
	c.group.Walk(func(path string, r *condition.Rule) {
		path = JoinPath(path, "field")
		if alias := r.Field.Alias; alias != "" && !slices.Contains(scope.Aliases, alias) {
			faults.Add(path, "names a dataset alias that the job does not have: %.80q", alias)
		}
		if action := r.Field.Action; action != "" && !slices.Contains(scope.EarlierActions, action) {
			faults.Add(path, "names an action that is unknown or not earlier in the order: %.80q", action)
		}
	})
	return faults.Err()
}

// UsesStatus reports whether a rule asks for a status field of contract 7.3. Only then may the action run after an error.
func (c *Condition) UsesStatus() bool {
	uses := false
	c.walk(func(r *condition.Rule) { uses = uses || r.Field.Status })
	return uses
}

// Actions lists the actions that rules name, each once, in the order of the text; "[2]" for the inline form "actions[2]".
func (c *Condition) Actions() []string {
	return c.names(func(r *condition.Rule) string { return r.Field.Action })
}

// Aliases lists the dataset aliases that rules name, each once, in the order of the text.
func (c *Condition) Aliases() []string {
	return c.names(func(r *condition.Rule) string { return r.Field.Alias })
}

func (c *Condition) names(of func(*condition.Rule) string) []string {
	var names []string
	c.walk(func(r *condition.Rule) {
		if name := of(r); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	})
	return names
}

func (c *Condition) walk(visit func(*condition.Rule)) {
	if c.none() {
		return
	}
	c.group.Walk(func(_ string, r *condition.Rule) { visit(r) })
}

// Rewrite returns the condition with actions named anew, as drafts, copies and bodies with "actions[n]" need it. Keys and
// values are names as Actions gives them; names that the map does not have stay. c itself does not change.
func (c *Condition) Rewrite(names map[string]string) *Condition {
	if c.none() || len(names) == 0 {
		return c
	}
	return &Condition{c.group.Rewrite(names)}
}

// Values gives values of the run context by path (contract 7.2). They are JSON-like: map[string]any, []any, string, bool,
// nil, and numbers as json.Number, float64 or Go's integers. The caller may not change them.
type Values interface {
	// Lookup finds the value at a path of names and array positions split by dots. found is false if nothing is there.
	// known is false if the value exists only in a run (preview, contract 6.8); found is then false too.
	Lookup(path string) (value any, found bool, known bool)
}

// ConditionResult is the outcome of a condition.
type ConditionResult struct {
	// Met is nil if it depends on values that exist only in a run.
	Met *bool
	// Rules are the rules of all groups in the order of the text.
	Rules []RuleResult
	// Decisive is the text of the rule that decided, "datasets.stock.records gt 0": the one at which a reader from left to
	// right could stop. It is empty if Met is nil or there is no condition.
	Decisive string
	// Warnings are comparisons of types that cannot be compared (contract 7.4), one text each, without values.
	Warnings []string
}

// RuleResult is what became of one rule.
type RuleResult struct {
	Field    string
	Operator string
	Value    json.RawMessage
	// Actual is the field's value; nil if it is unknown, missing, or not a JSON value.
	Actual json.RawMessage
	// Known is false for a value that exists only in a run; Met is then nil.
	Known bool
	Met   *bool
}

// Evaluate decides by the rules of the condition alone. Without a condition it is met.
func (c *Condition) Evaluate(v Values) ConditionResult {
	if c.none() {
		return ConditionResult{Met: metOf(condition.True)}
	}
	in := c.group.Evaluate(v)
	out := ConditionResult{Met: metOf(in.Met), Rules: make([]RuleResult, len(in.Rules)), Warnings: in.Warnings}
	if in.Decisive != nil {
		out.Decisive = in.Decisive.Text()
	}
	for i, r := range in.Rules {
		rule := RuleResult{
			Field: r.Rule.Field.Path, Operator: string(r.Rule.Operator), Value: r.Rule.Value, Known: r.Known, Met: metOf(r.Met),
		}
		if r.Actual != nil {
			actual, err := jsontext.Append(nil, r.Actual)
			if err != nil { // a Values of the host broke its contract; the rule's outcome stands
				out.Warnings = append(out.Warnings, "condition on "+rule.Field+": "+err.Error())
				actual = nil
			}
			rule.Actual = actual
		}
		out.Rules[i] = rule
	}
	return out
}

// Decide is Evaluate with the rule of the first error (contract 7.3): a condition that asks for no status, and no condition,
// have one more rule by themselves, "run.status ne error". If that rule fails, it decides.
func (c *Condition) Decide(v Values) ConditionResult {
	out := c.Evaluate(v)
	if c.UsesStatus() {
		return out
	}
	status, _, known := v.Lookup("run.status")
	switch {
	case !known:
		if out.Met != nil && *out.Met {
			out.Met, out.Decisive = nil, ""
		}
	case status == "error":
		out.Met, out.Decisive = metOf(condition.False), "run.status ne error"
	}
	return out
}

func metOf(o condition.Outcome) *bool {
	if o == condition.Unknown {
		return nil
	}
	met := o == condition.True
	return &met
}
