package condition_test

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/jobs/internal/condition"
)

// tree is a flat Values: path to value. A value of type unknown exists only in a run.
type tree map[string]any

type unknown struct{}

func (v tree) Lookup(path string) (any, bool, bool) {
	value, found := v[path]
	if value == any(unknown{}) {
		return nil, false, false
	}
	return value, found, true
}

func parse(t testing.TB, text string) *condition.Group {
	t.Helper()
	g, faults := condition.Parse([]byte(text))
	if len(faults) > 0 {
		t.Fatalf("Parse(%s) = %v", text, faults)
	}
	return g
}

// decoded is a JSON text as a value with exact numbers.
func decoded(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEvaluate_Operators(t *testing.T) {
	const missing = "missing"
	tests := map[string]struct {
		actual, operator, value string
		met, warns              bool
	}{
		"missing eq 1":                       {missing, "eq", "1", false, false},
		"missing ne 1":                       {missing, "ne", "1", true, false},
		"missing exists false":               {missing, "exists", "false", true, false},
		"missing exists true":                {missing, "exists", "true", false, false},
		"missing eq null is a comparison":    {missing, "eq", "null", false, false},
		"missing ne null":                    {missing, "ne", "null", true, false},
		"missing in":                         {missing, "in", "[null]", false, false},
		"missing nin":                        {missing, "nin", "[null]", true, false},
		"missing gt does not warn":           {missing, "gt", "0", false, false},
		"missing lt":                         {missing, "lt", "0", false, false},
		"missing contains":                   {missing, "contains", "1", false, false},
		"missing matches everything":         {missing, "matches", `""`, false, false},
		"null eq null":                       {"null", "eq", "null", true, false},
		"null ne null":                       {"null", "ne", "null", false, false},
		"null exists":                        {"null", "exists", "true", false, false},
		"null gt does not warn":              {"null", "gt", "0", false, false},
		"null in":                            {"null", "in", "[null]", true, false},
		"equal strings":                      {`"a"`, "eq", `"a"`, true, false},
		"case matters":                       {`"a"`, "eq", `"A"`, false, false},
		"1 is 1.0":                           {"1", "eq", "1.0", true, false},
		"100 is 1e2":                         {"100", "eq", "1e2", true, false},
		"-0 is 0":                            {"-0", "eq", "0.00", true, false},
		"0.1 is 1e-1":                        {"0.1", "eq", "1e-1", true, false},
		"a number is not its text":           {"1", "eq", `"1"`, false, false},
		"a number is ne its text":            {"1", "ne", `"1"`, true, false},
		"true is not 1":                      {"true", "eq", "1", false, false},
		"false is false":                     {"false", "eq", "false", true, false},
		"large integers keep all digits":     {"9007199254740993", "eq", "9007199254740992", false, false},
		"order beyond 64 bits":               {"99999999999999999999999999999999", "gt", "99999999999999999999999999999998", true, false},
		"a hostile exponent costs nothing":   {"1e999999999", "gt", "9e999999998", true, false},
		"negative order":                     {"-10", "lt", "-9.5", true, false},
		"arrays compare item by item":        {`[1,{"a":2}]`, "eq", `[1.0,{"a":2e0}]`, true, false},
		"arrays of another length":           {`[1]`, "eq", `[1,1]`, false, false},
		"objects without regard to order":    {`{"a":1,"b":2}`, "eq", `{"b":2,"a":1}`, true, false},
		"objects with another name":          {`{"a":1}`, "eq", `{"b":1}`, false, false},
		"gt on the edge":                     {"10", "gt", "10", false, false},
		"gte on the edge":                    {"10", "gte", "10.0", true, false},
		"lt on the edge":                     {"10", "lt", "10", false, false},
		"lte on the edge":                    {"10", "lte", "10", true, false},
		"gt below":                           {"9", "gt", "10", false, false},
		"lte above":                          {"11", "lte", "10", false, false},
		"times compare as text":              {`"2026-03-30T03:30:00.000Z"`, "lt", `"2026-10-01T00:00:00.000Z"`, true, false},
		"code point order, not UTF-16":       {`"\uFF5E"`, "lt", `"\uD83D\uDE00"`, true, false},
		"a string is not ordered by number":  {`"10"`, "gt", "9", false, true},
		"nor a number by string":             {"10", "lte", `"9"`, false, true},
		"nor a boolean":                      {"true", "gt", "0", false, true},
		"nor an object":                      {"{}", "gte", "0", false, true},
		"in finds by value":                  {"1", "in", `["1",1.0]`, true, false},
		"in does not convert":                {`"1"`, "in", "[1]", false, false},
		"in finds nothing in nothing":        {`"1"`, "in", "[]", false, false},
		"nin":                                {`"1"`, "nin", "[1]", true, false},
		"nin finds":                          {`[1]`, "nin", "[[1]]", false, false},
		"a string holds a string":            {`"carillon"`, "contains", `"rill"`, true, false},
		"a string holds no other":            {`"carillon"`, "contains", `"bell"`, false, false},
		"an array holds a value":             {`[{"a":1},2]`, "contains", `{"a":1.0}`, true, false},
		"an array holds null":                {`[null]`, "contains", `null`, true, false},
		"an array holds no part of a string": {`["carillon"]`, "contains", `"rill"`, false, false},
		"a string cannot hold a number":      {`"a1"`, "contains", "1", false, true},
		"a number holds nothing":             {"11", "contains", "1", false, true},
		"an object holds nothing":            {`{"a":1}`, "contains", `"a"`, false, true},
		"an expression is not anchored":      {`"carillon"`, "matches", `"r.l"`, true, false},
		"an anchored expression":             {`"carillon"`, "matches", `"^r.l"`, false, false},
		"a number matches nothing":           {"11", "matches", `"1"`, false, true},
		"exists":                             {"0", "exists", "true", true, false},
		"exists false":                       {`""`, "exists", "false", false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			values := tree{}
			if test.actual != missing {
				values["run.params.x"] = decoded(t, test.actual)
			}
			r := parse(t, all(rule("run.params.x", test.operator, test.value))).Evaluate(values)
			if got := r.Met == condition.True; got != test.met || r.Met == condition.Unknown {
				t.Errorf("%s %s %s = %v, want %v", test.actual, test.operator, test.value, r.Met, test.met)
			}
			if warns := len(r.Warnings) == 1; warns != test.warns {
				t.Errorf("warnings = %q, want some: %v", r.Warnings, test.warns)
			}
		})
	}
}

func TestEvaluate_GoNumbers(t *testing.T) {
	g := parse(t, all(rule("run.params.x", "eq", "7")))
	for _, v := range []any{7, int64(7), int32(7), int16(7), int8(7), uint(7), uint64(7), uint32(7), uint16(7), uint8(7), 7.0, float32(7), json.Number("7.0")} {
		if r := g.Evaluate(tree{"run.params.x": v}); r.Met != condition.True {
			t.Errorf("%T(7) eq 7 = %v", v, r.Met)
		}
	}
	g = parse(t, all(rule("run.params.x", "gt", "9223372036854775807")))
	for _, v := range []any{uint64(math.MaxUint64), uint(math.MaxUint64)} {
		if r := g.Evaluate(tree{"run.params.x": v}); r.Met != condition.True {
			t.Errorf("%T(MaxUint64) gt MaxInt64 = %v", v, r.Met)
		}
	}
	for _, v := range []any{math.NaN(), math.Inf(1), struct{}{}, json.Number("x")} {
		if r := g.Evaluate(tree{"run.params.x": v}); r.Met != condition.False || len(r.Warnings) != 1 {
			t.Errorf("%v gt … = %v with warnings %q; want false with one", v, r.Met, r.Warnings)
		}
	}
}

func TestEvaluate_GroupsInThreeValuedLogic(t *testing.T) {
	const yes, no, open = `{"field":"run.params.yes","operator":"eq","value":1}`, `{"field":"run.params.no","operator":"eq","value":1}`,
		`{"field":"previous.data.x","operator":"eq","value":1}`
	values := tree{"run.params.yes": 1, "run.params.no": 0, "previous.data.x": unknown{}}
	tests := map[string]struct {
		text     string
		met      condition.Outcome
		decisive string
	}{
		"all met: the last one decides":             {all(yes, yes), condition.True, "run.params.yes eq 1"},
		"all: the first one not met decides":        {all(yes, no, `{"field":"run.params.z","operator":"eq","value":2}`), condition.False, "run.params.no eq 1"},
		"any: the first one met decides":            {any1(no, yes, `{"field":"run.params.z","operator":"ne","value":2}`), condition.True, "run.params.yes eq 1"},
		"any: none met, the last one decides":       {any1(`{"field":"run.params.z","operator":"eq","value":2}`, no), condition.False, "run.params.no eq 1"},
		"all with an unknown rule is unknown":       {all(yes, open), condition.Unknown, ""},
		"all with unknown and false is false":       {all(open, no), condition.False, "run.params.no eq 1"},
		"any with an unknown rule is unknown":       {any1(no, open, no), condition.Unknown, ""},
		"any with unknown and true is true":         {any1(open, yes), condition.True, "run.params.yes eq 1"},
		"an inner group decides by its rule":        {all(yes, any1(`{"field":"run.params.z","operator":"eq","value":2}`, no)), condition.False, "run.params.no eq 1"},
		"an unknown inner group makes it unknown":   {any1(no, all(yes, open)), condition.Unknown, ""},
		"an inner group that does not need unknown": {all(yes, any1(open, yes)), condition.True, "run.params.yes eq 1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := parse(t, test.text).Evaluate(values)
			text := ""
			if r.Decisive != nil {
				text = r.Decisive.Text()
			}
			if r.Met != test.met || text != test.decisive {
				t.Errorf("= %v by %q, want %v by %q", r.Met, text, test.met, test.decisive)
			}
			if want := strings.Count(test.text, "field"); len(r.Rules) != want {
				t.Errorf("%d rule results, want all %d", len(r.Rules), want)
			}
		})
	}
}

func TestRule_Text(t *testing.T) {
	tests := map[string]string{
		`"error"`: "error", `0`: "0", `"0"`: `"0"`, `"null"`: `"null"`, `"a b"`: `"a b"`, `""`: `""`, `["a",1]`: `["a",1]`, `"é"`: "é",
		`"a\nb"`: `"a\nb"`, `"` + strings.Repeat("é", 300) + `"`: strings.Repeat("é", 100) + "…",
	}
	for value, want := range tests {
		r := parse(t, all(rule("run.params.x", "eq", value))).Members[0].Rule
		if got := r.Text(); got != "run.params.x eq "+want {
			t.Errorf("text of %s = %q, want value %q", value, got, want)
		}
	}
}

// FuzzCompareNumbers compares with math/big, where that is affordable.
func FuzzCompareNumbers(f *testing.F) {
	for _, seed := range [][2]string{{"0", "-0"}, {"1.50", "15e-1"}, {"-1e20", "1e-20"}, {"9007199254740993", "9007199254740992.0"}, {"0.001", "1E-3"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if !json.Valid([]byte(a)) || !json.Valid([]byte(b)) || len(a)+len(b) > 60 {
			return
		}
		for _, s := range []string{a, b} {
			if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 5 {
				return // big.Rat would write out 10^n
			}
		}
		x, ok := new(big.Rat).SetString(a)
		y, ok2 := new(big.Rat).SetString(b)
		if !ok || !ok2 {
			return
		}
		c := x.Cmp(y)
		for operator, want := range map[string]bool{"eq": c == 0, "ne": c != 0, "lt": c < 0, "lte": c <= 0, "gt": c > 0, "gte": c >= 0} {
			r := parse(t, all(rule("run.params.x", operator, b))).Evaluate(tree{"run.params.x": json.Number(a)})
			if (r.Met == condition.True) != want {
				t.Errorf("%s %s %s = %v, want %v", a, operator, b, r.Met, want)
			}
		}
	})
}

// Matching cannot be stopped once it has begun, so its cost is bounded before it begins.
func TestEvaluate_BoundsTheCostOfExpressions(t *testing.T) {
	t.Parallel()
	g := parse(t, `{"match":"any","rules":[
		{"field":"run.params.a","operator":"matches","value":"x{1,900}y"},
		{"field":"run.params.b","operator":"matches","value":"^b+$"}]}`)
	got := g.Evaluate(tree{"run.params.a": strings.Repeat("x", 60_000) + "y", "run.params.b": "bbb"})
	if got.Rules[0].Met != condition.False || got.Rules[1].Met != condition.True || len(got.Warnings) != 1 {
		t.Errorf("rules are %v and %v with warnings %q: want the costly one false with a warning", got.Rules[0].Met, got.Rules[1].Met, got.Warnings)
	}
	short := g.Evaluate(tree{"run.params.a": "xxxy", "run.params.b": ""})
	if short.Rules[0].Met != condition.True || len(short.Warnings) != 0 {
		t.Errorf("a short text: %v with warnings %q", short.Rules[0].Met, short.Warnings)
	}
}
