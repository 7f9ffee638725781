package jobs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

func mustCondition(t testing.TB, text string) *jobs.Condition {
	t.Helper()
	c, err := jobs.ParseCondition(json.RawMessage(text))
	if err != nil {
		t.Fatalf("ParseCondition(%s): %v", text, err)
	}
	return c
}

// oneRule is a condition of one rule; value is JSON.
func oneRule(field, operator, value string) string {
	return fmt.Sprintf(`{"match":"all","rules":[{"field":%q,"operator":%q,"value":%s}]}`, field, operator, value)
}

// contextOf is a run context with these values.
func contextOf(t testing.TB, values map[string]any) *jobs.RunContext {
	t.Helper()
	c := jobs.NewRunContext()
	for path, value := range values {
		if err := c.Set(path, value); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// faultsOf are path and message of a *ValidationError, one line each.
func faultsOf(t testing.TB, err error) []string {
	t.Helper()
	var v *jobs.ValidationError
	if !errors.As(err, &v) || !errors.Is(err, jobs.ErrInvalid) {
		t.Fatalf("error = %v, want a *ValidationError", err)
	}
	var out []string
	for _, f := range v.Fields {
		out = append(out, f.Path+": "+f.Message)
	}
	return out
}

func TestParseCondition_NullIsNone(t *testing.T) {
	for _, text := range []string{"", "null", " null "} {
		if c, err := jobs.ParseCondition(json.RawMessage(text)); c != nil || err != nil {
			t.Errorf("ParseCondition(%q) = %v, %v; want nil, nil", text, c, err)
		}
	}
	for _, none := range []*jobs.Condition{nil, {}} {
		r := none.Decide(contextOf(t, nil))
		if r.Met == nil || !*r.Met || r.Decisive != "" || len(r.Rules) != 0 {
			t.Errorf("no condition gives %+v, want met", r)
		}
		if none.UsesStatus() || none.Actions() != nil || none.Aliases() != nil || none.Check(jobs.ConditionScope{}) != nil {
			t.Error("no condition names something")
		}
		if text, err := none.MarshalJSON(); string(text) != "null" || err != nil {
			t.Errorf("MarshalJSON = %s, %v", text, err)
		}
		if got := none.Rewrite(map[string]string{"a": "b"}); got != none {
			t.Errorf("Rewrite = %v", got)
		}
	}
}

func TestParseCondition_NamesTheFullPathOfEachFault(t *testing.T) {
	_, err := jobs.ParseCondition(json.RawMessage(`{"match":"all","rules":[
		{"field":"run.state","operator":"eq","value":1},
		{"match":"any","rules":[{"field":"run.status","operator":"is","value":1}]}]}`))
	got := faultsOf(t, err)
	if len(got) != 2 || !strings.HasPrefix(got[0], "rules[0].field: is not a field of the run context; allowed are run.status, ") ||
		!strings.HasPrefix(got[1], `rules[1].rules[0].operator: is unknown: "is"`) {
		t.Errorf("faults = %q", got)
	}
}

func TestCondition_JSONRoundTrip(t *testing.T) {
	type action struct {
		Condition *jobs.Condition `json:"condition"`
	}
	const text = `{"match":"any","rules":[{"field":"run.params.n","operator":"eq","value":12345678901234567890.10},` +
		`{"match":"all","rules":[{"field":"job.name","operator":"in","value":["<a>",{"z":1,"a":null}]}]}]}`
	const want = `{"match":"any","rules":[{"field":"run.params.n","operator":"eq","value":12345678901234567890.10},` +
		`{"match":"all","rules":[{"field":"job.name","operator":"in","value":["<a>",{"a":null,"z":1}]}]}]}`
	var a, b action
	if err := json.Unmarshal([]byte(`{"condition":`+text+`}`), &a); err != nil {
		t.Fatal(err)
	}
	wire, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(wire, &b); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*jobs.Condition{a.Condition, b.Condition} {
		if got, err := c.MarshalJSON(); string(got) != want || err != nil {
			t.Errorf("MarshalJSON = %s, %v\nwant %s", got, err, want)
		}
	}
	if err := json.Unmarshal([]byte(`{"condition":null}`), &a); err != nil || a.Condition != nil {
		t.Errorf("null gives %v, %v", a.Condition, err)
	}
	err = json.Unmarshal([]byte(`{"condition":{"match":"all"}}`), &a)
	if got := faultsOf(t, err); len(got) != 1 || got[0] != "rules: is required" {
		t.Errorf("faults = %q", got)
	}
}

func TestCondition_Check(t *testing.T) {
	c := mustCondition(t, `{"match":"all","rules":[
		{"field":"datasets.stock.records","operator":"gt","value":0},
		{"field":"datasets.orders.records","operator":"gt","value":0},
		{"match":"any","rules":[{"field":"actions.a1.status","operator":"eq","value":"error"},{"field":"actions[1].error","operator":"exists","value":true}]}]}`)
	if err := c.Check(jobs.ConditionScope{Aliases: []string{"orders", "stock"}, EarlierActions: []string{"a1", "[1]"}}); err != nil {
		t.Errorf("Check with all names: %v", err)
	}
	got := faultsOf(t, c.Check(jobs.ConditionScope{Aliases: []string{"stock"}, EarlierActions: []string{"[0]"}}))
	want := []string{
		`rules[1].field: names a dataset alias that the job does not have: "orders"`,
		`rules[2].rules[0].field: names an action that is unknown or not earlier in the order: "a1"`,
		`rules[2].rules[1].field: names an action that is unknown or not earlier in the order: "[1]"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestCondition_NamesAndRewrite(t *testing.T) {
	c := mustCondition(t, `{"match":"all","rules":[{"field":"actions[2].data.x","operator":"eq","value":"actions[2]"},
		{"match":"any","rules":[{"field":"actions.a1.status","operator":"eq","value":1},{"field":"actions[2].error","operator":"eq","value":1},
		{"field":"datasets.stock.records","operator":"eq","value":1},{"field":"datasets.stock.updatedAt","operator":"eq","value":1}]}]}`)
	before, _ := c.MarshalJSON()
	if diff := cmp.Diff([]string{"[2]", "a1"}, c.Actions()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"stock"}, c.Aliases()); diff != "" {
		t.Error(diff)
	}
	r := c.Rewrite(map[string]string{"[2]": "b7", "": "never", "other": "x"})
	if diff := cmp.Diff([]string{"b7", "a1"}, r.Actions()); diff != "" {
		t.Error(diff)
	}
	want := strings.NewReplacer(`"actions[2].data`, `"actions.b7.data`, `"actions[2].error`, `"actions.b7.error`).Replace(string(before))
	if got, _ := r.MarshalJSON(); string(got) != want {
		t.Errorf("rewritten = %s\nwant %s", got, want)
	}
	if after, _ := c.MarshalJSON(); string(after) != string(before) {
		t.Errorf("Rewrite changed the original: %s", after)
	}
	values := contextOf(t, map[string]any{"actions.b7.data": map[string]any{"x": "actions[2]"}, "actions.a1.status": 1})
	if got := r.Evaluate(values); got.Met == nil || !*got.Met {
		t.Errorf("the rewritten condition reads other values: %+v", got)
	}
}

func TestCondition_UsesStatus(t *testing.T) {
	for field, want := range map[string]bool{
		"run.status": true, "driver.status": true, "driver.error": true, "previous.status": true, "previous.error": true,
		"actions.a.status": true, "actions.a.error": true, "actions[0].status": true,
		"run.trigger": false, "previous.data.status": false, "actions.a.data.error": false, "job.data.status": false, "run.params.status": false,
	} {
		inner := `{"match":"all","rules":[{"field":"job.id","operator":"exists","value":true},` + oneRule(field, "eq", `"error"`) + `]}`
		if got := mustCondition(t, inner).UsesStatus(); got != want {
			t.Errorf("UsesStatus with %s = %v, want %v", field, got, want)
		}
	}
}

func TestCondition_DecideAfterAnError(t *testing.T) {
	tests := map[string]struct {
		text, status string
		met          bool
		decisive     string
	}{
		"no condition after success":                     {"", "success", true, ""},
		"no condition after a warning":                   {"", "warning", true, ""},
		"no condition after an error":                    {"", "error", false, "run.status ne error"},
		"a condition without status after an error":      {oneRule("run.params.n", "eq", "1"), "error", false, "run.status ne error"},
		"a condition without status after success":       {oneRule("run.params.n", "eq", "1"), "success", true, "run.params.n eq 1"},
		"a condition not met, without error":             {oneRule("run.params.n", "gt", "1"), "success", false, "run.params.n gt 1"},
		"an alert after an error":                        {oneRule("run.status", "eq", `"error"`), "error", true, "run.status eq error"},
		"an alert after success":                         {oneRule("run.status", "eq", `"error"`), "success", false, "run.status eq error"},
		"a condition that asks for another status field": {oneRule("driver.error", "exists", "false"), "error", true, "driver.error exists false"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			values := contextOf(t, map[string]any{"run.status": test.status, "run.params": map[string]any{"n": 1}})
			r := mustCondition(t, test.text).Decide(values)
			if r.Met == nil || *r.Met != test.met || r.Decisive != test.decisive {
				t.Errorf("met %v by %q, want %v by %q", r.Met, r.Decisive, test.met, test.decisive)
			}
		})
	}
	values := contextOf(t, map[string]any{"run.params": map[string]any{"n": 1}})
	values.SetUnknown("run.status")
	if r := mustCondition(t, oneRule("run.params.n", "eq", "1")).Decide(values); r.Met != nil {
		t.Errorf("met without a known status: %v", *r.Met)
	}
	if r := mustCondition(t, oneRule("run.params.n", "eq", "2")).Decide(values); r.Met == nil || *r.Met {
		t.Error("a rule that fails decides without a known status")
	}
}

func TestCondition_EvaluateForAPreview(t *testing.T) {
	values := contextOf(t, map[string]any{"datasets.stock.records": 412, "job.name": "n", "job.data": json.RawMessage(`{"a":[1,2.0]}`)})
	values.SetUnknown("previous")
	yes, no := true, false
	c := mustCondition(t, `{"match":"all","rules":[{"field":"datasets.stock.records","operator":"gt","value":0},
		{"field":"previous.data.x","operator":"eq","value":[1, 2]},{"field":"job.data.a","operator":"contains","value":2},
		{"field":"run.params.x","operator":"eq","value":null},{"field":"job.name","operator":"gt","value":1}]}`)
	want := jobs.ConditionResult{
		Met: &no,
		Rules: []jobs.RuleResult{
			{Field: "datasets.stock.records", Operator: "gt", Value: json.RawMessage("0"), Actual: json.RawMessage("412"), Known: true, Met: &yes},
			{Field: "previous.data.x", Operator: "eq", Value: json.RawMessage("[1,2]")},
			{Field: "job.data.a", Operator: "contains", Value: json.RawMessage("2"), Actual: json.RawMessage("[1,2.0]"), Known: true, Met: &yes},
			{Field: "run.params.x", Operator: "eq", Value: json.RawMessage("null"), Known: true, Met: &no},
			{Field: "job.name", Operator: "gt", Value: json.RawMessage("1"), Actual: json.RawMessage(`"n"`), Known: true, Met: &no},
		},
		Decisive: "run.params.x eq null",
		Warnings: []string{`condition on job.name: "gt" cannot compare the field's string with the given number; the rule counts as not met`},
	}
	if diff := cmp.Diff(want, c.Evaluate(values)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCondition_IsSafeForConcurrentUse(t *testing.T) {
	c := mustCondition(t, oneRule("run.params.s", "matches", `"a+b"`))
	values := contextOf(t, map[string]any{"run.params.s": "xaab"})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if r := c.Decide(values); !*r.Met {
					t.Error("not met")
				}
				c.Rewrite(map[string]string{"a": "b"}).Actions()
			}
		})
	}
	wg.Wait()
}

func BenchmarkCondition_Evaluate(b *testing.B) {
	rules := make([]string, jobs.MaxConditionRules)
	for i := range rules {
		rules[i] = fmt.Sprintf(`{"field":"actions.9d0a4a1e-2a54-4b5c-8d3e-1c2b3a4d5e6f.data.n","operator":"lte","value":%d}`, 1000+i)
	}
	values := contextOf(b, map[string]any{"actions.9d0a4a1e-2a54-4b5c-8d3e-1c2b3a4d5e6f.data.n": json.Number("412"), "run.status": "success"})
	for name, text := range map[string]string{
		"one rule":       oneRule("actions.9d0a4a1e-2a54-4b5c-8d3e-1c2b3a4d5e6f.data.n", "gt", "0"),
		"the most rules": `{"match":"all","rules":[` + strings.Join(rules, ",") + `]}`,
	} {
		b.Run(name, func(b *testing.B) {
			c := mustCondition(b, text)
			b.ReportAllocs()
			for b.Loop() {
				if r := c.Decide(values); !*r.Met {
					b.Fatal("not met")
				}
			}
		})
	}
}
