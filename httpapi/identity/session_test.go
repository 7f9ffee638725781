package identity_test

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

func TestAccounts_Authenticate_session(t *testing.T) {
	t.Parallel()
	a, store := withMara(t)
	id := signIn(t, a)
	who := wantIn(t, a, with(t, a, id, ""), "after log-in")
	if !who.Cookie || who.TokenID != "" || who.User.DisplayName != "Mara Lind" || who.User.PasswordHash != "" {
		t.Errorf("Authenticate gives cookie %t, token %q, name %q, a hash of %d bytes", who.Cookie, who.TokenID, who.User.DisplayName,
			len(who.User.PasswordHash))
	}
	if p := who.Principal; p.Tenant != tenant || p.User != mara || p.Superuser || !p.Rights.CreateJobs || p.Rights.CreateTags || p.ReadOnly {
		t.Errorf("Authenticate gives the principal %+v", p)
	}
	wantOut(t, a, with(t, a, "", ""), "without anything")
	wantOut(t, a, with(t, a, "chosen-by-somebody-else", ""), "with an id that is none")
	wantOut(t, a, with(t, a, id[:len(id)-1]+"_", ""), "with another last character")

	setEnabled(t, store, false)
	wantOut(t, a, with(t, a, id, ""), "after disabling")
	setEnabled(t, store, true)
	wantOut(t, a, with(t, a, id, ""), "after enabling again")
}

// The store ends sessions and deletes tokens of a user who is disabled; the identity does not rely on that.
func TestAccounts_Authenticate_disabled_user(t *testing.T) {
	t.Parallel()
	_, store := withMara(t)
	changed := &tampered{Store: store}
	a := newAccounts(t, changed, identity.Options{})
	session := signIn(t, a)
	_, token := createToken(t, a, identity.TokenSpec{Name: "importer"})
	changed.disabled = true
	wantOut(t, a, with(t, a, session, ""), "with a session of a disabled user")
	wantOut(t, a, with(t, a, "", token), "with a token of a disabled user")
	changed.disabled = false
	wantIn(t, a, with(t, a, session, ""), "with the session of the enabled user")
}

func TestAccounts_secrets_are_stored_as_hashes(t *testing.T) {
	t.Parallel()
	a, store := withMara(t)
	id := sha256.Sum256([]byte(signIn(t, a).Reveal()))
	if s, _, err := store.Session(t.Context(), id[:]); err != nil || s.User != mara {
		t.Errorf("the session is not found by SHA-256 of its id: %v", err)
	}
	_, text := createToken(t, a, identity.TokenSpec{Name: "importer"})
	hash := sha256.Sum256([]byte(text.Reveal()))
	if token, _, err := store.TokenByHash(t.Context(), hash[:]); err != nil || token.User != mara {
		t.Errorf("the token is not found by its SHA-256: %v", err)
	}
}

func TestAccounts_Authenticate_store_failure(t *testing.T) {
	t.Parallel()
	_, store := withMara(t)
	bad := &tampered{Store: store}
	a := newAccounts(t, bad, identity.Options{})
	id := signIn(t, a)
	bad.onUser = func() error { return &jobs.UnavailableError{Reason: "down"} }
	_, err := a.Authenticate(with(t, a, id, ""))
	if !errors.Is(err, jobs.ErrUnavailable) || errors.Is(err, jobs.ErrUnauthenticated) {
		t.Errorf("Authenticate while the store is down: %v; want its error, for 401 would sign everybody out", err)
	}
}

func TestAccounts_session_ends(t *testing.T) {
	t.Parallel()
	t.Run("after 8 h without use", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a, _ := withMara(t)
			id := signIn(t, a)
			for range 3 { // use moves the end
				time.Sleep(8*time.Hour - time.Millisecond)
				wantIn(t, a, with(t, a, id, ""), "just before")
			}
			time.Sleep(8 * time.Hour)
			wantOut(t, a, with(t, a, id, ""), "at 8 h")
		})
	})
	t.Run("after 8 h with a stream open, which is no use", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a, _ := withMara(t)
			r := with(t, a, signIn(t, a), "")
			for range 8*60 - 1 {
				time.Sleep(time.Minute)
				if who, err := a.Recheck(r); err != nil || who.Principal.User != mara {
					t.Fatalf("Recheck: %v, %v", who.Principal.User, err)
				}
			}
			time.Sleep(time.Minute)
			if _, err := a.Recheck(r); !errors.Is(err, jobs.ErrUnauthenticated) {
				t.Errorf("Recheck at 8 h: %v, want ErrUnauthenticated", err)
			}
		})
	})
	t.Run("after 7 days of use", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a, _ := withMara(t)
			id := signIn(t, a)
			for range 7*24/4 - 1 {
				time.Sleep(4 * time.Hour)
				wantIn(t, a, with(t, a, id, ""), "in use")
			}
			time.Sleep(4*time.Hour - time.Millisecond)
			wantIn(t, a, with(t, a, id, ""), "just before 7 days")
			time.Sleep(time.Millisecond)
			wantOut(t, a, with(t, a, id, ""), "at 7 days")
		})
	})
	t.Run("at the 21st log-in", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a, _ := withMara(t)
			first := signIn(t, a)
			time.Sleep(time.Minute)
			second := signIn(t, a)
			for range 18 {
				time.Sleep(time.Minute)
				signIn(t, a)
			}
			wantIn(t, a, with(t, a, first, ""), "with 20 sessions")
			time.Sleep(time.Minute)
			signIn(t, a)
			wantOut(t, a, with(t, a, first, ""), "the oldest of 21")
			wantIn(t, a, with(t, a, second, ""), "the second of 21")
		})
	})
	t.Run("at log-out, and no other", func(t *testing.T) {
		t.Parallel()
		a, _ := withMara(t)
		id, other := signIn(t, a), signIn(t, a)
		if id == other {
			t.Fatal("two log-ins have one session id")
		}
		for range 2 { // a repeat is harmless
			if err := a.Logout(with(t, a, id, "")); err != nil {
				t.Errorf("Logout: %v", err)
			}
		}
		wantOut(t, a, with(t, a, id, ""), "after log-out")
		wantIn(t, a, with(t, a, other, ""), "the other session")
		if err := a.Logout(with(t, a, "", "")); err != nil {
			t.Errorf("Logout without a session: %v", err)
		}
	})
	t.Run("with a new password", func(t *testing.T) {
		t.Parallel()
		a, _ := withMara(t)
		id, other := signIn(t, a), signIn(t, a)
		if err := a.SetPassword(t.Context(), tenant, mara, "too short"); !errors.Is(err, jobs.ErrInvalid) {
			t.Fatalf("SetPassword with 9 characters: %v, want ErrInvalid", err)
		}
		wantIn(t, a, with(t, a, id, ""), "after a refused password")
		if err := a.SetPassword(t.Context(), tenant, mara, "another password"); err != nil {
			t.Fatalf("SetPassword: %v", err)
		}
		wantOut(t, a, with(t, a, id, ""), "after the change")
		wantOut(t, a, with(t, a, other, ""), "the other session after the change")
		if _, _, err := a.Login(t.Context(), home, string(mara), maraPassword); !errors.Is(err, jobs.ErrUnauthenticated) {
			t.Errorf("Login with the old password: %v, want ErrUnauthenticated", err)
		}
		if _, _, err := a.Login(t.Context(), home, string(mara), "another password"); err != nil {
			t.Errorf("Login with the new password: %v", err)
		}
		if err := a.SetPassword(t.Context(), tenant, "nobody", "another password"); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("SetPassword of nobody: %v, want ErrNotFound", err)
		}
	})
}

func TestAccounts_use_is_noted_once_a_minute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, store := withMara(t)
		counted := &tampered{Store: store}
		a := newAccounts(t, counted, identity.Options{})
		session := signIn(t, a)
		_, token, err := a.CreateToken(t.Context(), tenant, mara, identity.TokenSpec{Name: "importer"})
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range map[string]*http.Request{"session": with(t, a, session, ""), "token": with(t, a, "", token)} {
			wantIn(t, a, r, "first use of the "+name)
			counted.touches = 0
			time.Sleep(time.Minute)
			for range 60 {
				wantIn(t, a, r, "use of the "+name)
				time.Sleep(time.Second)
			}
			if counted.touches != 1 {
				t.Errorf("60 uses of a %s in a minute were noted %d times, want once", name, counted.touches)
			}
		}
		time.Sleep(time.Hour)
		counted.onTouch = func() error { return &jobs.UnavailableError{Reason: "read-only"} }
		wantIn(t, a, with(t, a, session, ""), "while use cannot be noted")
	})
}

func TestAccounts_Cookie(t *testing.T) {
	t.Parallel()
	a, err := identity.New(openStore(t), identity.Options{
		DefaultTenant: tenant, CookiePath: "/host/api", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Logger: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, target, remote string
		proto                []string
		secure               bool
	}{
		{"plain", "http://jobs.example/", "192.0.2.1:99", nil, false},
		{"under TLS", "https://jobs.example/", "192.0.2.1:99", nil, true},
		{"behind a trusted proxy with TLS", "http://jobs.example/", "10.1.2.3:99", []string{"https"}, true},
		{"behind a trusted proxy without TLS", "http://jobs.example/", "10.1.2.3:99", []string{"http"}, false},
		{"behind a trusted proxy that says nothing", "http://jobs.example/", "10.1.2.3:99", nil, false},
		{"what the client said before the proxy", "http://jobs.example/", "10.1.2.3:99", []string{"https", "http"}, false},
		{"what the client said before the proxy, in one line", "http://jobs.example/", "10.1.2.3:99", []string{"https, http"}, false},
		{"a stranger who claims TLS", "http://jobs.example/", "192.0.2.1:99", []string{"https"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.target, nil)
			r.RemoteAddr, r.Header["X-Forwarded-Proto"] = c.remote, c.proto
			want := "sid=the-id; Path=/host/api; Max-Age=604800; HttpOnly"
			gone := "sid=; Path=/host/api; Max-Age=0; HttpOnly"
			if c.secure {
				want, gone = want+"; Secure", gone+"; Secure"
			}
			if got := a.Cookie(r, "the-id").String(); got != want+"; SameSite=Lax" {
				t.Errorf("Cookie is %q, want %q", got, want+"; SameSite=Lax")
			}
			if got := a.NoCookie(r).String(); got != gone+"; SameSite=Lax" {
				t.Errorf("NoCookie is %q, want %q", got, gone+"; SameSite=Lax")
			}
		})
	}
}
