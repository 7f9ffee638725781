package identity_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

func createToken(t testing.TB, a *identity.Accounts, spec identity.TokenSpec) (jobs.Token, jobs.Secret) {
	t.Helper()
	token, text, err := a.CreateToken(t.Context(), tenant, mara, spec)
	if err != nil {
		t.Fatalf("CreateToken(%+v): %v", spec, err)
	}
	return token, text
}

func TestAccounts_Authenticate_token(t *testing.T) {
	t.Parallel()
	a, store := withMara(t)
	token, text := createToken(t, a, identity.TokenSpec{Name: "  importer ", ReadOnly: true})
	if token.Name != "importer" || !jobs.ValidUUID(token.ID) {
		t.Errorf("CreateToken gives name %q, id %q", token.Name, token.ID)
	}
	who := wantIn(t, a, with(t, a, "", text), "with the token")
	if who.Cookie || who.TokenID != token.ID || !who.Principal.ReadOnly || who.Principal.User != mara {
		t.Errorf("Authenticate gives cookie %t, token %q, principal %+v", who.Cookie, who.TokenID, who.Principal)
	}
	session := signIn(t, a)
	if who := wantIn(t, a, with(t, a, session, text), "with both"); who.Cookie || !who.Principal.ReadOnly {
		t.Error("the session decides where a token is sent too")
	}
	wantOut(t, a, with(t, a, session, jobs.Secret(identity.NewTokenText())), "with a session and an unknown token")
	wantOut(t, a, with(t, a, session, "x"), "with a session and a text that is no token")

	r := with(t, a, session, "")
	r.Header.Set("Authorization", "Bearer")
	wantOut(t, a, r, "with a session and no token after Bearer")
	r.Header.Set("Authorization", "Basic bWFyYTp4")
	if who := wantIn(t, a, r, "with a session and the password of a proxy"); !who.Cookie {
		t.Error("the header of a proxy counts as a token")
	}
	r = with(t, a, session, text)
	r.Header.Add("Authorization", "Basic bWFyYTp4")
	wantOut(t, a, r, "with two headers")
	r.Header.Set("Authorization", "bEARER "+text.Reveal())
	wantIn(t, a, r, "with the scheme in other capitals")

	if err := a.DeleteToken(t.Context(), tenant, "somebody", token.ID); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("DeleteToken of another: %v, want ErrNotFound", err)
	}
	wantIn(t, a, with(t, a, "", text), "after another tried to revoke it")
	if err := a.DeleteToken(t.Context(), tenant, mara, token.ID); err != nil {
		t.Fatalf("DeleteToken: %v", err)
	}
	wantOut(t, a, with(t, a, "", text), "after revoking")
	if err := a.DeleteToken(t.Context(), tenant, mara, token.ID); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("second DeleteToken: %v, want ErrNotFound", err)
	}

	_, text = createToken(t, a, identity.TokenSpec{Name: "importer"})
	if wantIn(t, a, with(t, a, "", text), "with a token that writes").Principal.ReadOnly {
		t.Error("a token that is not read-only gives a read-only principal")
	}
	if err := a.SetPassword(t.Context(), tenant, mara, "another password"); err != nil {
		t.Fatal(err)
	}
	wantIn(t, a, with(t, a, "", text), "after a new password: programs go on")
	setEnabled(t, store, false)
	wantOut(t, a, with(t, a, "", text), "after disabling")
	setEnabled(t, store, true)
	wantOut(t, a, with(t, a, "", text), "after enabling again")
}

func TestAccounts_token_expiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _ := withMara(t)
		for name, end := range map[string]time.Time{"now": time.Now(), "a second ago": time.Now().Add(-time.Second)} {
			_, _, err := a.CreateToken(t.Context(), tenant, mara, identity.TokenSpec{Name: "late", ExpiresAt: end})
			var invalid *jobs.ValidationError
			if !errors.As(err, &invalid) || invalid.Fields[0].Path != "expiresAt" {
				t.Errorf("CreateToken that ends %s: %v, want a fault of expiresAt", name, err)
			}
		}
		_, text := createToken(t, a, identity.TokenSpec{Name: "short", ExpiresAt: time.Now().Add(time.Hour)})
		time.Sleep(time.Hour - time.Millisecond)
		wantIn(t, a, with(t, a, "", text), "a millisecond before its end")
		time.Sleep(time.Millisecond)
		wantOut(t, a, with(t, a, "", text), "at its end")
		list, err := a.Tokens(t.Context(), tenant, mara)
		if err != nil || len(list) != 1 || list[0].LastUsedAt.IsZero() {
			t.Errorf("Tokens after use and end: %d, error %v; want the one, with its last use", len(list), err)
		}
	})
}

func TestAccounts_CreateToken_limits(t *testing.T) {
	t.Parallel()
	a, _ := withMara(t)
	for name, valid := range map[string]bool{"": false, " \t": false, "x": true, strings.Repeat("ä", 255): true, strings.Repeat("ä", 256): false} {
		_, _, err := a.CreateToken(t.Context(), tenant, mara, identity.TokenSpec{Name: name})
		if (err == nil) != valid || (err != nil && !errors.Is(err, jobs.ErrInvalid)) {
			t.Errorf("CreateToken with a name of %d bytes: %v, want valid %t", len(name), err, valid)
		}
	}
	for range 98 {
		createToken(t, a, identity.TokenSpec{Name: "one of many"})
	}
	if _, _, err := a.CreateToken(t.Context(), tenant, mara, identity.TokenSpec{Name: "the 101st"}); !errors.Is(err, jobs.ErrConflict) {
		t.Errorf("the 101st token: %v, want ErrConflict", err)
	}
}

func TestAccounts_SuperToken(t *testing.T) {
	t.Parallel()
	const super = "a-token-of-the-operator"
	store := openStore(t)
	a := newAccounts(t, store, identity.Options{SuperToken: super})
	who := wantIn(t, a, with(t, a, "", super), "with the super token")
	want := jobs.Principal{
		Tenant: tenant, User: "admin", Superuser: true, Rights: jobs.Rights{CreateJobs: true, CreateTags: true, ManageCluster: true},
	}
	if p := who.Principal; p.Tenant != want.Tenant || p.User != want.User || !p.Superuser || p.Rights != want.Rights || p.ReadOnly || who.Cookie {
		t.Errorf("Authenticate with the super token gives %+v, cookie %t", p, who.Cookie)
	}
	for _, wrong := range []jobs.Secret{super + "x", "a-token-of-the-operato", "A-token-of-the-operator"} {
		wantOut(t, a, with(t, a, "", wrong), "with a text like the super token")
	}
	none := newAccounts(t, store, identity.Options{})
	wantOut(t, none, with(t, none, "", super), "where no super token is set")
	r := with(t, none, "", "")
	r.Header.Set("Authorization", "Bearer ")
	wantOut(t, none, r, "with an empty token where no super token is set")
}

func TestAccounts_superuser_of_another_tenant(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, openStore(t), identity.Options{})
	if err := a.CreateUser(t.Context(), jobs.User{Tenant: "other", ID: mara, Enabled: true, Superuser: true}, maraPassword); err != nil {
		t.Fatal(err)
	}
	_, id, err := a.Login(t.Context(), home, "mara.lind@other", maraPassword)
	if err != nil {
		t.Fatal(err)
	}
	p := wantIn(t, a, with(t, a, id, ""), "as superuser of another tenant").Principal
	if p.Tenant != "other" || !p.Rights.CreateJobs || p.Rights.ManageCluster {
		t.Errorf("principal is %+v; want the tenant's jobs and not the cluster", p)
	}
}

func TestToken_text(t *testing.T) {
	t.Parallel()
	text := identity.NewTokenText()
	if !strings.HasPrefix(text, "jobs_") || !identity.ValidTokenText(text) || text == identity.NewTokenText() {
		t.Fatalf("a new token is not valid, or not new")
	}
	for _, body := range []string{strings.Repeat("-", 43), strings.Repeat("0", 42), strings.Repeat("0", 44)} {
		if other := "jobs_" + body; identity.ValidTokenText(other + identity.Checksum(other)) {
			t.Errorf("%s with its checksum is taken for a token", other)
		}
	}
	for at := range len(text) {
		for _, c := range []byte("0Zz_ ") {
			if wrong := text[:at] + string(c) + text[at+1:]; wrong != text && identity.ValidTokenText(wrong) {
				t.Errorf("with %q at %d the token is valid still", c, at)
			}
		}
		if at > 0 && text[at] != text[at-1] {
			swapped := text[:at-1] + string(text[at]) + string(text[at-1]) + text[at+1:]
			if identity.ValidTokenText(swapped) {
				t.Errorf("with characters %d and %d swapped the token is valid still", at-1, at)
			}
		}
	}
}

func FuzzToken_text(f *testing.F) {
	f.Add("")
	f.Add("jobs_")
	f.Add(identity.NewTokenText())
	f.Add("jobs_" + strings.Repeat("0", 49))
	f.Add("jobs_" + strings.Repeat("é", 24) + "0")
	f.Fuzz(func(t *testing.T, text string) {
		if !identity.ValidTokenText(text) {
			return
		}
		if len(text) != 54 || strings.Trim(text[5:], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" {
			t.Errorf("%q is taken for a token", text)
		}
		if identity.ValidTokenText(text+"0") || identity.ValidTokenText(text[1:]) {
			t.Errorf("%q is a token with more or less too", text)
		}
	})
}
