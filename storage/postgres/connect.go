package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
)

const (
	// connectTimeout is for one attempt, where the connection string does not say how long.
	connectTimeout = 10 * time.Second
	// A peer that has gone without a word is noticed after keepIdle + keepCount * keepEvery.
	keepIdle, keepEvery, keepCount = 5 * time.Second, 3 * time.Second, 3
)

func init() { sqlx.BindDriver("pgx", sqlx.DOLLAR) }

// parse reads a connection string and adds what it leaves open.
func parse(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if config.ValidateConnect == nil {
		// Of several hosts the one that can be written is ours (R26).
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "carillon"
	}
	dialer := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepIdle, Interval: keepEvery, Count: keepCount},
	}
	config.DialFunc = dialer.DialContext
	return config, nil
}

// connect makes a pool of up to n connections.
func connect(config *pgx.ConnConfig, n int) *sqlx.DB {
	db := sqlx.NewDb(sql.OpenDB(connector{stdlib.GetConnector(*config)}), "pgx")
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db
}

// connector makes connections that take the values of the core.
type connector struct{ driver.Connector }

// Connect is driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if plain, ok := made.(*stdlib.Conn); ok {
		return conn{plain}, nil
	}
	return made, nil
}

type conn struct{ *stdlib.Conn }

// CheckNamedValue is driver.NamedValueChecker: named types become plain ones, and a text becomes one that the database can hold.
func (c conn) CheckNamedValue(v *driver.NamedValue) error {
	plain, err := driver.DefaultParameterConverter.ConvertValue(v.Value)
	if err != nil {
		return err
	}
	if text, ok := plain.(string); ok {
		plain = storable(text)
	}
	v.Value = plain
	return nil
}

// storable gives a text without what PostgreSQL refuses: bytes that are not UTF-8, and NUL. Logs of drivers may have them, and one such line must
// not keep a result from being recorded.
func storable(text string) string {
	if utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
