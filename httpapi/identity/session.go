package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	cookieName = "sid"
	// sessionIDLen is the length of 32 bytes in base64.
	sessionIDLen = 43
	// touchEvery is how often the use of a session or token is written down at most (R50).
	touchEvery = time.Minute
)

// Login signs a user in: username is "mara.lind", or "mara.lind@tenant" for another tenant than the default one. U is the user without
// the password hash, id that of the new session, for Cookie. A wrong password, an unknown or disabled user and one without a password are all jobs.ErrUnauthenticated, after
// the same work; too many tries are a *ThrottledError (R51).
func (a *Accounts) Login(ctx context.Context, addr netip.Addr, username string, password jobs.Secret) (u jobs.User, id jobs.Secret, err error) {
	tenant, user := a.splitName(username)
	tried := pair{user: string(tenant) + "@" + string(user), network: network(addr)}
	if err := a.throttle.begin(tried, time.Now()); err != nil {
		return jobs.User{}, "", err
	}
	u, id, err = a.login(ctx, tenant, user, password)
	switch {
	case err == nil:
		a.throttle.succeed(tried)
	case errors.Is(err, jobs.ErrUnauthenticated):
		a.note(ctx, a.failure(u))
	default:
		a.throttle.undo(tried)
	}
	if err != nil {
		return jobs.User{}, "", err
	}
	u.PasswordHash = ""
	return u, id, nil
}

// failure is the audit row of a log-in that failed. A name that nobody has is not written down: people type passwords into the wrong field. It
// goes to the default tenant, as no other one would know what to do with it.
func (a *Accounts) failure(u jobs.User) jobs.AuditRow {
	return jobs.AuditRow{
		Tenant: orDefault(u.Tenant, a.options.DefaultTenant), Action: jobs.AuditLoginFailed, Kind: "user", Object: string(u.ID), Result: jobs.AuditDenied,
	}
}

// splitName reads tenant and user. What cannot be a name gives an empty user, whom nobody is; so names in memory are short.
func (a *Accounts) splitName(name string) (jobs.TenantID, jobs.PrincipalID) {
	tenant := a.options.DefaultTenant
	if at := strings.LastIndexByte(name, '@'); at >= 0 {
		name, tenant = name[:at], jobs.TenantID(name[at+1:])
	}
	name = strings.ToLower(strings.TrimSpace(name)) // telephones begin words with a capital
	if !usernameSyntax.MatchString(name) || !validTenant(tenant) {
		return a.options.DefaultTenant, ""
	}
	return tenant, jobs.PrincipalID(name)
}

// login gives the user whose name it is also if the log-in fails, for the audit; it is of nobody if there is none.
func (a *Accounts) login(
	ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID, password jobs.Secret,
) (jobs.User, jobs.Secret, error) {
	var u jobs.User // of nobody: not enabled, no password
	if user != "" {
		var err error
		if u, err = a.store.User(ctx, tenant, user); err != nil && !errors.Is(err, jobs.ErrNotFound) {
			return jobs.User{}, "", fmt.Errorf("read user: %w", err)
		}
	}
	ok, err := a.passwords.matches(ctx, u.PasswordHash, password)
	switch {
	case errors.Is(err, errPassword):
		a.log.ErrorContext(ctx, "a user cannot sign in", "tenant", u.Tenant, "err", err)
		return u, "", jobs.ErrUnauthenticated
	case err != nil:
		return u, "", fmt.Errorf("log in: %w", err)
	case !ok || !u.Enabled:
		return u, "", jobs.ErrUnauthenticated
	}
	id, err := a.openSession(ctx, u)
	return u, id, err
}

// openSession makes a session with an id of its own: what a client brings along is never made valid.
func (a *Accounts) openSession(ctx context.Context, u jobs.User) (jobs.Secret, error) {
	random := make([]byte, 32)
	rand.Read(random) // never fails: the process ends if the system has no randomness
	id := jobs.Secret(base64.RawURLEncoding.EncodeToString(random))
	at := now()
	s := jobs.Session{
		Hash: hashOf(id.Reveal()), Tenant: u.Tenant, User: u.ID, CreatedAt: at, SeenAt: at, ExpiresAt: at.Add(a.options.Absolute),
	}
	by := jobs.Principal{Tenant: u.Tenant, User: u.ID}
	note := audited(ctx, by, jobs.AuditRow{Action: jobs.AuditLogin, Kind: "user", Object: string(u.ID)})
	if err := a.store.InsertSession(note, s, a.options.SessionsPerUser); err != nil {
		return "", readError("user for a session", err)
	}
	// A password that was changed, or a user who was disabled, after we had read the user and before the session was there: those ended
	// the sessions that they saw, and this one must not outlive them.
	again, err := a.store.User(ctx, u.Tenant, u.ID)
	switch {
	case err != nil:
		err = readError("user", err)
	case again.Enabled && again.PasswordHash == u.PasswordHash:
		return id, nil
	default:
		err = jobs.ErrUnauthenticated
	}
	// The client may be gone; the session has to end all the same.
	if deleteErr := a.store.DeleteSession(context.WithoutCancel(ctx), s.Hash); deleteErr != nil {
		return "", fmt.Errorf("end session: %w", deleteErr)
	}
	return "", err
}

// Logout ends the session whose cookie the request has, without an audit row of its own. Without one, or with one that is not valid any more, there is nothing to do.
func (a *Accounts) Logout(r *http.Request) error {
	id := sessionID(r)
	if id == "" {
		return nil
	}
	if err := a.store.DeleteSession(r.Context(), hashOf(id)); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// Logout ends the session whose cookie the request has, whoever the identity of the client is, and writes down that it did.
func (c *Client) Logout(r *http.Request) error {
	p := c.who.Principal
	ctx := audited(r.Context(), p, jobs.AuditRow{Action: jobs.AuditLogout, Kind: "user", Object: string(p.User)})
	return c.accounts.Logout(r.WithContext(ctx))
}

// Cookie carries the id of a session to the browser.
func (a *Accounts) Cookie(r *http.Request, id jobs.Secret) *http.Cookie {
	c := a.cookie(r)
	c.Value, c.MaxAge = id.Reveal(), int(a.options.Absolute/time.Second)
	return c
}

// NoCookie makes the browser forget the cookie.
func (a *Accounts) NoCookie(r *http.Request) *http.Cookie {
	c := a.cookie(r)
	c.MaxAge = -1
	return c
}

func (a *Accounts) cookie(r *http.Request) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Path: a.options.CookiePath, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.secure(r),
	}
}

// sessionID gives the id in the cookie, or nothing if there is none that could be ours. Of several cookies the first counts: it has the
// longest path, so a cookie that the host has under the same name does not hide ours.
func sessionID(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil || len(c.Value) != sessionIDLen {
		return "" // the only error is that there is none
	}
	return c.Value
}

// hashOf is what is stored of a session id or a token.
func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
