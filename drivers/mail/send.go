package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// Sender sends mail by one set of settings. It is safe for concurrent use and holds no connection between two mails.
type Sender struct {
	settings Settings // without the password
	// password is a function because fmt prints the fields of a struct that it reaches through an unexported field,
	// whatever methods they have; of a function it prints the address.
	password   func() string
	identities []*mail.Address
}

// Result tells what became of a mail that was sent to at least one recipient.
type Result struct {
	// Accepted and Rejected are addresses without display names, in the order of To, Cc, Bcc, each once.
	Accepted, Rejected []string
	// Reasons holds the server's answer for each address of Rejected.
	Reasons map[string]string
	// MessageID is the header's value, "<key@example.com>".
	MessageID string
}

// New makes a sender. It does not connect. The error names the setting that is wrong.
func New(s Settings) (*Sender, error) {
	s = s.withDefaults()
	if err := s.checkServer(); err != nil {
		return nil, err
	}
	identities, err := s.identities()
	if err != nil {
		return nil, err
	}
	password := s.Password
	s.Password = ""
	return &Sender{settings: s, password: func() string { return password }, identities: identities}, nil
}

// String names server and sender, without user name and password.
func (s *Sender) String() string { return s.settings.String() }

// Send sends one message to all its recipients in one transaction. A recipient that the server refuses is in
// Result.Rejected and the others get the mail; if all are refused that is an error. Every error is a *SendError; for a
// Kind of Temporary or Permanent nobody got the mail.
//
// The dialog is ours, on go-mail's SMTP client, because go-mail's own Send drops the mail for all when one recipient is
// refused, lets the context end the dialling only, and does not close a connection whose TLS or log-in failed.
func (s *Sender) Send(ctx context.Context, m Message) (Result, error) {
	e, err := s.parse(m)
	if err != nil {
		return Result{}, &SendError{Kind: Permanent, Reason: err.Error(), cause: err}
	}
	ctx, cancel := context.WithTimeout(ctx, s.settings.Timeout)
	defer cancel()

	body, id, err := write(ctx, m, e)
	if errors.Is(err, errTooLarge) {
		return Result{}, &SendError{Kind: Permanent, Reason: err.Error(), cause: err}
	}
	if err != nil {
		return Result{}, unsent(ctx, "compose", err)
	}

	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(s.settings.Host, strconv.Itoa(s.settings.Port)))
	if err != nil {
		return Result{}, unsent(ctx, "connect", err)
	}
	// Closing is what ends a dialog that waits for the server; errors of closing change nothing.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() { stop(); _ = conn.Close() }()

	client, err := s.greet(ctx, conn, asciiDomain(e.from.Address))
	if err != nil {
		return Result{}, err
	}
	result, err := transact(ctx, client, e, body)
	if err != nil {
		return Result{}, err
	}
	result.MessageID = id
	// The mail is accepted; saying good-bye is a courtesy that must not change that, nor take long.
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_ = client.Quit()
	return result, nil
}

// greet brings the connection to the point where a mail can be given: greeting, TLS, log-in.
func (s *Sender) greet(ctx context.Context, conn net.Conn, name string) (*smtp.Client, error) {
	config := &tls.Config{ServerName: s.settings.Host, RootCAs: s.settings.RootCAs, MinVersion: tls.VersionTLS12}
	if s.settings.TLS == TLSImplicit {
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, unsent(ctx, "TLS", err)
		}
		conn = secured
	}
	client, err := smtp.NewClient(conn, s.settings.Host)
	if err != nil {
		return nil, unsent(ctx, "greeting", err)
	}
	if err := client.Hello(name); err != nil {
		return nil, unsent(ctx, "greeting", err)
	}
	if s.settings.TLS == TLSRequired {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return nil, &SendError{Kind: Permanent, Reason: "TLS is required and the server does not offer it"}
		}
		if err := client.StartTLS(config); err != nil {
			return nil, unsent(ctx, "TLS", err)
		}
	}
	if s.settings.Username == "" {
		return client, nil
	}
	return client, s.logIn(ctx, client)
}

func (s *Sender) logIn(ctx context.Context, client *smtp.Client) error {
	_, text := client.Extension("AUTH")
	offered := strings.Fields(strings.ToUpper(text))
	// checkServer allowed plain text to loopback only.
	plain := s.settings.TLS == TLSNone
	var auth smtp.Auth
	switch {
	case slices.Contains(offered, "SCRAM-SHA-256"):
		auth = smtp.ScramSHA256Auth(s.settings.Username, s.password())
	case slices.Contains(offered, "PLAIN"):
		auth = smtp.PlainAuth("", s.settings.Username, s.password(), s.settings.Host, plain)
	case slices.Contains(offered, "LOGIN"):
		auth = smtp.LoginAuth(s.settings.Username, s.password(), s.settings.Host, plain)
	default:
		return &SendError{Kind: Permanent, Reason: "log-in: the server offers no method that we know"}
	}
	err := client.Auth(auth)
	var reply *textproto.Error
	if errors.As(err, &reply) && ctx.Err() == nil {
		// The text is left out: some servers repeat what they were sent.
		kind := Permanent
		if reply.Code/100 == 4 {
			kind = Temporary
		}
		return &SendError{Kind: kind, Reason: fmt.Sprintf("log-in: the server answered %d", reply.Code)}
	}
	if err != nil {
		return unsent(ctx, "log-in", err)
	}
	return nil
}

// transact gives one message to the server: sender, each recipient with its own answer, data.
func transact(ctx context.Context, client *smtp.Client, e *envelope, body []byte) (Result, error) {
	recipients := e.recipients()
	if err := checkServerLimits(client, e, len(body)); err != nil {
		return Result{}, err
	}
	foreign, _ := client.Extension("SMTPUTF8")
	needed := slices.ContainsFunc(append([]string{e.from.Address}, recipients...), func(a string) bool { return !isASCII(a) })
	// Asked for only if needed: a mail so marked cannot be passed on to servers that do not know it.
	client.SkipSMTPUTF8(!needed)
	if err := client.Mail(path(e.from.Address)); err != nil {
		return Result{}, unsent(ctx, "sender", err)
	}

	result := Result{Reasons: map[string]string{}}
	var refusal *SendError
	for _, address := range recipients {
		var err error = &textproto.Error{Code: 553, Msg: "no support for addresses outside of ASCII"}
		if foreign || isASCII(address) {
			err = client.Rcpt(path(address))
		}
		var reply *textproto.Error
		if err != nil && (ctx.Err() != nil || !errors.As(err, &reply)) {
			return Result{}, unsent(ctx, "recipient", err)
		}
		if err == nil {
			result.Accepted = append(result.Accepted, address)
			continue
		}
		result.Rejected = append(result.Rejected, address)
		result.Reasons[address] = answer(reply)
		// If all are refused, one that may be taken later makes the whole worth another try.
		if one := unsent(ctx, "all recipients refused", err); refusal == nil || one.Kind == Temporary {
			refusal = one
		}
	}
	if len(result.Accepted) == 0 {
		return Result{}, refusal
	}

	w, err := client.Data()
	if err != nil {
		return Result{}, unsent(ctx, "data", err)
	}
	if _, err := w.Write(body); err != nil {
		return Result{}, unsent(ctx, "data", err)
	}
	// From here on the end of the data may have reached the server.
	if err := w.Close(); err != nil {
		return Result{}, afterData(ctx, err)
	}
	return result, nil
}

// checkServerLimits refuses what the server has announced not to take, before anything is transferred.
func checkServerLimits(client *smtp.Client, e *envelope, size int) error {
	if ok, _ := client.Extension("SMTPUTF8"); !ok && !isASCII(e.from.Address) {
		return &SendError{Kind: Permanent, Reason: "the server takes no sender outside of ASCII"}
	}
	ok, text := client.Extension("SIZE")
	if limit, err := strconv.Atoi(text); ok && err == nil && limit > 0 && size > limit {
		return &SendError{Kind: Permanent, Reason: fmt.Sprintf("the message has %d bytes and the server takes %d", size, limit)}
	}
	return nil
}

// recipients are the addresses of the envelope, each once.
func (e *envelope) recipients() []string {
	var list []string
	for _, a := range slices.Concat(e.to, e.cc, e.bcc) {
		if !slices.Contains(list, a.Address) {
			list = append(list, a.Address)
		}
	}
	return list
}

// path is an address as an SMTP command takes it. Parsed addresses are dot-atoms, so nothing needs quoting.
func path(address string) string { return "<" + address + ">" }
