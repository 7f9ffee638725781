package redact

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

// Value returns a copy of a JSON-like value with all strings redacted, names of object members too. A number that shows a
// secret becomes the string Mark. Other Go values are redacted as the JSON that they marshal to; what does not marshal
// becomes Mark.
func (e *Engine) Value(v any) any {
	switch x := v.(type) {
	case nil, bool, time.Time:
		return v
	case string:
		return e.String(x)
	case error:
		return e.String(x.Error())
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = e.Value(item)
		}
		return out
	case map[string]any:
		return e.object(x)
	case json.RawMessage:
		return e.raw(x)
	}
	if text, err := jsontext.Append(nil, v); err == nil { // what is left of JSON-like are numbers
		if s := string(text); e.String(s) != s {
			return Mark
		}
		return v
	}
	plain, err := jsontext.Plain(v)
	if _, number := plain.(json.Number); err != nil || number {
		return Mark // a number that cannot be written again, such as 1e999999999999
	}
	return e.Value(plain)
}

// object redacts names in their order, so that two names that become the same get the same numbers each time.
func (e *Engine) object(members map[string]any) map[string]any {
	out := make(map[string]any, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		shown := e.String(name)
		for n := 2; shown != name; n++ {
			_, taken := out[shown]
			if _, original := members[shown]; !taken && !original {
				break
			}
			shown = e.String(name) + " (" + strconv.Itoa(n) + ")"
		}
		out[shown] = e.Value(members[name])
	}
	return out
}

// raw redacts JSON text and gives JSON text again; what is not JSON is not shown.
func (e *Engine) raw(text json.RawMessage) json.RawMessage {
	hidden := json.RawMessage(`"` + Mark + `"`)
	if len(text) == 0 {
		return text
	}
	plain, err := jsontext.Plain(text)
	if err != nil {
		return hidden
	}
	out, err := jsontext.Append(nil, e.Value(plain))
	if err != nil {
		return hidden
	}
	return out
}
