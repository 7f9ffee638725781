package sqlstore

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

type sessionRow struct {
	Hash      []byte           `db:"hash"`
	Tenant    jobs.TenantID    `db:"tenant"`
	User      jobs.PrincipalID `db:"user_id"`
	CreatedAt int64            `db:"created_at"`
	SeenAt    int64            `db:"seen_at"`
	ExpiresAt int64            `db:"expires_at"`
}

const (
	sqlInsertSession = `
	INSERT INTO sessions (hash, tenant, user_id, created_at, seen_at, expires_at)
	VALUES (?, ?, ?, ?, ?, ?)`
	sqlSetLastLogin = `
	UPDATE users
	SET    last_login_at = ?
	WHERE  tenant = ? AND id = ? AND enabled = 1`
	// sqlDeleteExpiredSessions: index sessions_expiry.
	sqlDeleteExpiredSessions = `
	DELETE FROM sessions
	WHERE  expires_at <= ?`
	// sqlDeleteOldSessions: index sessions_user, newest first. The new session always stays.
	sqlDeleteOldSessions = `
	DELETE FROM sessions
	WHERE  hash IN (SELECT hash FROM sessions WHERE tenant = ?1 AND user_id = ?2 AND hash <> ?3
	       ORDER BY created_at DESC, hash LIMIT 9223372036854775807 OFFSET ?4)`
	// sqlGetSession: lookup by primary key.
	sqlGetSession = `
	SELECT hash, tenant, user_id, created_at, seen_at, expires_at
	FROM   sessions
	WHERE  hash = ?`
	sqlTouchSession = `
	UPDATE sessions
	SET    seen_at = ?
	WHERE  hash = ?`
	sqlDeleteSession = `
	DELETE FROM sessions
	WHERE  hash = ?`
)

// InsertSession is jobs.SessionStore. The moment of the log-in is the session's CreatedAt.
func (c *Core) InsertSession(ctx context.Context, s jobs.Session, keep int) error {
	return c.write(ctx, "insert session", func(t *Tx) error {
		n, err := t.exec(sqlSetLastLogin, toMillis(s.CreatedAt), s.Tenant, s.User)
		if err != nil {
			return err
		}
		if n == 0 {
			return jobs.NotFound("user")
		}
		if _, err := t.exec(sqlDeleteExpiredSessions, toMillis(s.CreatedAt)); err != nil {
			return err
		}
		if _, err := t.exec(sqlInsertSession, s.Hash, s.Tenant, s.User, toMillis(s.CreatedAt), toMillis(s.SeenAt), toMillis(s.ExpiresAt)); err != nil {
			return err
		}
		_, err = t.exec(sqlDeleteOldSessions, s.Tenant, s.User, s.Hash, max(keep-1, 0))
		return err
	})
}

// Session is jobs.SessionStore.
func (c *Core) Session(ctx context.Context, hash []byte) (jobs.Session, jobs.User, error) {
	var session jobs.Session
	var user jobs.User
	err := c.read(ctx, "read session", func(v *View) error {
		var row sessionRow
		ok, err := v.get(&row, sqlGetSession, hash)
		if err != nil {
			return err
		}
		if !ok {
			return jobs.NotFound("session")
		}
		session = jobs.Session{
			Hash: row.Hash, Tenant: row.Tenant, User: row.User, CreatedAt: fromMillis(row.CreatedAt), SeenAt: fromMillis(row.SeenAt),
			ExpiresAt: fromMillis(row.ExpiresAt),
		}
		user, err = v.user(row.Tenant, row.User)
		return err
	})
	return session, user, err
}

// TouchSession is jobs.SessionStore.
func (c *Core) TouchSession(ctx context.Context, hash []byte, seen time.Time) error {
	return c.write(ctx, "touch session", func(t *Tx) error {
		_, err := t.exec(sqlTouchSession, toMillis(seen), hash)
		return err
	})
}

// DeleteSession is jobs.SessionStore.
func (c *Core) DeleteSession(ctx context.Context, hash []byte) error {
	return c.write(ctx, "delete session", func(t *Tx) error {
		n, err := t.exec(sqlDeleteSession, hash)
		t.nothingDone = n == 0 // then there is no log-out to tell of
		return err
	})
}
