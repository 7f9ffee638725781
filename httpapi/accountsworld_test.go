package httpapi_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

// accountsPassword is the password of everybody in a world with the built-in identity; it must be found nowhere.
const accountsPassword = jobs.Secret("pass-" + canary)

// accountsWorld is the part of a world that has the built-in identity.
type accountsWorld struct {
	*identity.Accounts
	// cookies and tokens are the proofs of the users who have asked something.
	cookies, tokens map[string]string
}

// useAccounts gives the world an API with the built-in identity. A name of another tenant is written "mara@initech".
func (w *world) useAccounts() {
	w.t.Helper()
	accounts, err := identity.New(w.store, identity.Options{DefaultTenant: "globex", Logger: w.logger()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.service = jobs.NewService(w.store, w.registry, jobs.ServiceOptions{Directory: accounts, Logger: w.logger()})
	if w.api, err = httpapi.New(w.service, httpapi.Options{Accounts: accounts, Logger: w.logger()}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.api.Close)
	w.accounts = &accountsWorld{accounts, map[string]string{}, map[string]string{}}
}

func splitAccount(name string) (jobs.TenantID, jobs.PrincipalID) {
	user, tenant, ok := strings.Cut(name, "@")
	if !ok {
		tenant = "globex"
	}
	return jobs.TenantID(tenant), jobs.PrincipalID(user)
}

// user makes a user with words: superuser, disabled, plain (without a password), and names of rights.
func (w *world) user(name string, words ...string) {
	w.t.Helper()
	u := jobs.User{Enabled: true}
	u.Tenant, u.ID = splitAccount(name)
	password := accountsPassword
	for _, word := range words {
		switch word {
		case "superuser":
			u.Superuser = true
		case "disabled":
			u.Enabled = false
		case "plain":
			password = ""
		case "jobs:create":
			u.Rights.CreateJobs = true
		case "cluster:manage":
			u.Rights.ManageCluster = true
		default:
			w.t.Fatalf("a user is not %q", word)
		}
	}
	if err := w.accounts.CreateUser(w.t.Context(), u, password); err != nil {
		w.t.Fatal(err)
	}
}

// prove gives a request the proof of a caller: a session, or for "name+token" and "name+ro" a token, which may only read with the latter.
func (w *world) prove(r *http.Request, caller string) {
	w.t.Helper()
	name, kind, _ := strings.Cut(caller, "+")
	tenant, user := splitAccount(name)
	if kind == "" {
		if w.accounts.cookies[name] == "" {
			w.accounts.cookies[name] = w.openSession(tenant, user)
		}
		r.AddCookie(&http.Cookie{Name: "sid", Value: w.accounts.cookies[name]})
		return
	}
	if w.accounts.tokens[caller] == "" {
		_, text, err := w.accounts.CreateToken(w.t.Context(), tenant, user, identity.TokenSpec{Name: kind, ReadOnly: kind == "ro"})
		if err != nil {
			w.t.Fatal(err)
		}
		w.accounts.tokens[caller] = text.Reveal()
	}
	r.Header.Set("Authorization", "Bearer "+w.accounts.tokens[caller])
}

// openSession is a log-in without the work of one.
func (w *world) openSession(tenant jobs.TenantID, user jobs.PrincipalID) string {
	w.t.Helper()
	random := make([]byte, 32)
	rand.Read(random)
	id := base64.RawURLEncoding.EncodeToString(random)
	sum := sha256.Sum256([]byte(id))
	now := time.Now().UTC().Truncate(time.Millisecond)
	s := jobs.Session{Hash: sum[:], Tenant: tenant, User: user, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}
	if err := w.store.InsertSession(w.t.Context(), s, 20); err != nil {
		w.t.Fatalf("session of %s: %v", user, err)
	}
	return id
}
