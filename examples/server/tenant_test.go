package main_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestServer_tenants: a tenant is added while the server runs; its superuser rules there alone.
func TestServer_tenants(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := start(t, data)
	add := launch(t, nil, "tenant", "add", "-data", data, "globex")
	add.ends(0)
	shown := regexp.MustCompile(`admin@globex has the password ([A-Za-z0-9]{24})\n`).FindStringSubmatch(add.stdout.String())
	if shown == nil {
		t.Fatalf("no password is shown:\n%s", add.stdout)
	}
	login(t, p, "admin@globex", shown[1], http.StatusOK)
	login(t, p, "admin", shown[1], http.StatusUnauthorized)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"tenant", "add", "-data", data, "globex"}, 1, "has users already"},
		{[]string{"tenant", "add", "-data", data, "Globex"}, 2, "no name of a tenant"},
		{[]string{"tenant", "add", "-data", t.TempDir(), "initech"}, 1, "no database"},
		{[]string{"tenant", "burn"}, 2, "server tenant add"},
		{[]string{"tenant", "list", "globex"}, 2, "server tenant list"},
		{[]string{"tenant", "remove", "-data", data, "initech", "-yes"}, 2, "server tenant remove"},
		{[]string{"tenant", "remove", "-data", data, "-yes", "initech"}, 1, "there is no tenant initech"},
		{[]string{"tenant", "remove", "-data", data, "globex"}, 1, "nothing was removed"},
	} {
		refused := launch(t, nil, c.args...)
		refused.ends(c.code)
		if !strings.Contains(refused.stderr.String(), c.says) || strings.Contains(refused.stdout.String(), "removed") {
			t.Errorf("%v: want %q, got:\n%s%s", c.args, c.says, refused.stderr, refused.stdout)
		}
	}
}

// TestServer_tenant_removed: a tenant with jobs, a run and a file is removed while the server runs, its people are out at once, and the others
// go on.
func TestServer_tenant_removed(t *testing.T) {
	t.Parallel()
	out, data := newEndpoint(t), t.TempDir()
	p := start(t, data)
	add := launch(t, nil, "tenant", "add", "-data", data, "globex")
	add.ends(0)
	password := regexp.MustCompile(`has the password ([A-Za-z0-9]{24})`).FindStringSubmatch(add.stdout.String())[1]
	cookie := login(t, p, "admin@globex", password, http.StatusOK)
	asAdmin := func(want int, method, path string, body any) map[string]any {
		t.Helper()
		status, answer, err := p.tryAs(cookie, method, path, body)
		if err != nil || status != want {
			t.Fatalf("%s %s: status %d, want %d: %v, %v", method, path, status, want, answer, err)
		}
		return answer
	}
	job := asAdmin(http.StatusCreated, "POST", "/jobs", map[string]any{
		"type": "api-call", "name": "Call", "data": map[string]any{"url": out.URL + "/x", "method": "GET"}, "interval": "1 hour",
	})
	asAdmin(http.StatusOK, "POST", "/jobs/"+id(job), nil)
	own := p.must(http.StatusCreated, "POST", "/jobs", map[string]any{
		"type": "api-call", "name": "Call", "data": map[string]any{"url": out.URL + "/x", "method": "GET"},
	})
	list := func() string {
		t.Helper()
		l := launch(t, nil, "tenant", "list", "-data", data)
		l.ends(0)
		return strings.Join(strings.Fields(l.stdout.String()), " ")
	}
	if got := list(); !strings.Contains(got, "globex 1 1 0 1 0 0 main 1 1 0 0 0 0") {
		t.Errorf("the list is %s", got)
	}
	gone := launch(t, nil, "tenant", "remove", "-data", data, "-yes", "globex")
	gone.ends(0)
	if !strings.Contains(gone.stdout.String(), "globex is removed") {
		t.Errorf("it says %s", gone.stdout)
	}
	if got := list(); strings.Contains(got, "globex") || !strings.Contains(got, "main 1 1 0 0 0 0") {
		t.Errorf("after it the list is %s", got)
	}
	asAdmin(http.StatusUnauthorized, "GET", "/jobs", nil)
	login(t, p, "admin@globex", password, http.StatusUnauthorized)
	p.must(http.StatusOK, "GET", "/jobs/"+id(own), nil)
	checkDatabase(t, data)
}
