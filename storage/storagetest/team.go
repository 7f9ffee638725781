package storagetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

func teamRules() []rule {
	return []rule{
		{"a team is read back whole with its members by user, at revision 1", teamRoundTrip},
		{"a taken team id is a conflict", teamTaken},
		{"an unknown team, or one of another tenant, is not found", teamUnknown},
		{"a saved team replaces name and members at the next revision", teamSave},
		{"a save with another revision of a team changes nothing", teamRevision},
		{"a member who is no user of the tenant is not found, and nothing is written", teamStranger},
		{"a member is put, given another role, and taken out; the revision grows with each", teamMember},
		{"of members put at once none is lost", teamMembersRace},
		{"teams are listed by ids, bare if that is asked", teamIDs},
		{"teams are found by words in slug and name", teamWords},
		{"teams are sorted by each field", teamSorted},
		{"a removed team takes memberships and shares along", teamDelete},
		{"a team that owns jobs is not removed, and the jobs are named", teamOwner},
		{"a team is removed at its revision only", teamDeleteRevision},
		{"a team has as many members as its limit, and a user as many teams", teamLimits},
	}
}

func newTeam(slug string, members ...jobs.Member) jobs.Team {
	return jobs.Team{Tenant: tenant, ID: jobs.TeamID(slug), Name: "Team " + slug, Members: members, Revision: 1, CreatedAt: t0, UpdatedAt: t0}
}

func givenTeam(ctx context.Context, s jobs.Store, slug string, members ...jobs.Member) jobs.Team {
	x := newTeam(slug, members...)
	done(s.InsertTeam(ctx, x))
	return x
}

func as(user jobs.PrincipalID, role jobs.Role) jobs.Member {
	return jobs.Member{User: user, Role: role}
}

func teamRoundTrip(ctx context.Context, s jobs.Store) error {
	var members []jobs.Member
	for i, role := range jobs.Roles {
		u := givenUser(ctx, s, jobs.PrincipalID(fmt.Sprint("u", i)))
		members = append(members, as(u.ID, role))
	}
	mixed := append([]jobs.Member{members[4], members[2]}, members[0], members[1], members[3], members[5])
	done(s.InsertTeam(ctx, newTeam("sales", mixed...)))
	empty := givenTeam(ctx, s, "empty")
	got := must(s.Team(ctx, tenant, "team:sales"))
	return errors.Join(same("the team", got, newTeam("sales", members...)), same("a team of nobody", must(s.Team(ctx, tenant, empty.ID)), empty),
		instant("CreatedAt", got.CreatedAt, t0))
}

func teamTaken(ctx context.Context, s jobs.Store) error {
	givenUser(ctx, s, "a")
	x := givenTeam(ctx, s, "sales", as("a", jobs.RoleAdmin))
	rival := newTeam("sales")
	rival.Name = "rival"
	err := s.InsertTeam(ctx, rival)
	rival.Tenant = foreign
	return errors.Join(refused("InsertTeam", err, jobs.ErrConflict), same("the team", must(s.Team(ctx, tenant, x.ID)), x), s.InsertTeam(ctx, rival))
}

func teamUnknown(ctx context.Context, s jobs.Store) error {
	givenUser(ctx, s, "a")
	x := givenTeam(ctx, s, "sales", as("a", jobs.RoleAdmin))
	stolen := x
	stolen.Tenant, stolen.Members = foreign, nil
	_, unknown := s.Team(ctx, tenant, "team:Sales")
	_, other := s.Team(ctx, foreign, x.ID)
	list := must(s.Teams(ctx, jobs.TeamQuery{Tenant: foreign}))
	return errors.Join(refused("an id in another case", unknown, jobs.ErrNotFound), refused("a team of another tenant", other, jobs.ErrNotFound),
		refused("SaveTeam by another tenant", s.SaveTeam(ctx, stolen), jobs.ErrNotFound),
		refused("PutMember by another tenant", s.PutMember(ctx, t0, foreign, x.ID, as("a", jobs.RoleMember)), jobs.ErrNotFound),
		refused("DeleteMember by another tenant", s.DeleteMember(ctx, t0, foreign, x.ID, "a"), jobs.ErrNotFound),
		refused("DeleteTeam by another tenant", s.DeleteTeam(ctx, t0, foreign, x.ID, 0), jobs.ErrNotFound),
		refused("SaveTeam of an unknown team", s.SaveTeam(ctx, newTeam("ghost")), jobs.ErrNotFound),
		refused("PutMember of an unknown team", s.PutMember(ctx, t0, tenant, "team:ghost", as("a", jobs.RoleMember)), jobs.ErrNotFound),
		refused("DeleteMember of nobody", s.DeleteMember(ctx, t0, tenant, x.ID, "ghost"), jobs.ErrNotFound),
		refused("DeleteTeam of an unknown team", s.DeleteTeam(ctx, t0, tenant, "team:ghost", 0), jobs.ErrNotFound),
		same("teams of another tenant", list.Total, 0), same("the team", must(s.Team(ctx, tenant, x.ID)), x))
}

func teamSave(ctx context.Context, s jobs.Store) error {
	for _, id := range []jobs.PrincipalID{"a", "b", "c"} {
		givenUser(ctx, s, id)
	}
	x := givenTeam(ctx, s, "sales", as("a", jobs.RoleAdmin), as("b", jobs.RoleMember))
	other := givenTeam(ctx, s, "buyers", as("a", jobs.RoleAdmin))
	x.Name, x.Members, x.UpdatedAt, x.CreatedAt = "Sales 2", []jobs.Member{as("c", jobs.RoleDesigner), as("b", jobs.RoleAdmin)}, at(5), at(9)
	done(s.SaveTeam(ctx, x))
	x.Revision, x.CreatedAt, x.Members = 2, t0, []jobs.Member{as("b", jobs.RoleAdmin), as("c", jobs.RoleDesigner)}
	return errors.Join(same("the team", must(s.Team(ctx, tenant, x.ID)), x), same("the other team", must(s.Team(ctx, tenant, other.ID)), other),
		same("teams of who was left out", must(s.User(ctx, tenant, "a")).Teams, []jobs.Membership{{Team: "team:buyers", Role: jobs.RoleAdmin}}))
}

func teamRevision(ctx context.Context, s jobs.Store) error {
	givenUser(ctx, s, "a")
	x := givenTeam(ctx, s, "sales", as("a", jobs.RoleAdmin))
	done(s.SaveTeam(ctx, x))
	want := must(s.Team(ctx, tenant, x.ID))
	var errs []error
	for _, revision := range []int64{0, 1, 3, -1} {
		late := newTeam("sales")
		late.Revision = revision
		errs = append(errs, refused(fmt.Sprint("a save of revision ", revision), s.SaveTeam(ctx, late), jobs.ErrPrecondition))
	}
	return errors.Join(append(errs, same("the team", must(s.Team(ctx, tenant, x.ID)), want))...)
}

func teamStranger(ctx context.Context, s jobs.Store) error {
	givenUser(ctx, s, "a")
	givenUser(ctx, s, "alien", func(u *jobs.User) { u.Tenant = foreign })
	x := givenTeam(ctx, s, "sales", as("a", jobs.RoleAdmin))
	saved := x
	saved.Name, saved.Members = "changed", []jobs.Member{as("a", jobs.RoleMember), as("alien", jobs.RoleAdmin)}
	insert := s.InsertTeam(ctx, newTeam("buyers", as("a", jobs.RoleAdmin), as("ghost", jobs.RoleAdmin)))
	_, none := s.Team(ctx, tenant, "team:buyers")
	return errors.Join(refused("InsertTeam", insert, jobs.ErrNotFound), refused("the team that was not inserted", none, jobs.ErrNotFound),
		refused("SaveTeam", s.SaveTeam(ctx, saved), jobs.ErrNotFound),
		refused("PutMember", s.PutMember(ctx, at(1), tenant, x.ID, as("alien", jobs.RoleAdmin)), jobs.ErrNotFound),
		same("the team", must(s.Team(ctx, tenant, x.ID)), x))
}

func teamMember(ctx context.Context, s jobs.Store) error {
	givenUser(ctx, s, "a")
	givenUser(ctx, s, "b")
	x := givenTeam(ctx, s, "sales", as("a", jobs.RoleAdmin))
	done(s.PutMember(ctx, at(1), tenant, x.ID, as("b", jobs.RoleMember)))
	x.Members, x.Revision, x.UpdatedAt = append(x.Members, as("b", jobs.RoleMember)), 2, at(1)
	errs := []error{same("with a member more", must(s.Team(ctx, tenant, x.ID)), x)}
	done(s.PutMember(ctx, at(2), tenant, x.ID, as("b", jobs.RolePublisher)))
	x.Members[1].Role, x.Revision, x.UpdatedAt = jobs.RolePublisher, 3, at(2)
	errs = append(errs, same("with another role", must(s.Team(ctx, tenant, x.ID)), x))
	done(s.DeleteMember(ctx, at(3), tenant, x.ID, "a"))
	x.Members, x.Revision, x.UpdatedAt = x.Members[1:], 4, at(3)
	errs = append(errs, same("with a member less", must(s.Team(ctx, tenant, x.ID)), x),
		refused("a second delete of the member", s.DeleteMember(ctx, at(4), tenant, x.ID, "a"), jobs.ErrNotFound))
	return errors.Join(append(errs, same("the team after it", must(s.Team(ctx, tenant, x.ID)), x))...)
}

func teamMembersRace(ctx context.Context, s jobs.Store) error {
	const n = 8
	for i := range n {
		givenUser(ctx, s, jobs.PrincipalID(fmt.Sprint("u", i)))
	}
	x := givenTeam(ctx, s, "sales")
	errs := together(n, func(i int) error {
		return s.PutMember(ctx, at(i), tenant, x.ID, as(jobs.PrincipalID(fmt.Sprint("u", i)), jobs.RoleMember))
	})
	got := must(s.Team(ctx, tenant, x.ID))
	return errors.Join(append(errs, same("members", len(got.Members), n), same("the revision", got.Revision, int64(1+n)))...)
}

func teamIDs(ctx context.Context, s jobs.Store) error {
	givenUser(ctx, s, "u")
	a, b := givenTeam(ctx, s, "a", as("u", jobs.RoleAdmin)), givenTeam(ctx, s, "b")
	givenTeam(ctx, s, "c")
	ids := []jobs.PrincipalID{"team:b", "team:ghost", "team:a"}
	got := must(s.Teams(ctx, jobs.TeamQuery{Tenant: tenant, IDs: ids}))
	bare := must(s.Teams(ctx, jobs.TeamQuery{Tenant: tenant, IDs: ids, Bare: true}))
	none := must(s.Teams(ctx, jobs.TeamQuery{Tenant: tenant, IDs: []jobs.PrincipalID{}}))
	errs := []error{same("teams", got.Items, []jobs.Team{a, b}), same("Total", got.Total, 2), same("teams of no ids", none.Total, 0)}
	a.Members = nil
	return errors.Join(append(errs, same("bare teams", bare.Items, []jobs.Team{a, b}))...)
}

func teamSlugs(page jobs.Page[jobs.Team]) (slugs []string) {
	for _, x := range page.Items {
		slugs = append(slugs, x.ID.Bare())
	}
	return slugs
}

func teamWords(ctx context.Context, s jobs.Store) error {
	given := func(slug, name string) {
		x := newTeam(slug)
		x.Name = name
		done(s.InsertTeam(ctx, x))
	}
	given("sales", "Vertrieb ÖSTLICH")
	given("buyers", "Buyers 100%")
	var errs []error
	for words, want := range map[string][]string{"östlich": {"sales"}, "SALES": {"sales"}, "%": {"buyers"}, "team": nil, "e": {"buyers", "sales"}} {
		page := must(s.Teams(ctx, jobs.TeamQuery{Tenant: tenant, Words: []string{words}}))
		errs = append(errs, same("teams with "+words, teamSlugs(page), want), same("their number", page.Total, len(want)))
	}
	page := must(s.Teams(ctx, jobs.TeamQuery{Tenant: tenant, Start: 1, Limit: 1}))
	return errors.Join(append(errs, same("a page", teamSlugs(page), []string{"sales"}), same("Total of the page", page.Total, 2))...)
}

func teamSorted(ctx context.Context, s jobs.Store) error {
	for i, name := range []string{"bravo", "Charlie", "ALPHA"} {
		x := newTeam(string("xyz"[i]))
		x.Name, x.CreatedAt, x.UpdatedAt = name, at(i), at(9-i)
		done(s.InsertTeam(ctx, x))
	}
	var errs []error
	for field, want := range map[string]string{"": "zxy", "name": "zxy", "-name": "yxz", "slug": "xyz", "createdAt": "xyz", "updatedAt": "zyx", "-updatedAt": "xyz"} {
		q := jobs.TeamQuery{Tenant: tenant}
		if field != "" {
			q.Sort = []jobs.SortKey{sortKey(field)}
		}
		got := ""
		for _, slug := range teamSlugs(must(s.Teams(ctx, q))) {
			got += slug
		}
		errs = append(errs, same("teams by "+field, got, want))
	}
	_, err := s.Teams(ctx, jobs.TeamQuery{Tenant: tenant, Sort: []jobs.SortKey{{Field: "members"}}})
	return errors.Join(append(errs, refused("a sort by another field", err, jobs.ErrInvalid))...)
}

func teamDelete(ctx context.Context, s jobs.Store) error {
	givenUser(ctx, s, "a")
	x, other := givenTeam(ctx, s, "sales", as("a", jobs.RoleAdmin)), givenTeam(ctx, s, "buyers", as("a", jobs.RoleMember))
	shared, abroad := givenJob(ctx, s, "stock"), givenJob(ctx, s, "stock", of(foreign))
	for _, j := range []*jobs.Job{shared, abroad} {
		done(put(ctx, s, t0, j, x.ID, jobs.LevelRun, jobs.LevelNone))
		done(put(ctx, s, t0, j, other.ID, jobs.LevelRead, jobs.LevelNone))
	}
	done(s.DeleteTeam(ctx, at(3), tenant, x.ID, 1))
	_, gone := s.Team(ctx, tenant, x.ID)
	return errors.Join(refused("the removed team", gone, jobs.ErrNotFound),
		same("teams of the user", must(s.User(ctx, tenant, "a")).Teams, []jobs.Membership{{Team: other.ID, Role: jobs.RoleMember}}),
		same("shares", levelsOf(ctx, s, shared), map[jobs.PrincipalID]jobs.Level{other.ID: jobs.LevelRead}),
		instant("UpdatedAt of the job", readJob(ctx, s, shared).UpdatedAt, at(3)),
		same("shares in the other tenant", len(levelsOf(ctx, s, abroad)), 2), same("the other team", must(s.Team(ctx, tenant, other.ID)), other))
}

func teamOwner(ctx context.Context, s jobs.Store) error {
	x := givenTeam(ctx, s, "sales")
	givenJob(ctx, s, "stock", ownedBy(x.ID))
	givenJob(ctx, s, "stock", ownedBy(x.ID), of(foreign))
	err := s.DeleteTeam(ctx, t0, tenant, x.ID, 0)
	var conflict *jobs.ConflictError
	if !errors.As(err, &conflict) {
		return fmt.Errorf("DeleteTeam of an owner: %w, want a *ConflictError", err)
	}
	return errors.Join(same("the jobs", conflict.Data, map[string]any{"jobs": []string{"acme:stock"}, "total": 1}),
		same("the team", must(s.Team(ctx, tenant, x.ID)), x))
}

func teamDeleteRevision(ctx context.Context, s jobs.Store) error {
	x := givenTeam(ctx, s, "sales")
	done(s.SaveTeam(ctx, x))
	return errors.Join(refused("DeleteTeam at an old revision", s.DeleteTeam(ctx, t0, tenant, x.ID, 1), jobs.ErrPrecondition),
		refused("DeleteTeam at no revision", s.DeleteTeam(ctx, t0, tenant, x.ID, -1), jobs.ErrPrecondition), s.DeleteTeam(ctx, t0, tenant, x.ID, 2))
}

// teamLimits fills one team with users and one user with teams. The sizes of a tenant are in size.go.
func teamLimits(ctx context.Context, s jobs.Store) error {
	var members []jobs.Member
	errs := together(50, func(w int) error {
		for i := w; i < jobs.MaxTeamMembers+1; i += 50 {
			if err := s.InsertUser(ctx, newUser(jobs.PrincipalID(fmt.Sprintf("u%04d", i)))); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range jobs.MaxTeamMembers {
		members = append(members, as(jobs.PrincipalID(fmt.Sprintf("u%04d", i)), jobs.RoleMember))
	}
	last := as(jobs.PrincipalID(fmt.Sprintf("u%04d", jobs.MaxTeamMembers)), jobs.RoleMember)
	full := givenTeam(ctx, s, "full", members...)
	errs = append(errs, conflict("a member beyond the limit", s.PutMember(ctx, t0, tenant, full.ID, last), "", ""),
		s.PutMember(ctx, t0, tenant, full.ID, as(members[0].User, jobs.RoleAdmin)),
		conflict("a team beyond the limit", s.InsertTeam(ctx, newTeam("too-full", append(members, last)...)), "", ""))
	for i := range jobs.MaxTeamsPerUser - 1 {
		givenTeam(ctx, s, fmt.Sprint("t", i), as(members[0].User, jobs.RoleMember))
	}
	more := givenTeam(ctx, s, "more")
	return errors.Join(append(errs, conflict("a membership beyond the limit", s.PutMember(ctx, t0, tenant, more.ID, members[0]), "", ""),
		same("teams of the user", len(must(s.User(ctx, tenant, members[0].User)).Teams), jobs.MaxTeamsPerUser),
		same("members of the team that was refused", len(must(s.Team(ctx, tenant, more.ID)).Members), 0))...)
}
