package email

import (
	"context"
	_ "embed"
	"encoding/json"
	"strings"

	"github.com/carillon-go/carillon/drivers/internal/settings"
	"github.com/carillon-go/carillon/drivers/mail"
	"github.com/carillon-go/carillon/jobs"
)

//go:embed action.schema.json
var actionSchema json.RawMessage

// Action is the action driver "email": it sends one mail to 1 to 100 recipients. It is safe for concurrent use.
type Action struct {
	sender *mail.Sender
	rules  *jobs.Settings
}

var (
	_ jobs.Driver       = (*Action)(nil)
	_ jobs.Previewer    = (*Action)(nil)
	_ jobs.Validator    = (*Action)(nil)
	_ jobs.Availability = (*Action)(nil)
)

// NewAction makes the action driver. Without a sender it is not available, and its steps fail with ErrNoServer.
func NewAction(sender *mail.Sender) *Action {
	return &Action{sender: sender, rules: settings.MustCompile(actionInfo())}
}

// Info describes the driver.
func (d *Action) Info() jobs.DriverInfo { return actionInfo() }

func actionInfo() jobs.DriverInfo {
	return jobs.DriverInfo{
		ID:          ID,
		Name:        "Send a mail",
		Description: "Sends a mail with attachments to up to 100 recipients",
		Icon:        "email",
		Kind:        jobs.DriverAction,
		Schema:      actionSchema,
		Attachments: true,
		Preview:     true,
		Source:      jobs.SourceBuiltin,
	}
}

// Available is ErrNoServer without a mail server.
func (d *Action) Available() error { return available(d.sender) }

func available(sender *mail.Sender) error {
	if sender == nil {
		return ErrNoServer
	}
	return nil
}

// Run sends the mail.
func (d *Action) Run(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
	var s fields
	if err := settings.Decode(d.rules, task.Data, &s); err != nil {
		return jobs.Output{}, jobs.Permanent(err)
	}
	return send(ctx, d.sender, task, &s)
}

// Preview is the mail as it would be sent (contract 6.8).
type Preview struct {
	From    string   `json:"from"`
	To      []string `json:"to"`
	Cc      []string `json:"cc"`
	Bcc     []string `json:"bcc"`
	ReplyTo []string `json:"replyTo,omitempty"`
	Subject string   `json:"subject"`
	Text    *string  `json:"text"`
	HTML    *string  `json:"html"`
}

// Preview composes the mail and sends nothing.
func (d *Action) Preview(ctx context.Context, task *jobs.Task) (any, error) {
	var s fields
	if err := settings.Decode(d.rules, task.Data, &s); err != nil {
		return nil, err
	}
	if d.sender == nil {
		return nil, ErrNoServer
	}
	message := s.message(task.Key)
	message.Attachments = attach(ctx, task.Attachments)
	m, err := d.sender.Compose(message)
	if err != nil {
		return nil, invalid(err)
	}
	return Preview{
		From: plain(m.From), To: plainAll(m.To), Cc: plainAll(m.Cc), Bcc: plainAll(m.Bcc), ReplyTo: plainAll(m.ReplyTo),
		Subject: m.Subject, Text: orNull(m.Text), HTML: orNull(m.HTML),
	}, nil
}

// plain writes an address without a display name as contract 6.8 does: without angle brackets.
func plain(address string) string {
	if inner, ok := strings.CutPrefix(address, "<"); ok {
		return strings.TrimSuffix(inner, ">")
	}
	return address
}

// plainAll is never null.
func plainAll(addresses []string) []string {
	list := make([]string, len(addresses))
	for i, address := range addresses {
		list[i] = plain(address)
	}
	return list
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Validate checks addresses, their number and the sender.
func (d *Action) Validate(data json.RawMessage) error { return checkDefinition(d.sender, data, true) }
