package httpapi

import (
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs"
)

// Limits of query parameters (R65).
const (
	maxQueryText   = 500
	maxQueryWords  = 16
	maxQueryValues = 100
	maxPage        = 1000
	maxStart       = 1_000_000_000
)

// query reads parameters and collects what is wrong with them. Parameters that nobody asked for are faults at finish.
type query struct {
	faults jobs.Faults
	values url.Values
	known  map[string]bool
	// shape, if it is set, notes what is asked for; such a query has no values (see describe.go).
	shape *shape
}

// note gives the place where the description of a parameter is written; nobody reads it unless the query is describing.
func (q *query) note(name string) *field {
	if q.shape == nil {
		return &field{}
	}
	return q.shape.at(name)
}

func newQuery(r *http.Request) (*query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "The query cannot be read: %s", err)
	}
	q := &query{values: values, known: map[string]bool{}}
	n := 0
	for _, name := range sortedKeys(values) {
		n += len(values[name])
		for _, v := range values[name] {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				q.faults.Add(clip(name), "is not valid UTF-8 or holds a NUL character")
			}
		}
	}
	if n > maxQueryValues {
		return nil, fail(http.StatusBadRequest, "The query has %d values; at most %d", n, maxQueryValues)
	}
	return q, nil
}

// one gives the only value of a parameter.
func (q *query) one(name string) (string, bool) {
	q.note(name).typ = reflect.TypeFor[string]()
	q.known[name] = true
	list := q.values[name]
	if len(list) > 1 {
		q.faults.Add(name, "is given %d times", len(list))
	}
	if len(list) == 0 {
		return "", false
	}
	return list[0], true
}

// all gives all values of a parameter that may be repeated.
func (q *query) all(name string) []string {
	f := q.note(name)
	f.typ, f.repeated = reflect.TypeFor[string](), true
	q.known[name] = true
	return q.values[name]
}

func (q *query) text(name string) string {
	v, _ := q.one(name)
	return v
}

// requires makes parameters that were read ones that have to be given.
func (q *query) requires(names ...string) {
	for _, name := range names {
		q.note(name).required = true
		if q.shape == nil && !q.values.Has(name) {
			q.faults.Add(name, "is required")
		}
	}
}

// oneOf reads a parameter that is one of some words; it is empty if the parameter is absent.
func oneOf[T ~string](q *query, name string, words ...T) T {
	v, ok := q.one(name)
	q.note(name).words = texts(words)
	if ok && !slices.Contains(words, T(v)) {
		q.faults.Add(name, "is %q; %s", clip(v), orList(texts(words)))
	}
	return T(v)
}

// anyOf is oneOf for a parameter that may be repeated.
func anyOf[T ~string](q *query, name string, words ...T) []T {
	values := q.all(name)
	q.note(name).words = texts(words)
	list := make([]T, 0, len(values))
	for _, v := range values {
		if !slices.Contains(words, T(v)) {
			q.faults.Add(name, "is %q; %s", clip(v), orList(texts(words)))
			continue
		}
		list = append(list, T(v))
	}
	return list
}

func texts[T ~string](words []T) []string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = string(word)
	}
	return list
}

// orList joins words as a sentence does: "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// words splits the search text, the parameter q, at white space.
func (q *query) words() []string {
	const name = "q"
	v, _ := q.one(name)
	words := strings.Fields(v)
	switch {
	case len(v) > maxQueryText:
		q.faults.Add(name, "has %d bytes; at most %d", len(v), maxQueryText)
	case len(words) > maxQueryWords:
		q.faults.Add(name, "has %d words; at most %d", len(words), maxQueryWords)
	}
	return words
}

func (q *query) integer(name string, def, low, high int) int {
	v, ok := q.one(name)
	f := q.note(name)
	f.typ, f.low, f.high = reflect.TypeFor[int](), &low, &high
	if def >= low && def <= high {
		f.def = def // a number out of the range stands for "none"
	}
	if !ok {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil || strconv.Itoa(n) != v {
		q.faults.Add(name, "is %q; an integer from %d to %d", clip(v), low, high)
		return def
	}
	if n < low || n > high {
		q.faults.Add(name, "is %d; %d to %d", n, low, high)
		return def
	}
	return n
}

// boolean gives nil if the parameter is absent.
func (q *query) boolean(name string) *bool {
	v, ok := q.one(name)
	q.note(name).typ = reflect.TypeFor[bool]()
	if !ok {
		return nil
	}
	b := v == "true"
	if !b && v != "false" {
		q.faults.Add(name, "is %q; true or false", clip(v))
		return nil
	}
	return &b
}

// moment reads a date-time of contract 1.8; without an offset it is local time in timezone, UTC if that is empty.
func (q *query) moment(name, timezone string) time.Time {
	v, ok := q.one(name)
	q.note(name).moment = true
	if !ok {
		return time.Time{}
	}
	t, err := jobs.ParseScheduleTime(v, timezone, false)
	if err != nil {
		q.faults.Add(name, "%s", err)
	}
	return t
}

// page reads start and limit.
func (q *query) page(limit int) (int, int) {
	return q.integer("start", 0, 0, maxStart), q.integer("limit", limit, 1, maxPage)
}

// sort reads field names with "-" in front for descending, repeated or separated by commas; fields are those of the route.
func (q *query) sort(fields []string) []jobs.SortKey {
	var keys []jobs.SortKey
	q.note("sort").words = fields
	for _, v := range q.all("sort") {
		for name := range strings.SplitSeq(v, ",") {
			field, descending := strings.CutPrefix(name, "-")
			if !slices.Contains(fields, field) {
				q.faults.Add("sort", "cannot sort by %q; one of %s", clip(field), strings.Join(fields, ", "))
				continue
			}
			keys = append(keys, jobs.SortKey{Field: field, Descending: descending})
		}
	}
	return keys
}

// finish reports unknown parameters and gives all faults.
func (q *query) finish() error {
	q.finishUnknown()
	return badInput("query", q.faults.Err())
}

func (q *query) finishUnknown() {
	for _, name := range sortedKeys(q.values) {
		if !q.known[name] {
			q.faults.Add(clip(name), "is not a parameter here")
		}
	}
}

// noQuery refuses parameters where none exist.
func noQuery(r *http.Request) error {
	q, err := newQuery(r)
	if err != nil {
		return err
	}
	return q.finish()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
