package jobs

import (
	"time"

	"github.com/carillon-go/carillon/jobs/internal/placeholder"
)

const (
	// MaxPlaceholderResult is the longest string that placeholders may make, in bytes: 64 KiB (reliability rules, section 13).
	MaxPlaceholderResult = placeholder.MaxResult
	// MaxPlaceholderTotal bounds what all strings with placeholders of one value make together, in bytes: 4 MiB. Without it a body
	// of 1 MiB that names one large value thousands of times would fill the memory.
	MaxPlaceholderTotal = placeholder.MaxTotal
)

// ExpandPlaceholders returns a copy of a JSON-like value in which the placeholders of all strings are replaced (contract
// 6.1): ${path} by the value at that path, ${date('FORMAT')} by at in loc (nil is UTC), $${ by a literal ${. Names of
// object members are left alone. A string stays a string: numbers, booleans, arrays and objects are written as JSON, null as
// nothing. What was inserted is never read again. A json.RawMessage is read as the value that it holds. A path without a value,
// a string beyond MaxPlaceholderResult and bad syntax are a *ValidationError whose paths say where in value they are.
func ExpandPlaceholders(value any, v Values, at time.Time, loc *time.Location) (any, error) {
	out, faults := placeholder.Expand(value, v, at, loc)
	if len(faults) > 0 {
		return nil, invalidOf(faults)
	}
	return out, nil
}

// HasPlaceholder reports whether s has a placeholder or an escaped one, so that its text changes at run time. A string that
// has one is checked against format, pattern and enum of a schema only then (contract 6.1).
func HasPlaceholder(s string) bool { return placeholder.In(s) }

// CheckPlaceholders checks the syntax of all placeholders in a JSON-like value: closed, not empty, a date format of known
// tokens. Whether a path leads to a value shows only in a run. The error is a *ValidationError with paths within value.
func CheckPlaceholders(value any) error { return invalidOf(placeholder.Check(value)) }

// RewritePlaceholders returns a copy of a JSON-like value in which placeholders name actions anew, with the same map as
// Condition.Rewrite: ${actions.<old>.data.x} becomes ${actions.<new>.data.x}. All other text stays as it is.
func RewritePlaceholders(value any, names map[string]string) any {
	return placeholder.Rewrite(value, names)
}

// PlaceholdersInAuthority reports whether a placeholder could change scheme, user, host or port of a URL, which is
// forbidden (reliability rule R47): only path, query and fragment of an address whose host is written out may have some.
// In doubt it reports true.
func PlaceholdersInAuthority(url string) bool { return placeholder.InAuthority(url) }
