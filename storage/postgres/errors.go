package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carillon-go/carillon/jobs"
)

// code gives the SQLSTATE of an error of the database; empty for other errors.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// poolerAdvice is what helps when a prepared statement is on another connection of the server than the one that was made for it.
const poolerAdvice = "a pooler that hands out connections by transaction does not know prepared statements; " +
	"add default_query_exec_mode=exec to the connection string"

// reasons say what a code means for somebody who asked for something, by the longest prefix.
var reasons = map[string]string{
	"08":    "the connection to the database was lost",
	"0A000": "the schema of the database has changed; try again",
	"25006": "the database is read-only: a replica, or a server that was switched so",
	"25P03": "this process stood still in the middle of a write, and the database has undone it",
	"26000": poolerAdvice,
	"28":    "the database does not let this user in",
	"3D000": "the database does not exist",
	"40":    "the write could not be done beside others",
	"42501": "the rights of the user in the database do not suffice",
	"42P05": poolerAdvice,
	"53":    "the database has no resources left",
	"53100": "the disk of the database is full",
	"53300": "the database has no connections left",
	"54":    "a limit of the database is exceeded",
	"55P03": "another node or a session holds the lock for writes",
	"57":    "the database was stopped, or has ended the connection",
	"57014": "the database has taken too long",
	"58":    "the system of the database has failed",
	"XX":    "the database has failed",
}

func reason(sqlstate string) string {
	for n := len(sqlstate); n >= 2; n-- {
		if text, ok := reasons[sqlstate[:n]]; ok {
			return text
		}
	}
	return ""
}

// Unique is sqlstore.Database.
func (d *database) Unique(err error) bool { return code(err) == "23505" }

// Translate is sqlstore.Database, by codes (R27). Connections are made anew by the pools, so no error is the last one.
func (d *database) Translate(err error) error {
	if d.closed.Load() {
		return &jobs.UnavailableError{Reason: "the store is closed", Cause: err}
	}
	if text := reason(code(err)); text != "" {
		return &jobs.UnavailableError{Reason: text, Cause: err}
	}
	if lost(err) {
		return &jobs.UnavailableError{Reason: "the database cannot be reached", Cause: err}
	}
	return err
}

// lost tells errors of the connection from answers of the database.
func lost(err error) bool {
	if code(err) != "" {
		return false
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connecting) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed")
}

// repeatable tells errors after which nothing was kept and the same write may succeed: it lost against another transaction, or a statement was
// planned for an older schema.
func repeatable(err error) bool {
	switch code(err) {
	case "40001", "40P01", "0A000":
		return true
	}
	return false
}

// explain says in words what an error at Open means, and what to do.
func explain(err error) error {
	var connecting *pgconn.ConnectError
	switch c := code(err); {
	case err == nil:
		return nil
	case c == "28P01" || c == "28000":
		return fmt.Errorf("the database does not let this user in; check user, password and pg_hba.conf: %w", err)
	case c == "3D000":
		return fmt.Errorf("the database does not exist; create it (CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0) or correct the name: %w", err)
	case c == "42501":
		return fmt.Errorf("the rights of the user do not suffice; it has to own the schema %s, or to be allowed to make it (GRANT CREATE ON DATABASE): %w", schema, err)
	case c == "25006" || strings.Contains(err.Error(), "read only connection"):
		return fmt.Errorf("the server is read-only (a replica, or default_transaction_read_only is on); name the primary: %w", err)
	case c == "26000" || c == "42P05":
		return fmt.Errorf("%s: %w", poolerAdvice, err)
	case c == "08P01" && strings.Contains(err.Error(), "startup parameter"):
		return fmt.Errorf("the pooler refuses a parameter of the connection string; let it ignore that one (ignore_startup_parameters) or leave it out: %w", err)
	case c == "57P03":
		return fmt.Errorf("the server is starting or stopping; try again: %w", err)
	case c == "53300":
		return fmt.Errorf("the server has no connections left; raise max_connections or lower ReadConns: %w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the server does not answer in time; check host and port: %w", err)
	case errors.As(err, &connecting):
		return fmt.Errorf("the server cannot be reached; check host and port, and whether it runs: %w", err)
	}
	return err
}
