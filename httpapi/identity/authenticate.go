package identity

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// Who is the identity of a request.
type Who struct {
	Principal jobs.Principal
	// User is the account without its password hash; that of the SuperToken has no times either.
	User jobs.User
	// Cookie: the session came in a cookie; else it was a token.
	Cookie bool
	// TokenID is the id of the API token; empty for a session and for the SuperToken.
	TokenID string

	// session is the hash of the session, nil for a token. It lets nobody in.
	session []byte
	// host: the SuperToken, which belongs to who runs the program.
	host bool
}

// Authenticate tells who a request comes from. A token in the header Authorization decides, also if a cookie is there (contract 1.3).
// What is absent, unknown, expired, or of a disabled user is jobs.ErrUnauthenticated; any other error means that the store could not
// tell. Nothing is remembered between requests, so what was revoked is refused at once.
func (a *Accounts) Authenticate(r *http.Request) (Who, error) { return a.authenticate(r, a.touch) }

// Recheck is Authenticate for a request that goes on, such as a live stream. It is no use of the session or the token: a page that is left open
// does not keep its session from ending (R49).
func (a *Accounts) Recheck(r *http.Request) (Who, error) {
	return a.authenticate(r, func(context.Context, string, time.Time, time.Time, func() error) {})
}

// noting is touch, or nothing.
type noting func(ctx context.Context, kind string, at, last time.Time, write func() error)

func (a *Accounts) authenticate(r *http.Request, note noting) (Who, error) {
	if token, sent := bearer(r); sent {
		return a.byToken(r.Context(), token, note)
	}
	return a.bySession(r.Context(), sessionID(r), note)
}

// bearer gives the token of the request and whether one was sent. Other schemes belong to others, a proxy in front for one. Two headers leave
// open who is meant: sent, and no token.
func bearer(r *http.Request) (token string, sent bool) {
	headers := r.Header.Values("Authorization")
	for _, h := range headers {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(h), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			continue
		}
		if len(headers) > 1 {
			return "", true
		}
		return strings.TrimSpace(rest), true
	}
	return "", false
}

func (a *Accounts) byToken(ctx context.Context, text string, note noting) (Who, error) {
	hash := hashOf(text)
	if a.options.SuperToken != "" && subtle.ConstantTimeCompare(hash, a.superHash[:]) == 1 {
		return a.super(), nil
	}
	if !validTokenText(text) {
		return Who{}, jobs.ErrUnauthenticated
	}
	at := now()
	t, u, err := a.store.TokenByHash(ctx, hash)
	if err != nil {
		return Who{}, readError("token", err)
	}
	if !t.ExpiresAt.IsZero() && !at.Before(t.ExpiresAt) {
		return Who{}, jobs.ErrUnauthenticated
	}
	if !u.Enabled {
		return Who{}, jobs.ErrUnauthenticated
	}
	note(ctx, "token", at, t.LastUsedAt, func() error { return a.store.TouchToken(ctx, hash, at) })
	who := a.who(u)
	who.TokenID = t.ID
	who.Principal.ReadOnly, who.Principal.Token = t.ReadOnly, t.ID
	return who, nil
}

func (a *Accounts) bySession(ctx context.Context, id string, note noting) (Who, error) {
	if id == "" {
		return Who{}, jobs.ErrUnauthenticated
	}
	at, hash := now(), hashOf(id)
	s, u, err := a.store.Session(ctx, hash)
	if err != nil {
		return Who{}, readError("session", err)
	}
	if !at.Before(s.ExpiresAt) || at.Sub(s.SeenAt) >= a.options.Idle {
		return Who{}, jobs.ErrUnauthenticated
	}
	if !u.Enabled {
		return Who{}, jobs.ErrUnauthenticated
	}
	note(ctx, "session", at, s.SeenAt, func() error { return a.store.TouchSession(ctx, hash, at) })
	who := a.who(u)
	who.Cookie, who.session = true, hash
	return who, nil
}

// readError keeps apart what does not exist and what cannot be read.
func readError(kind string, err error) error {
	if errors.Is(err, jobs.ErrNotFound) {
		return jobs.ErrUnauthenticated
	}
	return fmt.Errorf("read %s: %w", kind, err)
}

// touch writes down that something is used, at most once a minute. A failure refuses nobody: the identity was read, and a session whose use
// is not noted ends too early rather than too late.
func (a *Accounts) touch(ctx context.Context, kind string, at, last time.Time, write func() error) {
	if at.Sub(last) < touchEvery {
		return
	}
	if err := write(); err != nil && ctx.Err() == nil {
		a.log.WarnContext(ctx, "use of an identity is not noted", "kind", kind, "err", err)
	}
}

// who is the identity of a user. Nobody beyond here needs the password hash, and what is not there cannot be logged.
func (a *Accounts) who(u jobs.User) Who {
	u.PasswordHash = ""
	return Who{Principal: a.principal(u), User: u}
}

// principal gives a user's rights. A superuser has all, but manages the cluster only as one of the default tenant, or with that right: in a
// server with several tenants the cluster is not one customer's to steer (contract 1.5).
func (a *Accounts) principal(u jobs.User) jobs.Principal {
	p := jobs.Principal{Tenant: u.Tenant, User: u.ID, Teams: u.Teams, Superuser: u.Superuser, Rights: u.Rights}
	if u.Superuser {
		p.Rights.CreateJobs, p.Rights.CreateTags = true, true
		p.Rights.ManageCluster = u.Rights.ManageCluster || u.Tenant == a.options.DefaultTenant
	}
	return p
}

// super is the identity of the SuperToken.
func (a *Accounts) super() Who {
	u := jobs.User{
		Tenant: a.options.DefaultTenant, ID: a.options.SuperTokenUser, DisplayName: string(a.options.SuperTokenUser), Enabled: true, Superuser: true,
	}
	return Who{Principal: a.principal(u), User: u, host: true}
}
