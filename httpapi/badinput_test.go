package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

// badInput asks routes what they refuse. Everything comes from the OpenAPI document, so a route that is added is tested with the day it is.
type badInput struct {
	matrix
	t    *testing.T
	spec *spec
	// home is a world with the built-in identity, for the routes that a host's own does not have; token is one of its root.
	home  *world
	token string
	asked int
}

// input is one route at a place where everything exists, and what the document says of it.
type input struct {
	route httpapi.RouteLine
	path  string
	// parameters are those of the query by name; fields the schema of the body, nil if the route has no JSON body.
	parameters map[string]map[string]any
	required   []string
	fields     map[string]any
	optional   bool
}

// forEachRoute visits every route. After each the store is checked.
func (b *badInput) forEachRoute(visit func(*input)) {
	for _, route := range httpapi.RouteTable() {
		in := &input{route: route, parameters: map[string]map[string]any{}}
		if route.Accounts {
			in.path = "/api" + strings.NewReplacer(":username", "kim", ":slug", "sales", ":domain", "local", ":tokenId", b.token).Replace(route.Path)
		} else {
			for _, p := range placesOf(route.Path, b.team, b.own, b.foreign) {
				if p.what == "own" || p.what == "known" || p.what == "no id" {
					in.path = "/api" + p.path
				}
			}
		}
		op, _ := b.spec.at("paths", openAPIPath(route.Path), strings.ToLower(route.Method))
		operation, _ := op.(map[string]any)
		list, _ := operation["parameters"].([]any)
		for _, p := range list {
			p, _ := p.(map[string]any)
			name, _ := p["name"].(string)
			if p["in"] != "query" {
				continue
			}
			in.parameters[name], _ = p["schema"].(map[string]any)
			if p["required"] == true {
				in.required = append(in.required, name)
			}
		}
		body, _ := operation["requestBody"].(map[string]any)
		content, _ := body["content"].(map[string]any)
		if media, ok := content["application/json"].(map[string]any); ok {
			in.fields, _ = media["schema"].(map[string]any)
			in.optional = body["required"] != true
		}
		visit(in)
		if route.Accounts {
			b.home.check()
		} else {
			b.check()
		}
	}
}

func newBadInput(t *testing.T) *badInput {
	t.Helper()
	s, err := theSpec()
	if err != nil {
		t.Fatal(err)
	}
	b := &badInput{matrix: newMatrix(t), t: t, spec: s}
	b.home, b.token = newHome(t)
	return b
}

// newHome is a world with the built-in identity, where root is a superuser with a token, and kim is in the team sales.
func newHome(t *testing.T) (w *world, token string) {
	t.Helper()
	w = newWorld(t)
	w.useAccounts()
	w.user("root", "superuser", "cluster:manage", "jobs:create")
	w.user("kim")
	if err := w.store.InsertTeam(t.Context(), jobs.Team{
		Tenant: "globex", ID: jobs.TeamID("sales"), Name: "Sales", Members: []jobs.Member{{User: "kim", Role: jobs.RoleAdmin}},
	}); err != nil {
		t.Fatal(err)
	}
	made, _, err := w.accounts.CreateToken(t.Context(), "globex", "root", identity.TokenSpec{Name: "build"})
	if err != nil {
		t.Fatal(err)
	}
	return w, made.ID
}

// answer lets the world of the route answer a request of root.
func (b *badInput) answer(in *input, r *http.Request) *httptest.ResponseRecorder {
	b.t.Helper()
	w := httptest.NewRecorder()
	if in.route.Accounts {
		b.home.prove(r, "root")
		b.home.api.ServeHTTP(w, r)
		return w
	}
	r.Header.Set(callerHeader, "root")
	b.api.ServeHTTP(w, r)
	return w
}

// send asks as root, who may do everything.
func (b *badInput) send(in *input, query, body string, headers ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	target := in.path
	if query != "" {
		target += "?" + query
	}
	r := httptest.NewRequestWithContext(b.t.Context(), in.route.Method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := b.answer(in, r)
	b.asked++
	b.spec.judge(b.t, r, body, w)
	return w
}

// problem is the body of an error.
type problem struct {
	Message    string
	Validation struct {
		Source string
		Keys   []string
	}
	Details []struct{ Key, Message string }
}

// of gives what is said of a key.
func (p problem) of(key string) string {
	for _, d := range p.Details {
		if d.Key == key {
			return d.Message
		}
	}
	return ""
}

// refused wants a status and, if there is a key, that the answer names it.
func (b *badInput) refused(in *input, why string, w *httptest.ResponseRecorder, status int, key string) problem {
	b.t.Helper()
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		b.t.Errorf("%s %s, %s: status %d, %v: %.200s", in.route.Method, in.route.Path, why, w.Code, err, w.Body)
		return p
	}
	if w.Code != status || key != "" && !slices.Contains(p.Validation.Keys, key) {
		b.t.Errorf("%s %s, %s: status %d, keys %v; want %d, %q: %.300s", in.route.Method, in.route.Path, why, w.Code, p.Validation.Keys, status, key, p.Message)
	}
	return p
}

// TestBadInput_Query: what is wrong with a query is 400 and named, on every route and for every parameter.
func TestBadInput_Query(t *testing.T) {
	oneByOne(t)
	b := newBadInput(t)
	every := map[string]bool{}
	b.forEachRoute(func(in *input) {
		for name := range in.parameters {
			every[name] = true
		}
	})
	b.forEachRoute(func(in *input) {
		body := ""
		if in.fields != nil && !in.optional {
			body = "{}"
		}
		bad := func(why, query, key string) problem {
			t.Helper()
			return b.refused(in, why, b.send(in, query, body), http.StatusBadRequest, key)
		}
		if p := bad("an unknown parameter", "nothing_of_that=1", "nothing_of_that"); p.Validation.Source != "query" {
			t.Errorf("%s: the source is %q", in.route.Name, p.Validation.Source)
		}
		bad("a query that cannot be read", "a=%zz", "")
		bad("a parameter that is no UTF-8", "a=%ff", "a")
		bad("a name that is no UTF-8", "%ff=1", "")
		bad("a NUL character", "a=x%00", "a")
		bad("too many values", strings.Repeat("a=1&", 101), "")
		bad("a URL that is too long", "a="+strings.Repeat("x", 9000), "")
		for name := range every {
			schema, known := in.parameters[name]
			if !known {
				if p := bad("a parameter of another route", url.QueryEscape(name)+"=1", name); p.of(name) != "is not a parameter here" {
					t.Errorf("%s reads the parameter %q, which is not described: %s", in.route.Name, name, p.Message)
				}
				continue
			}
			for _, value := range badValues(schema) {
				if p := bad("a bad value", name+"="+url.QueryEscape(value), name); strings.Contains(p.of(name), "not a parameter") {
					t.Errorf("%s does not know its parameter %q", in.route.Name, name)
				}
			}
			bad("a parameter in other letters", strings.ToUpper(name)+"=1", strings.ToUpper(name))
			if schema["type"] != "array" {
				bad("a parameter twice", name+"=a&"+name+"=a", name)
			}
		}
		for _, name := range in.required {
			bad("a required parameter that is missing", "", name)
		}
	})
	if b.asked < 500 {
		t.Errorf("only %d requests were made", b.asked)
	}
}

// badValues are values that a parameter of a schema does not take.
func badValues(schema map[string]any) []string {
	if items, ok := schema["items"].(map[string]any); ok {
		return badValues(items)
	}
	switch {
	case schema["type"] == "integer":
		return []string{"", "x", "1.5", " 1", "+1", "01", "1e3", "99999999999999999999", "-1", fmt.Sprint(schema["maximum"]) + "0"}
	case schema["type"] == "boolean":
		return []string{"", "yes", "1", "TRUE", "null"}
	case schema["enum"] != nil:
		return []string{"", "nothing-of-that"}
	case schema["examples"] != nil: // a moment
		return []string{"", "yesterday", "2026-13-01", "2026-02-30T00:00:00Z"}
	}
	return nil // any text
}

// TestBadInput_Bodies: what is wrong with the form of a body is refused on every route that reads one, and nothing is written.
func TestBadInput_Bodies(t *testing.T) {
	oneByOne(t)
	b := newBadInput(t)
	b.forEachRoute(func(in *input) {
		if in.fields == nil {
			return
		}
		bad := func(why, body string, status int, headers ...string) {
			t.Helper()
			b.refused(in, why, b.send(in, "", body, headers...), status, "")
		}
		if !in.optional {
			bad("no body", "", 400, "Content-Type", "application/json")
			bad("white space for a body", " \n", 400)
		}
		for _, body := range []string{
			"{", `{"a":1`, "[]", `"x"`, "null", "1", "{}{}", "{} x", `{"a":1,}`, `{'a':1}`, `{"a":tru`, "\ufeff{}", "{\"a\":\"\xff\"}",
			`{"a":"\u0000"}`, `{"a\u0000":1}`, `{"a":"\ud800"}`, `{"a":1,"a":1}`, `{"a":{"b":1,"b":2}}`, `{"a":NaN}`, `{"a":01}`, "\u00a0{}",
			`{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + "}", `{"a":[` + strings.Repeat("0,", 10_000) + "0]}",
			strings.Repeat("[", 5000), strings.Repeat(`{"a":`, 5000),
		} {
			bad("malformed: "+body[:min(len(body), 20)], body, 400)
		}
		bad("too large", `{"a":"`+strings.Repeat("x", 1<<20)+`"}`, 413)
		bad("too large, only white space", strings.Repeat(" ", 1<<20+1), 413)
		for _, contentType := range []string{
			"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=latin1", "json", ";",
		} {
			bad("content type "+contentType, "{}", 415, "Content-Type", contentType)
		}
		bad("no content type", "{}", 415, "Content-Type", "")
		bad("compressed", "{}", 415, "Content-Encoding", "gzip")
	})
}
