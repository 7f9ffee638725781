package identity_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

func TestAccounts_Login(t *testing.T) {
	t.Parallel()
	a, store := withMara(t)
	if err := a.CreateUser(t.Context(), jobs.User{ID: "robot", Enabled: true}, ""); err != nil {
		t.Fatal(err)
	}
	if err := a.CreateUser(t.Context(), jobs.User{ID: "gone"}, maraPassword); err != nil {
		t.Fatal(err)
	}
	if err := a.CreateUser(t.Context(), jobs.User{ID: mara, Tenant: "other", Enabled: true}, "another password"); err != nil {
		t.Fatal(err)
	}
	if err := store.InsertUser(t.Context(), jobs.User{Tenant: tenant, ID: "broken", PasswordHash: "$argon2i$x", Enabled: true}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, user string
		password   jobs.Secret
		tenant     jobs.TenantID // of whoever is in; empty: nobody
	}{
		{"the right password", "mara.lind", maraPassword, tenant},
		{"a capital and spaces around", " Mara.lind ", maraPassword, tenant},
		{"the tenant by name", "mara.lind@acme", maraPassword, tenant},
		{"another tenant with its password", "mara.lind@other", "another password", "other"},
		{"another tenant with the password of this one", "mara.lind@other", maraPassword, ""},
		{"an unknown tenant", "mara.lind@nowhere", maraPassword, ""},
		{"no tenant after the sign", "mara.lind@", maraPassword, ""},
		{"a wrong password", "mara.lind", "wrong horse battery", ""},
		{"an empty password", "mara.lind", "", ""},
		{"a password of a megabyte", "mara.lind", jobs.Secret(strings.Repeat("x", 1<<20)), ""},
		{"an unknown user", "nobody", maraPassword, ""},
		{"no user", "", maraPassword, ""},
		{"a name that is none", "' OR 1=1 --", maraPassword, ""},
		{"a user without a password", "robot", maraPassword, ""},
		{"a user without a password and none given", "robot", "", ""},
		{"a disabled user", "gone", maraPassword, ""},
		{"a stored hash that cannot be read", "broken", maraPassword, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := a.PasswordsComputed()
			u, id, err := a.Login(t.Context(), home, c.user, c.password)
			if n := a.PasswordsComputed() - before; n != 1 {
				t.Errorf("Login computes %d passwords, want the same work for all: 1", n)
			}
			if c.tenant == "" {
				if err != jobs.ErrUnauthenticated || id != "" || u.ID != "" { //nolint:errorlint // not even a text around it may differ
					t.Errorf("Login gives user %q and error %v, want exactly ErrUnauthenticated", u.ID, err)
				}
				if u, err := store.User(t.Context(), tenant, jobs.PrincipalID(c.user)); err == nil && c.user != string(mara) && !u.LastLoginAt.IsZero() {
					t.Errorf("a refused log-in is noted as the last one, %s", u.LastLoginAt)
				}
				return
			}
			if err != nil || u.Tenant != c.tenant || u.ID != mara {
				t.Errorf("Login gives %s of %s and error %v, want %s of %s", u.ID, u.Tenant, err, mara, c.tenant)
			}
		})
	}
}

func TestAccounts_Login_throttling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _ := withMara(t)
		fail := func(addr netip.Addr) error {
			_, _, err := a.Login(t.Context(), addr, string(mara), "wrong horse battery")
			return err
		}
		wantPause := func(want time.Duration) {
			t.Helper()
			var throttled *identity.ThrottledError
			before := a.PasswordsComputed()
			_, _, err := a.Login(t.Context(), home, string(mara), maraPassword)
			if !errors.As(err, &throttled) || throttled.RetryAfter != want {
				t.Fatalf("Login in a pause: %v, want a pause of %s even for the right password", err, want)
			}
			if a.PasswordsComputed() != before {
				t.Error("a refused try computes a password")
			}
		}
		for range 5 {
			if err := fail(home); !errors.Is(err, jobs.ErrUnauthenticated) {
				t.Fatalf("a free failure: %v, want ErrUnauthenticated", err)
			}
		}
		wantPause(time.Second)
		if _, _, err := a.Login(t.Context(), netip.MustParseAddr("198.51.100.8"), string(mara), maraPassword); err != nil {
			t.Errorf("Login from another address: %v; nobody may lock others out", err)
		}
		time.Sleep(time.Second)
		if err := fail(home); !errors.Is(err, jobs.ErrUnauthenticated) {
			t.Fatalf("the failure after the pause: %v, want ErrUnauthenticated", err)
		}
		wantPause(2 * time.Second)
		time.Sleep(2 * time.Second)
		signIn(t, a)
		for range 4 {
			if err := fail(home); !errors.Is(err, jobs.ErrUnauthenticated) {
				t.Fatalf("a failure after a success: %v, want ErrUnauthenticated and no pause", err)
			}
		}
	})
}

func TestAccounts_Login_given_up(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _ := withMara(t)
		release := a.HoldPasswordSlots()
		before := a.PasswordsComputed()
		for range 8 { // more than the free failures
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, _, err := a.Login(ctx, home, string(mara), maraPassword)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("Login without a free place: %v, want the end of its context", err)
			}
		}
		if n := a.PasswordsComputed() - before; n != 0 {
			t.Errorf("%d passwords were computed without a place", n)
		}
		release()
		signIn(t, a) // tries that came to no answer are no failures
	})
}

func TestAccounts_Login_store_failure(t *testing.T) {
	t.Parallel()
	_, store := withMara(t)
	down := &jobs.UnavailableError{Reason: "down"}
	bad := &tampered{Store: store, onUser: func() error { return down }}
	a := newAccounts(t, bad, identity.Options{})
	if _, _, err := a.Login(t.Context(), home, string(mara), maraPassword); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("Login while the store is down: %v, want its error", err)
	}
	bad.onUser, bad.onInsertSession = nil, func() error { return down }
	if _, _, err := a.Login(t.Context(), home, string(mara), maraPassword); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("Login while sessions cannot be stored: %v, want the store's error", err)
	}
}

// The password changes, or the user is disabled, after it was read and before its session is there.
func TestAccounts_Login_overtaken(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(testing.TB, *identity.Accounts, identity.Store){
		"by a new password": func(t testing.TB, a *identity.Accounts, _ identity.Store) {
			if err := a.SetPassword(t.Context(), tenant, mara, "another password"); err != nil {
				t.Error(err)
			}
		},
		"by disabling": func(t testing.TB, _ *identity.Accounts, s identity.Store) { setEnabled(t, s, false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, store := withMara(t)
			between := &tampered{Store: store}
			a := newAccounts(t, between, identity.Options{})
			between.onInsertSession = func() error { change(t, a, store); return nil }
			_, id, err := a.Login(t.Context(), home, string(mara), maraPassword)
			if !errors.Is(err, jobs.ErrUnauthenticated) || id != "" {
				t.Errorf("Login: error %v, want ErrUnauthenticated and no session", err)
			}
			if _, _, err := store.Session(t.Context(), between.session); !errors.Is(err, jobs.ErrNotFound) {
				t.Errorf("the session that came too late is still there: error %v", err)
			}
		})
	}
}
