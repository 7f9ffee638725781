package jobs

import (
	"context"
	"time"
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
	CreatedAt    time.Time
	UpdatedAt    time.Time
	LastLoginAt  time.Time
}

// Session is a log-in from a browser. Only the hash of its id is stored (R49).
type Session struct {
	// Hash is SHA-256 of the id in the cookie.
	Hash      []byte
	Tenant    TenantID
	User      PrincipalID
	CreatedAt time.Time
	// SeenAt moves with use, at most once a minute.
	SeenAt time.Time
	// ExpiresAt is the absolute end.
	ExpiresAt time.Time
}

// Token is an API token. Only the hash of its secret is stored (R50).
type Token struct {
	ID       string
	Hash     []byte
	Tenant   TenantID
	User     PrincipalID
	Name     string
	ReadOnly bool
	// ExpiresAt is zero for a token without an end.
	ExpiresAt  time.Time
	CreatedAt  time.Time
	LastUsedAt time.Time
}

// UserStore keeps the accounts of the built-in identity.
type UserStore interface {
	// InsertUser stores a new user; a taken id is ErrConflict.
	InsertUser(ctx context.Context, u User) error
	// SaveUser replaces a stored user; an unknown one is ErrNotFound. If it is disabled or its password hash changed, all its
	// sessions end in the same transaction, and if it is disabled its tokens are deleted too (R49).
	SaveUser(ctx context.Context, u User) error
	// User is ErrNotFound for an unknown user.
	User(ctx context.Context, tenant TenantID, id PrincipalID) (User, error)
	// UsersByID gives those of the ids that exist, in any order.
	UsersByID(ctx context.Context, tenant TenantID, ids []PrincipalID) ([]User, error)
	// CountUsers counts the users of the tenant.
	CountUsers(ctx context.Context, tenant TenantID) (int, error)
}

// SessionStore keeps log-ins and API tokens.
type SessionStore interface {
	// InsertSession stores a log-in, sets the user's LastLoginAt, and removes the user's oldest sessions beyond keep and all
	// expired ones.
	InsertSession(ctx context.Context, s Session, keep int) error
	// Session is ErrNotFound for an unknown hash. Expiry is the caller's to judge.
	Session(ctx context.Context, hash []byte) (Session, error)
	// TouchSession moves SeenAt; an unknown session is no error.
	TouchSession(ctx context.Context, hash []byte, seen time.Time) error
	// DeleteSession ends a log-in; an unknown one is no error.
	DeleteSession(ctx context.Context, hash []byte) error
}

// TokenStore keeps API tokens.
type TokenStore interface {
	InsertToken(ctx context.Context, t Token) error
	// TokenByHash is ErrNotFound for an unknown hash. Expiry is the caller's to judge.
	TokenByHash(ctx context.Context, hash []byte) (Token, error)
	// Tokens gives the tokens of a user, newest first.
	Tokens(ctx context.Context, tenant TenantID, user PrincipalID) ([]Token, error)
	// TouchToken moves LastUsedAt; an unknown token is no error.
	TouchToken(ctx context.Context, hash []byte, used time.Time) error
	// DeleteToken removes a token of the user; ErrNotFound if the user has none of that id.
	DeleteToken(ctx context.Context, tenant TenantID, user PrincipalID, id string) error
}
