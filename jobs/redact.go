package jobs

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs/internal/condition"
)

const (
	// Redacted stands in place of a secret.
	Redacted = "***"
	// MinRedactedSecret is the shortest secret that a Redactor looks for, in bytes: shorter ones would hit ordinary text.
	MinRedactedSecret = 6
)

// Redactor replaces opened secrets and passwords in URLs before text leaves a step: logs, errors, outputs, progress, lines
// of plugins (reliability rule R63). It finds a secret as it is, URL-encoded, base64-encoded (also as a part of a longer
// encoded text, as in basic authentication), and escaped as JSON or Go writes it. It is immutable and safe for concurrent
// use; a nil Redactor knows no secrets and still redacts URLs.
type Redactor struct {
	// heads has a bit for the first two bytes of each pattern, so that text without secrets costs one look per byte.
	heads [1 << 16 / 64]uint64
	// patterns by their first two bytes, longest first.
	patterns map[uint16][]string
}

// NewRedactor looks for these secrets. Those shorter than MinRedactedSecret are not looked for.
func NewRedactor(secrets ...string) *Redactor {
	r := &Redactor{patterns: map[uint16][]string{}}
	for _, secret := range secrets {
		r.add(secret)
		r.add(strings.TrimSpace(secret)) // a file's last line end is seldom part of what is printed
		for line := range strings.Lines(secret) {
			// Logs of plugins come line by line. The frame of a PEM block is no secret.
			if line = strings.TrimSpace(line); len(line) < len(secret) && !strings.HasPrefix(line, "-----") {
				r.add(line)
			}
		}
	}
	for head, list := range r.patterns {
		slices.SortFunc(list, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
		r.patterns[head] = slices.Clip(slices.Compact(list))
	}
	return r
}

// add notes all forms of one secret.
func (r *Redactor) add(secret string) {
	if len(secret) < MinRedactedSecret {
		return
	}
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), percentAll(secret)} {
		r.pattern(form)
		r.pattern(lowerEscapes(form))
	}
	raw := []byte(secret)
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		r.pattern(encoding.EncodeToString(raw))
		unpadded := encoding.WithPadding(base64.NoPadding)
		r.pattern(unpadded.EncodeToString(raw))
		for shift := range 3 {
			r.pattern(insideBase64(unpadded, raw, shift))
		}
	}
	for _, quoted := range []string{strconv.Quote(secret), strconv.QuoteToASCII(secret)} {
		r.pattern(quoted[1 : len(quoted)-1])
	}
	if text, err := json.Marshal(secret); err == nil { // a string always marshals
		r.pattern(string(text[1 : len(text)-1]))
	}
	if text, err := condition.AppendJSON(nil, secret); err == nil { // without escapes for HTML
		r.pattern(string(text[1 : len(text)-1]))
		r.pattern(asciiJSON(string(text[1 : len(text)-1])))
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

func (r *Redactor) pattern(p string) {
	if len(p) < MinRedactedSecret {
		return
	}
	head := uint16(p[0])<<8 | uint16(p[1])
	r.heads[head/64] |= 1 << (head % 64)
	r.patterns[head] = append(r.patterns[head], p)
}

// String returns s with every secret and URL password replaced by Redacted. Without any it returns s itself.
func (r *Redactor) String(s string) string {
	if r != nil && len(r.patterns) > 0 {
		s = r.secrets(s)
	}
	return redactURLs(s)
}

func (r *Redactor) secrets(s string) string {
	var out strings.Builder
	done := 0
	for i := 0; i+1 < len(s); i++ {
		end := r.match(s, i)
		if end == 0 {
			continue
		}
		// A secret may begin inside another one; both go.
		for j := i + 1; j < end; j++ {
			end = max(end, r.match(s, j))
		}
		out.WriteString(s[done:i])
		out.WriteString(Redacted)
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
func (r *Redactor) match(s string, i int) int {
	if i+1 >= len(s) {
		return 0
	}
	head := uint16(s[i])<<8 | uint16(s[i+1])
	if r.heads[head/64]&(1<<(head%64)) == 0 {
		return 0
	}
	for _, p := range r.patterns[head] {
		if strings.HasPrefix(s[i:], p) {
			return i + len(p)
		}
	}
	return 0
}

// Format keeps the patterns out of everything that prints the Redactor.
func (r *Redactor) Format(f fmt.State, _ rune) { writeRedacted(f) }

// LogValue keeps the patterns out of logs.
func (r *Redactor) LogValue() slog.Value { return slog.StringValue("Redactor(" + Redacted + ")") }

// writeRedacted ignores the error as fmt has nobody to give it to.
func writeRedacted(w io.Writer) { _, _ = io.WriteString(w, Redacted) }
