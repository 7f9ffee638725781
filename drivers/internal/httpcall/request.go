package httpcall

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/jobs"
)

// request makes what is sent. The settings were checked.
func (s *Settings) request(task *jobs.Task) (safehttp.Request, error) {
	target, err := s.target()
	if err != nil {
		return safehttp.Request{}, err
	}
	body, contentType, err := encodeBody(s.Body)
	if err != nil {
		return safehttp.Request{}, err
	}
	header := http.Header{"User-Agent": {"Carillon"}}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	for _, group := range []map[string]string{s.Headers, s.SecretHeaders} {
		for name, value := range group {
			header.Set(name, value)
		}
	}
	if header.Get(headerKey) == "" && task.Key != "" {
		header.Set(headerKey, strconv.Quote(task.Key))
	}
	header.Set(HeaderAttempt, strconv.Itoa(max(task.Attempt, 1)))
	if s.Secret != "" {
		header.Set(HeaderSignature, Sign(s.Secret, body))
	}
	return safehttp.Request{Method: s.Method, URL: target, Header: header, Body: body}, nil
}

// Sign is the value of X-Signature-256 over exactly the bytes that are sent.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body) // a hash never fails
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// encodeBody gives the bytes of a body and its type: a string is text as it stands, anything else JSON.
func encodeBody(body json.RawMessage) ([]byte, string, error) {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0 || bytes.Equal(body, []byte("null")):
		return nil, "", nil
	case body[0] == '"':
		var text string
		if err := json.Unmarshal(body, &text); err != nil {
			return nil, "", fmt.Errorf("read body: %w", err)
		}
		return []byte(text), "text/plain; charset=utf-8", nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		return nil, "", fmt.Errorf("read body: %w", err)
	}
	return compact.Bytes(), "application/json", nil
}

// target is the URL with the query added to what it already has.
func (s *Settings) target() (string, error) {
	if len(s.Query) == 0 {
		return s.URL, nil
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return "", jobs.Invalid("url", "cannot be parsed") // the text of err holds the URL
	}
	values := url.Values{}
	for name, raw := range s.Query {
		list, err := queryValues(raw)
		if err != nil {
			return "", jobs.Invalid("query."+name, "must be a string, number, boolean, or a list of them")
		}
		values[name] = list
	}
	if more := values.Encode(); u.RawQuery == "" {
		u.RawQuery = more
	} else if more != "" {
		u.RawQuery += "&" + more
	}
	return u.String(), nil
}

// queryValues reads one member of query; null is left out.
func queryValues(raw json.RawMessage) ([]string, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var texts []string
	for _, item := range list {
		switch item.(type) {
		case nil:
		case string, bool, json.Number:
			texts = append(texts, fmt.Sprint(item))
		default:
			return nil, fmt.Errorf("a query value is %T", item)
		}
	}
	return texts, nil
}

// Preview is what a preview of a call shows (contract 6.8). Secrets are jobs.Redacted.
type Preview struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	// Body is JSON if the body is, else a string; null without a body.
	Body any `json:"body"`
}

func (s *Settings) preview(r safehttp.Request) Preview {
	p := Preview{Method: r.Method, URL: r.URL, Headers: map[string]string{}}
	for name := range r.Header {
		p.Headers[name] = r.Header.Get(name)
	}
	for name := range s.SecretHeaders {
		p.Headers[http.CanonicalHeaderKey(name)] = jobs.Redacted
	}
	if s.Secret != "" {
		p.Headers[HeaderSignature] = "sha256=" + jobs.Redacted
	}
	switch body := bytes.TrimSpace(s.Body); {
	case r.Body == nil:
	case body[0] == '"':
		p.Body = string(r.Body)
	default:
		p.Body = json.RawMessage(r.Body)
	}
	return p
}
