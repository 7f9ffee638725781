package changes

import (
	"fmt"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

const (
	// maxTitle and maxValue bound what of a title and of a value is in words, in characters.
	maxTitle = 60
	maxValue = 80
)

// valueWords says in a sentence what happened to a value.
func valueWords(p place, kind Kind, before, after any) string {
	where := ""
	if p.where != "" {
		where = p.where + ": "
	}
	if p.name == "enabled" {
		if on, ok := after.(bool); ok {
			return where + map[bool]string{true: "switched on", false: "switched off"}[on]
		}
	}
	_, wasHidden := before.(Hidden)
	_, isHidden := after.(Hidden)
	if (wasHidden || before == nil) && (isHidden || after == nil) {
		return where + "secret " + p.name + map[Kind]string{Added: " set", Removed: " removed", Changed: " changed"}[kind]
	}
	switch kind {
	case Added:
		return fmt.Sprintf("%s%s set to %s", where, p.name, valueText(after))
	case Removed:
		return fmt.Sprintf("%s%s removed, was %s", where, p.name, valueText(before))
	case Changed, Moved:
	}
	return fmt.Sprintf("%s%s changed from %s to %s", where, p.name, valueText(before), valueText(after))
}

// valueText is a value in a sentence: JSON, clipped.
func valueText(v any) string {
	text, err := jsontext.Append(nil, Plain(v))
	if err != nil {
		return "a value"
	}
	return clip(string(text), maxValue)
}

func clip(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-3]) + "..."
}
