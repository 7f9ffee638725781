package jobs

import (
	"context"
	"time"
)

// Limits of teams (R65).
const (
	MaxTeamsPerTenant = 1_000
	MaxTeamMembers    = 1_000
	MaxTeamsPerUser   = 100
)

// Team is a group of users of the built-in identity. It can own jobs and be given shares.
type Team struct {
	Tenant TenantID
	// ID is "team:" and a slug; it never changes.
	ID   PrincipalID
	Name string
	// Members are by user.
	Members []Member
	// Revision begins with 1 and grows with each change of the team or its members.
	Revision  int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Member is a user of a team.
type Member struct {
	User PrincipalID
	Role Role
}

// TeamID is the id of the team with that slug.
func TeamID(slug string) PrincipalID { return PrincipalID(teamPrefix + slug) }

// Roles are the roles of a team, in the order of what they may do.
var Roles = []Role{RoleMember, RoleMemberPlus, RoleDesigner, RoleDataWizard, RolePublisher, RoleAdmin}

// TeamStore keeps the teams of the built-in identity. In all writes a member who is no user of the tenant is ErrNotFound; a team with more than
// MaxTeamMembers, and a user in more than MaxTeamsPerUser, are a *ConflictError.
type TeamStore interface {
	// InsertTeam stores a new team at revision 1; a taken id, and a team beyond MaxTeamsPerTenant, are ErrConflict.
	InsertTeam(ctx context.Context, t Team) error
	// SaveTeam replaces name and members of a stored team whose revision is still t.Revision, and stores it under the next one; else
	// ErrPrecondition. CreatedAt stays as it is stored. An unknown team is ErrNotFound.
	SaveTeam(ctx context.Context, t Team) error
	// PutMember gives a user a role in a team, also instead of another one; nothing else of the team changes, whatever others do at once. An
	// unknown team is ErrNotFound.
	PutMember(ctx context.Context, now time.Time, tenant TenantID, team PrincipalID, m Member) error
	// DeleteMember takes a user out of a team; ErrNotFound if there is no such team or member.
	DeleteMember(ctx context.Context, now time.Time, tenant TenantID, team, user PrincipalID) error
	// DeleteTeam removes a team whose revision is base, 0 for any, and the shares given to it. One that owns jobs is a *ConflictError as in
	// DeleteUser. Another revision is ErrPrecondition, an unknown team ErrNotFound.
	DeleteTeam(ctx context.Context, now time.Time, tenant TenantID, id PrincipalID, base int64) error
	// Team reads a team with its members. An unknown one is ErrNotFound.
	Team(ctx context.Context, tenant TenantID, id PrincipalID) (Team, error)
	// Teams lists teams with their members.
	Teams(ctx context.Context, q TeamQuery) (Page[Team], error)
}

// TeamQuery asks for teams of one tenant. Zero fields do not filter.
type TeamQuery struct {
	Tenant TenantID
	// IDs limits the list to these teams; nil: all.
	IDs []PrincipalID
	// Bare teams come without their members.
	Bare bool
	// Words must each occur, without regard to case, in slug or name.
	Words []string
	// Sort keys are among TeamSortFields; none means by name.
	Sort  []SortKey
	Start int
	// Limit zero means all.
	Limit int
}

// TeamSortFields are the fields by which teams can be sorted: text without regard to case.
var TeamSortFields = []string{"name", "slug", "createdAt", "updatedAt"}
