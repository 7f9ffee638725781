// Package mailtest is a mail server for tests: it speaks real SMTP with STARTTLS and log-in on a loopback port, keeps what
// it receives, and fails on request.
//
//	server := mailtest.Start(t, mailtest.Options{})
//	sender, err := mail.New(server.Settings())
//	...
//	received, err := server.Wait(ctx, 1)
package mailtest
