package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func identityRules() []rule {
	return []rule{
		{"a user is read back whole", userRoundTrip},
		{"a taken user id is a conflict", userTaken},
		{"an unknown user, or one of another tenant, is not found", userUnknown},
		{"a saved user replaces the stored one and keeps its sessions and tokens", userSave},
		{"users are read by ids, as far as they exist", usersByID},
		{"users are counted by tenant", userCount},
		{"a disabled user loses its sessions and tokens", userDisabled},
		{"a user with another password loses its sessions and keeps its tokens", userPassword},
		{"a session is read back by its hash, and sets the last log-in", sessionRoundTrip},
		{"the oldest sessions of a user beyond the bound and all expired ones go", sessionKeep},
		{"a session is touched and deleted, an unknown one is no error", sessionTouchDelete},
		{"a token is read back by its hash", tokenRoundTrip},
		{"tokens of a user are listed newest first", tokenList},
		{"a token is touched, an unknown one is no error", tokenTouch},
		{"a token is deleted only by its user", tokenDelete},
	}
}

func newUser(id jobs.PrincipalID) jobs.User {
	return jobs.User{
		Tenant: tenant, ID: id, DisplayName: "Mära Lind", Email: "mara@example.org", PasswordHash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
		Enabled: true, Superuser: true, Rights: jobs.Rights{CreateJobs: true, ManageCluster: true}, CreatedAt: t0, UpdatedAt: t0,
	}
}

func givenUser(ctx context.Context, s jobs.Store, id jobs.PrincipalID) jobs.User {
	u := newUser(id)
	done(s.InsertUser(ctx, u))
	return u
}

func hash(n int) []byte {
	h := make([]byte, 32)
	h[0], h[31] = byte(n), byte(n>>8)
	return h
}

func session(n int, u jobs.PrincipalID, minute int) jobs.Session {
	return jobs.Session{Hash: hash(n), Tenant: tenant, User: u, CreatedAt: at(minute), SeenAt: at(minute), ExpiresAt: at(minute).AddDate(0, 0, 7)}
}

func token(n int, u jobs.PrincipalID, minute int) jobs.Token {
	return jobs.Token{ID: fmt.Sprint("token-", n), Hash: hash(n), Tenant: tenant, User: u, Name: "build", ReadOnly: true, ExpiresAt: at(minute).AddDate(1, 0, 0), CreatedAt: at(minute)}
}

func hasSession(ctx context.Context, s jobs.Store, n int) bool {
	_, err := s.Session(ctx, hash(n))
	if err != nil && !errors.Is(err, jobs.ErrNotFound) {
		done(err)
	}
	return err == nil
}

func hasToken(ctx context.Context, s jobs.Store, n int) bool {
	_, err := s.TokenByHash(ctx, hash(n))
	if err != nil && !errors.Is(err, jobs.ErrNotFound) {
		done(err)
	}
	return err == nil
}

func userRoundTrip(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "mara.lind")
	plain := jobs.User{Tenant: tenant, ID: "plain", CreatedAt: at(1), UpdatedAt: at(2), Rights: jobs.Rights{CreateTags: true}, LastLoginAt: at(3)}
	done(s.InsertUser(ctx, plain))
	got := must(s.User(ctx, tenant, "mara.lind"))
	return errors.Join(same("the user", got, u), same("the other", must(s.User(ctx, tenant, "plain")), plain), instant("CreatedAt", got.CreatedAt, t0))
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
		refused("SaveUser of an unknown user", s.SaveUser(ctx, newUser("ghost")), jobs.ErrNotFound),
		refused("SaveUser by another tenant", s.SaveUser(ctx, stolen), jobs.ErrNotFound), same("the user", must(s.User(ctx, tenant, u.ID)), u))
}

func userSave(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "mara.lind")
	done(s.InsertSession(ctx, session(1, u.ID, 1), 20))
	done(s.InsertToken(ctx, token(2, u.ID, 1)))
	u = must(s.User(ctx, tenant, u.ID))
	u.DisplayName, u.Email, u.Superuser, u.Rights, u.UpdatedAt = "Mara", "", false, jobs.Rights{CreateTags: true}, at(5)
	done(s.SaveUser(ctx, u))
	return errors.Join(same("the user", must(s.User(ctx, tenant, u.ID)), u), same("its session", hasSession(ctx, s, 1), true), same("its token", hasToken(ctx, s, 2), true))
}

func usersByID(ctx context.Context, s jobs.Store) error {
	a, b := givenUser(ctx, s, "a"), givenUser(ctx, s, "b")
	givenUser(ctx, s, "c")
	got := map[jobs.PrincipalID]jobs.User{}
	for _, u := range must(s.UsersByID(ctx, tenant, []jobs.PrincipalID{"b", "ghost", "a", "x' OR '1'='1"})) {
		got[u.ID] = u
	}
	none := must(s.UsersByID(ctx, tenant, nil))
	other := must(s.UsersByID(ctx, foreign, []jobs.PrincipalID{"a"}))
	return errors.Join(same("users", got, map[jobs.PrincipalID]jobs.User{"a": a, "b": b}), same("users of no ids", len(none), 0), same("users of another tenant", len(other), 0))
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

// bystanders gives two users a session and a token each: 1 and 2 are the first one's, 3 and 4 the second one's.
func bystanders(ctx context.Context, s jobs.Store) jobs.User {
	u, v := givenUser(ctx, s, "a"), givenUser(ctx, s, "b")
	done(s.InsertSession(ctx, session(1, u.ID, 1), 20))
	done(s.InsertToken(ctx, token(2, u.ID, 1)))
	done(s.InsertSession(ctx, session(3, v.ID, 1), 20))
	done(s.InsertToken(ctx, token(4, v.ID, 1)))
	return must(s.User(ctx, tenant, u.ID))
}

func userDisabled(ctx context.Context, s jobs.Store) error {
	u := bystanders(ctx, s)
	u.Enabled = false
	done(s.SaveUser(ctx, u))
	return errors.Join(same("its session", hasSession(ctx, s, 1), false), same("its token", hasToken(ctx, s, 2), false),
		same("the session of another", hasSession(ctx, s, 3), true), same("the token of another", hasToken(ctx, s, 4), true))
}

func userPassword(ctx context.Context, s jobs.Store) error {
	u := bystanders(ctx, s)
	u.PasswordHash += "2"
	done(s.SaveUser(ctx, u))
	return errors.Join(same("its session", hasSession(ctx, s, 1), false), same("its token", hasToken(ctx, s, 2), true),
		same("the session of another", hasSession(ctx, s, 3), true))
}

func sessionRoundTrip(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "mara.lind")
	want := session(1, u.ID, 5)
	done(s.InsertSession(ctx, want, 20))
	got := must(s.Session(ctx, hash(1)))
	_, unknown := s.Session(ctx, hash(2))
	return errors.Join(same("the session", got, want), instant("ExpiresAt", got.ExpiresAt, want.ExpiresAt), refused("an unknown session", unknown, jobs.ErrNotFound),
		same("LastLoginAt", must(s.User(ctx, tenant, u.ID)).LastLoginAt, at(5)))
}

func sessionKeep(ctx context.Context, s jobs.Store) error {
	a, b := givenUser(ctx, s, "a"), givenUser(ctx, s, "b")
	old := session(9, b.ID, 0)
	old.ExpiresAt = at(1)
	done(s.InsertSession(ctx, old, 3))
	for n := 1; n <= 4; n++ {
		done(s.InsertSession(ctx, session(n, a.ID, 10+n), 3))
	}
	done(s.InsertSession(ctx, session(10, b.ID, 20), 3))
	var kept []int
	for _, n := range []int{1, 2, 3, 4, 9, 10} {
		if hasSession(ctx, s, n) {
			kept = append(kept, n)
		}
	}
	return same("sessions left", kept, []int{2, 3, 4, 10})
}

func sessionTouchDelete(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "a")
	done(s.InsertSession(ctx, session(1, u.ID, 0), 3))
	done(s.InsertSession(ctx, session(2, u.ID, 0), 3))
	done(s.TouchSession(ctx, hash(1), at(7)))
	touched := must(s.Session(ctx, hash(1)))
	done(s.DeleteSession(ctx, hash(1)))
	return errors.Join(instant("SeenAt", touched.SeenAt, at(7)), same("the deleted session", hasSession(ctx, s, 1), false), same("the other session", hasSession(ctx, s, 2), true),
		s.DeleteSession(ctx, hash(1)), s.TouchSession(ctx, hash(1), at(8)), same("SeenAt of the other", must(s.Session(ctx, hash(2))).SeenAt, at(0)))
}

func tokenRoundTrip(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "a")
	want, endless := token(1, u.ID, 0), token(2, u.ID, 1)
	endless.ExpiresAt, endless.ReadOnly = time.Time{}, false
	done(s.InsertToken(ctx, want))
	done(s.InsertToken(ctx, endless))
	_, unknown := s.TokenByHash(ctx, hash(3))
	return errors.Join(same("the token", must(s.TokenByHash(ctx, hash(1))), want), same("a token without an end", must(s.TokenByHash(ctx, hash(2))), endless),
		refused("an unknown token", unknown, jobs.ErrNotFound))
}

func tokenList(ctx context.Context, s jobs.Store) error {
	a, b := givenUser(ctx, s, "a"), givenUser(ctx, s, "b")
	for n, minute := range []int{5, 9, 7} {
		done(s.InsertToken(ctx, token(n, a.ID, minute)))
	}
	done(s.InsertToken(ctx, token(9, b.ID, 0)))
	var list []string
	for _, t := range must(s.Tokens(ctx, tenant, a.ID)) {
		list = append(list, t.ID)
	}
	other := must(s.Tokens(ctx, foreign, a.ID))
	return errors.Join(same("tokens", list, []string{"token-1", "token-2", "token-0"}), same("tokens of another tenant", len(other), 0))
}

func tokenTouch(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "a")
	done(s.InsertToken(ctx, token(1, u.ID, 0)))
	done(s.TouchToken(ctx, hash(1), at(3)))
	return errors.Join(instant("LastUsedAt", must(s.TokenByHash(ctx, hash(1))).LastUsedAt, at(3)), s.TouchToken(ctx, hash(2), at(3)))
}

func tokenDelete(ctx context.Context, s jobs.Store) error {
	a, b := givenUser(ctx, s, "a"), givenUser(ctx, s, "b")
	done(s.InsertToken(ctx, token(1, a.ID, 0)))
	byOther, byTenant := s.DeleteToken(ctx, tenant, b.ID, "token-1"), s.DeleteToken(ctx, foreign, a.ID, "token-1")
	still := hasToken(ctx, s, 1)
	done(s.DeleteToken(ctx, tenant, a.ID, "token-1"))
	return errors.Join(refused("a delete by another user", byOther, jobs.ErrNotFound), refused("a delete by another tenant", byTenant, jobs.ErrNotFound),
		same("the token after them", still, true), same("the token after its delete", hasToken(ctx, s, 1), false),
		refused("a second delete", s.DeleteToken(ctx, tenant, a.ID, "token-1"), jobs.ErrNotFound))
}
