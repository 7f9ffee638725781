package httpapi

import (
	"errors"
	"net/http"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

var sessionRoutes = []route{
	{
		method: "POST", path: "/login/:domain", group: groupOpen, handle: (*API).login, accounts: true,
		name: "login", summary: "Sign in; the session is in the cookie of the answer", body: reads(readCredentials),
		answers: answers{200: loginView{}}, also: []int{401, 429},
	},
	{
		method: "POST", path: "/logout", group: groupIdentity, handle: (*API).logout, accounts: true,
		name: "logout", summary: "End the session", body: noFields, answers: answers{204: nothing{}},
	},
	{
		method: "GET", path: "/session", group: groupIdentity, handle: (*API).session,
		name: "getSession", summary: "Who the caller is and what it may do", answers: answers{200: sessionView{}},
	},
}

// loginDomain is the domain of the built-in users in the path of a log-in (contract 15).
const loginDomain = "local"

// userView is a user as the caller sees itself.
type userView struct {
	Username    jobs.PrincipalID `json:"username"`
	DisplayName text             `json:"displayName"`
	Email       text             `json:"email"`
}

type loginView struct {
	User   userView `json:"user"`
	Locale string   `json:"locale"`
	Lang   string   `json:"lang"`
}

type credentials struct {
	username string
	password jobs.Secret
}

// readCredentials reads the body of a log-in.
func readCredentials(b *body) credentials {
	return credentials{requiredText(b, "username"), jobs.Secret(requiredText(b, "password"))}
}

// login serves POST /login/{domain}. The id of the session is in the cookie alone.
func (a *API) login(w http.ResponseWriter, r *request) error {
	if r.params.ByName("domain") != loginDomain {
		return jobs.NotFound("domain")
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	who := readCredentials(b)
	if err := b.finish(); err != nil {
		return err
	}
	accounts := a.options.Accounts
	u, id, err := accounts.Login(r.Context(), accounts.ClientAddr(r.Request), who.username, who.password)
	if err != nil {
		return loginError(err)
	}
	// The session that this browser had before would live on without anybody who could end it.
	if err := accounts.Logout(r.Request); err != nil {
		return err
	}
	noStore(w)
	http.SetCookie(w, accounts.Cookie(r.Request, id))
	return write(w, r.Request, http.StatusOK, loginView{
		User: userView{u.ID, text(u.DisplayName), text(u.Email)}, Locale: "en-US", Lang: "en",
	})
}

// loginError says the same for every reason why somebody cannot sign in (contract 15).
func loginError(err error) error {
	var throttled *identity.ThrottledError
	switch {
	case errors.As(err, &throttled):
		return &statusError{
			status: http.StatusTooManyRequests, message: "Too many tries to log in; wait and try again", retryAfter: throttled.Seconds(),
		}
	case errors.Is(err, jobs.ErrUnauthenticated):
		return fail(http.StatusUnauthorized, "Unable to log in")
	}
	return authError(err)
}

// requiredText reads a string that has to be there and not empty.
func requiredText(b *body, name string) string {
	f := b.text(name)
	b.note(name).required, b.note(name).notNull = true, true
	_, sent := b.fields[name]
	if !sent || f.Null || f.Set && f.Value == "" {
		b.faults.Add(b.at(name), "is required")
	}
	return f.Value
}

// noStore keeps an answer with a secret out of every cache.
func noStore(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") }

// logout serves POST /logout: the session of the cookie ends, whoever the token in the header belongs to.
func (a *API) logout(w http.ResponseWriter, r *request) error {
	if err := noBody(r.Request); err != nil {
		return err
	}
	if err := r.accounts.Logout(r.Request); err != nil {
		return err
	}
	http.SetCookie(w, a.options.Accounts.NoCookie(r.Request))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type sessionView struct {
	User        userView         `json:"user"`
	Tenant      jobs.TenantID    `json:"tenant"`
	Teams       []membershipView `json:"teams"`
	Superuser   bool             `json:"superuser"`
	Permissions sessionRights    `json:"permissions"`
}

type membershipView struct {
	ID   jobs.PrincipalID `json:"id"`
	Role jobs.Role        `json:"role"`
}

type sessionRights struct {
	Jobs createPermission `json:"jobs"`
	Tags createPermission `json:"tags"`
}

// session serves GET /session, with any authenticator.
func (a *API) session(w http.ResponseWriter, r *request) error {
	if err := noQuery(r.Request); err != nil {
		return err
	}
	p := r.identity.Principal
	v := sessionView{
		User:   userView{p.User, text(r.identity.DisplayName), text(r.identity.Email)},
		Tenant: p.Tenant, Teams: newMembershipViews(p.Teams), Superuser: p.Superuser,
		Permissions: sessionRights{
			Jobs: createPermission{r.client.MayCreateJobs()},
			Tags: createPermission{(p.Rights.CreateTags || p.Superuser) && !p.ReadOnly},
		},
	}
	return write(w, r.Request, http.StatusOK, v)
}
