package jobs

import (
	"context"
	"time"
)

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

// SessionStore keeps log-ins and API tokens.
type SessionStore interface {
	// InsertSession stores a log-in, sets the user's LastLoginAt, and removes the user's oldest sessions beyond keep and all
	// expired ones. An unknown or disabled user is ErrNotFound.
	InsertSession(ctx context.Context, s Session, keep int) error
	// Session reads a session with its user and the user's teams, in one state. ErrNotFound for an unknown hash. Expiry, and
	// whether the user is enabled, are the caller's to judge.
	Session(ctx context.Context, hash []byte) (Session, User, error)
	// TouchSession moves SeenAt; an unknown session is no error.
	TouchSession(ctx context.Context, hash []byte, seen time.Time) error
	// DeleteSession ends a log-in; an unknown one is no error.
	DeleteSession(ctx context.Context, hash []byte) error
}

// TokenStore keeps API tokens.
type TokenStore interface {
	// InsertToken stores a new token. An unknown or disabled user is ErrNotFound, a taken id or hash ErrConflict, more than MaxTokensPerUser of the user
	// a *ConflictError.
	InsertToken(ctx context.Context, t Token) error
	// TokenByHash reads a token with its user and the user's teams, as Session does.
	TokenByHash(ctx context.Context, hash []byte) (Token, User, error)
	// Tokens gives the tokens of a user, newest first.
	Tokens(ctx context.Context, tenant TenantID, user PrincipalID) ([]Token, error)
	// TouchToken moves LastUsedAt; an unknown token is no error.
	TouchToken(ctx context.Context, hash []byte, used time.Time) error
	// DeleteToken removes a token of the user; ErrNotFound if the user has none of that id.
	DeleteToken(ctx context.Context, tenant TenantID, user PrincipalID, id string) error
}
