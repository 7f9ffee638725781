package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs"
)

const maxName = 255 // characters of a name that people give

// checkName is the rule for names of tokens and teams, after trimming.
func checkName(f *jobs.Faults, path, name string) {
	switch n := utf8.RuneCountInString(name); {
	case n < 1 || n > maxName:
		f.Add(path, "has to be 1 to %d characters", maxName)
	case strings.ContainsFunc(name, unicode.IsControl):
		f.Add(path, "holds control characters")
	}
}

// TokenSpec is what a user says of a new token.
type TokenSpec struct {
	// Name is 1 to 255 characters after trimming.
	Name     string
	ReadOnly bool
	// ExpiresAt is zero for a token without an end.
	ExpiresAt time.Time
}

// CreateToken makes an API token for a user. Text is the token itself; it is not kept and cannot be read again (R50). Wrong input is
// a *jobs.ValidationError; a user who has jobs.MaxTokensPerUser tokens gets a *jobs.ConflictError. It is for the host's own code; people do it
// as Client.CreateToken.
func (a *Accounts) CreateToken(
	ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID, spec TokenSpec,
) (t jobs.Token, text jobs.Secret, err error) {
	return a.createToken(ctx, jobs.System(tenant), user, spec)
}

func (a *Accounts) createToken(
	ctx context.Context, by jobs.Principal, user jobs.PrincipalID, spec TokenSpec,
) (t jobs.Token, text jobs.Secret, err error) {
	at := now()
	spec.Name = strings.TrimSpace(spec.Name)
	spec.ExpiresAt = spec.ExpiresAt.UTC().Truncate(time.Millisecond)
	if err := spec.check(at); err != nil {
		return jobs.Token{}, "", err
	}
	text = newTokenText()
	t = jobs.Token{
		ID: jobs.NewUUID(), Hash: hashOf(text.Reveal()), Tenant: by.Tenant, User: user, Name: spec.Name, ReadOnly: spec.ReadOnly,
		ExpiresAt: spec.ExpiresAt, CreatedAt: at,
	}
	if err := a.store.InsertToken(audited(ctx, by, jobs.AuditRow{Action: jobs.AuditCreate, Kind: "token", Object: t.ID}), t); err != nil {
		return jobs.Token{}, "", fmt.Errorf("create token: %w", err)
	}
	return t, text, nil
}

func (s TokenSpec) check(at time.Time) error {
	var faults jobs.Faults
	checkName(&faults, "name", s.Name)
	if !s.ExpiresAt.IsZero() && !s.ExpiresAt.After(at) {
		faults.Add("expiresAt", "is in the past")
	}
	return faults.Err()
}

// CreateToken makes an API token for the caller. Only a session may do it: a token that makes tokens would outlive its own end.
func (c *Client) CreateToken(ctx context.Context, spec TokenSpec) (t jobs.Token, text jobs.Secret, err error) {
	if err := c.MayCreateToken(ctx); err != nil {
		return jobs.Token{}, "", err
	}
	return c.accounts.createToken(ctx, c.who.Principal, c.who.Principal.User, spec)
}

// MayCreateToken is the permission check of CreateToken alone, for callers that read the input after it.
func (c *Client) MayCreateToken(ctx context.Context) error {
	if err := c.identified(); err != nil {
		return err
	}
	if !c.who.Cookie {
		return c.denied(ctx, jobs.Forbidden("a token cannot create tokens"), "token", "token", "")
	}
	return nil
}

// Tokens gives the caller's own tokens, newest first, expired ones too.
func (c *Client) Tokens(ctx context.Context) ([]jobs.Token, error) {
	if err := c.identified(); err != nil {
		return nil, err
	}
	return c.accounts.Tokens(ctx, c.tenant(), c.who.Principal.User)
}

// DeleteToken revokes a token of the caller at once. An id that is not one of the caller's is jobs.ErrNotFound.
func (c *Client) DeleteToken(ctx context.Context, id string) error {
	if err := c.identified(); err != nil {
		return err
	}
	if err := c.writes(ctx); err != nil {
		return err
	}
	return c.accounts.deleteToken(ctx, c.who.Principal, c.who.Principal.User, id)
}

// Tokens gives the tokens of a user, newest first, expired ones too.
func (a *Accounts) Tokens(ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID) ([]jobs.Token, error) {
	list, err := a.store.Tokens(ctx, tenant, user)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return list, nil
}

// DeleteToken revokes a token of the user at once. An id that is not one of the user's is jobs.ErrNotFound. It is for the host's own code.
func (a *Accounts) DeleteToken(ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID, id string) error {
	return a.deleteToken(ctx, jobs.System(tenant), user, id)
}

func (a *Accounts) deleteToken(ctx context.Context, by jobs.Principal, user jobs.PrincipalID, id string) error {
	row := jobs.AuditRow{Action: jobs.AuditDelete, Kind: "token", Object: id}
	err := a.store.DeleteToken(audited(ctx, by, row), by.Tenant, user, id)
	if err != nil && !errors.Is(err, jobs.ErrNotFound) {
		return fmt.Errorf("delete token: %w", err)
	}
	return err
}
