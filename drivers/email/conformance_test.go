package email_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/drivers/drivertest"
	"github.com/carillon-go/carillon/drivers/email"
	"github.com/carillon-go/carillon/drivers/mail/mailtest"
	"github.com/carillon-go/carillon/jobs"
)

const goodMail = `{"to":["ann@example.com"],"subject":"s","text":"t"}`

// subject is for both drivers, which share all of this.
func subject(d jobs.Driver, server *mailtest.Server) drivertest.Subject {
	server.SetMode(mailtest.Mode{Refuse: []string{"nobody@example.com"}})
	before := len(server.Messages())
	return drivertest.Subject{
		Driver: d,
		Good:   json.RawMessage(goodMail),
		Bad: map[string]json.RawMessage{
			"an address":       json.RawMessage(`{"to":["ann"],"subject":"s","text":"t"}`),
			"a header":         json.RawMessage(`{"to":["ann@example.com"],"subject":"s\nBcc: x@example.com","text":"t"}`),
			"no text":          json.RawMessage(`{"to":["ann@example.com"],"subject":"s"}`),
			"too many":         json.RawMessage(`{"to":` + addresses(101) + `,"subject":"s","text":"t"}`),
			"an unknown field": json.RawMessage(`{"to":["ann@example.com"],"subject":"s","text":"t","headers":{}}`),
		},
		Failures: map[string]drivertest.Failure{
			"refused": {
				Data: json.RawMessage(`{"to":["nobody@example.com"],"subject":"s","text":"t"}`),
				Want: jobs.RetryAdvice{Permanent: true},
			},
		},
		Wait: func() drivertest.Waiting {
			server.SetMode(mailtest.Mode{HoldRecipient: true})
			return drivertest.Waiting{Data: json.RawMessage(goodMail), Entered: server.Held()}
		},
		Effects: func() []string {
			var keys []string
			for _, m := range server.Messages()[before:] {
				key, _, _ := strings.Cut(strings.TrimPrefix(m.Header.Get("Message-Id"), "<"), "@")
				keys = append(keys, key)
			}
			return keys
		},
	}
}

func TestAction_conformance(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	d := email.NewAction(newSender(t, server))
	drivertest.Run(t, func(testing.TB) drivertest.Subject { return subject(d, server) })
}

func TestJob_conformance(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	d := email.NewJob(newSender(t, server))
	drivertest.Run(t, func(testing.TB) drivertest.Subject { return subject(d, server) })
}

func FuzzAction(f *testing.F) {
	for _, seed := range []string{
		goodMail, ``, `{`, `[]`, `{"to":[null]}`, `{"to":["a@b"],"cc":["${x}"],"subject":"\u0000","html":"<p>"}`, `{"from":"x","replyTo":"${"}`,
	} {
		f.Add([]byte(seed))
	}
	action, job := email.NewAction(nil), email.NewJob(nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range []interface {
			jobs.Driver
			jobs.Validator
		}{action, job} {
			err := d.Validate(data)
			_, runErr := d.Run(t.Context(), &jobs.Task{Data: data}) // without a server nothing is sent
			if runErr != nil && !jobs.AdviceOf(runErr).Permanent {
				t.Errorf("Run(%q) = %v", data, runErr)
			}
			if again := d.Validate(data); (err == nil) != (again == nil) {
				t.Errorf("Validate(%q) = %v, then %v", data, err, again)
			}
			jobs.Idempotent(d, data)
		}
	})
}
