package postgres

import (
	"maps"
	"slices"
)

// SchemaVersion is the schema that a test of migrations expects.
const SchemaVersion = schemaVersion

// Words are the names that get the schema in front.
func Words() []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(tables)), maps.Keys(functions))
	slices.Sort(all)
	return all
}

// Rewrite spells a statement of the core for PostgreSQL.
func Rewrite(query string) string { return rewrite(query) }

// Storable gives a text as it is stored.
func Storable(text string) string { return storable(text) }

// Commits and Statements count what the writing connection has done.
func (s *Store) Commits() int64    { return s.db.writer.commits.Load() }
func (s *Store) Statements() int64 { return s.db.writer.statements.Load() }
