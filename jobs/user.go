package jobs

import (
	"context"
	"time"
)

// Limits of the built-in identity (R65).
const (
	MaxUsersPerTenant = 10_000
	MaxTokensPerUser  = 100
)

// User is an account of the built-in identity (contract 15). A host with its own users has none.
type User struct {
	Tenant      TenantID
	ID          PrincipalID
	DisplayName string
	Email       string
	// PasswordHash is an argon2id string; empty: cannot sign in.
	PasswordHash string
	Enabled      bool
	Superuser    bool
	Rights       Rights
	// Teams are those of the user with the role in each, by id. Reads fill it, writes do not look at it.
	Teams []Membership
	// Revision begins with 1 and grows with each SaveUser; a log-in does not change it.
	Revision    int64
	CreatedAt   time.Time
	UpdatedAt   time.Time
	LastLoginAt time.Time
}

// ErrLastSuperuser is the *ConflictError of a write after which nobody could administer the tenant.
var ErrLastSuperuser error = &ConflictError{Reason: "this is the last superuser who can sign in"}

// UserStore keeps the accounts of the built-in identity.
type UserStore interface {
	// InsertUser stores a new user at revision 1; a taken id, and a user beyond MaxUsersPerTenant, are ErrConflict.
	InsertUser(ctx context.Context, u User) error
	// SaveUser replaces a stored user whose revision is still u.Revision, and stores it under the next one; else ErrPrecondition. CreatedAt and
	// LastLoginAt stay as they are stored. If it is disabled or its password hash changed, its sessions end in the same transaction but
	// for the one with the hash keep, nil for none; if it is disabled, all of them, and its tokens are deleted too (R49). A tenant that has
	// enabled superusers with a password keeps one: else ErrLastSuperuser, however many try at once. An unknown user is ErrNotFound.
	SaveUser(ctx context.Context, u User, keep []byte) error
	// DeleteUser removes a user whose revision is base, 0 for any, with sessions, tokens, memberships, drafts, favourites, and shares given to
	// it. A user who owns jobs is a *ConflictError with Data["jobs"], the natural ids of the first MaxOwnedShown, and Data["total"]; the last
	// superuser is ErrLastSuperuser. Another revision is ErrPrecondition, an unknown user ErrNotFound.
	DeleteUser(ctx context.Context, now time.Time, tenant TenantID, id PrincipalID, base int64) error
	// User is ErrNotFound for an unknown user.
	User(ctx context.Context, tenant TenantID, id PrincipalID) (User, error)
	// Users lists users.
	Users(ctx context.Context, q UserQuery) (Page[User], error)
	// CountUsers counts the users of the tenant.
	CountUsers(ctx context.Context, tenant TenantID) (int, error)
}

// MaxOwnedShown is how many jobs are named when a user or a team cannot be removed because it owns them.
const MaxOwnedShown = 100

// UserQuery asks for users of one tenant. Zero fields do not filter.
type UserQuery struct {
	Tenant TenantID
	// IDs limits the list to these users; nil: all.
	IDs []PrincipalID
	// Words must each occur, without regard to case, in username, display name or e-mail address.
	Words []string
	// Sort keys are among UserSortFields; none means by username.
	Sort  []SortKey
	Start int
	// Limit zero means all.
	Limit int
}

// UserSortFields are the fields by which users can be sorted: text without regard to case, missing values last in ascending order.
var UserSortFields = []string{"username", "displayName", "email", "enabled", "superuser", "createdAt", "lastLoginAt"}
