package httpapi

import (
	"fmt"
	"net/http"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

var teamRoutes = []route{
	{
		method: "GET", path: "/teams", group: groupIdentity, handle: (*API).listTeams, accounts: true,
		name: "listTeams", summary: "The teams of the tenant", query: asks(readTeamQuery), answers: answers{200: page{rel: "inf:team", item: teamView{}}},
	},
	{
		method: "POST", path: "/teams", group: groupSuper, handle: (*API).createTeam, accounts: true,
		name: "createTeam", summary: "Make a team", body: reads(readTeamSpec), answers: answers{201: teamView{}}, also: []int{409}, tagged: true,
	},
	{
		method: "GET", path: "/teams/:slug", group: groupIdentity, handle: (*API).getTeam, accounts: true,
		name: "getTeam", summary: "Get a team with its members", answers: answers{200: teamView{}}, tagged: true,
	},
	{
		method: "PUT", path: "/teams/:slug", group: groupTeam, handle: (*API).updateTeam, accounts: true,
		name: "updateTeam", summary: "Change name or members of a team", body: reads(readTeamChange), answers: answers{200: teamView{}},
		also: []int{409}, tagged: true,
	},
	{
		method: "DELETE", path: "/teams/:slug", group: groupTeam, handle: (*API).deleteTeam, accounts: true,
		name: "deleteTeam", summary: "Remove a team that owns no jobs", answers: answers{204: nothing{}}, also: []int{409},
	},
	{
		method: "PUT", path: "/teams/:slug/members/:username", group: groupTeam, handle: (*API).putMember, accounts: true,
		name: "putMember", summary: "Give a user a role in a team", body: reads(readMemberChange), answers: answers{200: memberView{}}, also: []int{409},
	},
	{
		method: "DELETE", path: "/teams/:slug/members/:username", group: groupTeam, handle: (*API).deleteMember, accounts: true,
		name: "deleteMember", summary: "Take a user out of a team; what the team gave is lost at once", answers: answers{204: nothing{}},
	},
}

// teamView is a team with its members (contract 15.1).
type teamView struct {
	Links     links            `json:"_links"`
	ID        jobs.PrincipalID `json:"id"`
	Slug      string           `json:"slug"`
	Name      string           `json:"name"`
	Members   []memberEntry    `json:"members"`
	CreatedAt stamp            `json:"createdAt"`
	UpdatedAt stamp            `json:"updatedAt"`
}

type memberEntry struct {
	Username jobs.PrincipalID `json:"username"`
	Role     jobs.Role        `json:"role"`
}

// memberView is one member as a thing of its own.
type memberView struct {
	Links links `json:"_links"`
	memberEntry
}

func (a *API) newTeamView(x jobs.Team) teamView {
	v := teamView{
		Links: links{"self": a.link("teams", x.ID.Bare())}, ID: x.ID, Slug: x.ID.Bare(), Name: x.Name, Members: []memberEntry{},
		CreatedAt: stamp(x.CreatedAt), UpdatedAt: stamp(x.UpdatedAt),
	}
	for _, m := range x.Members {
		v.Members = append(v.Members, memberEntry{m.User, m.Role})
	}
	return v
}

func teamVersion(x jobs.Team) string { return fmt.Sprintf("r%d", x.Revision) }

func (r *request) slug() string { return r.params.ByName("slug") }

// readTeamQuery reads the parameters of GET /teams.
func readTeamQuery(q *query) jobs.TeamQuery {
	start, limit := q.page(30)
	return jobs.TeamQuery{Words: q.words(), Sort: q.sort(jobs.TeamSortFields), Start: start, Limit: limit}
}

// listTeams serves GET /teams.
func (a *API) listTeams(w http.ResponseWriter, r *request) error {
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	tq := readTeamQuery(q)
	if err := q.finish(); err != nil {
		return err
	}
	page, err := r.accounts.Teams(r.Context(), tq)
	if err != nil {
		return err
	}
	items := make([]teamView, len(page.Items))
	for i, x := range page.Items {
		items[i] = a.newTeamView(x)
	}
	return write(w, r.Request, http.StatusOK, newCollection(r.Request, a.link("teams"), "inf:team", items, tq.Start, tq.Limit, page.Total))
}

// members reads the members of a team.
func (b *body) members(name string) jobs.Field[[]jobs.Member] {
	members := []jobs.Member{}
	for _, entry := range b.list(name) {
		members = append(members, jobs.Member{
			User: jobs.PrincipalID(requiredText(entry, "username")), Role: jobs.Role(requiredText(entry, "role")),
		})
		entry.unknown()
	}
	_, set, null := b.field(name)
	return jobs.Field[[]jobs.Member]{Set: set, Null: null, Value: members}
}

var teamServerFields = []string{"id", "createdAt", "updatedAt", "_links"}

// readTeamSpec reads the body of POST /teams.
func readTeamSpec(b *body) identity.TeamSpec {
	spec := identity.TeamSpec{
		Slug: requiredText(b, "slug"), Name: requiredText(b, "name"), Members: given(b, "members", b.members("members")).Value,
	}
	b.ignore(teamServerFields...)
	return spec
}

// createTeam serves POST /teams.
func (a *API) createTeam(w http.ResponseWriter, r *request) error {
	if err := r.accounts.MayCreate(r.Context()); err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	spec := readTeamSpec(b)
	if err := b.finish(); err != nil {
		return err
	}
	x, err := r.accounts.CreateTeam(r.Context(), spec)
	if err != nil {
		return err
	}
	w.Header().Set("Location", a.path("teams", x.ID.Bare()))
	return writeVersion(w, r.Request, http.StatusCreated, teamVersion(x), a.newTeamView(x))
}

// getTeam serves GET /teams/{slug}.
func (a *API) getTeam(w http.ResponseWriter, r *request) error {
	x, err := r.accounts.Team(r.Context(), r.slug())
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	return writeTagged(w, r.Request, teamVersion(x), a.newTeamView(x))
}

// expectTeam is If-Match of the team in the path.
func (r *request) expectTeam() int64 {
	return r.expectVersion(func() int64 {
		x, err := r.accounts.Team(r.Context(), r.slug())
		if err != nil {
			return 0 // the write finds the same error, or none any more
		}
		return x.Revision
	})
}

// teamChange is the body of PUT /teams/{slug}.
type teamChange struct {
	patch identity.TeamPatch
	slug  jobs.Field[string]
}

func readTeamChange(b *body) teamChange {
	c := teamChange{identity.TeamPatch{Name: b.text("name"), Members: b.members("members")}, b.text("slug")}
	b.ignore(teamServerFields...)
	return c
}

// updateTeam serves PUT /teams/{slug}.
func (a *API) updateTeam(w http.ResponseWriter, r *request) error {
	slug := r.slug()
	if err := r.accounts.MayChangeTeam(r.Context(), slug); err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	change := readTeamChange(b)
	b.unchanged("slug", change.slug, slug)
	if err := b.finish(); err != nil {
		return err
	}
	x, err := r.accounts.UpdateTeam(r.Context(), slug, change.patch, r.expectTeam())
	if err != nil {
		return err
	}
	return writeVersion(w, r.Request, http.StatusOK, teamVersion(x), a.newTeamView(x))
}

// deleteTeam serves DELETE /teams/{slug}.
func (a *API) deleteTeam(w http.ResponseWriter, r *request) error {
	slug := r.slug()
	if err := r.accounts.MayChangeTeam(r.Context(), slug); err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	if err := r.accounts.DeleteTeam(r.Context(), slug, r.expectTeam()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// memberChange is the body of PUT /teams/{slug}/members/{username}.
type memberChange struct {
	role     jobs.Role
	username jobs.Field[string]
}

func readMemberChange(b *body) memberChange {
	c := memberChange{jobs.Role(requiredText(b, "role")), b.text("username")}
	b.ignore("_links")
	return c
}

// putMember serves PUT /teams/{slug}/members/{username}.
func (a *API) putMember(w http.ResponseWriter, r *request) error {
	slug, user := r.slug(), r.username()
	if err := r.accounts.MayChangeMember(r.Context(), slug, user); err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	change := readMemberChange(b)
	b.unchanged("username", change.username, string(user))
	if err := b.finish(); err != nil {
		return err
	}
	if err := r.expectNothing(); err != nil {
		return err
	}
	if err := r.accounts.PutMember(r.Context(), slug, jobs.Member{User: user, Role: change.role}); err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, memberView{
		links{"inf:team": a.link("teams", slug), "inf:user": a.link("users", string(user))},
		memberEntry{user, change.role},
	})
}

// deleteMember serves DELETE /teams/{slug}/members/{username}.
func (a *API) deleteMember(w http.ResponseWriter, r *request) error {
	slug, user := r.slug(), r.username()
	if err := r.accounts.MayDeleteMember(r.Context(), slug, user); err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	if err := r.expectNothing(); err != nil {
		return err
	}
	if err := r.accounts.DeleteMember(r.Context(), slug, user); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
