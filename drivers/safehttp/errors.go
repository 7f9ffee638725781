package safehttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
)

// RefusedError says that a rule forbids the request. Another try does not help. Its text names the rule and neither the
// address nor the URL, so that a refusal tells nothing about the network behind it (rule R59).
type RefusedError struct {
	// Rule is one sentence for people.
	Rule string
}

// Error is the rule.
func (e *RefusedError) Error() string { return "request refused: " + e.Rule }

// LimitError says that a response is larger than the policy allows. Another try does not help.
type LimitError struct {
	// What is "body" or "header".
	What string
	// Limit is in bytes.
	Limit int64
}

// Error names the part and its limit.
func (e *LimitError) Error() string {
	return fmt.Sprintf("the %s of the response is larger than %d bytes", e.What, e.Limit)
}

// CallError says that a request got no usable response for a reason outside of our rules.
type CallError struct {
	// Reason is for people; it holds no address, URL or header.
	Reason string
	// Sent tells that the request may have reached the server, so that its effect is unclear.
	Sent bool

	temporary bool
	cause     error
}

// Error is the reason.
func (e *CallError) Error() string { return "call: " + e.Reason }

// Unwrap gives the cause. Its text may name inner addresses: use it with errors.Is and errors.As, do not show it.
func (e *CallError) Unwrap() error { return e.cause }

// Temporary reports whether another try makes sense: the connection could not be made or broke, or a time-out passed.
// Refusals, limits, certificates that are not valid, unknown names and a cancelled context are not temporary.
func Temporary(err error) bool {
	var call *CallError
	return errors.As(err, &call) && call.temporary
}

// callError classifies an error of the transport. ctx is the caller's: its end is told apart from our own time-outs.
func (c *Client) callError(ctx context.Context, err error, sent bool) error {
	var refused *RefusedError
	if errors.As(err, &refused) {
		return refused
	}
	var limit *LimitError
	if errors.As(err, &limit) {
		return limit
	}
	// net/http has no type for this one; its text is compared in a test so that a change is noticed.
	if strings.Contains(err.Error(), "server response headers exceeded") {
		return &LimitError{What: "header", Limit: c.policy.MaxHeader}
	}
	reason, temporary := classify(ctx, err)
	return &CallError{Reason: reason, Sent: sent, temporary: temporary, cause: err}
}

func classify(ctx context.Context, err error) (reason string, temporary bool) {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return "ended by the caller: " + ctxErr.Error(), errors.Is(ctxErr, context.DeadlineExceeded)
	}
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		netErr      net.Error
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the host name does not exist", false
	case errors.As(err, &dns):
		return "the host name could not be looked up", true
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &hostname):
		return "the certificate of the server is not valid", false
	case errors.As(err, &record):
		return "the server does not speak TLS", false
	case errors.As(err, &alert):
		return "the server ended the TLS handshake", false
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return "time-out", true
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused", true
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke", true
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return "the connection failed", true
	}
	// *url.Error would put the URL in front.
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		err = urlErr.Err
	}
	text := err.Error()
	if len(text) > 200 { // net/http quotes what the server sent
		text = strings.ToValidUTF8(text[:200], "") + "..."
	}
	return "the response cannot be read: " + text, false
}
