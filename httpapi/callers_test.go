package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/jobs"
)

// callerHeader names the caller of a test's request.
const callerHeader = "X-Test-Caller"

// callers is the authenticator of the tests: the header says who the request comes from.
type callers struct {
	mu      sync.Mutex // guards the fields below
	revoked map[string]bool
}

func newCallers() *callers { return &callers{revoked: map[string]bool{}} }

// revoke ends an identity.
func (c *callers) revoke(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revoked[name] = true
}

func (c *callers) Authenticate(r *http.Request) (httpapi.Identity, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := r.Header.Get(callerHeader)
	if name == "" || c.revoked[name] {
		return httpapi.Identity{}, jobs.ErrUnauthenticated
	}
	if name == "outage" {
		return httpapi.Identity{}, errors.New("the directory server is down: " + canary)
	}
	var who httpapi.Identity
	name, who.Cookie = strings.CutSuffix(name, "+cookie")
	name, readOnly := strings.CutSuffix(name, "+ro")
	p, ok := people[name]
	if !ok {
		return httpapi.Identity{}, jobs.ErrUnauthenticated
	}
	p.ReadOnly = readOnly
	who.Principal, who.DisplayName, who.Email = p, "The "+name, name+"@globex.example"
	return who, nil
}

// people are the callers by their names. Those of the team logistics are named after their roles.
var people = map[string]jobs.Principal{
	"mara":      {Tenant: "globex", User: "mara", Rights: jobs.Rights{CreateJobs: true}},
	"otto":      {Tenant: "globex", User: "otto"},
	"tagger":    {Tenant: "globex", User: "tagger", Rights: jobs.Rights{CreateTags: true}},
	"boss":      {Tenant: "globex", User: "boss", Superuser: true},
	"root":      {Tenant: "globex", User: "root", Superuser: true, Rights: jobs.Rights{CreateJobs: true, ManageCluster: true}},
	"ops":       {Tenant: "globex", User: "ops", Rights: jobs.Rights{ManageCluster: true}},
	"alien":     {Tenant: "initech", User: "mara", Rights: jobs.Rights{CreateJobs: true}},
	"alienboss": {Tenant: "initech", User: "boss", Superuser: true},
	"nobody":    {},

	"member":     inTeam("member", jobs.RoleMember),
	"memberPlus": inTeam("memberPlus", jobs.RoleMemberPlus),
	"designer":   inTeam("designer", jobs.RoleDesigner),
	"dataWizard": inTeam("dataWizard", jobs.RoleDataWizard),
	"publisher":  inTeam("publisher", jobs.RolePublisher),
	"admin":      inTeam("admin", jobs.RoleAdmin),

	"share1":  {Tenant: "globex", User: "share1"},
	"share2":  {Tenant: "globex", User: "share2"},
	"share3":  {Tenant: "globex", User: "share3"},
	"share5":  {Tenant: "globex", User: "share5"},
	"share10": {Tenant: "globex", User: "share10"},
}

func inTeam(user jobs.PrincipalID, role jobs.Role) jobs.Principal {
	return jobs.Principal{
		Tenant: "globex", User: user, Teams: []jobs.Membership{{Team: "team:logistics", Role: role}},
		Rights: jobs.Rights{CreateJobs: role == jobs.RoleDataWizard || role == jobs.RoleDesigner},
	}
}

// SearchPrincipals finds people and the one team.
func (directory) SearchPrincipals(_ context.Context, tenant jobs.TenantID, words []string, limit int) ([]jobs.PrincipalInfo, error) {
	found := []jobs.PrincipalInfo{{ID: "team:logistics", Name: "Name of team:logistics"}}
	for _, p := range people {
		if p.Tenant == tenant {
			found = append(found, jobs.PrincipalInfo{ID: p.User, Name: "Name of " + string(p.User)})
		}
	}
	found = slices.DeleteFunc(found, func(p jobs.PrincipalInfo) bool {
		return slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(strings.ToLower(p.Name), strings.ToLower(w)) })
	})
	slices.SortFunc(found, func(a, b jobs.PrincipalInfo) int { return strings.Compare(a.Name, b.Name) })
	return found[:min(limit, len(found))], nil
}

// directory knows everybody whose id does not begin with "ghost".
type directory struct{}

func (directory) Principals(_ context.Context, _ jobs.TenantID, ids []jobs.PrincipalID) ([]jobs.PrincipalInfo, error) {
	var known []jobs.PrincipalInfo
	for _, id := range ids {
		if !strings.HasPrefix(id.Bare(), "ghost") {
			known = append(known, jobs.PrincipalInfo{ID: id, Name: "Name of " + string(id)})
		}
	}
	return known, nil
}
