package safehttp

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// refusedHeaders is the list of rule R59: headers that frame a message or choose the route, which only the client may set.
// All names that begin with Proxy- belong to it.
var refusedHeaders = []string{
	"Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Te", "Trailer",
}

// CheckHeader checks one header of a request by rule R59: the name is a token and not one of those that only the client
// sets, the value has no control character but the tab. The error is a *RefusedError; it repeats the name, never the
// value, which may be a secret.
func CheckHeader(name, value string) error {
	if !isToken(name) {
		return &RefusedError{Rule: fmt.Sprintf("the header name %q is not a token", name)}
	}
	canonical := http.CanonicalHeaderKey(name)
	if slices.Contains(refusedHeaders, canonical) || strings.HasPrefix(canonical, "Proxy-") {
		return &RefusedError{Rule: fmt.Sprintf("the header %q must not be set", canonical)}
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return &RefusedError{Rule: fmt.Sprintf("the value of header %q has a line break or another control character", canonical)}
		}
	}
	return nil
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		alnum := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !alnum && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}
