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
// a *jobs.ValidationError; a user who has jobs.MaxTokensPerUser tokens gets a *jobs.ConflictError.
func (a *Accounts) CreateToken(
	ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID, spec TokenSpec,
) (t jobs.Token, text jobs.Secret, err error) {
	at := now()
	spec.Name = strings.TrimSpace(spec.Name)
	spec.ExpiresAt = spec.ExpiresAt.UTC().Truncate(time.Millisecond)
	if err := spec.check(at); err != nil {
		return jobs.Token{}, "", err
	}
	text = newTokenText()
	t = jobs.Token{
		ID: jobs.NewUUID(), Hash: hashOf(text.Reveal()), Tenant: tenant, User: user, Name: spec.Name, ReadOnly: spec.ReadOnly,
		ExpiresAt: spec.ExpiresAt, CreatedAt: at,
	}
	if err := a.store.InsertToken(ctx, t); err != nil {
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

// Tokens gives the tokens of a user, newest first, expired ones too.
func (a *Accounts) Tokens(ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID) ([]jobs.Token, error) {
	list, err := a.store.Tokens(ctx, tenant, user)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return list, nil
}

// DeleteToken revokes a token of the user at once. An id that is not one of the user's is jobs.ErrNotFound.
func (a *Accounts) DeleteToken(ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID, id string) error {
	err := a.store.DeleteToken(ctx, tenant, user, id)
	switch {
	case errors.Is(err, jobs.ErrNotFound):
		return jobs.NotFound("token")
	case err != nil:
		return fmt.Errorf("delete token: %w", err)
	}
	return nil
}
