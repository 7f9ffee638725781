package httpapi

import (
	"net/http"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

// Authenticator tells who a request comes from. A host with its own users and sessions implements it in a few lines. It is called for
// each request, concurrently, and again every 30 s for streams.
type Authenticator interface {
	// Authenticate gives the identity, or jobs.ErrUnauthenticated for a request without a valid one. Other errors are 503.
	Authenticate(r *http.Request) (Identity, error)
}

// Rechecker is an Authenticator that tells the looks at a stream that goes on from requests: where requests keep a session alive, an open
// stream should not.
type Rechecker interface {
	// Recheck is Authenticate of a request that was authenticated before, every 30 s.
	Recheck(r *http.Request) (Identity, error)
}

// recheck looks again at the identity of a request that goes on. Another user than before is nobody.
func (a *API) recheck(r *request) (jobs.Principal, error) {
	look := a.options.Authenticator.Authenticate
	if re, ok := a.options.Authenticator.(Rechecker); ok {
		look = re.Recheck
	}
	who, err := look(r.Request)
	if err != nil {
		return jobs.Principal{}, authError(err)
	}
	if was := r.identity.Principal; who.Principal.User != was.User || who.Principal.Tenant != was.Tenant {
		return jobs.Principal{}, jobs.ErrUnauthenticated
	}
	return who.Principal, nil
}

// Identity is who a request comes from.
type Identity struct {
	Principal jobs.Principal
	// Cookie: the browser sent the proof by itself, so requests from other origins are refused (R52).
	Cookie bool
	// Address is that of the client, for the audit; empty: the address that connects.
	Address string
	// DisplayName and Email are for GET /session; they may be empty.
	DisplayName string
	Email       string

	// who is the same identity as the built-in accounts know it; empty for those of a host.
	who identity.Who
}

// AuthenticatorFunc makes a function an Authenticator.
type AuthenticatorFunc func(r *http.Request) (Identity, error)

// Authenticate calls f.
func (f AuthenticatorFunc) Authenticate(r *http.Request) (Identity, error) { return f(r) }

// accountsAuthenticator is the built-in identity as an Authenticator.
type accountsAuthenticator struct{ accounts *identity.Accounts }

// Authenticate is Authenticator.
func (a accountsAuthenticator) Authenticate(r *http.Request) (Identity, error) {
	return identityOf(a.accounts.Authenticate(r))
}

// Recheck is Rechecker.
func (a accountsAuthenticator) Recheck(r *http.Request) (Identity, error) {
	return identityOf(a.accounts.Recheck(r))
}

func identityOf(who identity.Who, err error) (Identity, error) {
	if err != nil {
		return Identity{}, err
	}
	return Identity{
		Principal: who.Principal, Cookie: who.Cookie, DisplayName: who.User.DisplayName, Email: who.User.Email, who: who,
	}, nil
}
