package condition_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/jobs/internal/condition"
)

func rule(field, operator, value string) string {
	return fmt.Sprintf(`{"field":%q,"operator":%q,"value":%s}`, field, operator, value)
}

func all(rules ...string) string { return `{"match":"all","rules":[` + strings.Join(rules, ",") + `]}` }

func any1(rules ...string) string {
	return `{"match":"any","rules":[` + strings.Join(rules, ",") + `]}`
}

func nested(depth int) string {
	text := all(rule("run.status", "eq", `"error"`))
	for range depth - 1 {
		text = any1(text)
	}
	return text
}

func repeated(n int) []string {
	rules := make([]string, n)
	for i := range rules {
		rules[i] = rule("run.status", "eq", `"error"`)
	}
	return rules
}

func TestParse_Accepts(t *testing.T) {
	tests := map[string]string{
		"the example of the contract": `{ "match": "any", "rules": [
			{ "field": "previous.status", "operator": "eq", "value": "error" },
			{ "match": "all", "rules": [
				{ "field": "datasets.stock.records", "operator": "lt", "value": 10 },
				{ "field": "run.trigger", "operator": "ne", "value": "manual" } ] } ] }`,
		"members in another order":         `{"rules":[{"value":1,"operator":"eq","field":"run.params.a"}],"match":"all"}`,
		"the most rules":                   all(repeated(condition.MaxRules)...),
		"the deepest nesting":              nested(condition.MaxDepth),
		"the longest value":                all(rule("run.params.a", "eq", `"`+strings.Repeat("x", condition.MaxValue-2)+`"`)),
		"the longest expression":           all(rule("run.params.a", "matches", `"`+strings.Repeat("x", condition.MaxPattern)+`"`)),
		"null as a value":                  all(rule("run.params.a", "eq", "null")),
		"an inline action":                 all(rule("actions[0].data.x", "eq", "1")),
		"an array position":                all(rule("run.params.list.0.name", "in", "[1]")),
		"a number with a large exponent":   all(rule("run.params.a", "gt", "1e999999999")),
		"a contained value of every type":  all(rule("run.params.a", "contains", `{"a":[1]}`)),
		"ordering of strings":              all(rule("run.startedAt", "gte", `"2026-01-01T00:00:00Z"`)),
		"exists with a boolean":            all(rule("driver.data.x", "exists", "false")),
		"every part of an action's result": all(rule("actions.a-b.error", "exists", "true"), rule("actions.a-b.status", "ne", `"x"`)),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			g, faults := condition.Parse([]byte(text))
			if len(faults) > 0 {
				t.Fatalf("Parse(%.200s) = %v", text, faults)
			}
			again, faults := condition.Parse(g.AppendJSON(nil))
			if len(faults) > 0 {
				t.Fatalf("Parse of the canonical form: %v", faults)
			}
			if a, b := string(g.AppendJSON(nil)), string(again.AppendJSON(nil)); a != b {
				t.Errorf("canonical form changes:\n%s\n%s", a, b)
			}
		})
	}
	for _, none := range []string{"", " ", "null", " null\n"} {
		if g, faults := condition.Parse([]byte(none)); g != nil || faults != nil {
			t.Errorf("Parse(%q) = %v, %v; want none", none, g, faults)
		}
	}
}

func TestParse_Refuses(t *testing.T) {
	tests := map[string]struct{ text, path, message string }{
		"text that is no JSON":             {`{"match":`, "", "not JSON"},
		"two values":                       {`{} {}`, "", "not JSON"},
		"bad UTF-8":                        {"{\"match\":\"\xff\"}", "", "UTF-8"},
		"an array":                         {`[]`, "", "must be an object"},
		"a string":                         {`"all"`, "", "must be an object"},
		"no match":                         {`{"rules":[` + rule("run.status", "eq", "1") + `]}`, "match", "required"},
		"an unknown match":                 {`{"match":"none","rules":[` + rule("run.status", "eq", "1") + `]}`, "match", `"all" or "any"`},
		"match as a number":                {`{"match":1,"rules":[` + rule("run.status", "eq", "1") + `]}`, "match", `"all" or "any"`},
		"wrong case of a member":           {`{"Match":"all","rules":[` + rule("run.status", "eq", "1") + `]}`, "Match", "unknown"},
		"a member twice":                   {`{"match":"all","match":"any","rules":[` + rule("run.status", "eq", "1") + `]}`, "match", "twice"},
		"an unknown member":                {`{"match":"all","not":true,"rules":[` + rule("run.status", "eq", "1") + `]}`, "not", "unknown"},
		"no rules":                         {`{"match":"all"}`, "rules", "required"},
		"rules as null":                    {`{"match":"all","rules":null}`, "rules", "array"},
		"rules as an object":               {`{"match":"all","rules":{}}`, "rules", "array"},
		"an empty group":                   {all(), "rules", "1 to 50"},
		"one rule too many":                {all(repeated(condition.MaxRules + 1)...), "rules", "1 to 50"},
		"too many rules in groups":         {all(all(repeated(30)...), any1(repeated(21)...)), "rules", "51 rules, at most 50"},
		"one group too deep":               {nested(condition.MaxDepth + 1), "rules[0].rules[0].rules[0].rules[0].rules[0]", "deeper than 5"},
		"a rule that is a number":          {all("7"), "rules[0]", "must be an object"},
		"a rule that is null":              {all("null"), "rules[0]", "must be an object"},
		"an unknown member of a rule":      {all(`{"field":"run.status","operator":"eq","value":1,"not":true}`), "rules[0].not", "unknown"},
		"a rule that is a group too":       {all(`{"field":"run.status","match":"all","rules":[]}`), "rules[0].field", "unknown"},
		"a rule without field":             {all(`{"operator":"eq","value":1}`), "rules[0].field", "required"},
		"a rule without operator":          {all(`{"field":"run.status","value":1}`), "rules[0].operator", "required"},
		"a rule without value":             {all(`{"field":"run.status","operator":"eq"}`), "rules[0].value", "required"},
		"a field that is a number":         {all(`{"field":1,"operator":"eq","value":1}`), "rules[0].field", "string"},
		"an operator that is null":         {all(`{"field":"run.status","operator":null,"value":1}`), "rules[0].operator", "string"},
		"an unknown root":                  {all(rule("env.HOME", "eq", "1")), "rules[0].field", "allowed are run.status"},
		"an unknown operator":              {all(rule("run.status", "==", "1")), "rules[0].operator", "unknown"},
		"an operator in upper case":        {all(rule("run.status", "EQ", "1")), "rules[0].operator", "unknown"},
		"order of booleans":                {all(rule("run.params.a", "gt", "true")), "rules[0].value", "number or a string"},
		"order of null":                    {all(rule("run.params.a", "lte", "null")), "rules[0].value", "number or a string"},
		"in without array":                 {all(rule("run.status", "in", `"error"`)), "rules[0].value", "array"},
		"nin with an object":               {all(rule("run.status", "nin", `{}`)), "rules[0].value", "array"},
		"matches with a number":            {all(rule("run.status", "matches", "1")), "rules[0].value", "string"},
		"exists with a string":             {all(rule("run.status", "exists", `"true"`)), "rules[0].value", "boolean"},
		"an expression that is not RE2":    {all(rule("run.status", "matches", `"(?=a)"`)), "rules[0].value", "RE2"},
		"a repeat that explodes":           {all(rule("run.status", "matches", `"((a{100}){100}){100}"`)), "rules[0].value", "RE2"},
		"an expression of too many steps":  {all(rule("run.params.a", "matches", `"((a{1,100}){1,10})b"`)), "rules[0].value", "2000"},
		"an expression one byte too long":  {all(rule("run.params.a", "matches", `"`+strings.Repeat("x", condition.MaxPattern+1)+`"`)), "rules[0].value", "1000"},
		"a value one byte too long":        {all(rule("run.params.a", "eq", `"`+strings.Repeat("x", condition.MaxValue-1)+`"`)), "rules[0].value", "65536"},
		"a hostile exponent":               {all(rule("run.params.a", "eq", "[1e9999999999999]")), "rules[0].value", "exponent"},
		"a NUL in a value":                 {all(rule("run.params.a", "eq", `["a\u0000"]`)), "rules[0].value", "NUL"},
		"a value that is nested too deep":  {all(rule("run.params.a", "eq", strings.Repeat("[", 33)+strings.Repeat("]", 33))), "rules[0].value", "deeper than 32"},
		"a fault in the second inner rule": {all(rule("run.status", "eq", "1"), any1(rule("run.status", "eq", "1"), rule("x.y", "eq", "1"))), "rules[1].rules[1].field", "allowed are"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g, faults := condition.Parse([]byte(test.text))
			if g != nil || len(faults) != 1 {
				t.Fatalf("Parse(%.200s) = %v, %v; want one fault", test.text, g, faults)
			}
			if faults[0].Path != test.path || !strings.Contains(faults[0].Message, test.message) {
				t.Errorf("fault %q: %q; want path %q, message with %q", faults[0].Path, faults[0].Message, test.path, test.message)
			}
		})
	}
}

func TestParse_ReportsAllFaults(t *testing.T) {
	_, faults := condition.Parse([]byte(`{"match":"some","rules":[{"field":"x","operator":"y","value":1},` + rule("run.status", "in", "1") + `]}`))
	var paths []string
	for _, f := range faults {
		paths = append(paths, f.Path)
	}
	want := "match rules[0].field rules[0].operator rules[1].value"
	if got := strings.Join(paths, " "); got != want {
		t.Errorf("fault paths = %s, want %s", got, want)
	}
}

func TestParseField(t *testing.T) {
	good := map[string]condition.Field{
		"run.status":                {Status: true},
		"run.trigger":               {},
		"run.startedAt":             {},
		"run.fireAt":                {},
		"run.params.a.0.b c":        {},
		"job.id":                    {},
		"job.name":                  {},
		"job.type":                  {},
		"job.data.status":           {},
		"driver.status":             {Status: true},
		"driver.error":              {Status: true},
		"driver.data.status":        {},
		"previous.status":           {Status: true},
		"previous.error":            {Status: true},
		"previous.data.a":           {},
		"actions.9d0a-4b.status":    {Status: true, Action: "9d0a-4b"},
		"actions.9d0a-4b.error":     {Status: true, Action: "9d0a-4b"},
		"actions.9d0a-4b.data.a.b":  {Action: "9d0a-4b"},
		"actions[0].status":         {Status: true, Action: "[0]"},
		"actions[99].data.error":    {Action: "[99]"},
		"datasets.stock.records":    {Alias: "stock"},
		"datasets.st-ock.updatedAt": {Alias: "st-ock"},
	}
	for path, want := range good {
		got, err := condition.ParseField(path)
		if err != nil || got.Status != want.Status || got.Action != want.Action || got.Alias != want.Alias || got.Path != path {
			t.Errorf("ParseField(%q) = %+v, %v; want %+v", path, got, err, want)
		}
	}
	bad := []string{
		"", ".", "run", "run.", "run.Status", "run.params", "run.params.", "run.params.a.", "run.params..a", "run.params.a..b", "runs.status",
		"run.status.x", "run.paramsx.a", "job", "job.data", "job.owner", "driver", "driver.data", "driver.status.x", "previous.output",
		"actions", "actions.", "actions.x", "actions..status", "actions.x.data", "actions.x.type", "actions[].status", "actions[-1].status",
		"actions[01].status", "actions[1].", "actions[1]", "actions[1", "actions[1]status", "actions[1000].status", "actions[1]x.status",
		"actions[x].status", "datasets.stock", "datasets..records", "datasets.stock.rows", "datasets.stock.records.x", "run.params.\x00",
	}
	for _, path := range bad {
		if f, err := condition.ParseField(path); err == nil {
			t.Errorf("ParseField(%q) = %+v, want an error", path, f)
		}
	}
}

func TestField_RenameParsesToTheSameField(t *testing.T) {
	tests := []struct{ path, name, want string }{
		{"actions[2].data.a.b", "9d0a", "actions.9d0a.data.a.b"},
		{"actions.9d0a.status", "77", "actions.77.status"},
		{"actions.9d0a.error", "[3]", "actions[3].error"},
	}
	for _, test := range tests {
		f, err := condition.ParseField(test.path)
		if err != nil {
			t.Fatal(err)
		}
		got := f.Rename(test.name)
		parsed, err := condition.ParseField(test.want)
		if err != nil || got != parsed {
			t.Errorf("ParseField(%q).Rename(%q) = %+v; want %+v, %v", test.path, test.name, got, parsed, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"null", "{}", all(rule("run.status", "eq", `"error"`)), any1(all(rule("actions[1].data.x", "matches", `"^a+$"`)), rule("datasets.a.records", "gt", "1e3")),
		all(rule("run.params.a", "in", `[1,"a",null,{"b":[true]}]`)), all(rule("run.params.a", "exists", "true")), nested(6),
		all(rule("job.data.a.0", "contains", `"<é\u2028"`)),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		g, faults := condition.Parse(data)
		if len(faults) > 0 && g != nil {
			t.Fatal("a tree and faults")
		}
		if g == nil {
			return
		}
		text := g.AppendJSON(nil)
		if !json.Valid(text) {
			t.Fatalf("canonical form is no JSON: %s", text)
		}
		again, faults := condition.Parse(text)
		if len(faults) > 0 {
			t.Fatalf("canonical form is refused: %v\n%s", faults, text)
		}
		if got := again.AppendJSON(nil); string(got) != string(text) {
			t.Fatalf("canonical form changes:\n%s\n%s", text, got)
		}
		r := g.Evaluate(tree{})
		if r.Met == condition.Unknown || r.Decisive == nil {
			t.Fatalf("no decision over known values: %+v", r)
		}
	})
}
