package mailtest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/carillon-go/carillon/drivers/mail"
	"github.com/carillon-go/carillon/drivers/mail/mailtest"
)

func TestServer_Wait(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := server.Wait(ctx, 1); !errors.Is(err, context.Canceled) || len(got) != 0 {
		t.Errorf("Wait with an ended context = %v, %v", got, err)
	}

	sender, err := mail.New(server.Settings())
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() {
		for range 3 {
			if _, err := sender.Send(t.Context(), mail.Message{To: []string{"a@example.com"}, Text: "x"}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	got, err := server.Wait(t.Context(), 3)
	if err != nil || len(got) != 3 {
		t.Errorf("Wait = %d mails, %v, want 3", len(got), err)
	}
	if err := <-sent; err != nil {
		t.Errorf("Send: %v", err)
	}
}

func TestServer_SetMode(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{TLS: mailtest.PlainText})
	sender, err := mail.New(server.Settings())
	if err != nil {
		t.Fatal(err)
	}
	send := func() error {
		_, err := sender.Send(t.Context(), mail.Message{To: []string{"a@example.com"}, Text: "x"})
		return err
	}
	server.SetMode(mailtest.Mode{RefuseAll: true})
	if send() == nil {
		t.Error("Send to a server that refuses all = nil")
	}
	server.SetMode(mailtest.Mode{})
	if err := send(); err != nil {
		t.Errorf("Send after the mode was reset: %v", err)
	}
}
