// Package placeholder reads and replaces the placeholders in the strings of JSON-like values (contract 6.1): ${path}, ${date('FORMAT')},
// and $${ for a literal ${.
package placeholder

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

const (
	// MaxResult is the longest string that placeholders may make, in bytes (reliability rules, section 13).
	MaxResult = 64 << 10
	// MaxTotal bounds what all strings with placeholders of one value make together, in bytes. Without it a body of 1 MiB that names one
	// large value thousands of times would fill the memory.
	MaxTotal = 4 << 20
	// maxFaults bounds a report.
	maxFaults = 100
)

// Fault is one thing that is wrong with the placeholders of a value, and where in the value.
type Fault struct{ Path, Message string }

// Values gives values by path, with the contract of jobs.Values.
type Values interface {
	Lookup(path string) (value any, found bool, known bool)
}

// Expand returns a copy of a JSON-like value in which the placeholders of all strings are replaced, or all faults; dates are at in loc, nil
// is UTC. Names of object members are left alone, and what was inserted is never read again.
func Expand(value any, v Values, at time.Time, loc *time.Location) (any, []Fault) {
	if loc == nil {
		loc = time.UTC
	}
	at = at.In(loc)
	left := MaxTotal
	w := stringWalk{}
	w.text = func(path func() string, s string) string {
		if !strings.Contains(s, "${") {
			return s
		}
		out, err := expandString(s, v, at, min(left, MaxResult))
		if errors.Is(err, errSize) {
			err = fmt.Errorf("%w: at most %d bytes for a string and %d together", err, MaxResult, MaxTotal)
		}
		w.note(path, err)
		left -= len(out)
		return out
	}
	out := w.value(nil, value)
	if len(w.faults) > 0 {
		return nil, w.faults
	}
	return out, nil
}

var errSize = errors.New("becomes too long by its placeholders")

func expandString(s string, v Values, at time.Time, limit int) (string, error) {
	var out []byte
	for {
		part, err := cutPiece(s)
		if err != nil {
			return "", err
		}
		out = append(out, part.before...)
		switch {
		case part.escaped:
			out = append(out, "${"...)
		case part.path != "":
			value, found, known := v.Lookup(part.path)
			if !known {
				return "", fmt.Errorf("has no value for ${%.200s} yet: it exists only in a run", part.path)
			}
			if !found {
				return "", fmt.Errorf("has no value for ${%.200s}: unknown path", part.path)
			}
			if out, err = appendValue(out, value); err != nil {
				return "", fmt.Errorf("cannot write ${%.200s}: %w", part.path, err)
			}
		case part.format != "":
			out = appendDate(out, part.format, at)
		}
		if len(out) > limit {
			return "", errSize
		}
		if part.last {
			return string(out), nil
		}
		s = part.rest
	}
}

func appendValue(out []byte, value any) ([]byte, error) {
	switch x := value.(type) {
	case nil:
		return out, nil
	case string:
		return append(out, x...), nil
	}
	return jsontext.Append(out, value)
}

// In reports whether s has a placeholder or an escaped one, so that its text changes when it is expanded.
func In(s string) bool { return strings.Contains(s, "${") }

// Check gives the faults of syntax of all placeholders in a JSON-like value. Whether a path leads to a value shows only in Expand.
func Check(value any) []Fault {
	w := stringWalk{}
	w.text = func(path func() string, s string) string {
		w.note(path, eachPiece(s, func(piece) {}))
		return s
	}
	w.value(nil, value)
	return w.faults
}

// Find gives the places in a JSON-like value whose strings have a placeholder with that path or one below it.
func Find(value any, prefix string) []string {
	var found []string
	w := stringWalk{}
	w.text = func(path func() string, s string) string {
		names := false
		err := eachPiece(s, func(p piece) {
			names = names || p.path == prefix || strings.HasPrefix(p.path, prefix+".")
		})
		if names && err == nil { // Check refuses the others
			where := ""
			if path != nil {
				where = path()
			}
			found = append(found, where)
		}
		return s
	}
	w.value(nil, value)
	return found
}

// Rewrite returns a copy of a JSON-like value in which placeholders name actions anew. Keys and values of the map are ids, or "[n]" for
// the inline form. All other text stays as it is.
func Rewrite(value any, names map[string]string) any {
	w := stringWalk{text: func(_ func() string, s string) string {
		var out strings.Builder
		err := eachPiece(s, func(p piece) {
			out.WriteString(p.before)
			switch {
			case p.escaped:
				out.WriteString("$${")
			case p.path != "":
				out.WriteString("${" + renameAction(p.path, names) + "}")
			case p.format != "":
				out.WriteString("${date('" + p.format + "')}")
			}
		})
		if err != nil {
			return s // Check refuses it; nothing to rename
		}
		return out.String()
	}}
	return w.value(nil, value)
}

func renameAction(path string, names map[string]string) string {
	var id, rest string
	switch {
	case strings.HasPrefix(path, "actions."):
		id, rest, _ = strings.Cut(path[len("actions."):], ".")
	case strings.HasPrefix(path, "actions["):
		id, rest, _ = strings.Cut(path[len("actions"):], ".")
	}
	name, ok := names[id]
	switch {
	case id == "" || !ok:
		return path
	case !strings.HasPrefix(name, "["):
		name = "." + name
	}
	if rest == "" {
		return "actions" + name
	}
	return "actions" + name + "." + rest
}

// InAuthority reports whether a placeholder could change scheme, user, host or port of a URL; in doubt it reports true.
func InAuthority(url string) bool {
	if !strings.Contains(url, "${") {
		return false
	}
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok || scheme == "" || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.") != "" {
		return true
	}
	end := strings.IndexAny(rest, "/?#")
	return end <= 0 || strings.Contains(rest[:end], "${")
}
