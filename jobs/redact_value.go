package jobs

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/condition"
)

// Value returns a copy of a JSON-like value with all strings redacted, names of object members too. A number that shows a
// secret becomes the string Redacted. Other Go values are redacted as the JSON that they marshal to; what does not marshal
// becomes Redacted.
func (r *Redactor) Value(v any) any {
	switch x := v.(type) {
	case nil, bool, time.Time:
		return v
	case string:
		return r.String(x)
	case error:
		return r.String(x.Error())
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = r.Value(item)
		}
		return out
	case map[string]any:
		return r.object(x)
	case json.RawMessage:
		return r.raw(x)
	}
	if text, err := condition.AppendJSON(nil, v); err == nil { // what is left of JSON-like are numbers
		if s := string(text); r.String(s) != s {
			return Redacted
		}
		return v
	}
	plain, err := jsonLike(v)
	if _, number := plain.(json.Number); err != nil || number {
		return Redacted // a number that cannot be written again, such as 1e999999999999
	}
	return r.Value(plain)
}

// object redacts names in their order, so that two names that become the same get the same numbers each time.
func (r *Redactor) object(members map[string]any) map[string]any {
	out := make(map[string]any, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		shown := r.String(name)
		for n := 2; shown != name; n++ {
			_, taken := out[shown]
			if _, original := members[shown]; !taken && !original {
				break
			}
			shown = r.String(name) + " (" + strconv.Itoa(n) + ")"
		}
		out[shown] = r.Value(members[name])
	}
	return out
}

// raw redacts JSON text and gives JSON text again; what is not JSON is not shown.
func (r *Redactor) raw(text json.RawMessage) json.RawMessage {
	hidden := json.RawMessage(`"` + Redacted + `"`)
	if len(text) == 0 {
		return text
	}
	plain, err := jsonLike(text)
	if err != nil {
		return hidden
	}
	out, err := condition.AppendJSON(nil, r.Value(plain))
	if err != nil {
		return hidden
	}
	return out
}
