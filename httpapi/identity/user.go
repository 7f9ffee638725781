package identity

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs"
)

var (
	usernameSyntax   = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`) // contract 15.1
	headerSyntax     = regexp.MustCompile(`^[!-~]+$`)
	cookiePathSyntax = regexp.MustCompile(`^[!-:<-~]+$`)
)

// systemUser is the user of jobs.System: a person of that name would own what host code made.
const systemUser = "system"

const (
	maxDisplayName   = 255 // characters
	maxEmail         = 254 // bytes, RFC 5321
	maxTenant        = 100 // bytes
	adminPasswordLen = 24  // characters out of 62: 142 bits
)

// EnsureAdmin makes the first user of a tenant: a superuser with all rights and a random password, which is given back this once
// (R54). If the tenant has any user, or another process made the first one meanwhile, created is false and nothing changes.
func (a *Accounts) EnsureAdmin(ctx context.Context, tenant jobs.TenantID, username string) (password string, created bool, err error) {
	tenant = orDefault(tenant, a.options.DefaultTenant)
	n, err := a.store.CountUsers(ctx, tenant)
	if err != nil {
		return "", false, fmt.Errorf("count users: %w", err)
	}
	if n > 0 {
		return "", false, nil
	}
	password = randomText(adminPasswordLen)
	err = a.CreateUser(ctx, jobs.User{
		Tenant: tenant, ID: jobs.PrincipalID(username), Enabled: true, Superuser: true,
		Rights: jobs.Rights{CreateJobs: true, CreateTags: true, ManageCluster: true},
	}, jobs.Secret(password))
	switch {
	case errors.Is(err, jobs.ErrConflict):
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	return password, true, nil
}

// CreateUser stores a new user. Without a tenant it is one of the default tenant, without a display name the id is shown; PasswordHash and the
// times of u are not looked at. A password has 12 characters or more; with an empty one the user cannot sign in. Wrong input is a
// *jobs.ValidationError, a taken name jobs.ErrConflict.
func (a *Accounts) CreateUser(ctx context.Context, u jobs.User, password jobs.Secret) error {
	u.Tenant = orDefault(u.Tenant, a.options.DefaultTenant)
	u.DisplayName = orDefault(strings.TrimSpace(u.DisplayName), string(u.ID))
	u.PasswordHash = ""
	if err := checkUser(u, password); err != nil {
		return err
	}
	if password != "" {
		hash, err := a.passwords.hash(ctx, password)
		if err != nil {
			return fmt.Errorf("create user: %w", err)
		}
		u.PasswordHash = hash
	}
	u.CreatedAt = now()
	u.UpdatedAt = u.CreatedAt
	if err := a.store.InsertUser(ctx, u); err != nil {
		return fmt.Errorf("create user: %w", err)
	}
	return nil
}

func checkUser(u jobs.User, password jobs.Secret) error {
	var faults jobs.Faults
	if !validTenant(u.Tenant) {
		faults.Add("tenant", "has to be 1 to %d bytes without @ and white space", maxTenant)
	}
	switch {
	case !usernameSyntax.MatchString(string(u.ID)):
		faults.Add("username", "has to be 1 to 63 of a-z, 0-9, dot, hyphen and underscore, with a letter or digit in front")
	case u.ID == systemUser:
		faults.Add("username", "%q is the name of the system itself", systemUser)
	}
	switch n := utf8.RuneCountInString(u.DisplayName); {
	case n > maxDisplayName:
		faults.Add("displayName", "has %d characters; at most %d", n, maxDisplayName)
	case strings.ContainsFunc(u.DisplayName, unicode.IsControl):
		faults.Add("displayName", "holds control characters")
	}
	if u.Email != "" {
		if at, err := mail.ParseAddress(u.Email); err != nil || at.Address != u.Email || len(u.Email) > maxEmail {
			faults.Add("email", "is not an e-mail address")
		}
	}
	if password != "" {
		if err := faults.Merge("", checkPassword(password)); err != nil {
			return err
		}
	}
	return faults.Err()
}

func validTenant(t jobs.TenantID) bool {
	return t != "" && len(t) <= maxTenant && utf8.ValidString(string(t)) && !strings.ContainsFunc(string(t), func(r rune) bool {
		return r == '@' || unicode.IsSpace(r) || unicode.IsControl(r)
	})
}

// SetPassword gives a user a new password of 12 characters or more and ends all sessions of the user, the caller's own too (R49). An
// unknown user is jobs.ErrNotFound, a short password a *jobs.ValidationError.
func (a *Accounts) SetPassword(ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID, password jobs.Secret) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	hash, err := a.passwords.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	u, err := a.store.User(ctx, tenant, user)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	u.PasswordHash, u.UpdatedAt = hash, now()
	if err := a.store.SaveUser(ctx, u); err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return nil
}

var _ jobs.Directory = (*Accounts)(nil)

// Principals gives those of the ids that are users, disabled ones too: what they own is still theirs. There are no teams yet. It makes Accounts
// the jobs.Directory of a service.
func (a *Accounts) Principals(ctx context.Context, tenant jobs.TenantID, ids []jobs.PrincipalID) ([]jobs.PrincipalInfo, error) {
	ids = slices.DeleteFunc(slices.Clone(ids), jobs.PrincipalID.IsTeam)
	if len(ids) == 0 {
		return nil, nil
	}
	users, err := a.store.UsersByID(ctx, tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	infos := make([]jobs.PrincipalInfo, len(users))
	for i, u := range users {
		infos[i] = jobs.PrincipalInfo{ID: u.ID, Name: u.DisplayName}
	}
	return infos, nil
}
