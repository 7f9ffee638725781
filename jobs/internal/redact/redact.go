// Package redact replaces secrets and passwords of URLs in text and in JSON-like values (reliability rule R63).
package redact

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

const (
	// Mark stands in place of a secret.
	Mark = "***"
	// MinSecret is the shortest secret that is looked for, in bytes: shorter ones would hit ordinary text.
	MinSecret = 6
)

// Engine has the patterns of a set of secrets: each as it is, URL-encoded, base64-encoded (also as a part of a longer encoded text), and
// escaped as JSON or Go writes it. It is immutable and safe for concurrent use; a nil or zero Engine knows no secrets and still
// redacts URLs.
type Engine struct {
	// heads has a bit for the first two bytes of each pattern, so that text without secrets costs one look per byte.
	heads [1 << 16 / 64]uint64
	// patterns by their first two bytes, longest first.
	patterns map[uint16][]string
}

// New looks for these secrets. Those shorter than MinSecret are not looked for.
func New(secrets ...string) *Engine {
	e := &Engine{patterns: map[uint16][]string{}}
	for _, secret := range secrets {
		e.add(secret)
		e.add(strings.TrimSpace(secret)) // a file's last line end is seldom part of what is printed
		for line := range strings.Lines(secret) {
			// Logs of plugins come line by line. The frame of a PEM block is no secret.
			if line = strings.TrimSpace(line); len(line) < len(secret) && !strings.HasPrefix(line, "-----") {
				e.add(line)
			}
		}
	}
	for head, list := range e.patterns {
		slices.SortFunc(list, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
		e.patterns[head] = slices.Clip(slices.Compact(list))
	}
	return e
}

// add notes all forms of one secret.
func (e *Engine) add(secret string) {
	if len(secret) < MinSecret {
		return
	}
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), percentAll(secret)} {
		e.pattern(form)
		e.pattern(lowerEscapes(form))
	}
	raw := []byte(secret)
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		e.pattern(encoding.EncodeToString(raw))
		unpadded := encoding.WithPadding(base64.NoPadding)
		e.pattern(unpadded.EncodeToString(raw))
		for shift := range 3 {
			e.pattern(insideBase64(unpadded, raw, shift))
		}
	}
	for _, quoted := range []string{strconv.Quote(secret), strconv.QuoteToASCII(secret)} {
		e.pattern(quoted[1 : len(quoted)-1])
	}
	if text, err := json.Marshal(secret); err == nil { // a string always marshals
		e.pattern(string(text[1 : len(text)-1]))
	}
	if text, err := jsontext.Append(nil, secret); err == nil { // without escapes for HTML
		e.pattern(string(text[1 : len(text)-1]))
		e.pattern(asciiJSON(string(text[1 : len(text)-1])))
	}
}

// asciiJSON escapes what is not ASCII in the inside of a JSON string, as Python and others do.
func asciiJSON(s string) string {
	var out strings.Builder
	for _, c := range s {
		switch {
		case c < utf8.RuneSelf:
			out.WriteRune(c)
		case c <= 0xFFFF:
			fmt.Fprintf(&out, `\u%04x`, c)
		default:
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		}
	}
	return out.String()
}

// insideBase64 is what every base64 text shares that holds secret at an offset of shift bytes (modulo 3): the first and
// last characters also depend on the neighbours and are left off.
func insideBase64(encoding *base64.Encoding, secret []byte, shift int) string {
	text := encoding.EncodeToString(append(make([]byte, shift, shift+len(secret)), secret...))
	text = text[(shift*8+5)/6:]
	if (shift+len(secret))%3 != 0 {
		text = text[:len(text)-1]
	}
	return text
}

// percentAll encodes everything but letters, digits and -._~, as encodeURIComponent and most languages do, blanks as %20.
func percentAll(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// lowerEscapes writes %2F as %2f.
func lowerEscapes(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := []byte(s)
	for i := 0; i+2 < len(out); i++ {
		if out[i] == '%' {
			copy(out[i+1:i+3], strings.ToLower(string(out[i+1:i+3])))
			i += 2
		}
	}
	return string(out)
}

func (e *Engine) pattern(p string) {
	if len(p) < MinSecret {
		return
	}
	head := uint16(p[0])<<8 | uint16(p[1])
	e.heads[head/64] |= 1 << (head % 64)
	e.patterns[head] = append(e.patterns[head], p)
}

// String returns s with every secret and URL password replaced by Mark. Without any it returns s itself.
func (e *Engine) String(s string) string {
	if e != nil && len(e.patterns) > 0 {
		s = e.secrets(s)
	}
	return redactURLs(s)
}

func (e *Engine) secrets(s string) string {
	var out strings.Builder
	done := 0
	for i := 0; i+1 < len(s); i++ {
		end := e.match(s, i)
		if end == 0 {
			continue
		}
		// A secret may begin inside another one; both go.
		for j := i + 1; j < end; j++ {
			end = max(end, e.match(s, j))
		}
		out.WriteString(s[done:i])
		out.WriteString(Mark)
		done = end
		i = end - 1
	}
	if done == 0 {
		return s
	}
	out.WriteString(s[done:])
	return out.String()
}

// match gives the end of the longest pattern that begins at i, or 0.
func (e *Engine) match(s string, i int) int {
	if i+1 >= len(s) {
		return 0
	}
	head := uint16(s[i])<<8 | uint16(s[i+1])
	if e.heads[head/64]&(1<<(head%64)) == 0 {
		return 0
	}
	for _, p := range e.patterns[head] {
		if strings.HasPrefix(s[i:], p) {
			return i + len(p)
		}
	}
	return 0
}
