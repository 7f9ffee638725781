package mail_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers/mail"
	"github.com/carillon-go/carillon/drivers/mail/mailtest"
)

func newSender(t testing.TB, settings mail.Settings) *mail.Sender {
	t.Helper()
	s, err := mail.New(settings)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return s
}

func plain(to ...string) mail.Message {
	return mail.Message{To: to, Subject: "Done", Text: "All is well.\n", Key: "KEY1"}
}

func wantKind(t testing.TB, err error, kind mail.Kind, part string) {
	t.Helper()
	var e *mail.SendError
	if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(e.Reason, part) {
		t.Fatalf("Send = %v, want a *SendError of kind %s with %q", err, kind, part)
	}
}

func TestSender_Send(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		options   mailtest.Options
		encrypted bool
	}{
		{"with STARTTLS and log-in", mailtest.Options{Username: "u@x", Password: "p:/?#ä"}, true},
		{"with TLS from the start", mailtest.Options{TLS: mailtest.ImplicitTLS, Username: "u", Password: "p"}, true},
		{"in plain text by choice", mailtest.Options{TLS: mailtest.PlainText, Username: "u", Password: "p"}, false},
		{"without log-in", mailtest.Options{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := mailtest.Start(t, c.options)
			m := plain("Änn <ann@example.com>", "bob@example.com")
			m.Cc, m.Bcc, m.ReplyTo = []string{"bob@example.com", "cee@example.com"}, []string{"Dee <dee@example.com>"}, []string{"r@example.com"}
			got, err := newSender(t, server.Settings()).Send(t.Context(), m)
			if err != nil {
				t.Fatalf("Send: %v", err)
			}
			all := []string{"ann@example.com", "bob@example.com", "cee@example.com", "dee@example.com"}
			want := mail.Result{Accepted: all, Reasons: map[string]string{}, MessageID: "<KEY1@carillon.test>"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Result (-want +got):\n%s", diff)
			}
			received, err := server.Wait(t.Context(), 1)
			if err != nil || len(received) != 1 {
				t.Fatalf("Wait = %d mails, %v", len(received), err)
			}
			r := received[0]
			if r.From != mailtest.From || !cmp.Equal(r.To, all) || r.TLS != c.encrypted || r.Username != c.options.Username {
				t.Errorf("received %q to %q, TLS %v, user %q", r.From, r.To, r.TLS, r.Username)
			}
			if strings.Contains(r.Data, "dee@") {
				t.Errorf("the message shows the Bcc recipient:\n%s", r.Data)
			}
			for name, want := range map[string]string{
				"Message-Id": "<KEY1@carillon.test>", "Subject": "Done", "From": "<jobs@carillon.test>", "Cc": "<bob@example.com>, <cee@example.com>",
				"Reply-To": "<r@example.com>", "Auto-Submitted": "auto-generated", "User-Agent": "", "X-Mailer": "",
			} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("header %s = %q, want %q", name, got, want)
				}
			}
			if to, err := r.Header.AddressList("To"); err != nil || len(to) != 2 || to[0].Name != "Änn" {
				t.Errorf("To = %v, %v", to, err)
			}
		})
	}
}

func TestSender_Send_refusedRecipients(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	sender := newSender(t, server.Settings())

	server.SetMode(mailtest.Mode{Refuse: []string{"b@example.com"}, Defer: []string{"d@example.com"}})
	got, err := sender.Send(t.Context(), plain("a@example.com", "b@example.com", "c@example.com", "d@example.com"))
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	if !cmp.Equal(got.Accepted, []string{"a@example.com", "c@example.com"}) || !cmp.Equal(got.Rejected, []string{"b@example.com", "d@example.com"}) {
		t.Errorf("accepted %q, rejected %q", got.Accepted, got.Rejected)
	}
	if !strings.Contains(got.Reasons["b@example.com"], "550") || !strings.Contains(got.Reasons["d@example.com"], "450") {
		t.Errorf("reasons %q", got.Reasons)
	}
	if r := server.Messages(); len(r) != 1 || !cmp.Equal(r[0].To, got.Accepted) {
		t.Errorf("received %+v, want one mail for the accepted", r)
	}

	server.SetMode(mailtest.Mode{RefuseAll: true})
	_, err = sender.Send(t.Context(), plain("a@example.com", "b@example.com"))
	wantKind(t, err, mail.Permanent, "no such mailbox")

	server.SetMode(mailtest.Mode{Refuse: []string{"a@example.com"}, Defer: []string{"b@example.com"}})
	for _, to := range [][]string{{"a@example.com", "b@example.com"}, {"b@example.com", "a@example.com"}} {
		_, err = sender.Send(t.Context(), plain(to...))
		wantKind(t, err, mail.Temporary, "busy")
	}
	if n := len(server.Messages()); n != 1 {
		t.Errorf("%d mails received, want 1", n)
	}
}

func TestSender_Send_answersToTheMessage(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{MaxMessageBytes: 4000})
	sender := newSender(t, server.Settings())
	for code, kind := range map[int]mail.Kind{451: mail.Temporary, 554: mail.Permanent} {
		server.SetMode(mailtest.Mode{DataCode: code})
		_, err := sender.Send(t.Context(), plain("a@example.com"))
		wantKind(t, err, kind, fmt.Sprint(code))
	}
	server.SetMode(mailtest.Mode{DropBeforeData: true})
	_, err := sender.Send(t.Context(), plain("a@example.com"))
	wantKind(t, err, mail.Temporary, "broke")

	server.SetMode(mailtest.Mode{})
	large := plain("a@example.com")
	large.Text = strings.Repeat("x", 5000)
	_, err = sender.Send(t.Context(), large)
	wantKind(t, err, mail.Permanent, "takes 4000")
	if n := len(server.Messages()); n != 0 {
		t.Errorf("%d mails received, want none", n)
	}

	server.SetMode(mailtest.Mode{DropAfterData: true})
	_, err = sender.Send(t.Context(), plain("a@example.com"))
	wantKind(t, err, mail.Unknown, "broke")
	if r := server.Messages(); len(r) != 1 || r[0].Header.Get("Message-Id") != "<KEY1@carillon.test>" {
		t.Errorf("the mail whose answer was lost was not kept")
	}
}

func TestSender_Send_ended(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		mode mailtest.Mode
		kind mail.Kind
	}{
		{"before the data", mailtest.Mode{HoldRecipient: true}, mail.Temporary},
		{"after the data", mailtest.Mode{HoldData: true}, mail.Unknown},
	} {
		t.Run("cancelled "+c.name, func(t *testing.T) {
			server := mailtest.Start(t, mailtest.Options{})
			server.SetMode(c.mode)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-server.Held(); cancel() }()
			_, err := newSender(t, server.Settings()).Send(ctx, plain("a@example.com"))
			wantKind(t, err, c.kind, "cancelled")
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v does not match context.Canceled", err)
			}
		})
		t.Run("time-out "+c.name, func(t *testing.T) {
			server := mailtest.Start(t, mailtest.Options{TLS: mailtest.PlainText})
			server.SetMode(c.mode)
			_, err := newSender(t, server.Settings()).Send(expiring(t, server.Held()), plain("a@example.com"))
			wantKind(t, err, c.kind, "time-out")
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v does not match context.DeadlineExceeded", err)
			}
		})
	}
}

// expires is a context whose deadline passes when the server has arrived at the place where it holds, however slow the
// machine is.
type expires struct {
	context.Context
	passed <-chan struct{}
}

func expiring(t testing.TB, held <-chan struct{}) context.Context {
	passed := make(chan struct{})
	go func() {
		select {
		case <-held:
			close(passed)
		case <-t.Context().Done():
		}
	}()
	return expires{t.Context(), passed}
}

func (e expires) Done() <-chan struct{} { return e.passed }

func (e expires) Err() error {
	select {
	case <-e.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Timeout bounds a Send whose context has no end. It may pass at any point before the data.
func TestSettings_Timeout(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{TLS: mailtest.PlainText})
	server.SetMode(mailtest.Mode{HoldRecipient: true})
	settings := server.Settings()
	settings.Timeout = 50 * time.Millisecond
	_, err := newSender(t, settings).Send(t.Context(), plain("a@example.com"))
	wantKind(t, err, mail.Temporary, "time-out")
}

func TestSender_Send_failsClosed(t *testing.T) {
	t.Parallel()
	settingsFor := func(s *mailtest.Server, change func(*mail.Settings)) mail.Settings {
		settings := s.Settings()
		change(&settings)
		return settings
	}
	for _, c := range []struct {
		name    string
		options mailtest.Options
		change  func(*mail.Settings)
		kind    mail.Kind
		part    string
	}{
		{
			"TLS is required and not offered",
			mailtest.Options{TLS: mailtest.PlainText},
			func(s *mail.Settings) { s.TLS = mail.TLSRequired }, mail.Permanent, "TLS is required",
		},
		{
			"TLS and password are required and TLS is not offered",
			mailtest.Options{TLS: mailtest.PlainText, Username: "u", Password: "hunter2"},
			func(s *mail.Settings) { s.TLS = mail.TLSRequired }, mail.Permanent, "TLS is required",
		},
		{"an unknown authority", mailtest.Options{}, func(s *mail.Settings) { s.RootCAs = x509.NewCertPool() }, mail.Permanent, "certificate"},
		{
			"an unknown authority with TLS from the start",
			mailtest.Options{TLS: mailtest.ImplicitTLS},
			func(s *mail.Settings) { s.RootCAs = x509.NewCertPool() }, mail.Permanent, "certificate",
		},
		{
			"TLS from the start and the server speaks plain text",
			mailtest.Options{TLS: mailtest.PlainText},
			func(s *mail.Settings) { s.TLS = mail.TLSImplicit }, mail.Permanent, "TLS",
		},
		{
			"a wrong password",
			mailtest.Options{Username: "u", Password: "right"},
			func(s *mail.Settings) { s.Password = "hunter2" }, mail.Permanent, "log-in: the server answered 535",
		},
		{
			"no log-in where one is demanded",
			mailtest.Options{Username: "u", Password: "right"},
			func(s *mail.Settings) { s.Username, s.Password = "", "" }, mail.Permanent, "authenticate",
		},
		{
			"a log-in that the server does not offer",
			mailtest.Options{},
			func(s *mail.Settings) { s.Username, s.Password = "u", "hunter2" }, mail.Permanent, "no method",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := mailtest.Start(t, c.options)
			_, err := newSender(t, settingsFor(server, c.change)).Send(t.Context(), plain("a@example.com"))
			wantKind(t, err, c.kind, c.part)
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error %q holds the password", err)
			}
			if n := len(server.Messages()); n != 0 {
				t.Errorf("%d mails received, want none", n)
			}
		})
	}
}

func TestSender_Send_nobodyListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	settings := mail.Settings{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, From: "a@example.com"}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = newSender(t, settings).Send(t.Context(), plain("a@example.com"))
	wantKind(t, err, mail.Temporary, "connection refused")
	if strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("the error %q names the address", err)
	}
}

func TestSender_Send_identities(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	settings := server.Settings()
	settings.From, settings.Senders = "Jobs <jobs@carillon.test>", []string{"billing@carillon.test"}
	sender := newSender(t, settings)
	for i, c := range []struct{ from, header, envelope string }{
		{"", `"Jobs" <jobs@carillon.test>`, "jobs@carillon.test"},
		{"Billing@CARILLON.test", `<billing@carillon.test>`, "billing@carillon.test"},
		{"Bills <billing@carillon.test>", `"Bills" <billing@carillon.test>`, "billing@carillon.test"},
	} {
		m := plain("a@example.com")
		m.From = c.from
		if _, err := sender.Send(t.Context(), m); err != nil {
			t.Fatalf("Send from %q: %v", c.from, err)
		}
		r := server.Messages()[i]
		if r.Header.Get("From") != c.header || r.From != c.envelope {
			t.Errorf("from %q: header %q, envelope %q", c.from, r.Header.Get("From"), r.From)
		}
	}
	for _, from := range []string{"ceo@example.com", "x@carillon.test", "billing@carillon.test.evil.example", "bi\u217Cling@carillon.test", "Jobs"} {
		m := plain("a@example.com")
		m.From = from
		_, err := sender.Send(t.Context(), m)
		wantKind(t, err, mail.Permanent, "from")
	}
	if n := len(server.Messages()); n != 3 {
		t.Errorf("%d mails received, want 3", n)
	}
}

func TestSender_Send_otherScripts(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	m := plain("jürgen@example.com")
	m.Subject = "Größe " + strings.Repeat("über ", 40)
	if _, err := newSender(t, server.Settings()).Send(t.Context(), m); err != nil {
		t.Fatalf("Send: %v", err)
	}
	r := server.Messages()[0]
	if !cmp.Equal(r.To, []string{"jürgen@example.com"}) {
		t.Errorf("envelope %q", r.To)
	}
	if to, err := netmail.ParseAddress(r.Header.Get("To")); err != nil || to.Address != "jürgen@example.com" {
		t.Errorf("To = %v, %v", to, err)
	}
}
