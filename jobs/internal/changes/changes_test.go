package changes_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs/internal/changes"
)

type document = changes.Document

func list(entries ...changes.Entry) changes.List {
	return changes.List{Noun: "action", Entries: entries}
}

func entry(key string, value document) changes.Entry {
	return changes.Entry{Key: key, Title: "T" + key, Value: value}
}

// lines are changes as "kind path: words".
func lines(found []changes.Change) []string {
	var out []string
	for _, c := range found {
		out = append(out, string(c.Kind)+" "+c.Path+": "+c.Words)
	}
	return out
}

func TestBetween(t *testing.T) {
	one := func(value any) document { return document{"name": value} }
	for _, tc := range []struct {
		name          string
		before, after document
		want          []string
	}{
		{"nothing", document{"a": 1, "b": nil}, document{"a": 1}, nil},
		{"a value", one("A"), one("B"), []string{`changed name: name changed from "A" to "B"`}},
		{"a value that was missing", document{}, one("<B>"), []string{`added name: name set to "<B>"`}},
		{"a value that goes", one("A"), one(nil), []string{`removed name: name removed, was "A"`}},
		{"a part of an object", one(document{"a": 1, "b": 2}), one(document{"a": 1, "b": 3}), []string{`changed name.b: name.b changed from 2 to 3`}},
		{"an object that comes", document{}, one(document{"a": 1, "b": 2}), []string{`added name.a: name.a set to 1`, `added name.b: name.b set to 2`}},
		{"an empty object that comes", document{}, one(document{}), []string{`added name: name set to {}`}},
		{"an object in place of a value", one("A"), one(document{"a": 1}), []string{`changed name: name changed from "A" to {"a":1}`}},
		{"an array as a whole", one([]any{"a"}), one([]any{"a", "b"}), []string{`changed name: name changed from ["a"] to ["a","b"]`}},
		{
			"what counts as one", one(changes.Whole{Value: document{"a": 1}}), one(changes.Whole{Value: document{"a": 2}}),
			[]string{`changed name: name changed from {"a":1} to {"a":2}`},
		},
		{"a secret", one(changes.Hidden{Seal: "1"}), one(changes.Hidden{Seal: "2"}), []string{`changed name: secret name changed`}},
		{"the same secret", one(changes.Hidden{Seal: "1"}), one(changes.Hidden{Seal: "1"}), nil},
		{"a secret that comes", document{}, one(changes.Hidden{Seal: "2"}), []string{`added name: secret name set`}},
		{"switched off", document{"enabled": true}, document{"enabled": false}, []string{`changed enabled: switched off`}},
		{
			"an entry that goes, one that comes and one that is changed",
			document{"x": list(entry("1", nil), entry("2", document{"a": 1}))},
			document{"x": list(entry("2", document{"a": 2}), entry("3", nil))},
			[]string{`removed x[0]: action "T1" removed`, `changed x[0].a: action "T2": a changed from 1 to 2`, `added x[1]: action "T3" added at position 2`},
		},
		{
			"an entry that is moved to the end",
			document{"x": list(entry("1", nil), entry("2", nil), entry("3", nil))},
			document{"x": list(entry("2", nil), entry("3", nil), entry("1", nil))},
			[]string{`moved x[2]: action "T1" moved from position 1 to 3`},
		},
		{"a list that comes", document{}, document{"x": list(entry("1", nil))}, []string{`added x[0]: action "T1" added at position 1`}},
		{
			"an entry of an entry",
			document{"x": list(entry("1", document{"y": list(entry("8", document{"a": 1}))}))},
			document{"x": list(entry("1", document{"y": list(entry("8", document{"a": 2}))}))},
			[]string{`changed x[0].y[0].a: action "T1", action "T8": a changed from 1 to 2`},
		},
	} {
		if diff := cmp.Diff(tc.want, lines(changes.Between(tc.before, tc.after))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestBetween_HidesSecretsInsideEntries(t *testing.T) {
	found := changes.Between(document{}, document{"x": list(entry("1", document{"data": document{"token": changes.Hidden{Seal: "s3cret"}}}))})
	want := document{"data": document{"token": "***"}}
	if len(found) != 1 || !cmp.Equal(found[0].After, any(want)) {
		t.Errorf("changes: %+v", found)
	}
}

func TestConflicts(t *testing.T) {
	base := document{"name": "N", "data": document{"a": 1, "b": 1}, "x": list(entry("1", document{"a": 1}), entry("2", document{"a": 1}))}
	with := func(change func(document)) document {
		d := document{"name": "N", "data": document{"a": 1, "b": 1}, "x": list(entry("1", document{"a": 1}), entry("2", document{"a": 1}))}
		change(d)
		return d
	}
	without1 := func(d document) { d["x"] = list(entry("2", document{"a": 1})) }
	change1 := func(d document) { d["x"] = list(entry("1", document{"a": 2}), entry("2", document{"a": 1})) }
	swap := func(d document) { d["x"] = list(entry("2", document{"a": 1}), entry("1", document{"a": 1})) }
	for _, tc := range []struct {
		name        string
		mine, other func(document)
		want        []string
	}{
		{"the same value", func(d document) { d["name"] = "X" }, func(d document) { d["name"] = "X" }, nil},
		{"two values", func(d document) { d["name"] = "X" }, func(d document) { d["name"] = "Y" }, []string{"name"}},
		{"two parts", func(d document) { d["data"] = document{"a": 2, "b": 1} }, func(d document) { d["data"] = document{"a": 1, "b": 2} }, nil},
		{"a part of what goes", without1, change1, []string{"x[0]"}},
		{"gone on both sides", without1, without1, nil},
		{"a move and a change of another entry", swap, change1, nil},
		{
			"an entry that both add", func(d document) { d["x"] = list(entry("9", document{"a": 1})) },
			func(d document) { d["x"] = list(entry("9", document{"a": 2})) },
			[]string{"x[0]"},
		},
	} {
		var got []string
		for _, c := range changes.Conflicts(base, with(tc.mine), with(tc.other)) {
			got = append(got, c.Path)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}
