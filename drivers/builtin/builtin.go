// Package builtin makes the drivers that come with the library. It is a package of its own so that a program which brings
// its own drivers does not link HTTP and mail.
package builtin

import (
	"fmt"

	"github.com/carillon-go/carillon/drivers/apicall"
	"github.com/carillon-go/carillon/drivers/email"
	"github.com/carillon-go/carillon/drivers/file"
	"github.com/carillon-go/carillon/drivers/mail"
	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/drivers/webhook"
	"github.com/carillon-go/carillon/jobs"
)

// Options say what the drivers may use. The zero value is the closed one: public addresses only, no mail server.
type Options struct {
	// HTTP says where api-call and webhook may go.
	HTTP safehttp.Policy
	// Mail is the mail server. Nil: the email drivers are there and not available.
	Mail *mail.Settings
	// Files says that the host has a store for files (jobs.ServiceOptions.Blobs). False: the attachment driver file is there and not
	// available.
	Files bool
}

// Drivers makes one of each: the job drivers api-call and email, the actions webhook and email, the attachment file. The two of HTTP
// share a client. The error says which option is wrong; nothing is connected yet.
func Drivers(o Options) ([]jobs.Driver, error) {
	if o.HTTP.HeaderTimeout == 0 {
		// The settings of a step bound the wait for an answer, 30 s unless they say otherwise (R58, contract 13.1).
		o.HTTP.HeaderTimeout = safehttp.DefaultTimeout
	}
	client, err := safehttp.New(o.HTTP)
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	var sender *mail.Sender
	if o.Mail != nil {
		if sender, err = mail.New(*o.Mail); err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
	}
	return []jobs.Driver{
		apicall.New(client),
		email.NewJob(sender),
		email.NewAction(sender),
		webhook.New(client),
		file.New(o.Files),
	}, nil
}
