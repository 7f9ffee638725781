package sqlstore

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"
)

// Statement is one text, ready to run in a transaction; *sqlx.Stmt is one.
type Statement interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryxContext(ctx context.Context, args ...any) (*sqlx.Rows, error)
	GetContext(ctx context.Context, dest any, args ...any) error
	SelectContext(ctx context.Context, dest any, args ...any) error
}

// Direct is a statement that is not prepared here: a text that goes to the database each time, with its values beside it.
func Direct(on Connection, text string) Statement { return direct{on, text} }

// Connection is where statements run; *sqlx.Tx and *sqlx.Conn are some.
type Connection interface {
	sqlx.QueryerContext
	sqlx.ExecerContext
}

type direct struct {
	on   Connection
	text string
}

func (d direct) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return d.on.ExecContext(ctx, d.text, args...)
}

func (d direct) QueryxContext(ctx context.Context, args ...any) (*sqlx.Rows, error) {
	return d.on.QueryxContext(ctx, d.text, args...)
}

func (d direct) GetContext(ctx context.Context, dest any, args ...any) error {
	return sqlx.GetContext(ctx, d.on, dest, d.text, args...)
}

func (d direct) SelectContext(ctx context.Context, dest any, args ...any) error {
	return sqlx.SelectContext(ctx, d.on, dest, d.text, args...)
}
