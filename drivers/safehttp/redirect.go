package safehttp

import (
	"net/http"
	"net/url"
	"strings"
)

// hop is one request of a chain of redirects.
type hop struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
}

// nextHop is the request that a response asks for by rule R57, or nil if the response is the answer. net/http's own
// redirects are not used: they keep headers for sub-domains and send a body again.
func (c *Client) nextHop(h *hop, resp *http.Response, redirects int) (*hop, error) {
	location := resp.Header.Get("Location")
	if !c.policy.FollowRedirects || location == "" {
		return nil, nil
	}
	method := h.method
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		if method != http.MethodHead {
			method = http.MethodGet
		}
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		if len(h.body) > 0 {
			return nil, &RefusedError{Rule: "a redirect asks for the body again, and a body is sent once only"}
		}
	default:
		return nil, nil
	}
	if redirects == MaxRedirects {
		return nil, &RefusedError{Rule: "more than 5 redirects"}
	}

	ref, err := url.Parse(location)
	if err != nil {
		return nil, &RefusedError{Rule: "a redirect has no valid target"}
	}
	target, err := c.policy.CheckURL(h.url.ResolveReference(ref).String())
	if err != nil {
		return nil, err
	}
	if h.url.Scheme == "https" && target.Scheme == "http" {
		return nil, &RefusedError{Rule: "a redirect from https to http is not followed"}
	}

	next := &hop{method: method, url: target, header: h.header.Clone()}
	if origin(target) != origin(h.url) {
		next.header = make(http.Header)
		if accept, ok := h.header["Accept"]; ok {
			next.header["Accept"] = accept
		}
	}
	// What described the body goes with it.
	for name := range next.header {
		if strings.HasPrefix(name, "Content-") {
			delete(next.header, name)
		}
	}
	return next, nil
}

// origin is scheme, host and port, with the default port filled in.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + canonicalName(u.Hostname()) + ":" + port
}
