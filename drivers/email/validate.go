package email

import (
	"encoding/json"

	"github.com/carillon-go/carillon/drivers/mail"
	"github.com/carillon-go/carillon/jobs"
)

// anyone stands for an address that is known only in a run.
const anyone = "anyone@example.com"

// checkDefinition checks settings as a user writes them: an address with a placeholder is any address. Without a sender
// everything is checked but whether the identity is allowed.
func checkDefinition(sender *mail.Sender, data json.RawMessage, needed bool) error {
	var s fields
	if len(data) > 0 {
		if err := json.Unmarshal(data, &s); err != nil {
			return jobs.Invalid("", "does not fit the schema") // the text of err may hold a value
		}
	}
	if !needed && len(s.To) == 0 {
		if len(s.Cc) > 0 || len(s.Bcc) > 0 {
			return jobs.Invalid("to", "is needed beside cc and bcc")
		}
		return nil
	}
	for _, list := range [][]string{s.To, s.Cc, s.Bcc} {
		for i, address := range list {
			if jobs.HasPlaceholder(address) {
				list[i] = anyone
			}
		}
	}
	if jobs.HasPlaceholder(s.ReplyTo) {
		s.ReplyTo = anyone
	}
	if jobs.HasPlaceholder(s.From) {
		s.From = ""
	}
	if sender == nil {
		var err error
		if sender, err = withoutServer(s.From); err != nil {
			return jobs.Invalid("from", "is not one mail address")
		}
	}
	var faults jobs.Faults
	if s.Subject == "" {
		faults.Add("subject", "is required")
	}
	if err := sender.Validate(s.message("")); err != nil {
		if err := faults.Merge("", invalid(err)); err != nil {
			return err
		}
	}
	return faults.Err()
}

// withoutServer is a sender that only checks, for one that may be anybody.
func withoutServer(from string) (*mail.Sender, error) {
	if from == "" {
		from = anyone
	}
	return mail.New(mail.Settings{Host: "localhost", From: from})
}
