package mailtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	jobmail "github.com/carillon-go/carillon/drivers/mail"
)

// From is the sender that URL and Settings name.
const From = "jobs@carillon.test"

// TLSOffer says what protection the server has. The zero value is STARTTLS.
type TLSOffer int

const (
	// StartTLS offers STARTTLS.
	StartTLS TLSOffer = iota
	// ImplicitTLS speaks TLS from the first byte.
	ImplicitTLS
	// PlainText has no TLS.
	PlainText
)

// Options of a server. The zero value has STARTTLS and no log-in.
type Options struct {
	TLS TLSOffer
	// Username and Password are demanded from clients when set.
	Username, Password string
	// MaxMessageBytes is announced and enforced; 0 means no limit.
	MaxMessageBytes int64
}

// Mode says how the server behaves towards the next mails. The zero value accepts everything.
type Mode struct {
	// Refuse answers 550 to these recipients.
	Refuse []string
	// Defer answers 450 to these recipients.
	Defer []string
	// RefuseAll answers 550 to every recipient.
	RefuseAll bool
	// DataCode is the answer to the whole message instead of 250, such as 451 or 554. The mail is not kept.
	DataCode int
	// DropAfterData keeps the mail and closes the connection instead of answering: the answer is lost.
	DropAfterData bool
	// DropBeforeData closes the connection when the first recipient is named.
	DropBeforeData bool
	// HoldData keeps the mail and never answers; HoldRecipient never answers to the first recipient. The client has to
	// end it, and Held tells when the server has arrived there.
	HoldData, HoldRecipient bool
}

// Received is one mail as it arrived.
type Received struct {
	// From and To are the envelope; Bcc recipients are in To.
	From string
	To   []string
	// Data is header and body as sent.
	Data string
	// Header is the header of Data, with values as sent.
	Header mail.Header
	// TLS tells whether it came over a protected connection; Username who had logged in.
	TLS      bool
	Username string
}

// Server is a running mail server. It ends with the test.
type Server struct {
	options Options
	addr    string
	roots   *x509.CertPool
	held    chan struct{}
	done    chan struct{}

	mu       sync.Mutex // guards the fields below
	mode     Mode
	received []Received
	changed  chan struct{} // closed and replaced when a mail arrives
}

// Start runs a server on a free loopback port until the test ends.
func Start(tb testing.TB, options Options) *Server {
	tb.Helper()
	certificate, roots := selfSigned(tb)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("mailtest: listen: %v", err)
	}
	s := &Server{
		options: options, addr: listener.Addr().String(), roots: roots,
		// One place is enough: a test has one held connection at a time, further ones are not announced.
		held: make(chan struct{}, 1), done: make(chan struct{}), changed: make(chan struct{}),
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server := smtp.NewServer(smtp.BackendFunc(s.session))
	server.Domain = "mail.carillon.test"
	server.MaxMessageBytes = options.MaxMessageBytes
	server.EnableSMTPUTF8 = true
	server.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what tests are after
	switch options.TLS {
	case StartTLS:
		server.TLSConfig = config
	case ImplicitTLS:
		listener = tls.NewListener(listener, config)
	case PlainText:
		server.AllowInsecureAuth = true
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	tb.Cleanup(func() {
		close(s.done)
		if err := server.Close(); err != nil {
			tb.Errorf("mailtest: close: %v", err)
		}
		// Serve may not have taken the listener over yet; then Close did not close it.
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			tb.Errorf("mailtest: close listener: %v", err)
		}
		if err := <-served; err != nil {
			tb.Errorf("mailtest: serve: %v", err)
		}
	})
	return s
}

// Addr is host and port.
func (s *Server) Addr() string { return s.addr }

// RootCAs holds the certificate of this server.
func (s *Server) RootCAs() *x509.CertPool { return s.roots }

// URL is the server for mail.ParseURL, with log-in and From. The certificate cannot be part of it: see RootCAs.
func (s *Server) URL() string {
	u := url.URL{Scheme: "smtp", Host: s.addr}
	query := url.Values{"from": {From}}
	switch s.options.TLS {
	case ImplicitTLS:
		u.Scheme = "smtps"
	case PlainText:
		query.Set("tls", "none")
	case StartTLS:
	}
	if s.options.Username != "" {
		u.User = url.UserPassword(s.options.Username, s.options.Password)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// Settings are URL and RootCAs together, ready for mail.New.
func (s *Server) Settings() jobmail.Settings {
	settings, err := jobmail.ParseURL(s.URL())
	if err != nil {
		panic(fmt.Sprintf("mailtest: own URL: %v", err)) // a fault of this package
	}
	settings.RootCAs = s.roots
	return settings
}

// SetMode changes how the server behaves from now on.
func (s *Server) SetMode(m Mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = m
}

// Held receives a value when a client has arrived at the place where Mode holds it.
func (s *Server) Held() <-chan struct{} { return s.held }

// Messages are the mails kept so far, oldest first.
func (s *Server) Messages() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// Wait returns when at least n mails have arrived, or with the error of ctx.
func (s *Server) Wait(ctx context.Context, n int) ([]Received, error) {
	for {
		s.mu.Lock()
		received, changed := slices.Clone(s.received), s.changed
		s.mu.Unlock()
		if len(received) >= n {
			return received, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return received, fmt.Errorf("wait for %d mails, have %d: %w", n, len(received), context.Cause(ctx))
		}
	}
}

func (s *Server) current() Mode {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode
}

func (s *Server) keep(from string, to []string, data []byte, encrypted bool, username string) error {
	parsed, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return &smtp.SMTPError{Code: 554, Message: "not a message: " + err.Error()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = append(s.received, Received{
		From: from, To: to, Data: string(data), Header: parsed.Header, TLS: encrypted, Username: username,
	})
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// hold blocks until the server ends. A client that has gone away is noticed then, which is soon enough for a test.
func (s *Server) hold() error {
	select {
	case s.held <- struct{}{}:
	default:
	}
	<-s.done
	return &smtp.SMTPError{Code: 421, Message: "closing"}
}
