package identity

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

var _ jobs.DirectorySearch = (*Accounts)(nil)

// Principals gives those of the ids that are users or teams, disabled users too: what they own is still theirs. It makes Accounts the
// jobs.Directory of a service.
func (a *Accounts) Principals(ctx context.Context, tenant jobs.TenantID, ids []jobs.PrincipalID) ([]jobs.PrincipalInfo, error) {
	var users, teams []jobs.PrincipalID
	for _, id := range ids {
		if id.IsTeam() {
			teams = append(teams, id)
		} else {
			users = append(users, id)
		}
	}
	var infos []jobs.PrincipalInfo
	if len(users) > 0 {
		page, err := a.store.Users(ctx, jobs.UserQuery{Tenant: tenant, IDs: users})
		if err != nil {
			return nil, fmt.Errorf("read users: %w", err)
		}
		for _, u := range page.Items {
			infos = append(infos, jobs.PrincipalInfo{ID: u.ID, Name: u.DisplayName})
		}
	}
	if len(teams) > 0 {
		page, err := a.store.Teams(ctx, jobs.TeamQuery{Tenant: tenant, IDs: teams, Bare: true})
		if err != nil {
			return nil, fmt.Errorf("read teams: %w", err)
		}
		for _, x := range page.Items {
			infos = append(infos, jobs.PrincipalInfo{ID: x.ID, Name: x.Name})
		}
	}
	return infos, nil
}

// SearchPrincipals is jobs.DirectorySearch: enabled users, and teams. Addresses are not looked at, so that nobody can find out by guessing what
// only a superuser is shown.
func (a *Accounts) SearchPrincipals(ctx context.Context, tenant jobs.TenantID, words []string, limit int) ([]jobs.PrincipalInfo, error) {
	users, err := a.store.Users(ctx, jobs.UserQuery{Tenant: tenant, Words: words})
	if err != nil {
		return nil, fmt.Errorf("search users: %w", err)
	}
	teams, err := a.store.Teams(ctx, jobs.TeamQuery{Tenant: tenant, Bare: true, Words: words})
	if err != nil {
		return nil, fmt.Errorf("search teams: %w", err)
	}
	var found []jobs.PrincipalInfo
	for _, u := range users.Items {
		if info := (jobs.PrincipalInfo{ID: u.ID, Name: u.DisplayName}); u.Enabled && named(info, words) {
			found = append(found, info)
		}
	}
	for _, t := range teams.Items {
		found = append(found, jobs.PrincipalInfo{ID: t.ID, Name: t.Name})
	}
	slices.SortFunc(found, func(x, y jobs.PrincipalInfo) int {
		return cmp.Or(cmp.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)), cmp.Compare(x.ID, y.ID))
	})
	return found[:min(limit, len(found))], nil
}

// named tells whether every word is in name or id of somebody.
func named(p jobs.PrincipalInfo, words []string) bool {
	text := strings.ToLower(p.Name + "\x00" + string(p.ID))
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, strings.ToLower(w)) })
}
