package sqlite

import (
	"database/sql"
	"strings"
)

var spelling = strings.NewReplacer(
	"IN LIST(?)", "IN (SELECT value FROM json_each(?))",
	"IN NUMBERS(?)", "IN (SELECT value FROM json_each(?))",
	"IN ONCE(", "IN (",
	" SKIP LOCKED)ONCE", ")", // there is one writer, so nothing is locked
	")ONCE", ")",
	"GREATEST(", "max(",
)

// Rewrite is sqlstore.Database.
func (d *database) Rewrite(query string) string { return spelling.Replace(query) }

// ReadOptions is sqlstore.Database: a transaction sees one state in any case.
func (d *database) ReadOptions() *sql.TxOptions { return nil }

// Prepares is sqlstore.Database.
func (d *database) Prepares() bool { return true }

// Remote is sqlstore.Database.
func (d *database) Remote() bool { return false }
