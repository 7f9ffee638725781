package safehttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Client makes requests under one policy. It is safe for concurrent use and keeps connections open between requests.
type Client struct {
	policy    Policy
	transport *http.Transport
}

// Request is what a driver wants to send.
type Request struct {
	// Method is GET when empty. CONNECT and TRACE are refused.
	Method string
	// URL is checked again here (rule R47), whatever was checked when the definition was written.
	URL string
	// Header is checked by rule R59. It is not changed.
	Header http.Header
	// Body is sent as it is.
	Body []byte
}

// Response is what came back, whatever its status.
type Response struct {
	Status int
	Header http.Header
	// Body holds the first 64 KiB, decompressed.
	Body []byte
	// BodyTruncated tells that the body was longer than Body.
	BodyTruncated bool
	// BodySize is the length of the whole body after decompression, in bytes.
	BodySize int64
}

// New makes a client with a transport of its own. The error names the field of the policy that makes no sense.
func New(p Policy) (*Client, error) {
	p, err := p.normalized()
	if err != nil {
		return nil, err
	}
	c := &Client{policy: p}
	c.transport = &http.Transport{
		Proxy:                  nil, // never from the environment; see Policy.Proxy
		DialContext:            c.dial,
		TLSHandshakeTimeout:    p.TLSTimeout,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.RootCAs},
		ResponseHeaderTimeout:  p.HeaderTimeout,
		MaxResponseHeaderBytes: p.MaxHeader,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    4,
		// Short, so that a request seldom meets a connection that the server is just closing: we do not send it again.
		IdleConnTimeout: 30 * time.Second,
	}
	if p.Proxy != nil {
		c.transport.Proxy = http.ProxyURL(p.Proxy)
	}
	return c, nil
}

// CheckURL is Policy.CheckURL of the client's policy.
func (c *Client) CheckURL(raw string) (*url.URL, error) { return c.policy.CheckURL(raw) }

// Close drops the idle connections. Requests under way go on.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// dial opens a connection to a host name or address and port. The judgement sits in ControlContext, after the name was
// resolved and before the socket connects: that is the one place which sees the address that is really used.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: c.policy.DialTimeout, ControlContext: c.control}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	// With a proxy nothing else is dialled, and the operator named it. The port of an opened name was judged with its URL.
	if c.policy.Proxy != nil || c.policy.allowsName(host) {
		dialer.ControlContext = nil
	}
	return dialer.DialContext(ctx, network, address)
}

func (c *Client) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return &RefusedError{Rule: "only TCP is allowed"}
	}
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return &RefusedError{Rule: "the target has no valid address"}
	}
	return c.policy.JudgeAddress(addr)
}

// Do sends the request and reads the response to its end. Any status is a response and no error. Errors are
// *RefusedError, *LimitError or *CallError; Temporary tells them apart. The request is sent once: an error after that
// leaves to the caller whether to repeat it. A *LimitError and the refusal of a redirect come after the server has answered.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	hop, err := c.firstHop(r)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, c.policy.Timeout)
	defer cancel()

	var sent atomic.Bool // on any hop: the effect is unclear from the first one on
	for redirects := 0; ; redirects++ {
		resp, err := c.send(bounded, hop, &sent)
		if err != nil {
			return nil, c.callError(ctx, err, sent.Load())
		}
		next, err := c.nextHop(hop, resp, redirects)
		if next == nil && err == nil {
			return c.read(ctx, resp)
		}
		// The body of a redirect is not read; closing may cost the connection, nothing else.
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
		hop = next
	}
}

// firstHop checks everything that the caller wrote.
func (c *Client) firstHop(r Request) (*hop, error) {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	if !isToken(method) || slices.Contains([]string{http.MethodConnect, http.MethodTrace}, strings.ToUpper(method)) {
		return nil, &RefusedError{Rule: "the method is not allowed"}
	}
	u, err := c.policy.CheckURL(r.URL)
	if err != nil {
		return nil, err
	}
	header := make(http.Header, len(r.Header))
	for name, values := range r.Header {
		for _, value := range values {
			if err := CheckHeader(name, value); err != nil {
				return nil, err
			}
			header.Add(name, value)
		}
	}
	return &hop{method: method, url: u, header: header, body: r.Body}, nil
}

func (c *Client) send(ctx context.Context, h *hop, sent *atomic.Bool) (*http.Response, error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	var body io.Reader
	if len(h.body) > 0 {
		body = bytes.NewReader(h.body)
	}
	req, err := http.NewRequestWithContext(ctx, h.method, h.url.String(), body)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	req.Header = onceOnly(h.method, h.header)
	return c.transport.RoundTrip(req)
}

// onceOnly keeps the transport from repeating a request that must not be repeated (promise P4): it takes a header named
// Idempotency-Key in canonical form as leave to send a POST again when a kept connection breaks. Servers read header
// names in any case, the transport only in that one.
func onceOnly(method string, header http.Header) http.Header {
	header = header.Clone()
	if method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions {
		return header
	}
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := header[name]; ok {
			delete(header, name)
			header[strings.ToLower(name)] = values
		}
	}
	return header
}

// read takes the body to its end, which also gives the connection back for reuse, and keeps the beginning.
func (c *Client) read(ctx context.Context, resp *http.Response) (*Response, error) {
	// Only read from: an error of closing takes nothing away from what was read.
	defer func() { _ = resp.Body.Close() }()

	limited := &io.LimitedReader{R: resp.Body, N: c.policy.MaxBody + 1}
	kept, err := io.ReadAll(io.LimitReader(limited, KeptBody))
	if err != nil {
		return nil, c.callError(ctx, err, true)
	}
	rest, err := io.Copy(io.Discard, limited)
	if err != nil {
		return nil, c.callError(ctx, err, true)
	}
	size := int64(len(kept)) + rest
	if size > c.policy.MaxBody {
		return nil, &LimitError{What: "body", Limit: c.policy.MaxBody}
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: kept, BodyTruncated: rest > 0, BodySize: size}, nil
}
