// Package email holds the drivers "email": the action that sends a mail, and the job type whose mails are sent by its
// actions and which can send one itself.
//
// Mails are not idempotent. The effect key is the left side of Message-ID, so that a mail that was sent twice can be
// recognised. If the server does not confirm a mail, the outcome is unclear and the step is not tried again by itself.
// A recipient that the server refuses is a warning in the log of the run; the others get the mail.
package email

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/carillon-go/carillon/drivers/mail"
	"github.com/carillon-go/carillon/jobs"
)

// ID of both drivers (contract 13.1).
const ID = "email"

// ErrNoServer says that the host has no mail server. The drivers are there all the same, so that jobs can be written.
var ErrNoServer = errors.New("no mail server is configured")

// fields are the settings of both drivers. Which of them a driver takes is a matter of its schema.
type fields struct {
	To      []string `json:"to"`
	Cc      []string `json:"cc"`
	Bcc     []string `json:"bcc"`
	From    string   `json:"from"`
	ReplyTo string   `json:"replyTo"`
	Subject string   `json:"subject"`
	Text    string   `json:"text"`
	HTML    string   `json:"html"`
}

// Output is what a mail leaves for later steps (contract 13.1).
type Output struct {
	// Accepted and Rejected are addresses without display names.
	Accepted []string `json:"accepted"`
	Rejected []string `json:"rejected"`
	// MessageID is the header's value, "<key@example.com>".
	MessageID string `json:"messageId"`
}

func (s *fields) message(key string) mail.Message {
	m := mail.Message{
		From: s.From, To: s.To, Cc: s.Cc, Bcc: s.Bcc, Subject: s.Subject, Text: s.Text, HTML: s.HTML, Key: key,
	}
	if s.ReplyTo != "" {
		m.ReplyTo = []string{s.ReplyTo}
	}
	return m
}

// attach makes the attachments of a task those of a mail. They are read while the mail is composed, before the server is called.
func attach(ctx context.Context, contents []jobs.Contents) []mail.Attachment {
	list := make([]mail.Attachment, len(contents))
	for i, c := range contents {
		list[i] = mail.Attachment{
			Name: c.Name, ContentType: c.ContentType, Size: max(c.Size, 0), Open: func() (io.ReadCloser, error) { return c.Open(ctx) },
		}
	}
	return list
}

// send sends one mail and says what is known about it.
func send(ctx context.Context, sender *mail.Sender, task *jobs.Task, s *fields) (jobs.Output, error) {
	if sender == nil {
		return jobs.Output{}, jobs.Permanent(ErrNoServer)
	}
	m := s.message(task.Key)
	m.Attachments = attach(ctx, task.Attachments)
	if err := sender.Validate(m); err != nil {
		return jobs.Output{}, jobs.Permanent(invalid(err))
	}
	result, err := sender.Send(ctx, m)
	if err != nil {
		return jobs.Output{}, advise(err)
	}
	if task.Log != nil {
		for _, address := range result.Rejected {
			task.Log.LogAttrs(ctx, slog.LevelWarn, "the mail server refused a recipient",
				slog.String("recipient", address), slog.String("answer", result.Reasons[address]))
		}
	}
	return jobs.Output{
		Data: Output{
			Accepted:  append([]string{}, result.Accepted...), // never null
			Rejected:  append([]string{}, result.Rejected...),
			MessageID: result.MessageID,
		},
		Message: summary(len(result.Accepted), len(result.Rejected)),
	}, nil
}

func summary(accepted, rejected int) string {
	text := fmt.Sprintf("Sent to %d recipients", accepted)
	if accepted == 1 {
		text = "Sent to 1 recipient"
	}
	if rejected > 0 {
		text += fmt.Sprintf(", %d refused", rejected)
	}
	return text
}

// advise marks an error of the sender with what it says of another try.
func advise(err error) error {
	failed, ok := errors.AsType[*mail.SendError](err)
	wrapped := fmt.Errorf("send mail: %w", err)
	switch {
	case !ok:
		return jobs.Unclear(wrapped) // the sender promises a *SendError; without one nothing is known
	case failed.Kind == mail.Temporary:
		return wrapped
	case failed.Kind == mail.Permanent:
		return jobs.Permanent(wrapped)
	}
	return jobs.Unclear(wrapped)
}

// invalid turns the sender's faults into those of settings: their names are the same.
func invalid(err error) error {
	v, ok := errors.AsType[*mail.InvalidError](err)
	if !ok {
		return err
	}
	var faults jobs.Faults
	for _, f := range v.Fields {
		if f.Field == "replyTo[0]" {
			f.Field = "replyTo" // one address in the settings, a list in a mail
		}
		faults.Add(f.Field, "%s", f.Message)
	}
	return faults.Err()
}
