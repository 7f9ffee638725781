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
	} {
		refused := launch(t, nil, c.args...)
		refused.ends(c.code)
		if !strings.Contains(refused.stderr.String(), c.says) || refused.stdout.String() != "" {
			t.Errorf("%v: want %q, got:\n%s%s", c.args, c.says, refused.stderr, refused.stdout)
		}
	}
}
