package jsontext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// timeLayout is contract 1.8.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// Plain copies a value into what is JSON-like: map[string]any, []any, string, bool, nil, and numbers as json.Number, float64 or Go's
// integers. A time.Time becomes text as contract 1.8 writes it; other Go values become the JSON that they marshal to.
func Plain(v any) (any, error) {
	switch x := v.(type) {
	case nil, bool, string, json.Number, int, int64, int32, int16, int8, uint, uint64, uint32, uint16, uint8:
		return v, nil
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("%v is not a JSON number", x)
		}
		return x, nil
	case time.Time:
		return x.UTC().Format(timeLayout), nil
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			var err error
			if out[i], err = Plain(item); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(x))
		for name, item := range x {
			var err error
			if out[name], err = Plain(item); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var out any
	err = d.Decode(&out)
	return out, err
}
