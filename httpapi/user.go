package httpapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

var userRoutes = []route{
	{
		method: "GET", path: "/users", group: groupSuper, handle: (*API).listUsers, accounts: true,
		name: "listUsers", summary: "The users of the tenant", query: asks(readUserQuery), answers: answers{200: page{rel: "inf:user", item: accountView{}}},
	},
	{
		method: "POST", path: "/users", group: groupSuper, handle: (*API).createUser, accounts: true,
		name: "createUser", summary: "Make a user", body: reads(readUserSpec), answers: answers{201: accountView{}}, also: []int{409}, tagged: true,
	},
	{
		method: "GET", path: "/users/:username", group: groupOwn, handle: (*API).getUser, accounts: true,
		name: "getUser", summary: "Get a user: oneself, or any for superusers", answers: answers{200: accountView{}}, tagged: true,
	},
	{
		method: "PUT", path: "/users/:username", group: groupOwn, handle: (*API).updateUser, accounts: true,
		name: "updateUser", summary: "Change a user; who is no superuser changes the own name and address", body: reads(readUserChange),
		answers: answers{200: accountView{}}, tagged: true,
	},
	{
		method: "DELETE", path: "/users/:username", group: groupSuper, handle: (*API).deleteUser, accounts: true,
		name: "deleteUser", summary: "Remove a user who owns no jobs, with all that is the user's alone", answers: answers{204: nothing{}}, also: []int{409},
	},
	{
		method: "PUT", path: "/users/:username/password", group: groupOwn, handle: (*API).setPassword, accounts: true,
		name: "setPassword", summary: "Set a password, the own one by the present one; other sessions end", body: reads(readNewPassword),
		answers: answers{204: nothing{}}, also: []int{429},
	},
}

// accountView is a user as a record (contract 15.1). Nothing of the password is in it.
type accountView struct {
	Links       links            `json:"_links"`
	Username    jobs.PrincipalID `json:"username"`
	DisplayName text             `json:"displayName"`
	Email       text             `json:"email"`
	Enabled     bool             `json:"enabled"`
	Superuser   bool             `json:"superuser"`
	Permissions []string         `json:"permissions"`
	Teams       []membershipView `json:"teams"`
	CreatedAt   stamp            `json:"createdAt"`
	UpdatedAt   stamp            `json:"updatedAt"`
	LastLoginAt stamp            `json:"lastLoginAt"`
}

func (a *API) newAccountView(u jobs.User) accountView {
	v := accountView{
		Links: links{"self": a.link("users", string(u.ID))}, Username: u.ID, DisplayName: text(u.DisplayName), Email: text(u.Email),
		Enabled: u.Enabled, Superuser: u.Superuser, Permissions: []string{}, Teams: newMembershipViews(u.Teams),
		CreatedAt: stamp(u.CreatedAt), UpdatedAt: stamp(u.UpdatedAt), LastLoginAt: stamp(u.LastLoginAt),
	}
	for _, r := range rightNames {
		if *r.of(&u.Rights) {
			v.Permissions = append(v.Permissions, r.name)
		}
	}
	return v
}

// rightNames are the rights of users by their names on the wire.
var rightNames = []struct {
	name string
	of   func(*jobs.Rights) *bool
}{
	{"jobs:create", func(r *jobs.Rights) *bool { return &r.CreateJobs }},
	{"tags:create", func(r *jobs.Rights) *bool { return &r.CreateTags }},
	{"cluster:manage", func(r *jobs.Rights) *bool { return &r.ManageCluster }},
}

// rights reads an array of names of rights.
func (b *body) rights(name string) jobs.Field[jobs.Rights] {
	list := b.texts(name)
	if !list.Set || list.Null {
		return jobs.Field[jobs.Rights]{Set: list.Set, Null: list.Null}
	}
	var rights jobs.Rights
	for i, word := range list.Value {
		known := false
		for _, r := range rightNames {
			if r.name == word {
				*r.of(&rights), known = true, true
			}
		}
		if !known {
			b.faults.Add(fmt.Sprintf("%s[%d]", b.at(name), i), "is %q; jobs:create, tags:create or cluster:manage", clip(word))
		}
	}
	return jobs.Value(rights)
}

func userVersion(u jobs.User) string { return fmt.Sprintf("r%d", u.Revision) }

// username is the user in the path. What cannot be a name is none that exists.
func (r *request) username() jobs.PrincipalID { return jobs.PrincipalID(r.params.ByName("username")) }

// readUserQuery reads the parameters of GET /users.
func readUserQuery(q *query) jobs.UserQuery {
	start, limit := q.page(30)
	return jobs.UserQuery{Words: q.words(), Sort: q.sort(jobs.UserSortFields), Start: start, Limit: limit}
}

// listUsers serves GET /users.
func (a *API) listUsers(w http.ResponseWriter, r *request) error {
	if !r.identity.Principal.Superuser {
		_, err := r.accounts.Users(r.Context(), jobs.UserQuery{}) // says why not
		return err
	}
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	uq := readUserQuery(q)
	if err := q.finish(); err != nil {
		return err
	}
	page, err := r.accounts.Users(r.Context(), uq)
	if err != nil {
		return err
	}
	items := make([]accountView, len(page.Items))
	for i, u := range page.Items {
		items[i] = a.newAccountView(u)
	}
	return write(w, r.Request, http.StatusOK, newCollection(r.Request, a.link("users"), "inf:user", items, uq.Start, uq.Limit, page.Total))
}

// userServerFields are set by the server alone, or by routes of their own.
var userServerFields = []string{"teams", "createdAt", "updatedAt", "lastLoginAt", "_links"}

// readUserSpec reads the body of POST /users.
func readUserSpec(b *body) identity.UserSpec {
	enabled, password := given(b, "enabled", b.boolean("enabled")), b.text("password")
	if password.Set && !password.Null && password.Value == "" {
		b.faults.Add(b.at("password"), "is empty; leave it out for a user who cannot sign in")
	}
	spec := identity.UserSpec{
		Username: jobs.PrincipalID(requiredText(b, "username")), DisplayName: b.text("displayName").Value, Email: b.text("email").Value,
		Password: jobs.Secret(password.Value), Disabled: enabled.Set && !enabled.Value,
		Superuser: given(b, "superuser", b.boolean("superuser")).Value, Rights: given(b, "permissions", b.rights("permissions")).Value,
	}
	b.ignore(userServerFields...)
	return spec
}

// createUser serves POST /users.
func (a *API) createUser(w http.ResponseWriter, r *request) error {
	if err := r.accounts.MayCreate(r.Context()); err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	spec := readUserSpec(b)
	if err := b.finish(); err != nil {
		return err
	}
	u, err := r.accounts.CreateUser(r.Context(), spec)
	if err != nil {
		return err
	}
	w.Header().Set("Location", a.path("users", string(u.ID)))
	return writeVersion(w, r.Request, http.StatusCreated, userVersion(u), a.newAccountView(u))
}

// getUser serves GET /users/{username}.
func (a *API) getUser(w http.ResponseWriter, r *request) error {
	u, err := r.accounts.User(r.Context(), r.username())
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	return writeTagged(w, r.Request, userVersion(u), a.newAccountView(u))
}

// expectUser is If-Match of the user in the path.
func (r *request) expectUser() int64 {
	return r.expectVersion(func() int64 {
		u, err := r.accounts.User(r.Context(), r.username())
		if err != nil {
			return 0 // the write finds the same error, or none any more
		}
		return u.Revision
	})
}

// userChange is the body of PUT /users/{username}.
type userChange struct {
	patch    identity.UserPatch
	username jobs.Field[string]
}

func readUserChange(b *body) userChange {
	c := userChange{
		identity.UserPatch{
			DisplayName: b.text("displayName"), Email: b.text("email"), Enabled: b.boolean("enabled"), Superuser: b.boolean("superuser"),
			Rights: b.rights("permissions"),
		},
		b.text("username"),
	}
	b.ignore(userServerFields...)
	return c
}

// updateUser serves PUT /users/{username}.
func (a *API) updateUser(w http.ResponseWriter, r *request) error {
	id := r.username()
	if err := r.accounts.MayChangeUser(r.Context(), id); err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	change := readUserChange(b)
	b.unchanged("username", change.username, string(id))
	if err := b.finish(); err != nil {
		return err
	}
	u, err := r.accounts.UpdateUser(r.Context(), id, change.patch, r.expectUser())
	if err != nil {
		return err
	}
	return writeVersion(w, r.Request, http.StatusOK, userVersion(u), a.newAccountView(u))
}

// unchanged lets a field be sent back that never changes.
func (b *body) unchanged(name string, sent jobs.Field[string], value string) {
	if sent.Set && (sent.Null || sent.Value != value) {
		b.faults.Add(b.at(name), "cannot be changed; it is %q", value)
	}
}

// deleteUser serves DELETE /users/{username}.
func (a *API) deleteUser(w http.ResponseWriter, r *request) error {
	id := r.username()
	if err := r.accounts.MayDeleteUser(r.Context(), id); err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	if err := r.accounts.DeleteUser(r.Context(), id, r.expectUser()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// newPassword is the body of PUT /users/{username}/password.
type newPassword struct{ password, current jobs.Secret }

func readNewPassword(b *body) newPassword {
	return newPassword{jobs.Secret(requiredText(b, "password")), jobs.Secret(b.text("current").Value)}
}

// setPassword serves PUT /users/{username}/password.
func (a *API) setPassword(w http.ResponseWriter, r *request) error {
	id := r.username()
	if err := r.accounts.MayChangeUser(r.Context(), id); err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	in := readNewPassword(b)
	if err := b.finish(); err != nil {
		return err
	}
	if err := r.expectNothing(); err != nil {
		return err
	}
	if err := r.accounts.SetPassword(r.Context(), id, in.current, in.password); err != nil {
		return throttledError(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// throttledError makes 429 of too many wrong passwords.
func throttledError(err error) error {
	var throttled *identity.ThrottledError
	if !errors.As(err, &throttled) {
		return err
	}
	return &statusError{
		status: http.StatusTooManyRequests, message: "Too many tries; wait and try again", retryAfter: throttled.Seconds(),
	}
}

// newMembershipViews are the teams of a user with the role in each.
func newMembershipViews(list []jobs.Membership) []membershipView {
	views := make([]membershipView, len(list))
	for i, m := range list {
		views[i] = membershipView{m.Team, m.Role}
	}
	return views
}
