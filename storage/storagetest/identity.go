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
		{"a session and a token come with their user and the teams that it is in now", sessionUser},
		{"a disabled or unknown user gets no session and no token", sessionRefused},
		{"a session is read back by its hash, and sets the last log-in", sessionRoundTrip},
		{"the oldest sessions of a user beyond the bound and all expired ones go", sessionKeep},
		{"a session is touched and deleted, an unknown one is no error", sessionTouchDelete},
		{"a token is read back by its hash", tokenRoundTrip},
		{"tokens of a user are listed newest first", tokenList},
		{"a token is touched, an unknown one is no error", tokenTouch},
		{"a token is deleted only by its user", tokenDelete},
	}
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
	_, _, err := s.Session(ctx, hash(n))
	if err != nil && !errors.Is(err, jobs.ErrNotFound) {
		done(err)
	}
	return err == nil
}

func hasToken(ctx context.Context, s jobs.Store, n int) bool {
	_, _, err := s.TokenByHash(ctx, hash(n))
	if err != nil && !errors.Is(err, jobs.ErrNotFound) {
		done(err)
	}
	return err == nil
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

func sessionOf(ctx context.Context, s jobs.Store, n int) jobs.Session {
	x, _, err := s.Session(ctx, hash(n))
	return must(x, err)
}

func tokenOf(ctx context.Context, s jobs.Store, n int) jobs.Token {
	x, _, err := s.TokenByHash(ctx, hash(n))
	return must(x, err)
}

func sessionRoundTrip(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "mara.lind")
	want := session(1, u.ID, 5)
	done(s.InsertSession(ctx, want, 20))
	got := sessionOf(ctx, s, 1)
	_, _, unknown := s.Session(ctx, hash(2))
	stored := must(s.User(ctx, tenant, u.ID))
	return errors.Join(same("the session", got, want), instant("ExpiresAt", got.ExpiresAt, want.ExpiresAt), refused("an unknown session", unknown, jobs.ErrNotFound),
		same("LastLoginAt", stored.LastLoginAt, at(5)), same("the revision of the user", stored.Revision, int64(1)))
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
	touched := sessionOf(ctx, s, 1)
	done(s.DeleteSession(ctx, hash(1)))
	return errors.Join(instant("SeenAt", touched.SeenAt, at(7)), same("the deleted session", hasSession(ctx, s, 1), false), same("the other session", hasSession(ctx, s, 2), true),
		s.DeleteSession(ctx, hash(1)), s.TouchSession(ctx, hash(1), at(8)), same("SeenAt of the other", sessionOf(ctx, s, 2).SeenAt, at(0)))
}

func tokenRoundTrip(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "a")
	want, endless := token(1, u.ID, 0), token(2, u.ID, 1)
	endless.ExpiresAt, endless.ReadOnly = time.Time{}, false
	done(s.InsertToken(ctx, want))
	done(s.InsertToken(ctx, endless))
	_, _, unknown := s.TokenByHash(ctx, hash(3))
	return errors.Join(same("the token", tokenOf(ctx, s, 1), want), same("a token without an end", tokenOf(ctx, s, 2), endless),
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
	return errors.Join(instant("LastUsedAt", tokenOf(ctx, s, 1).LastUsedAt, at(3)), s.TouchToken(ctx, hash(2), at(3)))
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

// sessionUser changes the user and its teams between reads: nothing may be remembered.
func sessionUser(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "a")
	givenUser(ctx, s, "b")
	done(s.InsertSession(ctx, session(1, u.ID, 0), 3))
	done(s.InsertToken(ctx, token(2, u.ID, 0)))
	var errs []error
	look := func(when string) {
		want := must(s.User(ctx, tenant, u.ID))
		_, bySession, err := s.Session(ctx, hash(1))
		_, byToken, other := s.TokenByHash(ctx, hash(2))
		errs = append(errs, err, other, same("the user of the session, "+when, bySession, want), same("the user of the token, "+when, byToken, want))
	}
	look("without a team")
	done(s.InsertTeam(ctx, newTeam("sales", jobs.Member{User: "a", Role: jobs.RoleAdmin}, jobs.Member{User: "b", Role: jobs.RoleMember})))
	look("in a team")
	in := must(s.User(ctx, tenant, u.ID))
	done(s.DeleteMember(ctx, at(1), tenant, "team:sales", "a"))
	look("out of it")
	in2 := in
	in2.DisplayName, in2.Superuser = "Changed", false
	givenUser(ctx, s, "c")
	done(s.SaveUser(ctx, in2, nil))
	look("changed")
	return errors.Join(append(errs, same("teams", in.Teams, []jobs.Membership{{Team: "team:sales", Role: jobs.RoleAdmin}}))...)
}

func sessionRefused(ctx context.Context, s jobs.Store) error {
	u := givenUser(ctx, s, "a")
	givenUser(ctx, s, "b")
	u.Enabled = false
	done(s.SaveUser(ctx, u, nil))
	return errors.Join(refused("a session of a disabled user", s.InsertSession(ctx, session(1, u.ID, 0), 3), jobs.ErrNotFound),
		refused("a token of a disabled user", s.InsertToken(ctx, token(2, u.ID, 0)), jobs.ErrNotFound),
		refused("a session of nobody", s.InsertSession(ctx, session(3, "ghost", 0), 3), jobs.ErrNotFound),
		refused("a token of nobody", s.InsertToken(ctx, token(4, "ghost", 0)), jobs.ErrNotFound),
		same("a session", hasSession(ctx, s, 1), false), same("a token", hasToken(ctx, s, 2), false))
}
