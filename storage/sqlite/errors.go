package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/carillon-go/carillon/jobs"
)

// primary gives the primary result code of an error of SQLite (the low byte of the extended one); 0 for other errors.
func primary(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// Unique is sqlstore.Database.
func (d *database) Unique(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// Translate is sqlstore.Database, by codes (R27). After IOERR, CORRUPT and NOTADB the handle is not used again.
func (d *database) Translate(err error) error {
	switch primary(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return &jobs.UnavailableError{Reason: "the database is locked by another process", Cause: err}
	case sqlite3.SQLITE_FULL:
		return &jobs.UnavailableError{Reason: "the disk is full", Cause: err}
	case sqlite3.SQLITE_READONLY:
		return &jobs.UnavailableError{Reason: "the database cannot be written", Cause: err}
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return &jobs.UnavailableError{Reason: "the database cannot be used", Cause: err}
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		d.state.CompareAndSwap(stateOpen, stateFailed)
		return &jobs.UnavailableError{Reason: "the database has failed and is not used any more", Cause: err}
	}
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) || d.state.Load() == stateClosed {
		return &jobs.UnavailableError{Reason: "the store is closed", Cause: err}
	}
	return err
}

// endsTransaction reports whether an error may have rolled back the transaction in which it happened: all of its writes are void
// then, not just those of one caller.
func endsTransaction(err error) bool {
	switch primary(err) {
	case 0, sqlite3.SQLITE_CONSTRAINT:
		return errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) ||
			errors.Is(err, context.Canceled) && primary(err) != 0
	}
	return true
}

// explain says in words what the codes of an error at Open mean.
func explain(err error) error {
	switch primary(err) {
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("the file or its folder is read-only: %w", err)
	case sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("the file cannot be opened; it, its folder and its -wal and -shm files must be writable: %w", err)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("the file is not an SQLite database: %w", err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("the file is damaged; restore it from a backup: %w", err)
	}
	return err
}
