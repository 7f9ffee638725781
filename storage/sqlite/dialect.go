package sqlite

import "strings"

var spelling = strings.NewReplacer(
	"IN LIST(?)", "IN (SELECT value FROM json_each(?))",
	"IN NUMBERS(?)", "IN (SELECT value FROM json_each(?))",
)

// Rewrite is sqlstore.Database.
func (d *database) Rewrite(query string) string { return spelling.Replace(query) }
