package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"unicode"
)

// Kind says what is known about a mail that was not confirmed.
type Kind string

const (
	// Temporary: the mail was not sent, and another try makes sense.
	Temporary Kind = "temporary"
	// Permanent: the mail was not sent, and another try does not help.
	Permanent Kind = "permanent"
	// Unknown: the whole mail was handed over and the answer is missing, so it may have been sent. A retry may make a second
	// one, with the same Message-ID.
	Unknown Kind = "unknown"
)

// SendError is the error of Send.
type SendError struct {
	Kind Kind
	// Reason is for people; it holds no password.
	Reason string

	cause error
}

// Error is the reason and, for Unknown, that the outcome is unclear (promise P10).
func (e *SendError) Error() string {
	if e.Kind == Unknown {
		return "mail may have been sent: " + e.Reason
	}
	return "mail not sent: " + e.Reason
}

// Unwrap gives the cause, context.Canceled among others.
func (e *SendError) Unwrap() error { return e.cause }

var errTooLarge = fmt.Errorf("the message is larger than %d bytes", MaxMessage)

// unsent classifies an error from before the end of the data: the mail is known not to have been sent, since a server may
// not deliver what has no end (RFC 5321, section 4.1.1.4).
func unsent(ctx context.Context, during string, err error) *SendError {
	e := &SendError{Kind: Temporary, cause: err}
	var (
		reply       *textproto.Error
		protocol    textproto.ProtocolError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
	)
	switch {
	case ctx.Err() != nil:
		// The connection was closed under the dialog, so err is only a consequence.
		e.cause = ctx.Err()
		e.Reason = during + ": " + ended(ctx)
	case errors.As(err, &reply):
		if reply.Code/100 != 4 {
			e.Kind = Permanent
		}
		e.Reason = during + ": " + answer(reply)
	case errors.As(err, &protocol):
		e.Kind, e.Reason = Permanent, during+": the server does not speak SMTP"
	case errors.As(err, &certificate):
		e.Kind, e.Reason = Permanent, during+": the certificate of the server is not valid: "+certificate.Err.Error()
	case errors.As(err, &record):
		e.Kind, e.Reason = Permanent, during+": the server does not speak TLS"
	default:
		e.Reason = during + ": " + plainText(err)
	}
	return e
}

// plainText leaves out addresses of the inner network, which the user of a job has no business to know.
func plainText(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return "the mail server's name cannot be looked up: " + dns.Err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "the connection broke"
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return err.Error()
}

// afterData classifies an error of the answer to the whole message.
func afterData(ctx context.Context, err error) *SendError {
	var reply *textproto.Error
	if errors.As(err, &reply) && (reply.Code/100 == 4 || reply.Code/100 == 5) {
		return unsent(context.WithoutCancel(ctx), "message", err)
	}
	e := &SendError{Kind: Unknown, Reason: "the connection broke before the server confirmed it", cause: err}
	if ctx.Err() != nil {
		e.Reason, e.cause = ended(ctx)+" before the server confirmed it", ctx.Err()
	}
	return e
}

func ended(ctx context.Context) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "time-out"
	}
	return "cancelled"
}

// answer is a reply of the server, in one line of bounded length.
func answer(reply *textproto.Error) string {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, reply.Msg)
	if len(text) > 200 {
		text = text[:200] + "..."
	}
	return fmt.Sprintf("the server answered %d %s", reply.Code, strings.ToValidUTF8(text, ""))
}
