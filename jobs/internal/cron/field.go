package cron

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Error says what is wrong with an expression, and where.
type Error struct {
	// Start and End are the wrong part: bytes of the text that was parsed.
	Start, End int
	// Message names field, value and allowed range.
	Message string
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// part is a piece of the text with its place.
type part struct {
	start int
	text  string
}

func (p part) sub(from, to int) part { return part{p.start + from, p.text[from:to]} }

func wrong(p part, format string, args ...any) *Error {
	return &Error{Start: p.start, End: p.start + len(p.text), Message: fmt.Sprintf(format, args...)}
}

// split cuts at blanks and tabs. Other white space (no-break, line feed) is part of a field, and so an error of it.
func split(text string) []part {
	var parts []part
	start := -1
	for i := 0; i <= len(text); i++ {
		blank := i == len(text) || text[i] == ' ' || text[i] == '\t'
		if blank && start >= 0 {
			parts = append(parts, part{start, text[start:i]})
			start = -1
		}
		if !blank && start < 0 {
			start = i
		}
	}
	return parts
}

// Places of the fields in an expression.
const (
	minuteField = iota
	hour
	day
	month
	weekday
)

// spec is what a field allows.
type spec struct {
	name     string
	min, max int
	names    []string // of min, min+1, ...; lower case
}

var specs = [5]spec{
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "day", min: 1, max: 31},
	{name: "month", min: 1, max: 12, names: []string{
		"january", "february", "march", "april", "may", "june", "july",
		"august", "september", "october", "november", "december",
	}},
	{name: "weekday", max: 7, names: []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}},
}

// last is the greatest value that "*" and "a/n" count up to; weekday 7 is only another name of 0.
func (s *spec) last() int {
	if s.name == "weekday" {
		return 6
	}
	return s.max
}

// special is a day that depends on the month: L, LW, 15W (weekday nearest to the 15th), 5L (last Friday), 5#2 (second Friday).
type special struct {
	kind string // "L", "LW", "W", "nL", "#"
	n, k int
}

func (s special) String() string {
	switch s.kind {
	case "W":
		return strconv.Itoa(s.n) + "W"
	case "nL":
		return strconv.Itoa(s.n) + "L"
	case "#":
		return strconv.Itoa(s.n) + "#" + strconv.Itoa(s.k)
	}
	return s.kind
}

// field is what one field matches.
type field struct {
	any      bool   // a bare "*" (or "?" for days): no limit
	values   uint64 // one bit a value; all of them if any
	specials []special
}

func (f *field) has(v int) bool { return f.values>>v&1 == 1 }

// list is the values in ascending order.
func (f *field) list() []int {
	out := make([]int, 0, bits.OnesCount64(f.values))
	for v := range 64 {
		if f.has(v) {
			out = append(out, v)
		}
	}
	return out
}

// canonical is the field as the library reads it without surprises: "*" or plain numbers and specials. A step over "*" is
// written out, because it counts as a limit of its field.
func (f *field) canonical() string {
	if f.any {
		return "*"
	}
	var items []string
	for _, v := range f.list() {
		items = append(items, strconv.Itoa(v))
	}
	for _, s := range f.specials {
		items = append(items, s.String())
	}
	return strings.Join(items, ",")
}

func parseField(s *spec, p part) (field, error) {
	if p.text == "*" || p.text == "?" && (s.name == "day" || s.name == "weekday") {
		f := field{any: true}
		for v := s.min; v <= s.last(); v++ {
			f.values |= 1 << v
		}
		return f, nil
	}
	var f field
	for from := 0; from <= len(p.text); {
		to := len(p.text)
		if i := strings.IndexByte(p.text[from:], ','); i >= 0 {
			to = from + i
		}
		item := p.sub(from, to)
		if item.text == "" {
			return f, wrong(p, "%s %q has an empty list member", s.name, p.text)
		}
		if err := f.add(s, item); err != nil {
			return f, err
		}
		from = to + 1
	}
	return f, nil
}

// add takes one member of a list: value, range, either with a step, or a special day.
func (f *field) add(s *spec, item part) error {
	if sp, ok, err := parseSpecial(s, item); ok || err != nil {
		f.specials = append(f.specials, sp)
		return err
	}
	base, step := item, 1
	slash := strings.IndexByte(item.text, '/')
	if slash >= 0 {
		base = item.sub(0, slash)
		n, ok := number(item.text[slash+1:])
		if !ok || n < 1 || n > s.last() {
			return wrong(item, "%s step %q is not a number from 1 to %d", s.name, item.text[slash+1:], s.last())
		}
		step = n
	}
	first, last := s.min, s.last()
	if base.text != "*" {
		var err error
		if first, last, err = parseRange(s, base); err != nil {
			return err
		}
		if slash >= 0 && !strings.Contains(base.text, "-") {
			last = s.last() // "5/10": from 5 on
		}
	} else if slash < 0 {
		return wrong(item, "%s \"*\" means every value and cannot be a member of a list", s.name)
	}
	if first == 7 && s.name == "weekday" && first > last {
		first = 0 // "7/2" starts on Sunday
	}
	for v := first; v <= last; v += step {
		if s.name == "weekday" {
			f.values |= 1 << (v % 7)
			continue
		}
		f.values |= 1 << v
	}
	return nil
}

func parseRange(s *spec, p part) (int, int, error) {
	dash := strings.IndexByte(p.text, '-')
	if dash < 0 {
		v, err := parseValue(s, p)
		return v, v, err
	}
	first, err := parseValue(s, p.sub(0, dash))
	if err != nil {
		return 0, 0, err
	}
	end := p.sub(dash+1, len(p.text))
	last, err := parseValue(s, end)
	if err != nil {
		return 0, 0, err
	}
	if s.name == "weekday" && last == 0 && first > 0 && isName(end.text) {
		last = 7 // FRI-SUN: a name at the end of a range is the Sunday that ends the week
	}
	if first > last {
		return 0, 0, wrong(p, "%s range %q runs backwards", s.name, p.text)
	}
	return first, last, nil
}

func parseValue(s *spec, p part) (int, error) {
	if n, ok := number(p.text); ok {
		if n < s.min || n > s.max {
			return 0, wrong(p, "%s %s is out of range %d to %d", s.name, p.text, s.min, s.max)
		}
		return n, nil
	}
	for i, name := range s.names {
		if lower := lowerASCII(p.text); lower == name || lower == name[:3] {
			return s.min + i, nil
		}
	}
	if s.names != nil {
		return 0, wrong(p, "%s %q is neither a number from %d to %d nor a name (%s to %s)", s.name, p.text, s.min, s.max,
			strings.ToUpper(s.names[0][:3]), strings.ToUpper(s.names[len(s.names)-1][:3]))
	}
	return 0, wrong(p, "%s %q is not a number from %d to %d", s.name, p.text, s.min, s.max)
}

// parseSpecial reads L, LW, nW of a day and nL, n#k of a weekday; false if the item is none of them.
func parseSpecial(s *spec, item part) (special, bool, error) {
	if item.text == "" {
		return special{}, false, nil
	}
	before, letter := item.sub(0, len(item.text)-1), item.text[len(item.text)-1]|0x20 // lower case
	if s.name == "day" {
		if upper := strings.ToUpper(item.text); upper == "L" || upper == "LW" {
			return special{kind: upper}, true, nil
		}
		if letter == 'w' && isNumber(before.text) {
			n, err := parseValue(s, before)
			return special{kind: "W", n: n}, err == nil, err
		}
		return special{}, false, nil
	}
	if s.name != "weekday" {
		return special{}, false, nil
	}
	if i := strings.IndexByte(item.text, '#'); i >= 0 {
		n, err := parseValue(s, item.sub(0, i))
		if err != nil {
			return special{}, false, err
		}
		k, ok := number(item.text[i+1:])
		if !ok || k < 1 || k > 5 {
			return special{}, false, wrong(item, "weekday %q: the number after # must be 1 to 5", item.text)
		}
		return special{kind: "#", n: n % 7, k: k}, true, nil
	}
	if letter == 'l' && before.text != "" {
		n, err := parseValue(s, before)
		return special{kind: "nL", n: n % 7}, err == nil, err
	}
	return special{}, false, nil
}

// number reads ASCII digits; what has more than five is 99999, out of every range.
func number(text string) (int, bool) {
	if !isNumber(text) {
		return 0, false
	}
	text = strings.TrimLeft(text, "0")
	if len(text) > 5 {
		return 99999, true
	}
	n := 0
	for _, c := range []byte(text) {
		n = n*10 + int(c-'0')
	}
	return n, true
}

func isNumber(text string) bool {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return text != ""
}

func isName(text string) bool { return text != "" && (text[0] < '0' || text[0] > '9') }

// lowerASCII leaves other letters alone: for strings.ToLower the Kelvin sign is a k.
func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}
