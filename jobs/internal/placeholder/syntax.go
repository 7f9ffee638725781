package placeholder

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// piece is one part of a string: literal text, and what follows it.
type piece struct {
	before  string // literal text
	escaped bool   // $${ follows
	path    string // of the ${path} that follows
	format  string // of the ${date('format')} that follows
	rest    string // not read yet
	last    bool   // nothing follows
}

// eachPiece visits the pieces of s until the end or the first fault.
func eachPiece(s string, visit func(piece)) error {
	for {
		p, err := cutPiece(s)
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

// cutPiece reads the literal text and the placeholder, or the escape, at the head of s.
func cutPiece(s string) (piece, error) {
	i := strings.Index(s, "${")
	if i < 0 {
		return piece{before: s, last: true}, nil
	}
	rest := s[i+2:]
	if i > 0 && s[i-1] == '$' {
		return piece{before: s[:i-1], escaped: true, rest: rest}, nil
	}
	p := piece{before: s[:i]}
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

// Part is one part of a string: literal text, or a placeholder.
type Part struct {
	// Literal is text without escapes; empty for a placeholder.
	Literal string
	// Written is a placeholder as it stands in the string, Path that of a ${path}.
	Written, Path string
}

// Parts takes a string apart. An escaped $${ is the literal text ${; text that lies side by side is one part.
func Parts(s string) ([]Part, error) {
	var parts []Part
	literal := ""
	err := eachPiece(s, func(p piece) {
		literal += p.before
		written := ""
		switch {
		case p.escaped:
			literal += "${"
		case p.path != "":
			written = "${" + p.path + "}"
		case p.format != "":
			written = "${date('" + p.format + "')}"
		}
		if literal != "" && (written != "" || p.last) {
			parts, literal = append(parts, Part{Literal: literal}), ""
		}
		if written != "" {
			parts = append(parts, Part{Written: written, Path: p.path})
		}
	})
	if err != nil {
		return nil, err
	}
	return parts, nil
}

// Quote writes text so that it stands for itself where placeholders are replaced. What follows it may not be a placeholder if it ends with $:
// the two would be an escape, and nothing else can be written for them.
func Quote(text string) string { return strings.ReplaceAll(text, "${", "$${") }

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
