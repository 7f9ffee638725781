package identity

import (
	"context"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

var _ jobs.Directory = (*Accounts)(nil)

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
