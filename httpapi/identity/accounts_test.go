package identity_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
)

const (
	tenant       = jobs.TenantID("acme")
	mara         = jobs.PrincipalID("mara.lind")
	maraPassword = jobs.Secret("correct horse battery")
)

var home = netip.MustParseAddr("198.51.100.7")

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// openStore opens the real SQLite store.
func openStore(t testing.TB) *sqlite.Store {
	t.Helper()
	return sqlitetest.Open(t, sqlite.Options{Logger: quiet})
}

func newAccounts(t testing.TB, store identity.Store, o identity.Options) *identity.Accounts {
	t.Helper()
	o.DefaultTenant = tenant
	if o.Logger == nil {
		o.Logger = quiet
	}
	a, err := identity.New(store, o)
	if err != nil {
		t.Fatalf("identity.New: %v", err)
	}
	return a
}

// withMara gives accounts on a new store that have the user mara.
func withMara(t testing.TB) (*identity.Accounts, *sqlite.Store) {
	t.Helper()
	store := openStore(t)
	a := newAccounts(t, store, identity.Options{})
	addMara(t, a)
	return a, store
}

func addMara(t testing.TB, a *identity.Accounts) {
	t.Helper()
	u := jobs.User{ID: mara, DisplayName: "Mara Lind", Email: "mara@acme.example", Enabled: true, Rights: jobs.Rights{CreateJobs: true}}
	if err := a.CreateUser(t.Context(), u, maraPassword); err != nil {
		t.Fatalf("CreateUser: %v", err)
	}
}

// signIn logs mara in and gives the id of the session.
func signIn(t testing.TB, a *identity.Accounts) jobs.Secret {
	t.Helper()
	_, id, err := a.Login(t.Context(), home, string(mara), maraPassword)
	if err != nil {
		t.Fatalf("Login(%s): %v", mara, err)
	}
	return id
}

// with makes a request with a session, a token or both.
func with(t testing.TB, a *identity.Accounts, session, token jobs.Secret) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/session", nil)
	if session != "" {
		r.AddCookie(a.Cookie(r, session))
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	return r
}

// wantIn and wantOut say whether a session or token is valid.
func wantIn(t testing.TB, a *identity.Accounts, r *http.Request, when string) identity.Who {
	t.Helper()
	who, err := a.Authenticate(r)
	if err != nil {
		t.Errorf("%s: Authenticate: %v, want an identity", when, err)
	}
	return who
}

func wantOut(t testing.TB, a *identity.Accounts, r *http.Request, when string) {
	t.Helper()
	who, err := a.Authenticate(r)
	if !errors.Is(err, jobs.ErrUnauthenticated) || who.Principal.User != "" {
		t.Errorf("%s: Authenticate gives %q and error %v, want ErrUnauthenticated", when, who.Principal.User, err)
	}
}

func setEnabled(t testing.TB, store identity.Store, enabled bool) {
	t.Helper()
	u, err := store.User(t.Context(), tenant, mara)
	if err != nil {
		t.Fatal(err)
	}
	u.Enabled = enabled
	if err := store.SaveUser(t.Context(), u, nil); err != nil {
		t.Fatal(err)
	}
}

// tampered is a store that a test gets in between of. Nil functions change nothing.
type tampered struct {
	identity.Store
	onUser, onInsertSession, onTouch func() error
	// touches counts what was noted; session is the hash of the last log-in.
	touches int
	session []byte
	// disabled shows users as disabled, as another process may have made them just now.
	disabled bool
}

func (s *tampered) User(ctx context.Context, tenant jobs.TenantID, id jobs.PrincipalID) (jobs.User, error) {
	if s.onUser != nil {
		if err := s.onUser(); err != nil {
			return jobs.User{}, err
		}
	}
	u, err := s.Store.User(ctx, tenant, id)
	u.Enabled = u.Enabled && !s.disabled
	return u, err
}

func (s *tampered) Session(ctx context.Context, hash []byte) (jobs.Session, jobs.User, error) {
	x, u, err := s.Store.Session(ctx, hash)
	if s.onUser != nil && err == nil {
		err = s.onUser()
	}
	u.Enabled = u.Enabled && !s.disabled
	return x, u, err
}

func (s *tampered) TokenByHash(ctx context.Context, hash []byte) (jobs.Token, jobs.User, error) {
	x, u, err := s.Store.TokenByHash(ctx, hash)
	if s.onUser != nil && err == nil {
		err = s.onUser()
	}
	u.Enabled = u.Enabled && !s.disabled
	return x, u, err
}

func (s *tampered) InsertSession(ctx context.Context, x jobs.Session, keep int) error {
	if s.onInsertSession != nil {
		if err := s.onInsertSession(); err != nil {
			return err
		}
	}
	s.session = x.Hash
	return s.Store.InsertSession(ctx, x, keep)
}

func (s *tampered) TouchSession(ctx context.Context, hash []byte, seen time.Time) error {
	s.touches++
	if s.onTouch != nil {
		if err := s.onTouch(); err != nil {
			return err
		}
	}
	return s.Store.TouchSession(ctx, hash, seen)
}

func (s *tampered) TouchToken(ctx context.Context, hash []byte, used time.Time) error {
	s.touches++
	return s.Store.TouchToken(ctx, hash, used)
}

func TestNew(t *testing.T) {
	t.Parallel()
	good := identity.Options{DefaultTenant: tenant}
	with := func(change func(*identity.Options)) identity.Options {
		o := good
		change(&o)
		return o
	}
	for _, c := range []struct {
		name    string
		options identity.Options
		names   string // what the error has to name; empty: no error
	}{
		{"the default tenant alone is enough", good, ""},
		{"no tenant", identity.Options{}, "DefaultTenant"},
		{"a tenant that a log-in could not name", with(func(o *identity.Options) { o.DefaultTenant = "a@b" }), "DefaultTenant"},
		{"a path that is none", with(func(o *identity.Options) { o.CookiePath = "api" }), "CookiePath"},
		{"a path that ends the attribute", with(func(o *identity.Options) { o.CookiePath = "/api;Domain=x" }), "CookiePath"},
		{"a super token of 19 bytes", with(func(o *identity.Options) { o.SuperToken = "1234567890123456789" }), "SuperToken"},
		{"a super token of 20 bytes", with(func(o *identity.Options) { o.SuperToken = "12345678901234567890" }), ""},
		{"a super token that no header carries", with(func(o *identity.Options) { o.SuperToken = "1234567890 1234567890" }), "SuperToken"},
		{"a super user that is a team", with(func(o *identity.Options) { o.SuperTokenUser = "team:x" }), "SuperTokenUser"},
		{"idle below what is noted", with(func(o *identity.Options) { o.Idle = time.Minute }), "Idle"},
		{"absolute below idle", with(func(o *identity.Options) { o.Absolute = time.Hour }), "Absolute"},
		{"a negative number of sessions", with(func(o *identity.Options) { o.SessionsPerUser = -1 }), "SessionsPerUser"},
		{"an empty proxy", with(func(o *identity.Options) { o.TrustedProxies = []netip.Prefix{{}} }), "TrustedProxies"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := identity.New(&tampered{}, c.options)
			switch {
			case c.names == "" && err != nil:
				t.Errorf("New: %v, want no error", err)
			case c.names != "" && (err == nil || !strings.Contains(err.Error(), c.names)):
				t.Errorf("New: error %v, want one that names %s", err, c.names)
			case err != nil && c.options.SuperToken != "" && strings.Contains(err.Error(), c.options.SuperToken.Reveal()):
				t.Errorf("New: the error shows the token: %v", err)
			}
		})
	}
}

func TestAccounts_EnsureAdmin(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, openStore(t), identity.Options{})
	password, created, err := a.EnsureAdmin(t.Context(), tenant, "admin")
	if err != nil || !created || len(password) < 20 {
		t.Fatalf("first EnsureAdmin: created %t, %d characters, error %v; want a user and 20 characters or more", created, len(password), err)
	}
	u, id, err := a.Login(t.Context(), home, "admin", jobs.Secret(password))
	if err != nil {
		t.Fatalf("log in with the password: %v", err)
	}
	if u.PasswordHash != "" {
		t.Error("Login gives the password hash away")
	}
	who := wantIn(t, a, with(t, a, id, ""), "as the first user")
	want := jobs.Principal{
		Tenant: tenant, User: "admin", Superuser: true, Rights: jobs.Rights{CreateJobs: true, CreateTags: true, ManageCluster: true},
	}
	if diff := cmp.Diff(want, who.Principal); diff != "" {
		t.Errorf("principal of the first user (-want +got):\n%s", diff)
	}
	again, created, err := a.EnsureAdmin(t.Context(), tenant, "root")
	if err != nil || created || again != "" {
		t.Errorf("second EnsureAdmin: created %t, password of %d characters, error %v; want nothing", created, len(again), err)
	}
}

func TestAccounts_CreateUser(t *testing.T) {
	t.Parallel()
	a, _ := withMara(t)
	for _, c := range []struct {
		name     string
		user     jobs.User
		password jobs.Secret
		want     error
		field    string
	}{
		{"a taken name", jobs.User{ID: mara}, maraPassword, jobs.ErrConflict, ""},
		{"capitals", jobs.User{ID: "Mara"}, maraPassword, jobs.ErrInvalid, "username"},
		{"a team", jobs.User{ID: "team:x"}, maraPassword, jobs.ErrInvalid, "username"},
		{"64 characters", jobs.User{ID: jobs.PrincipalID(strings.Repeat("a", 64))}, maraPassword, jobs.ErrInvalid, "username"},
		{"the system itself", jobs.User{ID: "system"}, maraPassword, jobs.ErrInvalid, "username"},
		{"a tenant with an at sign", jobs.User{ID: "jo", Tenant: "a@b"}, maraPassword, jobs.ErrInvalid, "tenant"},
		{"11 characters of password", jobs.User{ID: "jo"}, "äöüäöüäöüäö", jobs.ErrInvalid, "password"},
		{"1025 bytes of password", jobs.User{ID: "jo"}, jobs.Secret(strings.Repeat("x", 1025)), jobs.ErrInvalid, "password"},
		{"an address with a name", jobs.User{ID: "jo", Email: "Jo <jo@acme.example>"}, maraPassword, jobs.ErrInvalid, "email"},
		{"12 characters of password", jobs.User{ID: "ab"}, "äöüäöüäöüäöü", nil, ""},
		{"1024 bytes of password", jobs.User{ID: "bc"}, jobs.Secret(strings.Repeat("x", 1024)), nil, ""},
		{"63 characters", jobs.User{ID: jobs.PrincipalID(strings.Repeat("a", 63))}, "", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := a.CreateUser(t.Context(), c.user, c.password)
			if !errors.Is(err, c.want) {
				t.Fatalf("CreateUser: error %v, want %v", err, c.want)
			}
			var invalid *jobs.ValidationError
			if errors.As(err, &invalid) && invalid.Fields[0].Path != c.field {
				t.Errorf("CreateUser: names %q, want %q", invalid.Fields[0].Path, c.field)
			}
		})
	}
}

func TestAccounts_Principals(t *testing.T) {
	t.Parallel()
	a, store := withMara(t)
	setEnabled(t, store, false)
	got, err := a.Principals(t.Context(), tenant, []jobs.PrincipalID{"nobody", mara, "team:sales"})
	if diff := cmp.Diff([]jobs.PrincipalInfo{{ID: mara, Name: "Mara Lind"}}, got); diff != "" || err != nil {
		t.Errorf("Principals: error %v (-want +got):\n%s", err, diff)
	}
	got, err = a.Principals(t.Context(), "other", []jobs.PrincipalID{mara})
	if len(got) > 0 || err != nil {
		t.Errorf("Principals of another tenant: %v, error %v; want none", got, err)
	}
}

func TestAccounts_SearchPrincipals(t *testing.T) {
	t.Parallel()
	a, store := withMara(t)
	for _, u := range []jobs.User{
		{Tenant: tenant, ID: "zoe", DisplayName: "anna Zoe", Email: "secret@globex.example", Enabled: true},
		{Tenant: tenant, ID: "gone", DisplayName: "Anna Gone"},
		{Tenant: "other", ID: "annabel", Enabled: true},
	} {
		if err := a.CreateUser(t.Context(), u, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.InsertTeam(t.Context(), jobs.Team{Tenant: tenant, ID: "team:annex", Name: "Annex", CreatedAt: time.UnixMilli(1), UpdatedAt: time.UnixMilli(1)}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		words string
		limit int
		want  string
	}{
		{"ANN", 9, "[zoe team:annex]"},
		{"", 9, "[zoe team:annex " + string(mara) + "]"},
		{"", 2, "[zoe team:annex]"},
		{"ann zoe", 9, "[zoe]"},
		{"secret", 9, "[]"},
		{"gone", 9, "[]"},
		{"annabel", 9, "[]"},
	} {
		found, err := a.SearchPrincipals(t.Context(), tenant, strings.Fields(c.words), c.limit)
		ids := []jobs.PrincipalID{}
		for _, p := range found {
			ids = append(ids, p.ID)
		}
		if got := fmt.Sprint(ids); got != c.want || err != nil {
			t.Errorf("%q, at most %d: %s, error %v; want %s", c.words, c.limit, got, err, c.want)
		}
	}
}

// The first user of a further tenant is its superuser and does not manage the cluster.
func TestAccounts_EnsureAdmin_of_another_tenant(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, openStore(t), identity.Options{})
	password, created, err := a.EnsureAdmin(t.Context(), "globex", "admin")
	if err != nil || !created {
		t.Fatalf("EnsureAdmin: created %t, error %v", created, err)
	}
	_, id, err := a.Login(t.Context(), home, "admin@globex", jobs.Secret(password))
	if err != nil {
		t.Fatal(err)
	}
	who := wantIn(t, a, with(t, a, id, ""), "as the first user of globex")
	want := jobs.Principal{Tenant: "globex", User: "admin", Superuser: true, Rights: jobs.Rights{CreateJobs: true, CreateTags: true}}
	if diff := cmp.Diff(want, who.Principal); diff != "" {
		t.Errorf("principal (-want +got):\n%s", diff)
	}
}

// Log-ins, failures, log-outs and tokens are written down; a name that nobody has is not, for it may be a password in the wrong field.
func TestAccounts_audit(t *testing.T) {
	t.Parallel()
	a, store := withMara(t)
	ctx := t.Context()
	id := signIn(t, a)
	for _, name := range []string{string(mara), "canary-typed-as-name", "canary@no-such-tenant"} {
		if _, _, err := a.Login(ctx, home, name, "canary-password"); !errors.Is(err, jobs.ErrUnauthenticated) {
			t.Fatal(err)
		}
	}
	r := with(t, a, id, "")
	c := a.As(wantIn(t, a, r, "before log-out"), home)
	token, _, err := c.CreateToken(ctx, identity.TokenSpec{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.DeleteToken(ctx, token.ID), c.Logout(r), c.Logout(r)); err != nil {
		t.Fatal(err)
	}
	page, err := store.Audit(ctx, jobs.AuditQuery{Tenant: tenant})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range page.Items {
		got = append(got, strings.Join([]string{string(row.Action), string(row.Actor), row.Kind, row.Object, string(row.Result)}, " "))
	}
	want := []string{
		"logout mara.lind user mara.lind ok", "delete mara.lind token " + token.ID + " ok", "create mara.lind token " + token.ID + " ok",
		"login.failed  user  denied", "login.failed  user  denied", "login.failed  user mara.lind denied",
		"login mara.lind user mara.lind ok", "create system user mara.lind ok",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit, newest first (-want +got):\n%s", diff)
	}
}
