package placeholder

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

// stringWalk copies a JSON-like value and puts every string through text. The path is a function because only a fault
// needs it.
type stringWalk struct {
	text   func(path func() string, s string) string
	faults []Fault
}

func (w *stringWalk) note(path func() string, err error) {
	if err == nil || len(w.faults) == maxFaults {
		return
	}
	where := ""
	if path != nil {
		where = path()
	}
	w.faults = append(w.faults, Fault{where, err.Error()})
}

func (w *stringWalk) value(path func() string, v any) any {
	below := func(name string) func() string {
		return func() string {
			if path == nil {
				return name
			}
			return jsontext.JoinPath(path(), name)
		}
	}
	switch x := v.(type) {
	case string:
		return w.text(path, x)
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = w.value(below("["+strconv.Itoa(i)+"]"), item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(x))
		for _, name := range slices.Sorted(maps.Keys(x)) {
			out[name] = w.value(below(name), x[name])
		}
		return out
	case json.RawMessage:
		decoded, err := jsontext.Plain(x)
		if err != nil {
			w.note(path, err)
			return v
		}
		return w.value(path, decoded)
	case nil, bool, json.Number:
		return v
	}
	if _, err := jsontext.Append(nil, v); err != nil {
		w.note(path, err)
	}
	return v
}
