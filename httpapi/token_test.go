package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// newToken makes a token by the route and gives its id and text.
func (s *accountsServer) newToken(t testing.TB, sid *http.Cookie, body string) (id, text string) {
	t.Helper()
	w := s.ask(t, "POST", "/api/tokens", body, withCookie(sid))
	wantStatus(t, w, http.StatusCreated, "", "POST tokens "+body)
	v := jsonOf(t, w)
	id, _ = v["id"].(string)
	text, _ = v["token"].(string)
	if !jobs.ValidUUID(id) || !strings.HasPrefix(text, "jobs_") {
		t.Fatalf("POST tokens gives id %q and a token of %d characters", id, len(text))
	}
	return id, text
}

func TestAPI_createToken(t *testing.T) {
	t.Parallel()
	s := openAccountsServer(t)
	sid := s.signIn(t, nil)
	w := s.ask(t, "POST", "/api/tokens", `{"name":" stock importer ","readOnly":false,"expiresAt":"2999-01-01T00:00:00Z"}`, withCookie(sid))
	wantStatus(t, w, http.StatusCreated, "", "POST tokens")
	v := jsonOf(t, w)
	id, _ := v["id"].(string)
	if w.Header().Get("Location") != "/api/tokens/"+id || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("Location is %q, Cache-Control %q", w.Header().Get("Location"), w.Header().Get("Cache-Control"))
	}
	want := map[string]any{
		"_links": map[string]any{"self": map[string]any{"href": "/api/tokens/" + id}}, "id": id, "type": "api", "name": "stock importer",
		"readOnly": false, "token": v["token"], "createdAt": v["createdAt"], "expiresAt": "2999-01-01T00:00:00.000Z", "lastUsedAt": nil,
	}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Errorf("the new token (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		name, body string
		message    string
	}{
		{"no name", `{}`, `"name" is required`},
		{"a blank name", `{"name":"  "}`, `"name" has to be 1 to 255 characters`},
		{"an end in the past", `{"name":"x","expiresAt":"2020-01-01T00:00:00Z"}`, `"expiresAt" is in the past`},
		{"an end that is no time", `{"name":"x","expiresAt":"soon"}`, ""},
		{"a word for true", `{"name":"x","readOnly":"yes"}`, `"readOnly" has to be true or false`},
		{"null for false", `{"name":"x","readOnly":null}`, ""},
		{"the token of choice", `{"name":"x","token":"jobs_mine"}`, `"token" is not a field here`},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantStatus(t, s.ask(t, "POST", "/api/tokens", c.body, withCookie(sid)), 400, c.message, c.name)
		})
	}
}

func TestAPI_tokens_may(t *testing.T) {
	t.Parallel()
	s := openAccountsServer(t)
	sid := s.signIn(t, nil)
	writerID, writer := s.newToken(t, sid, `{"name":"writer"}`)
	readerID, reader := s.newToken(t, sid, `{"name":"reader","readOnly":true,"expiresAt":null}`)
	unknown := jobs.NewUUID()
	both := withCookie(sid)
	both["Authorization"] = "Bearer " + reader
	for _, c := range []struct {
		name, method, path string
		proof              proof
		status             int
	}{
		{"a token may read", "GET", "/api/tokens", withToken(reader), 200},
		{"a token may not create tokens", "POST", "/api/tokens", withToken(writer), 403},
		{"the super token may not create tokens", "POST", "/api/tokens", withToken("a-token-of-the-operator"), 403},
		{"a read-only token may not create tokens", "POST", "/api/tokens", withToken(reader), 403},
		{"a read-only token decides beside a session", "POST", "/api/tokens", both, 403},
		{"a read-only token may not log out", "POST", "/api/logout", withToken(reader), 403},
		{"a read-only token may not delete tokens", "DELETE", "/api/tokens/" + writerID, withToken(reader), 403},
		{"a read-only token may delete nothing, whatever it names", "DELETE", "/api/tokens/" + unknown, withToken(reader), 403},
		{"an unknown token is not found", "DELETE", "/api/tokens/" + unknown, withCookie(sid), 404},
		{"what is no id is not found", "DELETE", "/api/tokens/x", withCookie(sid), 404},
		{"another user's token is not found", "DELETE", "/api/tokens/" + readerID, withToken("a-token-of-the-operator"), 404},
		{"a token may delete tokens", "DELETE", "/api/tokens/" + readerID, withToken(writer), 204},
		{"a deleted token is not valid", "GET", "/api/tokens", withToken(reader), 401},
		{"a deleted token is not found", "DELETE", "/api/tokens/" + readerID, withCookie(sid), 404},
		{"a token may be deleted with itself", "DELETE", "/api/tokens/" + writerID, withToken(writer), 204},
		{"and is not valid after that", "GET", "/api/tokens", withToken(writer), 401},
		{"a token in the address is none", "GET", "/api/tokens?access_token=" + writer, nil, 401},
	} {
		body := ""
		if c.method == "POST" {
			body = `{}`
		}
		wantStatus(t, s.ask(t, c.method, c.path, body, c.proof), c.status, "", c.name)
	}
}

func TestAPI_listTokens(t *testing.T) {
	t.Parallel()
	s := openAccountsServer(t)
	sid := s.signIn(t, nil)
	for _, body := range []string{
		`{"name":"beta importer","readOnly":true}`, `{"name":"Alpha importer","expiresAt":"2999-01-01T00:00:00Z"}`,
		`{"name":"gamma","expiresAt":"2998-01-01T00:00:00Z"}`,
	} {
		s.newToken(t, sid, body)
	}
	for _, c := range []struct {
		name, query string
		want        []string
		start, of   int
		links       string
	}{
		{"by name without regard to case", "", []string{"Alpha importer", "beta importer", "gamma"}, 0, 3, "self"},
		{"descending", "sort=-name", []string{"gamma", "beta importer", "Alpha importer"}, 0, 3, "self"},
		{"by end, none last", "sort=expiresAt", []string{"gamma", "Alpha importer", "beta importer"}, 0, 3, "self"},
		{"by two fields", "sort=-readOnly,-name", []string{"beta importer", "gamma", "Alpha importer"}, 0, 3, "self"},
		{"with words", "q=IMPORTER+a", []string{"Alpha importer", "beta importer"}, 0, 2, "self"},
		{"a page in the middle", "start=1&limit=1", []string{"beta importer"}, 1, 3, "next prev self"},
		{"beyond the end", "start=9", []string{}, 9, 3, "prev self"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := s.ask(t, "GET", "/api/tokens?"+c.query, "", withCookie(sid))
			wantStatus(t, w, 200, "", c.query)
			v := jsonOf(t, w)
			names := []string{}
			items, _ := v["_embedded"].(map[string]any)["inf:token"].([]any)
			for _, item := range items {
				token, _ := item.(map[string]any)
				if _, there := token["token"]; there {
					t.Error("a list shows tokens")
				}
				names = append(names, fmt.Sprint(token["name"]))
			}
			if diff := cmp.Diff(c.want, names); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
			head := fmt.Sprint(v["start"], v["count"], v["total"])
			if want := fmt.Sprint(c.start, len(c.want), c.of); head != want {
				t.Errorf("start, count and total are %s, want %s", head, want)
			}
			relations, _ := v["_links"].(map[string]any)
			for _, relation := range []string{"next", "prev", "self"} {
				if _, there := relations[relation]; there != strings.Contains(c.links, relation) {
					t.Errorf("the link %s is there: %t", relation, there)
				}
			}
		})
	}
	for _, query := range []string{"limit=0", "limit=1001", "start=-1", "sort=hash", "x=1", "q=" + url.QueryEscape(strings.Repeat("a ", 17))} {
		wantStatus(t, s.ask(t, "GET", "/api/tokens?"+query, "", withCookie(sid)), 400, "", query)
	}
}
