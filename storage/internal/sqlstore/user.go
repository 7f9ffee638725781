package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

type userRow struct {
	Tenant       jobs.TenantID    `db:"tenant"`
	ID           jobs.PrincipalID `db:"id"`
	DisplayName  string           `db:"display_name"`
	Email        string           `db:"email"`
	PasswordHash string           `db:"password_hash"`
	Enabled      bool             `db:"enabled"`
	Superuser    bool             `db:"superuser"`
	Rights       string           `db:"rights"`
	Revision     int64            `db:"revision"`
	CreatedAt    int64            `db:"created_at"`
	UpdatedAt    int64            `db:"updated_at"`
	LastLoginAt  int64            `db:"last_login_at"`
}

func (r *userRow) toUser() (jobs.User, error) {
	u := jobs.User{
		Tenant: r.Tenant, ID: r.ID, DisplayName: r.DisplayName, Email: r.Email, PasswordHash: r.PasswordHash, Enabled: r.Enabled,
		Superuser: r.Superuser, Revision: r.Revision, CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt),
		LastLoginAt: fromMillis(r.LastLoginAt),
	}
	if err := json.Unmarshal([]byte(r.Rights), &u.Rights); err != nil {
		return jobs.User{}, fmt.Errorf("stored rights of user %s: %w", r.ID, err)
	}
	return u, nil
}

// steers reports whether the user can sign in and administer the tenant.
func (r *userRow) steers() bool { return r.Enabled && r.Superuser && r.PasswordHash != "" }

const (
	userColumns = `tenant, id, display_name, email, password_hash, enabled, superuser, rights, revision, created_at, updated_at, last_login_at`

	sqlInsertUser = `
	INSERT INTO users (display_name, display_fold, email, email_fold, password_hash, enabled, superuser, rights, updated_at, tenant, id, created_at,
	       last_login_at, revision)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`
	// sqlGetUser: lookup by primary key.
	sqlGetUser = `
	SELECT ` + userColumns + `
	FROM   users
	WHERE  tenant = ? AND id = ?`
	sqlCountUsers = `
	SELECT count(*)
	FROM   users
	WHERE  tenant = ?`
)

// userArgs are the values that InsertUser and SaveUser write, the key last.
func userArgs(u *jobs.User) []any {
	return []any{
		u.DisplayName, strings.ToLower(u.DisplayName), u.Email, strings.ToLower(u.Email), u.PasswordHash, toInt(u.Enabled), toInt(u.Superuser),
		mustJSON(u.Rights), toMillis(u.UpdatedAt), u.Tenant, u.ID,
	}
}

// InsertUser is jobs.UserStore.
func (c *Core) InsertUser(ctx context.Context, u jobs.User) error {
	return c.write(ctx, "insert user", func(t *Tx) error {
		var n int
		if _, err := t.get(&n, sqlCountUsers, u.Tenant); err != nil {
			return err
		}
		if err := t.open(u.Tenant); err != nil {
			return err
		}
		if n >= jobs.MaxUsersPerTenant {
			return jobs.Conflict("the tenant has %d users; the limit is %d", n, jobs.MaxUsersPerTenant)
		}
		_, err := t.exec(sqlInsertUser, append(userArgs(&u), toMillis(u.CreatedAt), toMillis(u.LastLoginAt))...)
		if c.db.Unique(err) {
			return jobs.Conflict("the user %s exists already", u.ID)
		}
		if err != nil {
			return err
		}
		return t.returned(u.Tenant, u.ID)
	})
}

const (
	// sqlUpdateUser: lookup by primary key.
	sqlUpdateUser = `
	UPDATE users
	SET    display_name = ?, display_fold = ?, email = ?, email_fold = ?, password_hash = ?, enabled = ?, superuser = ?, rights = ?, updated_at = ?,
	       revision = revision + 1
	WHERE  tenant = ? AND id = ?`
	// sqlCountOtherSuperusers: primary key, the users of the tenant. Only asked when one of them is taken away.
	sqlCountOtherSuperusers = `
	SELECT count(*)
	FROM   users
	WHERE  tenant = ? AND id <> ? AND enabled = 1 AND superuser = 1 AND password_hash <> ''`
	// sqlDeleteSessionsOfUser: index sessions_user.
	sqlDeleteSessionsOfUser = `
	DELETE FROM sessions
	WHERE  tenant = ? AND user_id = ? AND hash <> ?`
	// sqlDeleteTokensOfUser: index tokens_user.
	sqlDeleteTokensOfUser = `
	DELETE FROM tokens
	WHERE  tenant = ? AND user_id = ?`
)

// user reads a user whose revision has to be base, 0 for any.
func (t *Tx) user(tenant jobs.TenantID, id jobs.PrincipalID, base int64) (*userRow, error) {
	var row userRow
	ok, err := t.get(&row, sqlGetUser, tenant, id)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, jobs.NotFound("user")
	case base != 0 && row.Revision != base:
		return nil, jobs.ErrPrecondition
	}
	return &row, nil
}

// SaveUser is jobs.UserStore (R49). The write transaction sees all writes before it, so of two last superusers that disable each other at once
// the second one is refused.
func (c *Core) SaveUser(ctx context.Context, u jobs.User, keep []byte) error {
	return c.write(ctx, "save user", func(t *Tx) error {
		old, err := t.user(u.Tenant, u.ID, 0)
		if err != nil {
			return err
		}
		if old.Revision != u.Revision {
			return jobs.ErrPrecondition
		}
		if u.Enabled && !old.Enabled {
			if err := t.open(u.Tenant); err != nil {
				return err
			}
		}
		next := userRow{Enabled: u.Enabled, Superuser: u.Superuser, PasswordHash: u.PasswordHash}
		if !next.steers() {
			if err := t.spareLastSuperuser(old); err != nil {
				return err
			}
		}
		if _, err := t.exec(sqlUpdateUser, userArgs(&u)...); err != nil {
			return err
		}
		if !u.Enabled {
			return t.endAccess(u.Tenant, u.ID)
		}
		if u.PasswordHash == old.PasswordHash {
			return nil
		}
		if keep == nil {
			keep = []byte{} // NULL would be unlike everything, itself too
		}
		_, err = t.exec(sqlDeleteSessionsOfUser, u.Tenant, u.ID, keep)
		return err
	})
}

// spareLastSuperuser refuses to take a superuser away after whom nobody could administer the tenant.
func (t *Tx) spareLastSuperuser(old *userRow) error {
	if !old.steers() {
		return nil
	}
	var others int
	if _, err := t.get(&others, sqlCountOtherSuperusers, old.Tenant, old.ID); err != nil {
		return err
	}
	if others == 0 {
		return jobs.ErrLastSuperuser
	}
	return nil
}

// endAccess ends all sessions and tokens of a user.
func (t *Tx) endAccess(tenant jobs.TenantID, id jobs.PrincipalID) error {
	if _, err := t.exec(sqlDeleteSessionsOfUser, tenant, id, []byte{}); err != nil {
		return err
	}
	_, err := t.exec(sqlDeleteTokensOfUser, tenant, id)
	return err
}

const (
	// sqlListDraftsOwned: index jobs_owner.
	sqlListDraftsOwned = `
	SELECT id
	FROM   jobs
	WHERE  tenant = ? AND owner_id = ? AND editing_id IS NOT NULL`
	// sqlTouchSharedWith: index job_shares_principal.
	sqlTouchSharedWith = `
	UPDATE jobs
	SET    updated_at = ?
	WHERE  tenant = ? AND id IN (SELECT job_id FROM job_shares WHERE principal_id = ?)`
	// sqlDeleteSharesOf: index job_shares_principal; the tenant is that of the jobs.
	sqlDeleteSharesOf = `
	DELETE FROM job_shares
	WHERE  principal_id = ? AND job_id IN (SELECT id FROM jobs WHERE tenant = ?)`
	// sqlDeleteMemberships: index team_members_user.
	sqlDeleteMemberships = `
	DELETE FROM team_members
	WHERE  tenant = ? AND user_id = ?`
	// sqlDeleteFavoritesOf: primary key.
	sqlDeleteFavoritesOf = `
	DELETE FROM job_favorites
	WHERE  tenant = ? AND user_id = ?`
	sqlDeleteUser = `
	DELETE FROM users
	WHERE  tenant = ? AND id = ?`
)

// DeleteUser is jobs.UserStore.
func (c *Core) DeleteUser(ctx context.Context, now time.Time, tenant jobs.TenantID, id jobs.PrincipalID, base int64) error {
	return c.write(ctx, "delete user", func(t *Tx) error {
		old, err := t.user(tenant, id, base)
		if err != nil {
			return err
		}
		if err := t.spareLastSuperuser(old); err != nil {
			return err
		}
		if err := t.ownsNothing(tenant, id); err != nil {
			return err
		}
		var drafts []jobs.ID
		if err := t.all(&drafts, sqlListDraftsOwned, tenant, id); err != nil {
			return err
		}
		for _, draft := range drafts {
			if err := c.removeJob(t, tenant, draft); err != nil {
				return err
			}
		}
		if err := t.endAccess(tenant, id); err != nil {
			return err
		}
		if _, err := t.exec(sqlTouchTeamsOfUser, toMillis(now), tenant, tenant, id); err != nil {
			return err
		}
		if _, err := t.exec(sqlDeleteFavoritesOf, tenant, id); err != nil {
			return err
		}
		if _, err := t.exec(sqlDeleteMemberships, tenant, id); err != nil {
			return err
		}
		if err := t.unshareAll(now, tenant, id); err != nil {
			return err
		}
		if _, err := t.exec(sqlDeleteUser, tenant, id); err != nil {
			return err
		}
		return t.noteRemoved(now, tenant, id)
	})
}

// unshareAll takes away all shares that a principal was given.
func (t *Tx) unshareAll(now time.Time, tenant jobs.TenantID, p jobs.PrincipalID) error {
	if _, err := t.exec(sqlTouchSharedWith, toMillis(now), tenant, p); err != nil {
		return err
	}
	_, err := t.exec(sqlDeleteSharesOf, p, tenant)
	return err
}

const (
	// sqlListOwned: index jobs_owner. Jobs and drafts are told apart in a way that no partial index knows: "editing_id IS NULL" would
	// choose that of the list of jobs, and walk all of the tenant.
	sqlListOwned = `
	SELECT slug
	FROM   jobs
	WHERE  tenant = ? AND owner_id = ? AND COALESCE(editing_id, '') = ''
	ORDER  BY slug
	LIMIT  ?`
	// sqlCountOwned: index jobs_owner, as sqlListOwned.
	sqlCountOwned = `
	SELECT count(*)
	FROM   jobs
	WHERE  tenant = ? AND owner_id = ? AND COALESCE(editing_id, '') = ''`
)

// ownsNothing refuses to remove a principal whose jobs would be nobody's.
func (t *Tx) ownsNothing(tenant jobs.TenantID, owner jobs.PrincipalID) error {
	var n int
	if _, err := t.get(&n, sqlCountOwned, tenant, owner); err != nil || n == 0 {
		return err
	}
	var slugs []string
	if err := t.all(&slugs, sqlListOwned, tenant, owner, jobs.MaxOwnedShown); err != nil {
		return err
	}
	for i, slug := range slugs {
		slugs[i] = string(tenant) + ":" + slug
	}
	return &jobs.ConflictError{
		Reason: fmt.Sprintf("%s owns jobs (%d); hand them over first", owner, n), Data: map[string]any{"jobs": slugs, "total": n},
	}
}

// User is jobs.UserStore.
func (c *Core) User(ctx context.Context, tenant jobs.TenantID, id jobs.PrincipalID) (jobs.User, error) {
	var user jobs.User
	err := c.read(ctx, "read user", func(v *View) (err error) {
		user, err = v.user(tenant, id)
		return err
	})
	return user, err
}

// user reads a user with the user's teams.
func (v *View) user(tenant jobs.TenantID, id jobs.PrincipalID) (jobs.User, error) {
	var row userRow
	ok, err := v.get(&row, sqlGetUser, tenant, id)
	if err != nil {
		return jobs.User{}, err
	}
	if !ok {
		return jobs.User{}, jobs.NotFound("user")
	}
	user, err := row.toUser()
	if err != nil {
		return jobs.User{}, err
	}
	var teams []membershipRow
	if err := v.all(&teams, sqlListTeamsOfUser, tenant, id); err != nil {
		return jobs.User{}, err
	}
	for _, m := range teams {
		user.Teams = append(user.Teams, jobs.Membership{Team: m.Team, Role: m.Role})
	}
	return user, nil
}

type membershipRow struct {
	Team jobs.PrincipalID `db:"team_id"`
	User jobs.PrincipalID `db:"user_id"`
	Role jobs.Role        `db:"role"`
}

const (
	// sqlListTeamsOfUser: index team_members_user, without a look at the table.
	sqlListTeamsOfUser = `
	SELECT team_id, user_id, role
	FROM   team_members
	WHERE  tenant = ? AND user_id = ?
	ORDER  BY team_id`
	// sqlListTeamsOfUsers: the same index.
	sqlListTeamsOfUsers = `
	SELECT team_id, user_id, role
	FROM   team_members
	WHERE  tenant = ? AND user_id IN LIST(?)
	ORDER  BY user_id, team_id`
)

// userSort are the expressions of the sort fields.
var userSort = map[string]sortColumn{
	"username":    {"id", false},
	"displayName": {"display_fold", false},
	"email":       {"NULLIF(email_fold, '')", true},
	"enabled":     {"enabled", false},
	"superuser":   {"superuser", false},
	"createdAt":   {"created_at", false},
	"lastLoginAt": {"NULLIF(last_login_at, 0)", true},
}

// userQueries count the users of a list and read its page.
func userQueries(f jobs.UserQuery) (count, page *query, err error) {
	filter := func(q *query) {
		q.and("tenant = ?", f.Tenant)
		if f.IDs != nil {
			q.and("id IN LIST(?)", texts(f.IDs))
		}
		for _, word := range f.Words {
			pattern := likePattern(strings.ToLower(word))
			q.and(`(id LIKE ? ESCAPE '\' OR display_fold LIKE ? ESCAPE '\' OR email_fold LIKE ? ESCAPE '\')`, pattern, pattern, pattern)
		}
	}
	count, page = new(query), new(query)
	count.add("SELECT count(*) FROM users")
	filter(count)
	page.add("SELECT " + userColumns + " FROM users")
	filter(page)
	err = page.orderBy(userSort, f.Sort, jobs.SortKey{Field: "username"})
	page.page(f.Start, f.Limit)
	return count, page, err
}

// Users is jobs.UserStore.
func (c *Core) Users(ctx context.Context, f jobs.UserQuery) (jobs.Page[jobs.User], error) {
	count, page, err := userQueries(f)
	if err != nil {
		return jobs.Page[jobs.User]{}, err
	}
	var result jobs.Page[jobs.User]
	err = c.read(ctx, "list users", func(v *View) error {
		var total []int
		if err := v.build(&total, count); err != nil {
			return err
		}
		var rows []userRow
		if err := v.build(&rows, page); err != nil {
			return err
		}
		users, err := v.users(f.Tenant, rows)
		result = jobs.Page[jobs.User]{Items: users, Total: total[0]}
		return err
	})
	return result, err
}

// users makes users of rows, with their teams.
func (v *View) users(tenant jobs.TenantID, rows []userRow) ([]jobs.User, error) {
	users := make([]jobs.User, len(rows))
	ids := make([]jobs.PrincipalID, len(rows))
	position := make(map[jobs.PrincipalID]int, len(rows))
	for i := range rows {
		var err error
		if users[i], err = rows[i].toUser(); err != nil {
			return nil, err
		}
		ids[i], position[rows[i].ID] = rows[i].ID, i
	}
	var teams []membershipRow
	if err := v.all(&teams, sqlListTeamsOfUsers, tenant, texts(ids)); err != nil {
		return nil, err
	}
	for _, m := range teams {
		u := &users[position[m.User]]
		u.Teams = append(u.Teams, jobs.Membership{Team: m.Team, Role: m.Role})
	}
	return users, nil
}

// CountUsers is jobs.UserStore.
func (c *Core) CountUsers(ctx context.Context, tenant jobs.TenantID) (int, error) {
	var n int
	err := c.read(ctx, "count users", func(v *View) error {
		_, err := v.get(&n, sqlCountUsers, tenant)
		return err
	})
	return n, err
}
