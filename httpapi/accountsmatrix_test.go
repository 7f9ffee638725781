package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/jobs"
)

// TestAuthorization_AccountRoutes is the matrix of the routes that exist with the built-in identity alone: route, caller, id. As in
// TestAuthorization, a request that is allowed is 400 for a parameter that no route knows.
func TestAuthorization_AccountRoutes(t *testing.T) {
	oneByOne(t)
	w := newWorld(t)
	w.useAccounts()
	w.user("root", "superuser", "cluster:manage")
	for _, name := range []string{"mara", "otto", "ana", "ops", "gone"} {
		w.user(name)
	}
	w.user("boss@initech", "superuser")
	w.user("mara@initech")
	for tenant, members := range map[jobs.TenantID][]jobs.Member{
		"globex": {{User: "mara", Role: jobs.RoleAdmin}, {User: "otto", Role: jobs.RolePublisher}}, "initech": {{User: "mara", Role: jobs.RoleAdmin}},
	} {
		if err := w.store.InsertTeam(t.Context(), jobs.Team{Tenant: tenant, ID: jobs.TeamID("sales-" + string(tenant)), Name: "Sales", Members: members}); err != nil {
			t.Fatal(err)
		}
	}
	proofs := map[string]http.Header{"": {}, "unknown": {"Cookie": {"sid=" + strings.Repeat("A", 43)}}, "forged": {"Authorization": {"Bearer jobs_x"}}}
	for _, caller := range []string{"root", "mara", "otto", "ana", "gone", "boss@initech", "mara@initech"} {
		for _, kind := range []string{"", "+token", "+ro"} {
			r := httptest.NewRequest("GET", "/", nil)
			w.prove(r, caller+kind)
			proofs[caller+kind] = r.Header
		}
	}
	gone, err := w.store.User(t.Context(), "globex", "gone")
	if err != nil {
		t.Fatal(err)
	}
	gone.Enabled = false
	if err := w.store.SaveUser(t.Context(), gone, nil); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, route := range httpapi.RouteTable() {
		if route.Resource != "users" && route.Resource != "teams" {
			continue
		}
		for _, user := range []string{"mara", "otto", "boss", "ghost", "Not%20a%20name"} {
			for _, team := range []string{"sales-globex", "sales-initech", "ghosts", "Not%20a%20slug"} {
				path := strings.NewReplacer(":username", user, ":slug", team).Replace(route.Path)
				for caller, proof := range proofs {
					r := httptest.NewRequestWithContext(t.Context(), route.Method, "/api"+path+"?matrix=1", strings.NewReader("{}"))
					r.Header = proof.Clone()
					r.Header.Set("Content-Type", "application/json")
					answer := httptest.NewRecorder()
					w.api.ServeHTTP(answer, r)
					asked++
					if want := accountsStatus(route, caller, user, team); answer.Code != want {
						t.Errorf("%s %s as %q: status %d, want %d: %s", route.Method, path, caller, answer.Code, want, answer.Body)
					}
				}
				if !strings.Contains(route.Path, ":slug") {
					break
				}
			}
			if !strings.Contains(route.Path, ":username") {
				break
			}
		}
	}
	if asked < 1000 {
		t.Errorf("the matrix has %d requests only", asked)
	}
	w.check()
}

// accountsStatus is the matrix.
func accountsStatus(route httpapi.RouteLine, caller, user, team string) int {
	name, kind, _ := strings.Cut(caller, "+")
	tenant, who := splitAccount(name)
	super := who == "root" || who == "boss"
	users := map[jobs.TenantID][]string{"globex": {"mara", "otto"}, "initech": {"mara", "boss"}}
	exists := func(list []string, name string) bool {
		for _, one := range list {
			if one == name {
				return true
			}
		}
		return false
	}
	mutates := route.Method != http.MethodGet
	switch {
	case who == "" || who == "unknown" || who == "forged" || who == "gone":
		return http.StatusUnauthorized
	case kind == "ro" && mutates:
		return http.StatusForbidden
	case strings.Contains(route.Path, ":slug") && team != "sales-"+string(tenant):
		return http.StatusNotFound
	}
	allowed := map[string]bool{
		"I": true, "S": super, "own": super || string(who) == user, "team": super || who == "mara", // mara is the admin in both tenants
	}[route.Group]
	members := map[jobs.TenantID][]string{"globex": {"mara", "otto"}, "initech": {"mara"}}
	switch {
	case !allowed:
		return http.StatusForbidden
	case route.Method == "DELETE" && strings.Contains(route.Path, "/members/") && !exists(members[tenant], user):
		return http.StatusNotFound
	case strings.Contains(route.Path, ":username") && !exists(users[tenant], user):
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}
