package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

func userRules() []rule {
	return []rule{
		{"a user is read back whole, at revision 1", userRoundTrip},
		{"a taken user id is a conflict", userTaken},
		{"an unknown user, or one of another tenant, is not found", userUnknown},
		{"a saved user replaces the stored one at the next revision, and keeps its sessions, tokens and last log-in", userSave},
		{"a save with another revision of a user changes nothing", userRevision},
		{"of saves of one user at once one wins", userRivals},
		{"users are listed by ids, as far as they exist", userIDs},
		{"users are found by words in username, display name and address, signs of patterns too", userWords},
		{"users are sorted by each field, what is missing last", userSorted},
		{"a page of users is a part of the list, with the number of all, and shows their teams", userPage},
		{"users are counted by tenant", userCount},
		{"a disabled user loses its sessions and tokens", userDisabled},
		{"a user with another password loses its sessions but the one to keep, and keeps its tokens", userPassword},
		{"the last superuser who can sign in stays", userLastSuperuser},
		{"of two last superusers who leave at once one stays", userLastRivals},
		{"a removed user takes sessions, tokens, memberships, drafts and shares along", userDelete},
		{"a user who owns jobs is not removed, and the jobs are named", userOwner},
		{"a user is removed at its revision only", userDeleteRevision},
	}
}

func newUser(id jobs.PrincipalID) jobs.User {
	return jobs.User{
		Tenant: tenant, ID: id, DisplayName: "Mära Lind", Email: "mara@example.org", PasswordHash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
		Enabled: true, Superuser: true, Rights: jobs.Rights{CreateJobs: true, ManageCluster: true}, Revision: 1, CreatedAt: t0, UpdatedAt: t0,
	}
}

func givenUser(ctx context.Context, s jobs.Store, id jobs.PrincipalID, change ...func(*jobs.User)) jobs.User {
	u := newUser(id)
	for _, f := range change {
		f(&u)
	}
	done(s.InsertUser(ctx, u))
	return u
}

func plain(u *jobs.User) { u.Superuser = false }

func userRoundTrip(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "mara.lind")
	least := jobs.User{Tenant: tenant, ID: "plain", CreatedAt: at(1), UpdatedAt: at(2), Rights: jobs.Rights{CreateTags: true}, LastLoginAt: at(3)}
	done(s.InsertUser(ctx, least))
	least.Revision = 1
	got := must(s.User(ctx, tenant, "mara.lind"))
	return errors.Join(same("the user", got, u), same("the other", must(s.User(ctx, tenant, "plain")), least), instant("CreatedAt", got.CreatedAt, t0))
}

func userTaken(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "mara.lind")
	rival := newUser("mara.lind")
	rival.DisplayName = "rival"
	err := s.InsertUser(ctx, rival)
	rival.Tenant = foreign
	return errors.Join(refused("InsertUser", err, jobs.ErrConflict), same("the user", must(s.User(ctx, tenant, u.ID)), u), s.InsertUser(ctx, rival))
}

func userUnknown(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "mara.lind")
	_, unknown := s.User(ctx, tenant, "Mara.Lind")
	_, other := s.User(ctx, foreign, u.ID)
	stolen := u
	stolen.Tenant, stolen.DisplayName = foreign, "stolen"
	return errors.Join(refused("an id in another case", unknown, jobs.ErrNotFound), refused("a user of another tenant", other, jobs.ErrNotFound),
		refused("SaveUser of an unknown user", s.SaveUser(ctx, newUser("ghost"), nil), jobs.ErrNotFound),
		refused("SaveUser by another tenant", s.SaveUser(ctx, stolen, nil), jobs.ErrNotFound),
		refused("DeleteUser of an unknown user", s.DeleteUser(ctx, t0, tenant, "ghost", 0), jobs.ErrNotFound),
		refused("DeleteUser by another tenant", s.DeleteUser(ctx, t0, foreign, u.ID, 0), jobs.ErrNotFound),
		same("the user", must(s.User(ctx, tenant, u.ID)), u))
}

func userSave(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "mara.lind")
	givenUser(ctx, s, "boss")
	done(s.InsertSession(ctx, session(1, u.ID, 1), 20))
	done(s.InsertToken(ctx, token(2, u.ID, 1)))
	u.DisplayName, u.Email, u.Superuser, u.Rights, u.UpdatedAt = "Mara", "", false, jobs.Rights{CreateTags: true}, at(5)
	u.CreatedAt, u.LastLoginAt = at(9), at(9) // another store's idea of it
	done(s.SaveUser(ctx, u, nil))
	u.Revision, u.CreatedAt, u.LastLoginAt = 2, t0, at(1)
	return errors.Join(same("the user", must(s.User(ctx, tenant, u.ID)), u), same("its session", hasSession(ctx, s, 1), true), same("its token", hasToken(ctx, s, 2), true))
}

func userRevision(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "mara.lind")
	done(s.SaveUser(ctx, u, nil))
	want := must(s.User(ctx, tenant, u.ID))
	var errs []error
	for _, revision := range []int64{0, 1, 3, -1} {
		late := u
		late.Revision, late.DisplayName, late.Enabled = revision, "late", false
		errs = append(errs, refused(fmt.Sprint("a save of revision ", revision), s.SaveUser(ctx, late, nil), jobs.ErrPrecondition))
	}
	return errors.Join(append(errs, same("the user", must(s.User(ctx, tenant, u.ID)), want))...)
}

func userRivals(ctx context.Context, s jobs.Store) error {
	const rivals = 8
	u := givenUser(ctx, s, "mara.lind")
	won := make([]bool, rivals)
	errs := together(rivals, func(i int) error {
		mine := u
		mine.DisplayName = fmt.Sprint("rival ", i)
		err := s.SaveUser(ctx, mine, nil)
		won[i] = err == nil
		if errors.Is(err, jobs.ErrPrecondition) {
			return nil
		}
		return err
	})
	got := must(s.User(ctx, tenant, u.ID))
	n := 0
	for i, yes := range won {
		if yes {
			n++
			errs = append(errs, same("the name that was stored", got.DisplayName, fmt.Sprint("rival ", i)))
		}
	}
	return errors.Join(append(errs, same("winners", n, 1), same("the revision", got.Revision, int64(2)))...)
}

func userIDs(ctx context.Context, s jobs.Store) error {
	a, b := givenUser(ctx, s, "a"), givenUser(ctx, s, "b")
	givenUser(ctx, s, "c")
	got := must(s.Users(ctx, jobs.UserQuery{Tenant: tenant, IDs: []jobs.PrincipalID{"b", "ghost", "a", "x' OR '1'='1"}}))
	none := must(s.Users(ctx, jobs.UserQuery{Tenant: tenant, IDs: []jobs.PrincipalID{}}))
	other := must(s.Users(ctx, jobs.UserQuery{Tenant: foreign, IDs: []jobs.PrincipalID{"a"}}))
	return errors.Join(same("users", got.Items, []jobs.User{a, b}), same("Total", got.Total, 2), same("users of no ids", none.Total, 0),
		same("users of another tenant", other.Total, 0))
}

func userNames(page jobs.Page[jobs.User]) (names []jobs.PrincipalID) {
	for _, u := range page.Items {
		names = append(names, u.ID)
	}
	return names
}

func userWords(ctx context.Context, s jobs.Store) error {
	named := func(name, email string) func(*jobs.User) {
		return func(u *jobs.User) { u.DisplayName, u.Email = name, email }
	}
	givenUser(ctx, s, "ana", named("Ana Ünal", "ana@acme.example"))
	givenUser(ctx, s, "ben_x", named("Ben 100%", "ben@other.example"))
	givenUser(ctx, s, "benax", named("Bena", ""))
	var errs []error
	for words, want := range map[string][]jobs.PrincipalID{
		"ANA": {"ana"}, "ünal": {"ana"}, "ÜNAL": {"ana"}, "OTHER.example": {"ben_x"}, "%": {"ben_x"}, "n_x": {"ben_x"}, `\`: nil, "ben": {"ben_x", "benax"},
	} {
		page := must(s.Users(ctx, jobs.UserQuery{Tenant: tenant, Words: []string{words}}))
		errs = append(errs, same("users with "+words, userNames(page), want), same("their number", page.Total, len(want)))
	}
	both := must(s.Users(ctx, jobs.UserQuery{Tenant: tenant, Words: []string{"ben", "other"}}))
	return errors.Join(append(errs, same("users with two words", userNames(both), []jobs.PrincipalID{"ben_x"}))...)
}

func userSorted(ctx context.Context, s jobs.Store) error {
	given := func(id jobs.PrincipalID, name, email string, enabled, superuser bool, created, login int) {
		u := newUser(id)
		u.DisplayName, u.Email, u.Enabled, u.Superuser, u.CreatedAt = name, email, enabled, superuser, at(created)
		if login > 0 {
			u.LastLoginAt = at(login)
		}
		done(s.InsertUser(ctx, u))
	}
	given("a", "charlie", "", true, false, 3, 0)
	given("b", "Bravo", "z@acme.example", false, true, 2, 9)
	given("c", "alpha", "Y@acme.example", true, true, 1, 5)
	var errs []error
	for field, want := range map[string]string{
		"": "abc", "username": "abc", "-username": "cba", "displayName": "cba", "email": "cba", "-email": "abc", "enabled": "bac", "-enabled": "acb",
		"superuser": "abc", "createdAt": "cba", "lastLoginAt": "cba", "-lastLoginAt": "abc",
	} {
		q := jobs.UserQuery{Tenant: tenant}
		if field != "" {
			q.Sort = []jobs.SortKey{sortKey(field)}
		}
		got := ""
		for _, id := range userNames(must(s.Users(ctx, q))) {
			got += string(id)
		}
		errs = append(errs, same("users by "+field, got, want))
	}
	_, err := s.Users(ctx, jobs.UserQuery{Tenant: tenant, Sort: []jobs.SortKey{{Field: "passwordHash"}}})
	return errors.Join(append(errs, refused("a sort by another field", err, jobs.ErrInvalid))...)
}

func userPage(ctx context.Context, s jobs.Store) error {
	for i := range 7 {
		givenUser(ctx, s, jobs.PrincipalID(fmt.Sprint("u", i)))
	}
	done(s.InsertTeam(ctx, newTeam("sales", jobs.Member{User: "u2", Role: jobs.RoleAdmin}, jobs.Member{User: "u3", Role: jobs.RoleMember})))
	done(s.InsertTeam(ctx, newTeam("buyers", jobs.Member{User: "u3", Role: jobs.RoleDesigner})))
	page := must(s.Users(ctx, jobs.UserQuery{Tenant: tenant, Start: 2, Limit: 2}))
	beyond := must(s.Users(ctx, jobs.UserQuery{Tenant: tenant, Start: 9, Limit: 2}))
	return errors.Join(same("the page", userNames(page), []jobs.PrincipalID{"u2", "u3"}), same("Total", page.Total, 7),
		same("the page beyond the end", len(beyond.Items), 0), same("its Total", beyond.Total, 7),
		same("teams of u2", page.Items[0].Teams, []jobs.Membership{{Team: "team:sales", Role: jobs.RoleAdmin}}),
		same("teams of u3", page.Items[1].Teams, []jobs.Membership{{Team: "team:buyers", Role: jobs.RoleDesigner}, {Team: "team:sales", Role: jobs.RoleMember}}))
}

func userCount(ctx context.Context, s jobs.Store) error {
	none := must(s.CountUsers(ctx, tenant))
	givenUser(ctx, s, "a")
	givenUser(ctx, s, "b")
	u := newUser("a")
	u.Tenant = foreign
	done(s.InsertUser(ctx, u))
	return errors.Join(same("of none", none, 0), same("of one", must(s.CountUsers(ctx, tenant)), 2), same("of the other", must(s.CountUsers(ctx, foreign)), 1))
}

func userDisabled(ctx context.Context, s jobs.Store) error {
	u := bystanders(ctx, s)
	u.Enabled = false
	done(s.SaveUser(ctx, u, hash(1)))
	return errors.Join(same("its session", hasSession(ctx, s, 1), false), same("its token", hasToken(ctx, s, 2), false),
		same("the session of another", hasSession(ctx, s, 3), true), same("the token of another", hasToken(ctx, s, 4), true))
}

func userPassword(ctx context.Context, s jobs.Store) error {
	u := bystanders(ctx, s)
	done(s.InsertSession(ctx, session(5, u.ID, 1), 20))
	u.PasswordHash += "2"
	done(s.SaveUser(ctx, u, hash(5)))
	errs := []error{
		same("its session", hasSession(ctx, s, 1), false), same("the session to keep", hasSession(ctx, s, 5), true),
		same("its token", hasToken(ctx, s, 2), true), same("the session of another", hasSession(ctx, s, 3), true),
	}
	u.Revision, u.PasswordHash = 2, u.PasswordHash+"3"
	done(s.SaveUser(ctx, u, hash(3)))
	return errors.Join(append(errs, same("the session when that of another was to be kept", hasSession(ctx, s, 5), false),
		same("the session of another after that", hasSession(ctx, s, 3), true))...)
}

func userLastSuperuser(ctx context.Context, s jobs.Store) error {
	boss := givenUser(ctx, s, "boss")
	givenUser(ctx, s, "disabled", func(u *jobs.User) { u.Enabled = false })
	givenUser(ctx, s, "no-password", func(u *jobs.User) { u.PasswordHash = "" })
	givenUser(ctx, s, "plain", plain)
	givenUser(ctx, s, "boss2", func(u *jobs.User) { u.Tenant = foreign })
	var errs []error
	for what, change := range map[string]func(*jobs.User){
		"disabled": func(u *jobs.User) { u.Enabled = false }, "demoted": plain, "without a password": func(u *jobs.User) { u.PasswordHash = "" },
	} {
		u := boss
		change(&u)
		errs = append(errs, refused("the last superuser "+what, s.SaveUser(ctx, u, nil), jobs.ErrLastSuperuser))
	}
	errs = append(errs, refused("the last superuser removed", s.DeleteUser(ctx, t0, tenant, boss.ID, 0), jobs.ErrLastSuperuser),
		same("the last superuser", must(s.User(ctx, tenant, boss.ID)), boss))
	other := must(s.User(ctx, tenant, "plain"))
	other.Superuser = true
	done(s.SaveUser(ctx, other, nil))
	boss.Superuser = false
	return errors.Join(append(errs, s.SaveUser(ctx, boss, nil), s.DeleteUser(ctx, t0, tenant, boss.ID, 0), s.DeleteUser(ctx, t0, tenant, "disabled", 0))...)
}

func userLastRivals(ctx context.Context, s jobs.Store) error {
	users := []jobs.User{givenUser(ctx, s, "a"), givenUser(ctx, s, "b"), givenUser(ctx, s, "c")}
	left := make([]bool, len(users))
	errs := together(len(users), func(i int) error {
		var err error
		u := users[i]
		switch i {
		case 0:
			u.Enabled = false
			err = s.SaveUser(ctx, u, nil)
		case 1:
			u.Superuser = false
			err = s.SaveUser(ctx, u, nil)
		default:
			err = s.DeleteUser(ctx, t0, tenant, u.ID, 0)
		}
		left[i] = err == nil
		if errors.Is(err, jobs.ErrLastSuperuser) {
			return nil
		}
		return err
	})
	n := 0
	for _, yes := range left {
		if yes {
			n++
		}
	}
	return errors.Join(append(errs, same("superusers who left", n, 2))...)
}

func userDelete(ctx context.Context, s jobs.Store) error {
	givenUser(ctx, s, "boss")
	u := bystanders(ctx, s)
	team := newTeam("sales", jobs.Member{User: "a", Role: jobs.RoleAdmin}, jobs.Member{User: "b", Role: jobs.RoleMember})
	done(s.InsertTeam(ctx, team))
	shared := givenJob(ctx, s, "stock", ownedBy("b"))
	draft := newJob("", draftOf(shared), ownedBy("a"))
	done(s.InsertJob(ctx, t0, draft))
	other := newJob("", draftOf(shared), ownedBy("b"))
	done(s.InsertJob(ctx, t0, other))
	done(put(ctx, s, t0, shared, "a", jobs.LevelEdit, jobs.LevelNone))
	done(put(ctx, s, t0, shared, "boss", jobs.LevelRead, jobs.LevelNone))
	abroad := givenJob(ctx, s, "stock", of(foreign), ownedBy("b"))
	done(put(ctx, s, t0, abroad, "a", jobs.LevelEdit, jobs.LevelNone))
	done(s.SetFavorite(ctx, tenant, "a", shared.ID, true))
	done(s.SetFavorite(ctx, tenant, "b", shared.ID, true))
	done(s.DeleteUser(ctx, at(3), tenant, u.ID, u.Revision))
	givenUser(ctx, s, "a") // another person with that name
	_, noDraft := s.Job(ctx, tenant, jobs.JobRef{ID: draft.ID})
	must(s.Job(ctx, tenant, jobs.JobRef{ID: other.ID}))
	left := must(s.Team(ctx, tenant, team.ID))
	return errors.Join(same("teams of the next user of that name", len(must(s.User(ctx, tenant, "a")).Teams), 0), refused("its draft", noDraft, jobs.ErrNotFound),
		same("its favorites", len(must(s.Favorites(ctx, tenant, "a", []jobs.ID{shared.ID}))), 0),
		same("favorites of another", len(must(s.Favorites(ctx, tenant, "b", []jobs.ID{shared.ID}))), 1),
		same("its session", hasSession(ctx, s, 1), false), same("its token", hasToken(ctx, s, 2), false),
		same("the session of another", hasSession(ctx, s, 3), true), same("the token of another", hasToken(ctx, s, 4), true),
		same("the members", left.Members, []jobs.Member{{User: "b", Role: jobs.RoleMember}}), same("the revision of the team", left.Revision, int64(2)),
		instant("UpdatedAt of the team", left.UpdatedAt, at(3)),
		instant("UpdatedAt of the job that was shared", must(s.Job(ctx, tenant, jobs.JobRef{ID: shared.ID})).UpdatedAt, at(3)),
		same("shares of the job", levelsOf(ctx, s, shared), map[jobs.PrincipalID]jobs.Level{"boss": jobs.LevelRead}),
		same("shares in the other tenant", levelsOf(ctx, s, abroad), map[jobs.PrincipalID]jobs.Level{"a": jobs.LevelEdit}))
}

// sortKey reads a field name with "-" in front for descending.
func sortKey(text string) jobs.SortKey {
	field, descending := strings.CutPrefix(text, "-")
	return jobs.SortKey{Field: field, Descending: descending}
}

func userOwner(ctx context.Context, s jobs.Store) error {
	givenUser(ctx, s, "boss")
	u := givenUser(ctx, s, "mara.lind")
	givenJob(ctx, s, "stock", ownedBy(u.ID))
	givenJob(ctx, s, "alarm", ownedBy(u.ID))
	givenJob(ctx, s, "other", ownedBy("boss"))
	err := s.DeleteUser(ctx, t0, tenant, u.ID, 0)
	var conflict *jobs.ConflictError
	if !errors.As(err, &conflict) {
		return fmt.Errorf("DeleteUser of an owner: %w, want a *ConflictError", err)
	}
	return errors.Join(same("the jobs", conflict.Data, map[string]any{"jobs": []string{"acme:alarm", "acme:stock"}, "total": 2}),
		same("the user", must(s.User(ctx, tenant, u.ID)), u))
}

func userDeleteRevision(ctx context.Context, s jobs.Store) error {
	givenUser(ctx, s, "boss")
	u := givenUser(ctx, s, "mara.lind")
	done(s.SaveUser(ctx, u, nil))
	return errors.Join(refused("DeleteUser at an old revision", s.DeleteUser(ctx, t0, tenant, u.ID, 1), jobs.ErrPrecondition),
		refused("DeleteUser at no revision", s.DeleteUser(ctx, t0, tenant, u.ID, -1), jobs.ErrPrecondition), s.DeleteUser(ctx, t0, tenant, u.ID, 2))
}
