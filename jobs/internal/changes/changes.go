// Package changes tells two definitions apart: what was added, removed, changed or moved, by paths for programs and in words for people; and
// where two people have changed the same thing.
package changes

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Kind says what happened to a value.
type Kind string

// Kinds of changes. Moved is for entries of a list that stay as they are or change besides.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
	Moved   Kind = "moved"
)

// Document is a definition as it is compared: names to JSON-like values. Maps inside are compared by name, slices as a whole; List, Whole and
// Hidden say otherwise. A name that is missing is the same as null.
type Document = map[string]any

// List is a list whose entries are the same if their keys are, wherever they stand.
type List struct {
	// Noun is what an entry is called: "action".
	Noun    string
	Entries []Entry
}

// Entry is an entry of a List. Keys are unique in it.
type Entry struct {
	Key   string
	Title string
	Value Document
}

// Whole is a value that is compared as one, although it is an object.
type Whole struct{ Value any }

// Hidden is a value that is not shown. Two are the same if their seals are.
type Hidden struct{ Seal string }

// shown stands for what is hidden.
const shown = "***"

// Change is one difference.
type Change struct {
	// Path is where the value is, as callers write it: "actions[1].data.to". Entries that were removed have their old position.
	Path string
	Kind Kind
	// Before and After are JSON-like values, nil for none. Of an entry that was moved they are its positions.
	Before, After any
	Words         string

	// key is the path by keys of entries instead of positions; after is what the two sides of a conflict are compared by.
	key   []string
	after any
}

// Between lists what makes after of before, by name and then by position. Both may be nil.
func Between(before, after Document) []Change {
	d := differ{}
	d.documents(place{}, before, after)
	return d.out
}

// place is where in the documents the comparison stands.
type place struct {
	path, where string
	key         []string
	// name is the path below the entry that where names.
	name string
}

func (p place) at(name string) place {
	return place{path: join(p.path, name), where: p.where, key: append(slices.Clone(p.key), name), name: join(p.name, name)}
}

func (p place) entry(noun, title, key string, index int) place {
	where := noun
	if title != "" {
		where += " " + strconv.Quote(clip(title, maxTitle))
	}
	if p.where != "" {
		where = p.where + ", " + where
	}
	return place{path: p.path + "[" + strconv.Itoa(index) + "]", where: where, key: append(slices.Clone(p.key), "{"+key+"}")}
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

type differ struct{ out []Change }

func (d *differ) add(p place, kind Kind, before, after any, words string) {
	d.out = append(d.out, Change{
		Path: p.path, Kind: kind, Before: Plain(before), After: Plain(after), Words: words, key: p.key, after: after,
	})
}

func (d *differ) documents(p place, before, after Document) {
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		d.values(p.at(name), before[name], after[name])
	}
}

func (d *differ) values(p place, before, after any) {
	if reflect.DeepEqual(before, after) {
		return
	}
	if list, ok := lists(before, after); ok {
		d.entries(p, list[0], list[1])
		return
	}
	old, wasObject := before.(map[string]any)
	current, isObject := after.(map[string]any)
	switch {
	case wasObject && isObject, wasObject && after == nil && len(old) > 0, before == nil && isObject && len(current) > 0:
		d.documents(p, old, current)
	case before == nil:
		d.add(p, Added, nil, after, valueWords(p, Added, nil, after))
	case after == nil:
		d.add(p, Removed, before, nil, valueWords(p, Removed, before, nil))
	default:
		d.add(p, Changed, before, after, valueWords(p, Changed, before, after))
	}
}

// lists gives two values as lists if one of them is a list and the other is one too or missing.
func lists(before, after any) (both [2]List, ok bool) {
	for i, v := range []any{before, after} {
		switch x := v.(type) {
		case List:
			both[i], ok = x, true
		case nil:
		default:
			return both, false
		}
	}
	return both, ok
}

func (d *differ) entries(p place, before, after List) {
	noun := after.Noun
	if noun == "" {
		noun = before.Noun
	}
	was := positions(before)
	for i, e := range before.Entries {
		if _, still := positions(after)[e.Key]; !still {
			at := p.entry(noun, e.Title, e.Key, i)
			d.add(at, Removed, e.Value, nil, at.where+" removed")
		}
	}
	moved := outOfOrder(before, after)
	for i, e := range after.Entries {
		at := p.entry(noun, e.Title, e.Key, i)
		k, ok := was[e.Key]
		if !ok {
			d.add(at, Added, nil, e.Value, at.where+" added at position "+strconv.Itoa(i+1))
			continue
		}
		if moved[e.Key] {
			order := at
			order.key = append(slices.Clone(at.key), "#")
			d.add(order, Moved, k, i, at.where+" moved from position "+strconv.Itoa(k+1)+" to "+strconv.Itoa(i+1))
		}
		d.documents(at, before.Entries[k].Value, e.Value)
	}
}

func positions(l List) map[string]int {
	at := make(map[string]int, len(l.Entries))
	for i, e := range l.Entries {
		at[e.Key] = i
	}
	return at
}

// outOfOrder gives the entries that were moved: as few as explain the new order, which are those outside the longest run that kept its order.
func outOfOrder(before, after List) map[string]bool {
	was := positions(before)
	var keys []string
	for _, e := range after.Entries {
		if _, ok := was[e.Key]; ok {
			keys = append(keys, e.Key)
		}
	}
	length, previous := make([]int, len(keys)), make([]int, len(keys))
	best := -1
	for i, key := range keys {
		length[i], previous[i] = 1, -1
		for k := range i {
			if was[keys[k]] < was[key] && length[k]+1 > length[i] {
				length[i], previous[i] = length[k]+1, k
			}
		}
		if best < 0 || length[i] > length[best] {
			best = i
		}
	}
	moved := map[string]bool{}
	for _, key := range keys {
		moved[key] = true
	}
	for i := best; i >= 0; i = previous[i] {
		delete(moved, keys[i])
	}
	return moved
}

// Plain makes a value of a document JSON: hidden values are stars, lists are arrays of their entries.
func Plain(v any) any {
	switch x := v.(type) {
	case Hidden:
		return shown
	case Whole:
		return x.Value
	case List:
		out := make([]any, len(x.Entries))
		for i, e := range x.Entries {
			out[i] = Plain(e.Value)
		}
		return out
	case map[string]any:
		if x == nil {
			return nil
		}
		out := make(map[string]any, len(x))
		for name, value := range x {
			out[name] = Plain(value)
		}
		return out
	}
	return v
}

// Conflict is something that two sides have changed since a common base, each in its own way.
type Conflict struct {
	// Path is that of the first side's change.
	Path              string
	Base, Mine, Other any
	// Words are those of both changes.
	Words [2]string
}

// Conflicts lists what both sides have changed differently. A change of a part and one of the whole are in conflict too.
func Conflicts(base, mine, other Document) []Conflict {
	var out []Conflict
	others := Between(base, other)
	for _, m := range Between(base, mine) {
		for _, o := range others {
			if !overlap(m.key, o.key) || m.Kind == o.Kind && slices.Equal(m.key, o.key) && reflect.DeepEqual(m.after, o.after) {
				continue
			}
			out = append(out, Conflict{Path: m.Path, Base: m.Before, Mine: m.After, Other: o.After, Words: [2]string{m.Words, o.Words}})
		}
	}
	return out
}

// overlap reports whether one path leads to the other or to what it is in. The position of an entry is touched by its removal only.
func overlap(a, b []string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if !slices.Equal(a, b[:len(a)]) {
		return false
	}
	return len(a) == len(b) || len(a) == 0 || strings.HasPrefix(a[len(a)-1], "{") || b[len(b)-1] != "#"
}
