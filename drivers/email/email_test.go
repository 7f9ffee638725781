package email_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers/email"
	"github.com/carillon-go/carillon/drivers/mail"
	"github.com/carillon-go/carillon/drivers/mail/mailtest"
	"github.com/carillon-go/carillon/jobs"
)

func newSender(t testing.TB, server *mailtest.Server) *mail.Sender {
	t.Helper()
	sender, err := mail.New(server.Settings())
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

func newTask(data string) *jobs.Task {
	return &jobs.Task{Data: json.RawMessage(data), Key: "abcdefghijklmnopqrstuvwxyz234567", Attempt: 1}
}

func TestAction_Run(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	task := newTask(`{"to":["Ann <ann@example.com>"],"cc":["bob@example.com"],"bcc":["eve@example.com"],
		"replyTo":"desk@example.com","subject":"Shortages ä","text":"See.","html":"<b>See.</b>"}`)
	output, err := email.NewAction(newSender(t, server)).Run(t.Context(), task)
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	want := jobs.Output{
		Data: email.Output{
			Accepted: []string{"ann@example.com", "bob@example.com", "eve@example.com"}, Rejected: []string{},
			MessageID: "<abcdefghijklmnopqrstuvwxyz234567@carillon.test>",
		},
		Message: "Sent to 3 recipients",
	}
	if diff := cmp.Diff(want, output); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	got := server.Messages()
	if len(got) != 1 {
		t.Fatalf("%d mails arrived", len(got))
	}
	if diff := cmp.Diff([]string{"ann@example.com", "bob@example.com", "eve@example.com"}, got[0].To); diff != "" {
		t.Errorf("envelope (-want +got):\n%s", diff)
	}
	h := got[0].Header
	if h.Get("Message-Id") != "<abcdefghijklmnopqrstuvwxyz234567@carillon.test>" || !strings.Contains(h.Get("Reply-To"), "desk@example.com") ||
		h.Get("Bcc") != "" || !got[0].TLS {
		t.Errorf("mail with TLS %t and header %v", got[0].TLS, h)
	}
}

func TestAction_Run_oneRefused(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	server.SetMode(mailtest.Mode{Refuse: []string{"bob@example.com"}})
	var log bytes.Buffer
	task := newTask(`{"to":["ann@example.com","bob@example.com"],"subject":"s","text":"t"}`)
	task.Log = slog.New(slog.NewTextHandler(&log, nil))
	output, err := email.NewAction(newSender(t, server)).Run(t.Context(), task)
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	got := output.Data.(email.Output)
	if output.Message != "Sent to 1 recipient, 1 refused" || !cmp.Equal(got.Accepted, []string{"ann@example.com"}) ||
		!cmp.Equal(got.Rejected, []string{"bob@example.com"}) {
		t.Errorf("output %+v", output)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "recipient=bob@example.com") {
		t.Errorf("log %q, want a warning for bob", log.String())
	}
}

func TestAction_Run_advice(t *testing.T) {
	t.Parallel()
	again, permanent, unclear := jobs.RetryAdvice{}, jobs.RetryAdvice{Permanent: true}, jobs.RetryAdvice{Unclear: true}
	for _, c := range []struct {
		name string
		mode mailtest.Mode
		want jobs.RetryAdvice
	}{
		{"all refused", mailtest.Mode{RefuseAll: true}, permanent},
		{"later, please", mailtest.Mode{Defer: []string{"ann@example.com"}}, again},
		{"message refused for now", mailtest.Mode{DataCode: 451}, again},
		{"message refused", mailtest.Mode{DataCode: 554}, permanent},
		{"the connection breaks before the message", mailtest.Mode{DropBeforeData: true}, again},
		{"the answer is lost", mailtest.Mode{DropAfterData: true}, unclear},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := mailtest.Start(t, mailtest.Options{Username: "jobs", Password: "sesame-open-7"})
			server.SetMode(c.mode)
			_, err := email.NewAction(newSender(t, server)).Run(t.Context(), newTask(`{"to":["ann@example.com"],"subject":"s","text":"t"}`))
			if err == nil {
				t.Fatal("Run = nil")
			}
			if got := jobs.AdviceOf(err); got != c.want {
				t.Errorf("%v says %+v, want %+v", err, got, c.want)
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Errorf("the password shows in %q", err)
			}
		})
	}
}

func TestAction_Run_cancelled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode mailtest.Mode
		want jobs.RetryAdvice
	}{
		"before the message": {mailtest.Mode{HoldRecipient: true}, jobs.RetryAdvice{}},
		"after the message":  {mailtest.Mode{HoldData: true}, jobs.RetryAdvice{Unclear: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := mailtest.Start(t, mailtest.Options{})
			server.SetMode(c.mode)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-server.Held()
				cancel()
			}()
			_, err := email.NewAction(newSender(t, server)).Run(ctx, newTask(`{"to":["ann@example.com"],"subject":"s","text":"t"}`))
			if got := jobs.AdviceOf(err); err == nil || got != c.want {
				t.Errorf("Run = %v, which says %+v, want %+v", err, got, c.want)
			}
		})
	}
}

func TestJob_Run(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	d := email.NewJob(newSender(t, server))
	for _, data := range []string{``, `{}`, `{"to":[]}`, `{"subject":"s","text":"t"}`} {
		output, err := d.Run(t.Context(), newTask(data))
		if err != nil || !strings.HasPrefix(output.Message, "Nothing to send") {
			t.Errorf("Run(%s) = %+v, %v", data, output, err)
		}
		text, err := json.Marshal(output.Data)
		if want := `{"accepted":[],"rejected":[],"messageId":""}`; err != nil || string(text) != want {
			t.Errorf("output %s, want %s", text, want)
		}
		if !jobs.Idempotent(d, json.RawMessage(data)) {
			t.Errorf("doing nothing with %q is not idempotent", data)
		}
	}
	if n := len(server.Messages()); n != 0 {
		t.Fatalf("%d mails arrived", n)
	}
	const sending = `{"to":["ann@example.com"],"subject":"s","text":"t"}`
	output, err := d.Run(t.Context(), newTask(sending))
	if err != nil || output.Message != "Sent to 1 recipient" || len(server.Messages()) != 1 {
		t.Errorf("Run = %+v, %v; %d mails", output, err, len(server.Messages()))
	}
	if jobs.Idempotent(d, json.RawMessage(sending)) || jobs.Idempotent(d, json.RawMessage(`{"to":1}`)) {
		t.Error("sending is idempotent")
	}
}

func TestWithoutServer(t *testing.T) {
	t.Parallel()
	action, job := email.NewAction(nil), email.NewJob(nil)
	task := newTask(`{"to":["ann@example.com"],"subject":"s","text":"t"}`)
	for _, d := range []jobs.Driver{action, job} {
		_, err := d.Run(t.Context(), task)
		if !errors.Is(err, email.ErrNoServer) || !jobs.AdviceOf(err).Permanent {
			t.Errorf("Run = %v", err)
		}
		if err := d.(jobs.Availability).Available(); !errors.Is(err, email.ErrNoServer) {
			t.Errorf("Available = %v", err)
		}
	}
	if _, err := action.Preview(t.Context(), task); !errors.Is(err, email.ErrNoServer) {
		t.Errorf("Preview = %v", err)
	}
	if _, err := job.Run(t.Context(), newTask(`{}`)); err != nil {
		t.Errorf("Run without recipients = %v", err)
	}
	sender, err := mail.New(mail.Settings{Host: "localhost", From: "jobs@example.com"}) // New does not connect
	if err != nil {
		t.Fatal(err)
	}
	if err := email.NewAction(sender).Available(); err != nil {
		t.Errorf("Available with a server = %v", err)
	}
}

func TestAction_Preview(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	d := email.NewAction(newSender(t, server))
	preview, err := d.Preview(t.Context(), newTask(`{"to":["ann@example.com"],"cc":["Bob <bob@example.com>"],"subject":"Shortages","text":"See."}`))
	if err != nil {
		t.Fatalf("Preview: %v", err)
	}
	text, err := json.Marshal(preview)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"from":"` + mailtest.From + `","to":["ann@example.com"],"cc":["\"Bob\" \u003cbob@example.com\u003e"],"bcc":[],"subject":"Shortages","text":"See.","html":null}`
	if string(text) != want {
		t.Errorf("Preview = %s, want %s", text, want)
	}
	if _, err := d.Preview(t.Context(), newTask(`{"to":["nobody"],"subject":"s","text":"t"}`)); !errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("Preview of a bad address = %v", err)
	}
	if _, err := d.Run(t.Context(), newTask(`{"to":["ann@example.com"],"subject":"s","text":"t"}`)); err != nil {
		t.Errorf("Run: %v", err)
	}
	if n := len(server.Messages()); n != 1 {
		t.Errorf("%d mails arrived from previews and one run", n)
	}
}

// contents are an attachment of a task; opened counts its readers that are open, and read those that were opened.
type contents struct{ opened, read int }

func (c *contents) of(name, contentType, text string, size int64) jobs.Contents {
	return jobs.Contents{Name: name, ContentType: contentType, Size: size, Open: func(context.Context) (io.ReadCloser, error) {
		c.opened++
		c.read++
		return &closing{strings.NewReader(text), c}, nil
	}}
}

type closing struct {
	io.Reader
	of *contents
}

func (c *closing) Close() error {
	c.of.opened--
	return nil
}

func TestAction_Run_attachments(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	action := email.NewAction(newSender(t, server))
	if !action.Info().Attachments {
		t.Error("Info says that the action takes no attachments")
	}
	var c contents
	task := newTask(goodMail)
	task.Attachments = []jobs.Contents{
		c.of("Größe.csv", "text/csv; charset=utf-8", "a;b\n1;2\n", 8), c.of("x.bin", "", strings.Repeat("\x00\xff", 5000), -1), c.of("empty", "text/plain", "", 0),
	}
	if _, err := action.Run(t.Context(), task); err != nil {
		t.Fatalf("Run: %v", err)
	}
	if c.opened != 0 || c.read != 3 {
		t.Errorf("%d readers were opened, %d are open still", c.read, c.opened)
	}
	got := server.Messages()
	if len(got) != 1 {
		t.Fatalf("%d mails arrived", len(got))
	}
	_, params, err := mime.ParseMediaType(got[0].Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(got[0].Data, "\r\n\r\n")
	parts := multipart.NewReader(strings.NewReader(body), params["boundary"])
	var arrived []string
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body := io.Reader(p)
		if p.Header.Get("Content-Transfer-Encoding") == "base64" {
			body = base64.NewDecoder(base64.StdEncoding, p)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if _, disposition, err := mime.ParseMediaType(p.Header.Get("Content-Disposition")); err == nil && disposition["filename"] != "" {
			arrived = append(arrived, fmt.Sprintf("%s (%s) %d", disposition["filename"], p.Header.Get("Content-Type"), len(text)))
		}
	}
	want := []string{"Größe.csv (text/csv; charset=utf-8) 8", "x.bin (application/octet-stream) 10000", "empty (text/plain) 0"}
	if diff := cmp.Diff(want, arrived); diff != "" {
		t.Errorf("attachments (-want +got):\n%s", diff)
	}
}

func TestAction_Run_badAttachments(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	action := email.NewAction(newSender(t, server))
	var c contents
	broken := jobs.Contents{Name: "gone.csv", Size: 3, Open: func(context.Context) (io.ReadCloser, error) {
		return nil, jobs.Permanent(errors.New("the contents are gone"))
	}}
	for name, bad := range map[string]jobs.Contents{
		"cannot be opened":  broken,
		"is shorter":        c.of("a", "", "abc", 4),
		"is larger":         c.of("a", "", "abc", 26<<20),
		"is larger, unsaid": c.of("a", "", strings.Repeat("x", 20<<20), -1), // more than 25 MiB when it is encoded
	} {
		task := newTask(goodMail)
		task.Attachments = []jobs.Contents{c.of("fine", "", "ok", 2), bad}
		_, err := action.Run(t.Context(), task)
		if err == nil || jobs.AdviceOf(err).Unclear || len(server.Messages()) != 0 {
			t.Errorf("%s: Run = %v, and %d mails arrived", name, err, len(server.Messages()))
		}
		if name == "cannot be opened" && !jobs.AdviceOf(err).Permanent {
			t.Errorf("%s: the advice is lost: %v", name, err)
		}
		if c.opened != 0 {
			t.Errorf("%s: %d readers are open still", name, c.opened)
		}
	}
}
