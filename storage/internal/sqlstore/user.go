package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

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
	CreatedAt    int64            `db:"created_at"`
	UpdatedAt    int64            `db:"updated_at"`
	LastLoginAt  int64            `db:"last_login_at"`
}

func (r *userRow) toUser() (jobs.User, error) {
	u := jobs.User{
		Tenant: r.Tenant, ID: r.ID, DisplayName: r.DisplayName, Email: r.Email, PasswordHash: r.PasswordHash, Enabled: r.Enabled,
		Superuser: r.Superuser, CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt), LastLoginAt: fromMillis(r.LastLoginAt),
	}
	if err := json.Unmarshal([]byte(r.Rights), &u.Rights); err != nil {
		return jobs.User{}, fmt.Errorf("stored rights of user %s: %w", r.ID, err)
	}
	return u, nil
}

const (
	userColumns = `tenant, id, display_name, email, password_hash, enabled, superuser, rights, created_at, updated_at, last_login_at`

	sqlInsertUser = `
	INSERT INTO users (display_name, email, password_hash, enabled, superuser, rights, created_at, updated_at, last_login_at, tenant, id)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// sqlUpdateUser: lookup by primary key.
	sqlUpdateUser = `
	UPDATE users
	SET    display_name = ?, email = ?, password_hash = ?, enabled = ?, superuser = ?, rights = ?, created_at = ?, updated_at = ?,
	       last_login_at = ?
	WHERE  tenant = ? AND id = ?`
	// sqlGetUser: lookup by primary key.
	sqlGetUser = `
	SELECT ` + userColumns + `
	FROM   users
	WHERE  tenant = ? AND id = ?`
	sqlListUsers = `
	SELECT ` + userColumns + `
	FROM   users
	WHERE  tenant = ? AND id IN LIST(?)`
	sqlCountUsers = `
	SELECT count(*)
	FROM   users
	WHERE  tenant = ?`
	sqlDeleteSessionsOfUser = `
	DELETE FROM sessions
	WHERE  tenant = ? AND user_id = ?`
	sqlDeleteTokensOfUser = `
	DELETE FROM tokens
	WHERE  tenant = ? AND user_id = ?`
)

func userArgs(u *jobs.User) []any {
	return []any{
		u.DisplayName, u.Email, u.PasswordHash, toInt(u.Enabled), toInt(u.Superuser), mustJSON(u.Rights), toMillis(u.CreatedAt),
		toMillis(u.UpdatedAt), toMillis(u.LastLoginAt), u.Tenant, u.ID,
	}
}

// InsertUser is jobs.UserStore.
func (c *Core) InsertUser(ctx context.Context, u jobs.User) error {
	return c.write(ctx, "insert user", func(t *Tx) error {
		_, err := t.exec(sqlInsertUser, userArgs(&u)...)
		if c.db.Unique(err) {
			return jobs.Conflict("the user %s exists already", u.ID)
		}
		return err
	})
}

// SaveUser is jobs.UserStore (R49).
func (c *Core) SaveUser(ctx context.Context, u jobs.User) error {
	return c.write(ctx, "save user", func(t *Tx) error {
		var old userRow
		ok, err := t.get(&old, sqlGetUser, u.Tenant, u.ID)
		if err != nil {
			return err
		}
		if !ok {
			return jobs.NotFound("user")
		}
		if _, err := t.exec(sqlUpdateUser, userArgs(&u)...); err != nil {
			return err
		}
		if !u.Enabled || u.PasswordHash != old.PasswordHash {
			if _, err := t.exec(sqlDeleteSessionsOfUser, u.Tenant, u.ID); err != nil {
				return err
			}
		}
		if !u.Enabled {
			if _, err := t.exec(sqlDeleteTokensOfUser, u.Tenant, u.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// User is jobs.UserStore.
func (c *Core) User(ctx context.Context, tenant jobs.TenantID, id jobs.PrincipalID) (jobs.User, error) {
	var user jobs.User
	err := c.read(ctx, "read user", func(v *View) error {
		var row userRow
		ok, err := v.get(&row, sqlGetUser, tenant, id)
		if err != nil {
			return err
		}
		if !ok {
			return jobs.NotFound("user")
		}
		user, err = row.toUser()
		return err
	})
	return user, err
}

// UsersByID is jobs.UserStore.
func (c *Core) UsersByID(ctx context.Context, tenant jobs.TenantID, ids []jobs.PrincipalID) ([]jobs.User, error) {
	var users []jobs.User
	err := c.read(ctx, "read users", func(v *View) error {
		var rows []userRow
		if err := v.all(&rows, sqlListUsers, tenant, texts(ids)); err != nil {
			return err
		}
		for i := range rows {
			u, err := rows[i].toUser()
			if err != nil {
				return err
			}
			users = append(users, u)
		}
		return nil
	})
	return users, err
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
