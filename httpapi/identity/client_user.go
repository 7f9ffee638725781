package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// Users lists the users of the tenant, without their password hashes; only for superusers.
func (c *Client) Users(ctx context.Context, q jobs.UserQuery) (jobs.Page[jobs.User], error) {
	if err := c.superuser(ctx); err != nil {
		return jobs.Page[jobs.User]{}, err
	}
	q.Tenant = c.tenant()
	page, err := c.accounts.store.Users(ctx, q)
	for i := range page.Items {
		page.Items[i].PasswordHash = ""
	}
	return page, err
}

// User reads one user, without its password hash: for superusers, and for the user itself. To others no user exists or not: all are forbidden.
func (c *Client) User(ctx context.Context, id jobs.PrincipalID) (jobs.User, error) {
	if err := c.ownOr(ctx, id); err != nil {
		return jobs.User{}, err
	}
	u, err := c.accounts.store.User(ctx, c.tenant(), id)
	u.PasswordHash = ""
	return u, err
}

// ownOr lets superusers pass, and a user to its own record.
func (c *Client) ownOr(ctx context.Context, id jobs.PrincipalID) error {
	if err := c.identified(); err != nil {
		return err
	}
	if c.who.Principal.Superuser || c.who.Principal.User == id {
		return nil
	}
	return c.denied(ctx, jobs.Forbidden("only a superuser may see or change other users"), "superuser", "user", string(id))
}

// UserSpec is a new user.
type UserSpec struct {
	// Username is 1 to 63 of a-z, 0-9, dot, hyphen and underscore, with a letter or digit in front.
	Username jobs.PrincipalID
	// DisplayName is the username if it is empty.
	DisplayName string
	Email       string
	// Password has 12 characters or more; empty: the user cannot sign in.
	Password  jobs.Secret
	Disabled  bool
	Superuser bool
	Rights    jobs.Rights
}

// CreateUser makes a user; only for superusers. A taken username is jobs.ErrConflict. The right to manage the cluster is given only by who has it.
func (c *Client) CreateUser(ctx context.Context, spec UserSpec) (jobs.User, error) {
	if err := c.mayCreate(ctx); err != nil {
		return jobs.User{}, err
	}
	if err := c.mayGive(ctx, spec.Username, jobs.Rights{}, spec.Rights); err != nil {
		return jobs.User{}, err
	}
	u := jobs.User{
		Tenant: c.tenant(), ID: spec.Username, DisplayName: spec.DisplayName, Email: spec.Email, Enabled: !spec.Disabled, Superuser: spec.Superuser,
		Rights: spec.Rights,
	}
	if err := c.accounts.createUser(ctx, c.who.Principal, u, spec.Password); err != nil {
		return jobs.User{}, err
	}
	return c.User(ctx, u.ID)
}

func (c *Client) mayCreate(ctx context.Context) error {
	if err := c.superuser(ctx); err != nil {
		return err
	}
	return c.writes(ctx)
}

// MayCreate is the permission check of CreateUser and CreateTeam alone, for callers that read the input after it.
func (c *Client) MayCreate(ctx context.Context) error { return c.mayCreate(ctx) }

// mayGive keeps superusers of one tenant from making themselves, or another, manager of a cluster that they do not manage.
func (c *Client) mayGive(ctx context.Context, to jobs.PrincipalID, before, after jobs.Rights) error {
	if after.ManageCluster && !before.ManageCluster && !c.who.Principal.Rights.ManageCluster {
		return c.denied(ctx, jobs.Forbidden("cluster:manage can only be given by somebody who has it"), "cluster:manage", "user", clip(string(to)))
	}
	return nil
}

// UserPatch is a partial update of a user.
type UserPatch struct {
	DisplayName jobs.Field[string]
	// Email is removed by null.
	Email     jobs.Field[string]
	Enabled   jobs.Field[bool]
	Superuser jobs.Field[bool]
	Rights    jobs.Field[jobs.Rights]
}

// MayChangeUser is the permission check of UpdateUser, SetPassword and DeleteUser alone, with whether the user exists, for callers that read the
// input after it.
func (c *Client) MayChangeUser(ctx context.Context, id jobs.PrincipalID) error {
	if _, err := c.User(ctx, id); err != nil {
		return err
	}
	return c.writes(ctx)
}

// UpdateUser changes a user whose revision is base, 0 for any: superusers all of it, a user its own display name and address. Fields that have
// the value already may be there. A user that is disabled loses all sessions and tokens at once (R49). That nobody would be left who can sign
// in as a superuser is jobs.ErrInvalid.
func (c *Client) UpdateUser(ctx context.Context, id jobs.PrincipalID, p UserPatch, base int64) (jobs.User, error) {
	if err := c.MayChangeUser(ctx, id); err != nil {
		return jobs.User{}, err
	}
	u, err := c.accounts.changeUser(ctx, c.who.Principal, id, userChange{base: base, change: func(u *jobs.User) error {
		before := *u
		invalid := p.apply(u)
		if err := c.mayChange(ctx, before, *u); err != nil {
			return err
		}
		return invalid
	}})
	u.PasswordHash = ""
	if errors.Is(err, jobs.ErrLastSuperuser) {
		return u, p.lastSuperuser()
	}
	return u, err
}

// apply makes the change and gives what is wrong with it.
func (p *UserPatch) apply(u *jobs.User) error {
	var faults jobs.Faults
	notNull := func(path string, null bool) {
		if null {
			faults.Add(path, "may not be null")
		}
	}
	if p.DisplayName.Set {
		u.DisplayName = orDefault(strings.TrimSpace(p.DisplayName.Value), string(u.ID))
	}
	if p.Email.Set {
		u.Email = p.Email.Value
	}
	if notNull("enabled", p.Enabled.Null); p.Enabled.Set && !p.Enabled.Null {
		u.Enabled = p.Enabled.Value
	}
	if notNull("superuser", p.Superuser.Null); p.Superuser.Set && !p.Superuser.Null {
		u.Superuser = p.Superuser.Value
	}
	if notNull("permissions", p.Rights.Null); p.Rights.Set && !p.Rights.Null {
		u.Rights = p.Rights.Value
	}
	checkProfile(&faults, *u)
	return faults.Err()
}

// mayChange checks what has changed, not what was sent: what was read can be sent back.
func (c *Client) mayChange(ctx context.Context, before, after jobs.User) error {
	if !c.who.Principal.Superuser && (before.Enabled != after.Enabled || before.Superuser != after.Superuser || before.Rights != after.Rights) {
		return c.denied(ctx, jobs.Forbidden("only a superuser may change enabled, superuser and permissions"), "superuser", "user", string(after.ID))
	}
	return c.mayGive(ctx, after.ID, before.Rights, after.Rights)
}

// lastSuperuser names the field by which the last superuser would go.
func (p *UserPatch) lastSuperuser() error {
	field := "superuser"
	if p.Enabled.Set && !p.Enabled.Value {
		field = "enabled"
	}
	return jobs.Invalid(field, "cannot be false: %s", jobs.ErrLastSuperuser)
}

// DeleteUser removes a user whose revision is base, 0 for any, with all that is the user's alone; only for superusers. A user who owns jobs is
// jobs.ErrConflict with their natural ids, as is the last superuser.
func (c *Client) DeleteUser(ctx context.Context, id jobs.PrincipalID, base int64) error {
	if err := c.MayDeleteUser(ctx, id); err != nil {
		return err
	}
	row := jobs.AuditRow{Action: jobs.AuditDelete, Kind: "user", Object: string(id)}
	return c.accounts.store.DeleteUser(audited(ctx, c.who.Principal, row), now(), c.tenant(), id, base)
}

// MayDeleteUser is the permission check of DeleteUser alone, with whether the user exists.
func (c *Client) MayDeleteUser(ctx context.Context, id jobs.PrincipalID) error {
	if err := c.superuser(ctx); err != nil {
		return err
	}
	return c.MayChangeUser(ctx, id)
}

// SetPassword gives a user a new password of 12 characters or more. Users change their own by the current one, and keep the session that they
// do it in; all other sessions end (R49). Superusers need no current password for others, but the right to manage the cluster for who has
// it: they would take it on. Wrong tries are throttled as those of a log-in are: *ThrottledError.
func (c *Client) SetPassword(ctx context.Context, id jobs.PrincipalID, current, password jobs.Secret) error {
	if err := c.MayChangeUser(ctx, id); err != nil {
		return err
	}
	a := c.accounts
	u, err := a.store.User(ctx, c.tenant(), id)
	if err != nil {
		return fmt.Errorf("read user: %w", err)
	}
	own := id == c.who.Principal.User && !c.who.host
	if !own && u.Rights.ManageCluster && !c.who.Principal.Rights.ManageCluster {
		return c.denied(ctx, jobs.Forbidden("cluster:manage is needed to set the password of somebody who has it"), "cluster:manage", "user", string(id))
	}
	if err := checkPassword(password); err != nil {
		return err
	}
	if own {
		if err := c.checkCurrent(ctx, u, current); err != nil {
			return err
		}
	}
	hash, err := a.passwords.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	change := func(now *jobs.User) error {
		if own && now.PasswordHash != u.PasswordHash {
			return errCurrent // it was the current one a moment ago
		}
		now.PasswordHash = hash
		return nil
	}
	_, err = a.changeUser(ctx, c.who.Principal, u.ID, userChange{keep: c.who.session, change: change})
	return err
}

var errCurrent = jobs.Invalid("current", "is not the present password")

// checkCurrent compares the present password. A session that somebody has stolen is no place to guess it.
func (c *Client) checkCurrent(ctx context.Context, u jobs.User, current jobs.Secret) error {
	if current == "" {
		return jobs.Invalid("current", "is required: the present password")
	}
	a := c.accounts
	tried := pair{user: string(u.Tenant) + "@" + string(u.ID), network: network(c.addr)}
	if err := a.throttle.begin(tried, time.Now()); err != nil {
		return err
	}
	ok, err := a.passwords.matches(ctx, u.PasswordHash, current)
	switch {
	case err != nil:
		a.throttle.undo(tried)
		return fmt.Errorf("set password: %w", err)
	case !ok:
		a.note(ctx, jobs.AuditRow{
			Tenant: u.Tenant, Actor: u.ID, TokenID: c.who.TokenID, Action: jobs.AuditPassword, Kind: "user", Object: string(u.ID), Result: jobs.AuditDenied,
		})
		return errCurrent
	}
	a.throttle.succeed(tried)
	return nil
}
