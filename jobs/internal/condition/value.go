package condition

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

// kind names the JSON type of a value for messages; "" for what is not JSON-like.
func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case float64, float32, json.Number, int, int64, int32, int16, int8, uint, uint64, uint32, uint16, uint8:
		return "number"
	}
	return ""
}

// equal reports the same JSON type and the same value; numbers are the same if their value is.
func equal(a, b any) bool {
	switch x := a.(type) {
	case nil:
		return b == nil
	case string:
		y, ok := b.(string)
		return ok && x == y
	case bool:
		y, ok := b.(bool)
		return ok && x == y
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, equal)
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && maps.EqualFunc(x, y, equal)
	}
	c, ok := jsontext.CompareNumbers(a, b)
	return ok && c == 0
}

// compare orders two numbers or two strings (code points; UTF-8 bytes order the same). It reports false for all else.
func compare(a, b any) (int, bool) {
	if x, ok := a.(string); ok {
		y, ok := b.(string)
		return strings.Compare(x, y), ok
	}
	return jsontext.CompareNumbers(a, b)
}
