package identity_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

// No password, session id, token or password hash is in an error, a log record or a printed result (R61, R67, R69).
func TestCanary(t *testing.T) {
	t.Parallel()
	const super = jobs.Secret("canary-super-token-0123456789")
	var seen bytes.Buffer
	log := slog.New(slog.NewTextHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug}))
	note := func(v ...any) {
		for _, x := range v {
			fmt.Fprintf(&seen, "%v %+v %#v\n", x, x, x)
		}
	}
	store := openStore(t)
	bad := &tampered{Store: store}
	a := newAccounts(t, bad, identity.Options{Logger: log, SuperToken: super})
	addMara(t, a)
	secrets := []jobs.Secret{super, maraPassword, "canary-password-wrong", "canary-password-new"}

	u, id, err := a.Login(t.Context(), home, string(mara), maraPassword)
	note(u, id, err)
	token, text, err := a.CreateToken(t.Context(), tenant, mara, identity.TokenSpec{Name: "importer"})
	note(token, text, err)
	stored, err := store.User(t.Context(), tenant, mara)
	if err != nil || id == "" || text == "" {
		t.Fatalf("no session, token or user to look for: %v", err)
	}
	secrets = append(secrets, id, text, jobs.Secret(stored.PasswordHash))

	for _, r := range []*http.Request{with(t, a, id, ""), with(t, a, "", text), with(t, a, "", super), with(t, a, "", text+"x")} {
		who, err := a.Authenticate(r)
		note(who, err)
	}
	down := func() error { return &jobs.UnavailableError{Reason: "down"} }
	for _, set := range []*func() error{&bad.onUser, &bad.onInsertSession, &bad.onTouch} {
		*set = down
		_, id, err := a.Login(t.Context(), home, string(mara), maraPassword)
		note(id, err, a.SetPassword(t.Context(), tenant, mara, "canary-password-new"))
		for _, r := range []*http.Request{with(t, a, id, ""), with(t, a, "", text)} {
			who, err := a.Authenticate(r)
			note(who, err)
		}
		*set = nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = a.Login(ctx, home, string(mara), "canary-password-wrong")
	note(err, a.CreateUser(ctx, jobs.User{ID: "jo"}, "canary-password-new"), a.CreateUser(ctx, jobs.User{ID: "jo"}, "canary-pass"))
	for range 7 { // into the pause
		_, id, err := a.Login(t.Context(), home, string(mara), "canary-password-wrong")
		note(id, err)
	}
	if stored, err = store.User(t.Context(), tenant, mara); err != nil {
		t.Fatal(err)
	}
	stored.PasswordHash = "$argon2id$canary-hash"
	if err := store.SaveUser(t.Context(), stored, nil); err != nil {
		t.Fatal(err)
	}
	_, _, err = a.Login(t.Context(), home.Next(), string(mara), "canary-password-wrong")
	note(err)

	if !strings.Contains(seen.String(), "cannot sign in") || !strings.Contains(seen.String(), "too many log-in tries") {
		t.Fatalf("the log record and the error that this test is about were not written:\n%s", seen.String())
	}
	for _, s := range append(secrets, "canary-pass", "canary-hash") {
		if at := strings.Index(seen.String(), s.Reveal()); at >= 0 {
			t.Errorf("a secret was written: %.80s", seen.String()[max(at-40, 0):])
		}
	}
}
