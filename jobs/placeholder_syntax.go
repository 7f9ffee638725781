package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/condition"
)

// placeholder is one piece of a string: literal text, and what follows it.
type placeholder struct {
	before  string // literal text
	escaped bool   // $${ follows
	path    string // of the ${path} that follows
	format  string // of the ${date('format')} that follows
	rest    string // not read yet
	last    bool   // nothing follows
}

// eachPlaceholder visits the pieces of s until the end or the first fault.
func eachPlaceholder(s string, visit func(placeholder)) error {
	for {
		p, err := cutPlaceholder(s)
		if err != nil {
			return err
		}
		visit(p)
		if p.last {
			return nil
		}
		s = p.rest
	}
}

// cutPlaceholder reads the literal text and the placeholder, or the escape, at the head of s.
func cutPlaceholder(s string) (placeholder, error) {
	i := strings.Index(s, "${")
	if i < 0 {
		return placeholder{before: s, last: true}, nil
	}
	rest := s[i+2:]
	if i > 0 && s[i-1] == '$' {
		return placeholder{before: s[:i-1], escaped: true, rest: rest}, nil
	}
	p := placeholder{before: s[:i]}
	if strings.HasPrefix(rest, "date(") {
		format, after, ok := strings.Cut(strings.TrimPrefix(rest, "date('"), "')}")
		if !ok || !strings.HasPrefix(rest, "date('") {
			return p, errors.New("has a bad date placeholder; write ${date('YYYY-MM-DD')}, or $${ for a literal ${")
		}
		p.format, p.rest = format, after
		return p, checkDateFormat(format)
	}
	var ok bool
	p.path, p.rest, ok = strings.Cut(rest, "}")
	switch {
	case !ok:
		return p, errors.New("has ${ without }; write $${ for a literal ${")
	case p.path == "":
		return p, errors.New("has an empty placeholder ${}; write $${ for a literal ${")
	case strings.ContainsFunc(p.path, func(r rune) bool { return r < ' ' || r == '{' || r == 0x7f }):
		return p, fmt.Errorf("has a placeholder that is no path: %.80q; write $${ for a literal ${", p.path)
	case p.path[0] == '.' || p.path[len(p.path)-1] == '.' || strings.Contains(p.path, ".."):
		return p, fmt.Errorf("has a placeholder with an empty name in its path: %.80q", p.path)
	}
	return p, nil
}

// dateTokens are the tokens of contract 6.1, longer ones first.
var dateTokens = []struct{ token, layout string }{
	{"YYYY", "2006"}, {"YY", "06"}, {"MM", "01"}, {"DD", "02"}, {"HH", "15"}, {"mm", "04"}, {"ss", "05"},
}

// cutDate gives the layout of the token at the head of format, or "" and one character of literal text.
func cutDate(format string) (layout, literal, rest string) {
	for _, t := range dateTokens {
		if after, ok := strings.CutPrefix(format, t.token); ok {
			return t.layout, "", after
		}
	}
	return "", format[:1], format[1:]
}

// checkDateFormat refuses letters that are no token, but for the T between date and time: "hh" or "SSS" in a file name would
// be a typing error that nobody sees.
func checkDateFormat(format string) error {
	if format == "" {
		return errors.New("has a date placeholder without a format")
	}
	for rest := format; rest != ""; {
		var literal string
		_, literal, rest = cutDate(rest)
		letter := literal != "" && (literal[0]|0x20 >= 'a' && literal[0]|0x20 <= 'z')
		if (letter && literal != "T") || literal == "'" || (literal != "" && literal[0] < ' ') {
			return fmt.Errorf("has a bad date format: %.80q; tokens are YYYY YY MM DD HH mm ss", format)
		}
	}
	return nil
}

func appendDate(out []byte, format string, at time.Time) []byte {
	for format != "" {
		var layout, literal string
		layout, literal, format = cutDate(format)
		if layout != "" {
			out = at.AppendFormat(out, layout)
			continue
		}
		out = append(out, literal...)
	}
	return out
}

// stringWalk copies a JSON-like value and puts every string through text. The path is a function because only a fault
// needs it.
type stringWalk struct {
	text   func(path func() string, s string) string
	faults Faults
	noted  int
}

func (w *stringWalk) note(path func() string, err error) {
	if err == nil || w.noted == maxPlaceholderFaults {
		return
	}
	w.noted++
	where := ""
	if path != nil {
		where = path()
	}
	w.faults.Add(where, "%s", err)
}

func (w *stringWalk) value(path func() string, v any) any {
	below := func(name string) func() string {
		return func() string {
			if path == nil {
				return name
			}
			return JoinPath(path(), name)
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
		decoded, err := jsonLike(x)
		if err != nil {
			w.note(path, err)
			return v
		}
		return w.value(path, decoded)
	case nil, bool, json.Number:
		return v
	}
	if _, err := condition.AppendJSON(nil, v); err != nil {
		w.note(path, err)
	}
	return v
}
