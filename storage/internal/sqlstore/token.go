package sqlstore

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

type tokenRow struct {
	ID         string           `db:"id"`
	Hash       []byte           `db:"hash"`
	Tenant     jobs.TenantID    `db:"tenant"`
	User       jobs.PrincipalID `db:"user_id"`
	Name       string           `db:"name"`
	ReadOnly   bool             `db:"read_only"`
	ExpiresAt  int64            `db:"expires_at"`
	CreatedAt  int64            `db:"created_at"`
	LastUsedAt int64            `db:"last_used_at"`
}

func (r *tokenRow) toToken() jobs.Token {
	return jobs.Token{
		ID: r.ID, Hash: r.Hash, Tenant: r.Tenant, User: r.User, Name: r.Name, ReadOnly: r.ReadOnly, ExpiresAt: fromMillis(r.ExpiresAt),
		CreatedAt: fromMillis(r.CreatedAt), LastUsedAt: fromMillis(r.LastUsedAt),
	}
}

const (
	tokenColumns = `id, hash, tenant, user_id, name, read_only, expires_at, created_at, last_used_at`

	sqlInsertToken = `
	INSERT INTO tokens (id, hash, tenant, user_id, name, read_only, expires_at, created_at, last_used_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// sqlGetToken: lookup by primary key.
	sqlGetToken = `
	SELECT ` + tokenColumns + `
	FROM   tokens
	WHERE  hash = ?`
	// sqlListTokens: index tokens_user.
	sqlListTokens = `
	SELECT ` + tokenColumns + `
	FROM   tokens
	WHERE  tenant = ? AND user_id = ?
	ORDER  BY created_at DESC, id DESC`
	sqlTouchToken = `
	UPDATE tokens
	SET    last_used_at = ?
	WHERE  hash = ?`
	sqlDeleteToken = `
	DELETE FROM tokens
	WHERE  tenant = ? AND user_id = ? AND id = ?`
)

// sqlCountTokens: index tokens_user.
const sqlCountTokens = `
	SELECT count(*)
	FROM   tokens
	WHERE  tenant = ? AND user_id = ?`

// InsertToken is jobs.TokenStore.
func (c *Core) InsertToken(ctx context.Context, k jobs.Token) error {
	return c.write(ctx, "insert token", func(t *Tx) error {
		user, err := t.user(k.Tenant, k.User, 0)
		if err != nil {
			return err
		}
		if !user.Enabled {
			return jobs.NotFound("user")
		}
		var n int
		if _, err := t.get(&n, sqlCountTokens, k.Tenant, k.User); err != nil {
			return err
		}
		if n >= jobs.MaxTokensPerUser {
			return jobs.Conflict("you have %d tokens, which is the limit; delete one first", n)
		}
		_, err = t.exec(sqlInsertToken, k.ID, k.Hash, k.Tenant, k.User, k.Name, toInt(k.ReadOnly), toMillis(k.ExpiresAt),
			toMillis(k.CreatedAt), toMillis(k.LastUsedAt))
		if c.db.Unique(err) {
			return jobs.Conflict("the token exists already")
		}
		return err
	})
}

// TokenByHash is jobs.TokenStore.
func (c *Core) TokenByHash(ctx context.Context, hash []byte) (jobs.Token, jobs.User, error) {
	var row tokenRow
	var user jobs.User
	err := c.read(ctx, "read token", func(v *View) error {
		ok, err := v.get(&row, sqlGetToken, hash)
		if err != nil {
			return err
		}
		if !ok {
			return jobs.NotFound("token")
		}
		user, err = v.user(row.Tenant, row.User)
		return err
	})
	if err != nil {
		return jobs.Token{}, jobs.User{}, err
	}
	return row.toToken(), user, nil
}

// Tokens is jobs.TokenStore.
func (c *Core) Tokens(ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID) ([]jobs.Token, error) {
	var rows []tokenRow
	err := c.read(ctx, "list tokens", func(v *View) error { return v.all(&rows, sqlListTokens, tenant, user) })
	tokens := make([]jobs.Token, len(rows))
	for i := range rows {
		tokens[i] = rows[i].toToken()
	}
	return tokens, err
}

// TouchToken is jobs.TokenStore.
func (c *Core) TouchToken(ctx context.Context, hash []byte, used time.Time) error {
	return c.write(ctx, "touch token", func(t *Tx) error {
		_, err := t.exec(sqlTouchToken, toMillis(used), hash)
		return err
	})
}

// DeleteToken is jobs.TokenStore.
func (c *Core) DeleteToken(ctx context.Context, tenant jobs.TenantID, user jobs.PrincipalID, id string) error {
	return c.write(ctx, "delete token", func(t *Tx) error {
		n, err := t.exec(sqlDeleteToken, tenant, user, id)
		if err == nil && n == 0 {
			return jobs.NotFound("token")
		}
		return err
	})
}
