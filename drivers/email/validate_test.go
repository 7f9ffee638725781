package email_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/drivers/email"
	"github.com/carillon-go/carillon/drivers/mail"
	"github.com/carillon-go/carillon/jobs"
)

// addresses is a JSON list of n addresses.
func addresses(n int) string {
	return `["` + strings.Join(slices.Repeat([]string{"ann@example.com"}, n), `","`) + `"]`
}

func TestAction_Validate(t *testing.T) {
	t.Parallel()
	sender, err := mail.New(mail.Settings{Host: "localhost", From: "jobs@example.com"}) // New does not connect
	if err != nil {
		t.Fatal(err)
	}
	with := email.NewAction(sender)
	without := email.NewAction(nil)
	for _, c := range []struct{ name, data, path string }{
		{"text", `{"to":["a@example.com"],"subject":"s","text":"t"}`, ""},
		{"html", `{"to":["Ann <a@example.com>"],"subject":"s","html":"t","replyTo":"b@example.com"}`, ""},
		{"placeholders", `{"to":["${run.params.to}"],"cc":["x-${a.b}@example.com"],"from":"${a.b}","replyTo":"${a.b}","subject":"${a.b}","text":"${a.b}"}`, ""},
		{"100 recipients", `{"to":` + addresses(60) + `,"cc":` + addresses(40) + `,"subject":"s","text":"t"}`, ""},
		{"101 recipients", `{"to":` + addresses(60) + `,"bcc":` + addresses(41) + `,"subject":"s","text":"t"}`, "to"},
		{"no recipient", `{"to":[],"subject":"s","text":"t"}`, "to"},
		{"an address", `{"to":["a@example.com","nobody"],"subject":"s","text":"t"}`, "to[1]"},
		{"two addresses in one", `{"to":["a@example.com, b@example.com"],"subject":"s","text":"t"}`, "to[0]"},
		{"a line break in an address", `{"to":["a@example.com\r\nBcc: b@example.com"],"subject":"s","text":"t"}`, "to[0]"},
		{"a line break in the subject", `{"to":["a@example.com"],"subject":"s\r\nBcc: b@example.com","text":"t"}`, "subject"},
		{"a reply address", `{"to":["a@example.com"],"replyTo":"x","subject":"s","text":"t"}`, "replyTo"},
		{"a sender that is no address", `{"to":["a@example.com"],"from":"x","subject":"s","text":"t"}`, "from"},
		{"neither text nor html", `{"to":["a@example.com"],"subject":"s"}`, "text"},
		{"no subject", `{"to":["a@example.com"],"text":"t"}`, "subject"},
	} {
		for name, d := range map[string]*email.Action{"with a server": with, "without one": without} {
			err := d.Validate(json.RawMessage(c.data))
			if c.path == "" {
				if err != nil {
					t.Errorf("%s, %s: %v", c.name, name, err)
				}
				continue
			}
			v, ok := errors.AsType[*jobs.ValidationError](err)
			if !ok || len(v.Fields) != 1 || v.Fields[0].Path != c.path {
				t.Errorf("%s, %s: %v, want a fault of %q", c.name, name, err, c.path)
			}
		}
	}
	foreign := json.RawMessage(`{"to":["a@example.com"],"from":"boss@example.com","subject":"s","text":"t"}`)
	if err := with.Validate(foreign); !errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("Validate of a sender that is not allowed = %v", err)
	}
	if err := without.Validate(foreign); err != nil {
		t.Errorf("Validate of a sender that nobody can judge = %v", err)
	}
}

func TestJob_Validate(t *testing.T) {
	t.Parallel()
	d := email.NewJob(nil)
	for data, path := range map[string]string{
		``:                         "-",
		`{}`:                       "-",
		`{"to":[],"text":"t"}`:     "-",
		`{"cc":["a@example.com"]}`: "to",
		`{"to":["nobody"],"subject":"s","text":"t"}`:        "to[0]",
		`{"to":["a@example.com"],"subject":"s","text":"t"}`: "-",
		`{"to":["a@example.com"],"text":"t"}`:               "subject",
		`{"to":["a@example.com"],"subject":"s"}`:            "text",
	} {
		err := d.Validate(json.RawMessage(data))
		if path == "-" {
			if err != nil {
				t.Errorf("Validate(%s) = %v", data, err)
			}
			continue
		}
		v, ok := errors.AsType[*jobs.ValidationError](err)
		if !ok || len(v.Fields) != 1 || v.Fields[0].Path != path {
			t.Errorf("Validate(%s) = %v, want a fault of %q", data, err, path)
		}
	}
}
