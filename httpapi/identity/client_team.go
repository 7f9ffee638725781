package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

// Teams lists the teams of the tenant; for every identity.
func (c *Client) Teams(ctx context.Context, q jobs.TeamQuery) (jobs.Page[jobs.Team], error) {
	if err := c.identified(); err != nil {
		return jobs.Page[jobs.Team]{}, err
	}
	q.Tenant = c.tenant()
	return c.accounts.store.Teams(ctx, q)
}

// Team reads one team with its members; for every identity.
func (c *Client) Team(ctx context.Context, slug string) (jobs.Team, error) {
	if err := c.identified(); err != nil {
		return jobs.Team{}, err
	}
	return c.accounts.store.Team(ctx, c.tenant(), jobs.TeamID(slug))
}

// TeamSpec is a new team.
type TeamSpec struct {
	Slug    string
	Name    string
	Members []jobs.Member
}

// CreateTeam makes a team; only for superusers. Members who are no users are named in a *jobs.ValidationError; a taken slug is
// jobs.ErrConflict.
func (c *Client) CreateTeam(ctx context.Context, spec TeamSpec) (jobs.Team, error) {
	if err := c.mayCreate(ctx); err != nil {
		return jobs.Team{}, err
	}
	at := now()
	x := jobs.Team{
		Tenant: c.tenant(), ID: jobs.TeamID(spec.Slug), Name: strings.TrimSpace(spec.Name), Members: spec.Members, CreatedAt: at, UpdatedAt: at,
	}
	var faults jobs.Faults
	if !jobs.ValidSlug(spec.Slug) {
		faults.Add("slug", "has to be 1 to %d lower-case letters and digits, with single hyphens between them", jobs.MaxSlug)
	}
	if err := c.checkTeam(ctx, &faults, x); err != nil {
		return jobs.Team{}, err
	}
	if err := c.accounts.store.InsertTeam(audited(ctx, c.who.Principal, teamRow(jobs.AuditCreate, x.ID)), x); err != nil {
		return jobs.Team{}, memberError(err)
	}
	return c.Team(ctx, spec.Slug)
}

// checkTeam finds what is wrong with name and members.
func (c *Client) checkTeam(ctx context.Context, faults *jobs.Faults, x jobs.Team) error {
	checkName(faults, "name", x.Name)
	if len(x.Members) > jobs.MaxTeamMembers {
		faults.Add("members", "are %d; at most %d", len(x.Members), jobs.MaxTeamMembers)
		return faults.Err()
	}
	known, err := c.usersAmong(ctx, x.Members)
	if err != nil {
		return err
	}
	seen := map[jobs.PrincipalID]bool{}
	for i, m := range x.Members {
		path := fmt.Sprintf("members[%d]", i)
		switch {
		case !known[m.User]:
			faults.Add(path+".username", "is not a user: %q", clip(string(m.User)))
		case seen[m.User]:
			faults.Add(path+".username", "is there twice: %q", m.User)
		}
		seen[m.User] = true
		checkRole(faults, path+".role", m.Role)
	}
	return faults.Err()
}

func (c *Client) usersAmong(ctx context.Context, members []jobs.Member) (map[jobs.PrincipalID]bool, error) {
	known := make(map[jobs.PrincipalID]bool, len(members))
	if len(members) == 0 {
		return known, nil
	}
	ids := make([]jobs.PrincipalID, len(members))
	for i, m := range members {
		ids[i] = m.User
	}
	page, err := c.accounts.store.Users(ctx, jobs.UserQuery{Tenant: c.tenant(), IDs: ids})
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	for _, u := range page.Items {
		known[u.ID] = true
	}
	return known, nil
}

func checkRole(faults *jobs.Faults, path string, role jobs.Role) {
	if slices.Contains(jobs.Roles, role) {
		return
	}
	words := make([]string, len(jobs.Roles))
	for i, r := range jobs.Roles {
		words[i] = string(r)
	}
	faults.Add(path, "is %q; one of %s", clip(string(role)), strings.Join(words, ", "))
}

// clip keeps what a caller sent short in a message.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// memberError says what has happened if a member was removed between the check and the write.
func memberError(err error) error {
	var missing *jobs.NotFoundError
	if errors.As(err, &missing) && missing.Kind == "user" {
		return jobs.Conflict("a member has just been removed from the users")
	}
	return err
}

// MayChangeTeam is the permission check of all changes of a team alone, with whether the team exists: for superusers, and for the admins of the
// team.
func (c *Client) MayChangeTeam(ctx context.Context, slug string) error {
	if _, err := c.Team(ctx, slug); err != nil {
		return err
	}
	if err := c.writes(ctx); err != nil {
		return err
	}
	p := c.who.Principal
	if p.Superuser || slices.Contains(p.Teams, jobs.Membership{Team: jobs.TeamID(slug), Role: jobs.RoleAdmin}) {
		return nil
	}
	return c.denied(ctx, jobs.Forbidden("only a superuser or an admin of the team may change it"), "team:admin", "team", string(jobs.TeamID(slug)))
}

// TeamPatch is a partial update of a team; Members replaces all of them.
type TeamPatch struct {
	Name    jobs.Field[string]
	Members jobs.Field[[]jobs.Member]
}

// UpdateTeam changes a team whose revision is base, 0 for any. A member who is left out loses what the team gave at once.
func (c *Client) UpdateTeam(ctx context.Context, slug string, p TeamPatch, base int64) (jobs.Team, error) {
	if err := c.MayChangeTeam(ctx, slug); err != nil {
		return jobs.Team{}, err
	}
	for try := 1; ; try++ {
		x, err := c.Team(ctx, slug)
		if err != nil {
			return jobs.Team{}, err
		}
		if base != 0 && x.Revision != base {
			return jobs.Team{}, jobs.ErrPrecondition
		}
		before := x
		if err := c.applyTeam(ctx, &x, p); err != nil {
			return jobs.Team{}, err
		}
		fields := teamFields(before, x)
		if len(fields) == 0 {
			return before, nil
		}
		x.UpdatedAt = now()
		err = c.accounts.store.SaveTeam(audited(ctx, c.who.Principal, teamRow(jobs.AuditUpdate, x.ID, fields...)), x)
		switch {
		case err == nil:
			return c.Team(ctx, slug)
		case !errors.Is(err, jobs.ErrPrecondition) || base != 0 || try == changeTries:
			return jobs.Team{}, memberError(err)
		}
	}
}

// teamFields names what has changed: the name, and each member who came, went, or has another role.
func teamFields(before, after jobs.Team) []string {
	var fields []string
	roles := map[jobs.PrincipalID]jobs.Role{}
	for _, m := range before.Members {
		roles[m.User] = m.Role
	}
	for _, m := range after.Members {
		if roles[m.User] != m.Role {
			fields = append(fields, memberField(m.User))
		}
		delete(roles, m.User)
	}
	for user := range roles {
		fields = append(fields, memberField(user))
	}
	if before.Name != after.Name {
		fields = append(fields, "name")
	}
	slices.Sort(fields)
	return fields
}

func (c *Client) applyTeam(ctx context.Context, x *jobs.Team, p TeamPatch) error {
	var faults jobs.Faults
	if p.Name.Null {
		faults.Add("name", "may not be null")
	}
	if p.Members.Null {
		faults.Add("members", "may not be null")
	}
	if p.Name.Set && !p.Name.Null {
		x.Name = strings.TrimSpace(p.Name.Value)
	}
	if p.Members.Set && !p.Members.Null {
		x.Members = slices.Clone(p.Members.Value)
	}
	if err := c.checkTeam(ctx, &faults, *x); err != nil {
		return err
	}
	slices.SortFunc(x.Members, func(a, b jobs.Member) int { return strings.Compare(string(a.User), string(b.User)) })
	return nil
}

// DeleteTeam removes a team whose revision is base, 0 for any. One that owns jobs is jobs.ErrConflict with their natural ids.
func (c *Client) DeleteTeam(ctx context.Context, slug string, base int64) error {
	if err := c.MayChangeTeam(ctx, slug); err != nil {
		return err
	}
	return c.accounts.store.DeleteTeam(audited(ctx, c.who.Principal, teamRow(jobs.AuditDelete, jobs.TeamID(slug))), now(), c.tenant(), jobs.TeamID(slug), base)
}

// PutMember gives a user a role in a team, also instead of another one. An unknown user is jobs.ErrNotFound.
func (c *Client) PutMember(ctx context.Context, slug string, m jobs.Member) error {
	if err := c.MayChangeMember(ctx, slug, m.User); err != nil {
		return err
	}
	var faults jobs.Faults
	checkRole(&faults, "role", m.Role)
	if err := faults.Err(); err != nil {
		return err
	}
	row := teamRow(jobs.AuditUpdate, jobs.TeamID(slug), memberField(m.User))
	return c.accounts.store.PutMember(audited(ctx, c.who.Principal, row), now(), c.tenant(), jobs.TeamID(slug), m)
}

// MayChangeMember is the permission check of PutMember alone, with whether team and user exist. Who may not change the team is not told of
// users.
func (c *Client) MayChangeMember(ctx context.Context, slug string, user jobs.PrincipalID) error {
	if err := c.MayChangeTeam(ctx, slug); err != nil {
		return err
	}
	known, err := c.usersAmong(ctx, []jobs.Member{{User: user}})
	if err == nil && !known[user] {
		return jobs.NotFound("user")
	}
	return err
}

// DeleteMember takes a user out of a team at once; jobs.ErrNotFound if the user is not in it.
func (c *Client) DeleteMember(ctx context.Context, slug string, user jobs.PrincipalID) error {
	if err := c.MayDeleteMember(ctx, slug, user); err != nil {
		return err
	}
	row := teamRow(jobs.AuditUpdate, jobs.TeamID(slug), memberField(user))
	return c.accounts.store.DeleteMember(audited(ctx, c.who.Principal, row), now(), c.tenant(), jobs.TeamID(slug), user)
}

// MayDeleteMember is the permission check of DeleteMember alone, with whether the user is in the team.
func (c *Client) MayDeleteMember(ctx context.Context, slug string, user jobs.PrincipalID) error {
	if err := c.MayChangeTeam(ctx, slug); err != nil {
		return err
	}
	x, err := c.Team(ctx, slug)
	if err == nil && !slices.ContainsFunc(x.Members, func(m jobs.Member) bool { return m.User == user }) {
		return jobs.NotFound("member")
	}
	return err
}
