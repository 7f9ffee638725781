package jobs

import "context"

// Principal is who acts. Only an authenticator makes one for a request; a host's own code uses System. The zero value may do
// nothing.
type Principal struct {
	Tenant TenantID
	// User is the user's id; never a team.
	User PrincipalID
	// Teams are the teams of the user with the role in each.
	Teams []Membership
	// Superuser may do everything in the tenant.
	Superuser bool
	Rights    Rights
	// Token is the id of the API token through which the user acts; empty for a session. It is for the audit and decides nothing.
	Token string
	// ReadOnly principals come from read-only tokens: they read as their user and change nothing.
	ReadOnly bool
}

// Membership is one team of a user.
type Membership struct {
	Team PrincipalID
	Role Role
}

// Rights are what a user may do apart from single jobs.
type Rights struct {
	CreateJobs    bool
	CreateTags    bool
	ManageCluster bool
}

// Role is what a user is in a team.
type Role string

// Roles of a team and the level that each has on the team's jobs (contract 1.5).
const (
	RoleMember     Role = "member"
	RoleMemberPlus Role = "memberPlus"
	RoleDesigner   Role = "designer"
	RoleDataWizard Role = "dataWizard"
	RolePublisher  Role = "publisher"
	RoleAdmin      Role = "admin"
)

// Level is the level that the role gives on jobs of its team; an unknown role gives none.
func (r Role) Level() Level {
	switch r {
	case RoleMember, RoleMemberPlus:
		return LevelRead
	case RoleDesigner:
		return LevelRun
	case RoleDataWizard:
		return LevelEdit
	case RolePublisher:
		return LevelShare
	case RoleAdmin:
		return LevelFull
	}
	return LevelNone
}

// System is the principal of a host's own code: everything in that tenant, as the user "system".
func System(tenant TenantID) Principal {
	return Principal{
		Tenant: tenant, User: "system", Superuser: true,
		Rights: Rights{CreateJobs: true, CreateTags: true, ManageCluster: true},
	}
}

// names are all ids under which the principal owns things and has shares.
func (p Principal) names() []PrincipalID {
	ids := make([]PrincipalID, 0, 1+len(p.Teams))
	ids = append(ids, p.User)
	for _, m := range p.Teams {
		ids = append(ids, m.Team)
	}
	return ids
}

// PrincipalInfo is what is known of a user or a team.
type PrincipalInfo struct {
	ID   PrincipalID
	Name string
}

// Directory knows the users and teams of a tenant. The host implements it; the built-in identity does so too.
// Methods may be called concurrently.
type Directory interface {
	// Principals gives those of the ids that exist; others are left out without an error.
	Principals(ctx context.Context, tenant TenantID, ids []PrincipalID) ([]PrincipalInfo, error)
}
