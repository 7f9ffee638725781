package httpapi_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
)

const maraPassword = "correct horse battery"

// accountsServer is the API with the built-in identity on a real store, with the user mara.
type accountsServer struct {
	api      *httpapi.API
	accounts *identity.Accounts
	store    *sqlite.Store
}

func openAccountsServer(t testing.TB) *accountsServer {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	store := sqlitetest.Open(t, sqlite.Options{Logger: log})
	accounts, err := identity.New(store, identity.Options{DefaultTenant: "acme", SuperToken: "a-token-of-the-operator", Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	mara := jobs.User{
		ID: "mara.lind", DisplayName: "Mara Lind", Email: "mara@acme.example", Enabled: true, Rights: jobs.Rights{CreateJobs: true},
	}
	if err := accounts.CreateUser(t.Context(), mara, maraPassword); err != nil {
		t.Fatal(err)
	}
	api, err := httpapi.New(jobs.NewService(store, nil, jobs.ServiceOptions{Logger: log}), httpapi.Options{Accounts: accounts, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	return &accountsServer{api, accounts, store}
}

// proof is what a request brings along: a cookie header, a token, any other header.
type proof map[string]string

func withCookie(c *http.Cookie) proof { return proof{"Cookie": c.Name + "=" + c.Value} }
func withToken(token string) proof    { return proof{"Authorization": "Bearer " + token} }

// ask sends a request; body is JSON, or empty.
func (s *accountsServer) ask(t testing.TB, method, path, body string, p proof) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.RemoteAddr = "198.51.100.7:4711"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range p {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	return w
}

// wantStatus checks status and, if it is not empty, the message of the error.
func wantStatus(t testing.TB, w *httptest.ResponseRecorder, status int, message, when string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("%s: status %d, want %d; body %s", when, w.Code, status, w.Body)
		return
	}
	var body struct{ Message string }
	if message == "" {
		return
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Message != message {
		t.Errorf("%s: message %q (%v), want %q", when, body.Message, err, message)
	}
}

// jsonOf reads a body as any.
func jsonOf(t testing.TB, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("body %q: %v", w.Body, err)
	}
	return v
}

// signIn logs mara in and gives the cookie.
func (s *accountsServer) signIn(t testing.TB, p proof) *http.Cookie {
	t.Helper()
	w := s.ask(t, "POST", "/api/login/local", `{"username":"mara.lind","password":"`+maraPassword+`"}`, p)
	wantStatus(t, w, http.StatusOK, "", "log-in")
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("log-in sets %d cookies, want one", len(cookies))
	}
	return cookies[0]
}

func TestAPI_login(t *testing.T) {
	t.Parallel()
	s := openAccountsServer(t)
	w := s.ask(t, "POST", "/api/login/local", `{"username":"mara.lind","password":"`+maraPassword+`"}`, nil)
	wantStatus(t, w, http.StatusOK, "", "log-in")
	want := map[string]any{
		"user":   map[string]any{"username": "mara.lind", "displayName": "Mara Lind", "email": "mara@acme.example"},
		"locale": "en-US", "lang": "en",
	}
	if diff := cmp.Diff(want, jsonOf(t, w)); diff != "" {
		t.Errorf("answer of the log-in (-want +got):\n%s", diff)
	}
	c := w.Result().Cookies()[0]
	if c.Name != "sid" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/api" || c.MaxAge != 604800 {
		t.Errorf("the cookie is %s", strings.Replace(c.String(), c.Value, "…", 1))
	}
	if strings.Contains(w.Body.String(), c.Value) || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("the id is in the body, or the answer may be cached: Cache-Control %q", w.Header().Get("Cache-Control"))
	}
	for _, c := range []struct {
		name, path, body string
		status           int
		message          string
	}{
		{"a wrong password", "local", `{"username":"mara.lind","password":"x"}`, 401, "Unable to log in"},
		{"an unknown user", "local", `{"username":"nobody","password":"x"}`, 401, "Unable to log in"},
		{"no password", "local", `{"username":"mara.lind"}`, 400, `"password" is required`},
		{"a password that is null", "local", `{"username":"mara.lind","password":null}`, 400, `"password" is required`},
		{"a password that is a number", "local", `{"username":"mara.lind","password":1}`, 400, `"password" has to be a string`},
		{"no user", "local", `{"password":"x"}`, 400, `"username" is required`},
		{"a further field", "local", `{"username":"a","password":"x","realm":"y"}`, 400, `"realm" is not a field here`},
		{"another domain", "ldap", `{}`, 404, "Domain not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := s.ask(t, "POST", "/api/login/"+c.path, c.body, nil)
			wantStatus(t, w, c.status, c.message, c.name)
			if len(w.Result().Cookies()) > 0 {
				t.Error("a refused log-in sets a cookie")
			}
		})
	}
	w = s.ask(t, "POST", "/api/login/local", `{"username":"mara.lind","password":"`+maraPassword+`"}`, proof{"Sec-Fetch-Site": "cross-site"})
	wantStatus(t, w, http.StatusForbidden, "", "a log-in from another site")
}

func TestAPI_login_throttled(t *testing.T) {
	t.Parallel()
	s := openAccountsServer(t)
	for range 5 {
		wantStatus(t, s.ask(t, "POST", "/api/login/local", `{"username":"jo","password":"x"}`, nil), 401, "Unable to log in", "a free try")
	}
	// The pause of the fifth failure is a second; the try that comes after it doubles it, so that a slow machine meets a pause in the end.
	for range 10 {
		w := s.ask(t, "POST", "/api/login/local", `{"username":"jo","password":"x"}`, nil)
		if w.Code == http.StatusUnauthorized {
			continue
		}
		wantStatus(t, w, http.StatusTooManyRequests, "Too many tries to log in; wait and try again", "a try in a pause")
		if after := w.Header().Get("Retry-After"); after == "" || strings.Trim(after, "0123456789") != "" || after == "0" {
			t.Errorf("Retry-After is %q, want whole seconds", after)
		}
		return
	}
	t.Error("15 wrong passwords in a row and no pause")
}

// A browser that already has a session id, perhaps one that somebody else gave it, gets a new one, and the old one ends.
func TestAPI_login_makes_a_new_session(t *testing.T) {
	t.Parallel()
	s := openAccountsServer(t)
	planted := &http.Cookie{Name: "sid", Value: strings.Repeat("A", 43)}
	first := s.signIn(t, withCookie(planted))
	if first.Value == planted.Value {
		t.Fatal("a planted id becomes a session")
	}
	wantStatus(t, s.ask(t, "GET", "/api/session", "", withCookie(planted)), 401, "", "the planted id after log-in")
	second := s.signIn(t, withCookie(first))
	wantStatus(t, s.ask(t, "GET", "/api/session", "", withCookie(first)), 401, "", "the session before the second log-in")
	wantStatus(t, s.ask(t, "GET", "/api/session", "", withCookie(second)), 200, "", "the new session")
}

func TestAPI_logout(t *testing.T) {
	t.Parallel()
	s := openAccountsServer(t)
	sid := s.signIn(t, nil)
	cross := withCookie(sid)
	cross["Sec-Fetch-Site"] = "cross-site"
	wantStatus(t, s.ask(t, "POST", "/api/logout", "", cross), 403, "", "log-out by another site")
	wantStatus(t, s.ask(t, "POST", "/api/logout", `{"all":true}`, withCookie(sid)), 400, "", "log-out with a field")
	wantStatus(t, s.ask(t, "GET", "/api/session", "", withCookie(sid)), 200, "", "after refused log-outs")

	w := s.ask(t, "POST", "/api/logout", "", withCookie(sid))
	wantStatus(t, w, http.StatusNoContent, "", "log-out")
	if c := w.Result().Cookies(); len(c) != 1 || c[0].Name != "sid" || c[0].Value != "" || c[0].MaxAge >= 0 || c[0].Path != "/api" {
		t.Errorf("log-out sets the cookies %v, want sid cleared", c)
	}
	wantStatus(t, s.ask(t, "GET", "/api/session", "", withCookie(sid)), 401, "", "the session after log-out")
	wantStatus(t, s.ask(t, "POST", "/api/logout", "", withCookie(sid)), 401, "", "a second log-out")
}

func TestAPI_session(t *testing.T) {
	t.Parallel()
	s := openAccountsServer(t)
	sid := s.signIn(t, nil)
	w := s.ask(t, "GET", "/api/session", "", withCookie(sid))
	wantStatus(t, w, 200, "", "GET session")
	want := map[string]any{
		"user":   map[string]any{"username": "mara.lind", "displayName": "Mara Lind", "email": "mara@acme.example"},
		"tenant": "acme", "teams": []any{}, "superuser": false,
		"permissions": map[string]any{"jobs": map[string]any{"create": true}, "tags": map[string]any{"create": false}},
	}
	if diff := cmp.Diff(want, jsonOf(t, w)); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	wantStatus(t, s.ask(t, "GET", "/api/session?x=1", "", withCookie(sid)), 400, "", "with a parameter")
	w = s.ask(t, "GET", "/api/session", "", withToken("a-token-of-the-operator"))
	if v := jsonOf(t, w); w.Code != 200 || v["superuser"] != true {
		t.Errorf("session of the super token: status %d, %v", w.Code, v)
	}

	u, err := s.store.User(t.Context(), "acme", "mara.lind")
	if err != nil {
		t.Fatal(err)
	}
	u.Enabled = false
	if err := s.store.SaveUser(t.Context(), u, nil); err != nil {
		t.Fatal(err)
	}
	w = s.ask(t, "GET", "/api/session", "", withCookie(sid))
	wantStatus(t, w, 401, "", "a disabled user")
	if w.Header().Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("WWW-Authenticate is %q", w.Header().Get("WWW-Authenticate"))
	}
}

func TestAPI_session_of_a_host(t *testing.T) {
	t.Parallel()
	host := httpapi.AuthenticatorFunc(func(*http.Request) (httpapi.Identity, error) {
		return httpapi.Identity{Principal: jobs.Principal{
			Tenant: "acme", User: "jo", Teams: []jobs.Membership{{Team: "team:sales", Role: jobs.RoleDesigner}},
			Rights: jobs.Rights{CreateTags: true},
		}}, nil
	})
	api, err := httpapi.New(jobs.NewService(nil, nil, jobs.ServiceOptions{}), httpapi.Options{Authenticator: host})
	if err != nil {
		t.Fatal(err)
	}
	s := &accountsServer{api: api}
	w := s.ask(t, "GET", "/api/session", "", nil)
	wantStatus(t, w, 200, "", "GET session")
	want := map[string]any{
		"user":   map[string]any{"username": "jo", "displayName": nil, "email": nil},
		"tenant": "acme", "teams": []any{map[string]any{"id": "team:sales", "role": "designer"}}, "superuser": false,
		"permissions": map[string]any{"jobs": map[string]any{"create": false}, "tags": map[string]any{"create": true}},
	}
	if diff := cmp.Diff(want, jsonOf(t, w)); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	for _, path := range []string{"/api/login/local", "/api/logout", "/api/tokens"} {
		wantStatus(t, s.ask(t, "POST", path, "{}", nil), 404, "", path+" beside a host's authenticator")
	}
}

// A session that somebody has stolen is no place to guess the password.
func TestAPI_setPassword_throttled(t *testing.T) {
	t.Parallel()
	s := openAccountsServer(t)
	sid := s.signIn(t, nil)
	body := `{"password":"a new long password","current":"wrong"}`
	for range 5 {
		wantStatus(t, s.ask(t, "PUT", "/api/users/mara.lind/password", body, withCookie(sid)), 400, "", "a wrong present password")
	}
	for range 10 { // a slow machine meets a pause in the end: each failure doubles it
		w := s.ask(t, "PUT", "/api/users/mara.lind/password", body, withCookie(sid))
		if w.Code == http.StatusBadRequest {
			continue
		}
		wantStatus(t, w, http.StatusTooManyRequests, "Too many tries; wait and try again", "a try in a pause")
		if w.Header().Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		return
	}
	t.Error("15 wrong passwords in a row and no pause")
}

// Who runs the program sets a password that nobody knows any more, with its token.
func TestAPI_setPassword_by_the_host(t *testing.T) {
	t.Parallel()
	s := openAccountsServer(t)
	admin := jobs.User{ID: "admin", Enabled: true, Superuser: true}
	if err := s.accounts.CreateUser(t.Context(), admin, "a password that is lost"); err != nil {
		t.Fatal(err)
	}
	w := s.ask(t, "PUT", "/api/users/admin/password", `{"password":"a new long password"}`, withToken("a-token-of-the-operator"))
	wantStatus(t, w, http.StatusNoContent, "", "by the token of the operator")
	w = s.ask(t, "POST", "/api/login/local", `{"username":"admin","password":"a new long password"}`, nil)
	wantStatus(t, w, http.StatusOK, "", "log-in with it")
}
