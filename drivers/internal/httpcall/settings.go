// Package httpcall is what the drivers api-call and webhook share: settings, the request that is made of them, and what the
// answer means for the step.
package httpcall

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/jobs"
)

// DefaultTimeout is timeoutSeconds when it is left out (contract 13.1).
const DefaultTimeout = 30 * time.Second

// HeaderAttempt carries the number of the attempt (rule R19).
const HeaderAttempt = "X-Job-Attempt"

// HeaderSignature carries the signature of the body.
const HeaderSignature = "X-Signature-256"

// headerKey carries the effect key (rule R19), as a string of a structured header.
const headerKey = "Idempotency-Key"

// Settings are the fields of both drivers. Which of them a driver takes is a matter of its schema.
type Settings struct {
	URL           string                     `json:"url"`
	Method        string                     `json:"method"`
	Headers       map[string]string          `json:"headers"`
	SecretHeaders map[string]string          `json:"secretHeaders"`
	Query         map[string]json.RawMessage `json:"query"`
	// Body is sent as it is if it is a string, else as JSON; null is no body.
	Body json.RawMessage `json:"body"`
	// Secret signs the body.
	Secret         string `json:"secret"`
	ExpectStatus   []int  `json:"expectStatus"`
	TimeoutSeconds int    `json:"timeoutSeconds"`
}

// CheckDefinition checks settings as a user writes them, beyond their schema: strings may hold placeholders and secrets may
// be left out. The error is a *jobs.ValidationError.
func CheckDefinition(data json.RawMessage, checkURL func(string) (*url.URL, error)) error {
	var s Settings
	if len(data) > 0 {
		if err := json.Unmarshal(data, &s); err != nil {
			return jobs.Invalid("", "does not fit the schema") // the text of err may hold a value
		}
	}
	var faults jobs.Faults
	switch {
	case jobs.PlaceholdersInAuthority(s.URL):
		faults.Add("url", "may hold placeholders only behind the host: scheme, host and port are fixed")
	case jobs.HasPlaceholder(s.URL):
		s.checkURL(&faults, authority(s.URL), checkURL)
	default:
		s.checkURL(&faults, s.URL, checkURL)
	}
	s.checkHeaders(&faults)
	for name, value := range s.SecretHeaders {
		if jobs.HasPlaceholder(value) {
			faults.Add("secretHeaders."+name, "may not hold placeholders: it is a secret")
		}
	}
	if jobs.HasPlaceholder(s.Secret) {
		faults.Add("secret", "may not hold placeholders: it is a secret")
	}
	return faults.Err()
}

// check checks settings as they are used, again after placeholders were replaced (rule R47).
func (s *Settings) check(checkURL func(string) (*url.URL, error)) error {
	var faults jobs.Faults
	s.checkURL(&faults, s.URL, checkURL)
	s.checkHeaders(&faults)
	return faults.Err()
}

func (s *Settings) checkURL(faults *jobs.Faults, text string, checkURL func(string) (*url.URL, error)) {
	if _, err := checkURL(text); err != nil {
		faults.Add("url", "is refused: %s", ruleOf(err))
	}
}

func (s *Settings) checkHeaders(faults *jobs.Faults) {
	seen := map[string]bool{}
	for _, group := range []struct {
		field   string
		headers map[string]string
	}{{"headers", s.Headers}, {"secretHeaders", s.SecretHeaders}} {
		for name, value := range group.headers {
			path := jobs.JoinPath(group.field, name)
			if err := safehttp.CheckHeader(name, value); err != nil {
				faults.Add(path, "is refused: %s", ruleOf(err))
				continue
			}
			canonical := http.CanonicalHeaderKey(name)
			if canonical == HeaderAttempt || canonical == HeaderSignature {
				faults.Add(path, "is set by the driver")
			}
			if seen[canonical] {
				faults.Add(path, "is given twice")
			}
			seen[canonical] = true
		}
	}
}

// ruleOf is the sentence of a refusal.
func ruleOf(err error) string {
	if refused, ok := errors.AsType[*safehttp.RefusedError](err); ok {
		return refused.Rule
	}
	return err.Error()
}

// authority cuts path, query and fragment off.
func authority(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return scheme + "://" + rest
}

// Target is scheme, host and port of the URL in settings, "https://example.com:443"; empty if there is none. Secrets are
// bound to it (rule R46).
func Target(data json.RawMessage) string {
	var s Settings
	if json.Unmarshal(data, &s) != nil {
		return "" // no URL that could be read, no target
	}
	u, err := url.Parse(authority(s.URL))
	if err != nil || u.Hostname() == "" {
		return ""
	}
	port := u.Port()
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return ""
	case port == "" && u.Scheme == "http":
		port = "80"
	case port == "":
		port = "443"
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// secrets are the opened secret values.
func (s *Settings) secrets() []string {
	var list []string
	if s.Secret != "" {
		list = append(list, s.Secret)
	}
	for _, value := range s.SecretHeaders {
		list = append(list, value)
		// "Bearer abc": the part behind the scheme is the secret that a server may repeat alone.
		if _, credential, ok := strings.Cut(value, " "); ok {
			list = append(list, credential)
		}
	}
	return list
}

// Idempotent reports whether a request with this method may be sent again (reliability section 2). OPTIONS changes nothing
// either (RFC 9110, section 9.2.2).
func Idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return true
	}
	return false
}
