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

func (a accountsAuthenticator) Authenticate(r *http.Request) (Identity, error) {
	who, err := a.accounts.Authenticate(r)
	if err != nil {
		return Identity{}, err
	}
	return Identity{
		Principal: who.Principal, Cookie: who.Cookie, DisplayName: who.User.DisplayName, Email: who.User.Email, who: who,
	}, nil
}
