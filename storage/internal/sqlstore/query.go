package sqlstore

import (
	"encoding/json"
	"strings"
)

// query puts a statement together from constant pieces. Values never become part of the text.
type query struct {
	parts []string
	args  []any
	where bool
}

// add appends a piece with its parameters.
func (q *query) add(piece string, args ...any) {
	q.parts = append(q.parts, piece)
	q.args = append(q.args, args...)
}

// and appends a condition to the WHERE clause.
func (q *query) and(condition string, args ...any) {
	word := "AND "
	if !q.where {
		word, q.where = "WHERE ", true
	}
	q.add(word+condition, args...)
}

// page appends LIMIT and OFFSET; limit 0 is no limit.
func (q *query) page(start, limit int) {
	switch {
	case limit > 0:
		q.add("LIMIT ? OFFSET ?", limit, start)
	case start > 0:
		q.add("LIMIT 9223372036854775807 OFFSET ?", start)
	}
}

func (q *query) text() string { return strings.Join(q.parts, "\n") }

// texts is a parameter for IN LIST(?).
func texts[T ~string](items []T) string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = strings.ReplaceAll(string(item), "\x00", "\uFFFD") // not every database can read NUL out of JSON; nothing is called so
	}
	return mustJSON(out)
}

// mustJSON is for values whose types cannot fail to marshal.
func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
