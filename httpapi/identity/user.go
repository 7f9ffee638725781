package identity

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
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
// (R54). Only that of the default tenant manages the cluster. If the tenant has any user, or another process made the first one meanwhile, created is false and nothing changes.
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
		Rights: jobs.Rights{CreateJobs: true, CreateTags: true, ManageCluster: tenant == a.options.DefaultTenant},
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
// *jobs.ValidationError, a taken name jobs.ErrConflict. It is for the host's own code; people do it as Client.CreateUser.
func (a *Accounts) CreateUser(ctx context.Context, u jobs.User, password jobs.Secret) error {
	u.Tenant = orDefault(u.Tenant, a.options.DefaultTenant)
	return a.createUser(ctx, jobs.System(u.Tenant), u, password)
}

func (a *Accounts) createUser(ctx context.Context, by jobs.Principal, u jobs.User, password jobs.Secret) error {
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
	row := jobs.AuditRow{Action: jobs.AuditCreate, Kind: "user", Object: string(u.ID)}
	if err := a.store.InsertUser(audited(ctx, by, row), u); err != nil {
		return fmt.Errorf("create user: %w", err)
	}
	return nil
}

// checkUser finds what is wrong with a new user.
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
	checkProfile(&faults, u)
	if password != "" {
		if err := faults.Merge("", checkPassword(password)); err != nil {
			return err
		}
	}
	return faults.Err()
}

// checkProfile finds what is wrong with what users say of themselves.
func checkProfile(faults *jobs.Faults, u jobs.User) {
	switch n := utf8.RuneCountInString(u.DisplayName); {
	case n > maxDisplayName:
		faults.Add("displayName", "has %d characters; at most %d", n, maxDisplayName)
	case strings.ContainsFunc(u.DisplayName, unicode.IsControl):
		faults.Add("displayName", "holds control characters")
	}
	if u.Email == "" {
		return
	}
	if at, err := mail.ParseAddress(u.Email); err != nil || at.Address != u.Email || len(u.Email) > maxEmail {
		faults.Add("email", "is not an e-mail address")
	}
}

func validTenant(t jobs.TenantID) bool {
	return t != "" && len(t) <= maxTenant && utf8.ValidString(string(t)) && !strings.ContainsFunc(string(t), func(r rune) bool {
		return r == '@' || unicode.IsSpace(r) || unicode.IsControl(r)
	})
}

// SetPassword gives a user a new password of 12 characters or more and ends all sessions of the user (R49). It is for the host's own code;
// people do it as Client.SetPassword. An unknown user is jobs.ErrNotFound, a password that is refused a *jobs.ValidationError.
func (a *Accounts) SetPassword(ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID, password jobs.Secret) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	hash, err := a.passwords.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	_, err = a.changeUser(ctx, jobs.System(tenant), user, userChange{change: func(u *jobs.User) error {
		u.PasswordHash = hash
		return nil
	}})
	return err
}

// changeTries is how often a change is made anew because another process has changed the same record meanwhile.
const changeTries = 10

// userChange is a change of a stored user.
type userChange struct {
	// base is the revision that the user has to have, 0 for any. With 0 the change is made on what is stored now, so of two changes at once
	// none is lost.
	base int64
	// keep is the hash of the session that survives a new password.
	keep   []byte
	change func(*jobs.User) error
}

// changeUser changes a user of the tenant of by, who does it.
func (a *Accounts) changeUser(ctx context.Context, by jobs.Principal, id jobs.PrincipalID, c userChange) (jobs.User, error) {
	for try := 1; ; try++ {
		u, err := a.store.User(ctx, by.Tenant, id)
		if err != nil {
			return jobs.User{}, fmt.Errorf("read user: %w", err)
		}
		if c.base != 0 && u.Revision != c.base {
			return jobs.User{}, jobs.ErrPrecondition
		}
		before := u
		if err := c.change(&u); err != nil {
			return jobs.User{}, err
		}
		rows := userRows(before, u)
		if len(rows) == 0 {
			return before, nil // nothing has changed
		}
		u.UpdatedAt = now()
		err = a.store.SaveUser(audited(ctx, by, rows...), u, c.keep)
		switch {
		case err == nil:
			u.Revision++
			return u, nil
		case !errors.Is(err, jobs.ErrPrecondition) || c.base != 0 || try == changeTries:
			return jobs.User{}, fmt.Errorf("save user: %w", err)
		}
	}
}
