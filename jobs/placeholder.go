package jobs

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/condition"
)

const (
	// MaxPlaceholderResult is the longest string that placeholders may make, in bytes (reliability rules, section 13).
	MaxPlaceholderResult = 64 << 10
	// MaxPlaceholderTotal bounds what all strings with placeholders of one value make together, in bytes. Without it a body
	// of 1 MiB that names one large value thousands of times would fill the memory.
	MaxPlaceholderTotal = 4 << 20
	// maxPlaceholderFaults bounds a report.
	maxPlaceholderFaults = 100
)

// ExpandPlaceholders returns a copy of a JSON-like value in which the placeholders of all strings are replaced (contract
// 6.1): ${path} by the value at that path, ${date('FORMAT')} by at in loc (nil is UTC), $${ by a literal ${. Names of
// object members are left alone. A string stays a string: numbers, booleans, arrays and objects are written as JSON, null as
// nothing. What was inserted is never read again. A json.RawMessage is read as the value that it holds. A path without a value, a string beyond MaxPlaceholderResult and
// bad syntax are a *ValidationError whose paths say where in value they are.
func ExpandPlaceholders(value any, v Values, at time.Time, loc *time.Location) (any, error) {
	if loc == nil {
		loc = time.UTC
	}
	at = at.In(loc)
	left := MaxPlaceholderTotal
	w := stringWalk{}
	w.text = func(path func() string, s string) string {
		if !strings.Contains(s, "${") {
			return s
		}
		out, err := expandString(s, v, at, min(left, MaxPlaceholderResult))
		if errors.Is(err, errPlaceholderSize) {
			err = fmt.Errorf("%w: at most %d bytes for a string and %d together", err, MaxPlaceholderResult, MaxPlaceholderTotal)
		}
		w.note(path, err)
		left -= len(out)
		return out
	}
	out := w.value(nil, value)
	if err := w.faults.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

var errPlaceholderSize = errors.New("becomes too long by its placeholders")

func expandString(s string, v Values, at time.Time, limit int) (string, error) {
	var out []byte
	for {
		part, err := cutPlaceholder(s)
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
			if out, err = appendPlaceholderValue(out, value); err != nil {
				return "", fmt.Errorf("cannot write ${%.200s}: %w", part.path, err)
			}
		case part.format != "":
			out = appendDate(out, part.format, at)
		}
		if len(out) > limit {
			return "", errPlaceholderSize
		}
		if part.last {
			return string(out), nil
		}
		s = part.rest
	}
}

func appendPlaceholderValue(out []byte, value any) ([]byte, error) {
	switch x := value.(type) {
	case nil:
		return out, nil
	case string:
		return append(out, x...), nil
	}
	return condition.AppendJSON(out, value)
}

// HasPlaceholder reports whether s has a placeholder or an escaped one, so that its text changes at run time. A string that
// has one is checked against format, pattern and enum of a schema only then (contract 6.1).
func HasPlaceholder(s string) bool { return strings.Contains(s, "${") }

// CheckPlaceholders checks the syntax of all placeholders in a JSON-like value: closed, not empty, a date format of known
// tokens. Whether a path leads to a value shows only in a run. The error is a *ValidationError with paths within value.
func CheckPlaceholders(value any) error {
	w := stringWalk{}
	w.text = func(path func() string, s string) string {
		w.note(path, eachPlaceholder(s, func(placeholder) {}))
		return s
	}
	w.value(nil, value)
	return w.faults.Err()
}

// RewritePlaceholders returns a copy of a JSON-like value in which placeholders name actions anew, with the same map as
// Condition.Rewrite: ${actions.<old>.data.x} becomes ${actions.<new>.data.x}. All other text stays as it is.
func RewritePlaceholders(value any, names map[string]string) any {
	w := stringWalk{text: func(_ func() string, s string) string {
		var out strings.Builder
		err := eachPlaceholder(s, func(p placeholder) {
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
			return s // CheckPlaceholders refuses it; nothing to rename
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

// PlaceholdersInAuthority reports whether a placeholder could change scheme, user, host or port of a URL, which is
// forbidden (reliability rule R47): only path, query and fragment of an address whose host is written out may have some.
// In doubt it reports true.
func PlaceholdersInAuthority(url string) bool {
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
