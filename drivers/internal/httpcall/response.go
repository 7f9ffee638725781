package httpcall

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/jobs"
)

// Shares of jobs.MaxStepOutput, in bytes as JSON. A body of 64 KiB may be six times as long there.
const (
	maxHeadersJSON = 64 << 10
	maxBodyJSON    = 160 << 10
)

// Response is the output of a call (contract 13.1).
type Response struct {
	Status int `json:"status"`
	// Headers have names in lower case; several values of one name are joined by ", ". Set-Cookie is left out.
	Headers map[string]string `json:"headers"`
	// Body is a JSON value if the body is JSON, else a string.
	Body any `json:"body"`
	// Truncated tells that a part of headers or body was left out because it was too large.
	Truncated bool `json:"truncated,omitempty"`
}

func newResponse(r *safehttp.Response) Response {
	out := Response{Status: r.Status, Headers: map[string]string{}, Truncated: r.BodyTruncated}
	left := maxHeadersJSON
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name == "Set-Cookie" {
			continue // what signs somebody in does not belong into a history
		}
		value := strings.ToValidUTF8(strings.Join(r.Header[name], ", "), "\uFFFD")
		cost := jsonLen(name) + jsonLen(value)
		if cost > left {
			out.Truncated = true
			continue
		}
		left -= cost
		out.Headers[strings.ToLower(name)] = value
	}
	if !r.BodyTruncated && isJSON(r.Header.Get("Content-Type"), r.Body) {
		// Marshal as the engine will: it writes <, > and & as escapes of six bytes.
		if text, err := json.Marshal(json.RawMessage(r.Body)); err == nil && len(text) <= maxBodyJSON {
			out.Body = json.RawMessage(text)
			return out
		}
	}
	text, cut := fit(strings.ToValidUTF8(string(r.Body), "\uFFFD"), maxBodyJSON)
	out.Body, out.Truncated = text, out.Truncated || cut
	return out
}

// isJSON reports whether a body is to be parsed: any value if the server calls it JSON, and also an object or array that
// is valid under another name, since many servers do not set the type. A body with a number beyond float64, such as
// 1e999, stays text: programs that read it later would stumble over it.
func isJSON(contentType string, body []byte) bool {
	if !json.Valid(body) || !ordinaryNumbers(body) {
		return false
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err == nil && (media == "application/json" || strings.HasSuffix(media, "+json")) {
		return true
	}
	text := strings.TrimLeft(string(body), " \t\r\n")
	return text[0] == '{' || text[0] == '['
}

func ordinaryNumbers(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		if n, ok := token.(json.Number); ok {
			if _, err := n.Float64(); err != nil {
				return false
			}
		}
	}
}

// jsonLen is the length of s as a JSON string.
func jsonLen(s string) int {
	n := 2
	for _, r := range s {
		n += runeLen(r)
	}
	return n
}

// runeLen is the length of a character in the JSON of encoding/json, at most.
func runeLen(r rune) int {
	switch {
	case r == '"' || r == '\\' || r == '\n' || r == '\r' || r == '\t':
		return 2
	case r < ' ' || r == '<' || r == '>' || r == '&' || r == '\u2028' || r == '\u2029':
		return 6
	}
	return utf8.RuneLen(r)
}

// fit cuts valid UTF-8 so that its JSON has at most limit bytes.
func fit(s string, limit int) (text string, cut bool) {
	n := 2
	for i, r := range s {
		if n += runeLen(r); n > limit {
			return s[:i], true
		}
	}
	return s, false
}

// expected reports whether a status is a success.
func (s *Settings) expected(status int) bool {
	if len(s.ExpectStatus) > 0 {
		return slices.Contains(s.ExpectStatus, status)
	}
	return status >= 200 && status < 300
}

// advise marks the error of an unexpected status with what it says of another try.
func advise(r *safehttp.Response, err error) error {
	switch r.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if pause, ok := retryAfter(r.Header); ok {
			return jobs.RetryAfter(pause, err)
		}
		return err
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return err
	}
	if r.Status >= 500 {
		return err
	}
	return jobs.Permanent(err)
}

// retryAfter reads Retry-After (RFC 9110, section 10.2.3): seconds, or a date. A date is compared with the server's own
// clock where it told the time.
func retryAfter(h http.Header) (time.Duration, bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0, false
	}
	if strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.ParseInt(text, 10, 32)
		if err != nil { // out of range; more than the engine waits anyway
			return time.Hour, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(at.Sub(now), 0), true
}
