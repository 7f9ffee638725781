package postgres_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-go/carillon/storage/postgres"
	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
)

// sums has the SHA-256 of each migration. A line may change until the first release that contains the file, never after it: a
// released file is final (R30).
var sums = map[string]string{
	"0001_first_schema.sql": "d738f59dd37cf7a8434bfc7319d086eab17df531cc2e878cd80ca0765763a590",
	"0002_run_totals.sql":   "239f0f180e1e7987b305f9fc918d212052d2d6a6c15f42f5988a30fe790922b1",
	"0003_audit.sql":        "c4dc1e89739e750a9f90bb63eb0d944daf68fd58d604d5f77db9dd392cb94d5e",
	"0004_files.sql":        "52124f671ca4b8f03018cddee8d6ee8bdf91727f378ab78996a6de966facb91f",
	"0006_sharing.sql":      "bee514c0f2a2c2e5ebd32b58b2da0ca90e6406575a203e3e576b79df8eaafacd",
	"0007_lists.sql":        "878c0b175bc9bde282debbc21073d2f95a0ffd40ab01639dba5b6f239a4dd2d8",
	"0008_teams.sql":        "4bea1086d3315bc5c842c1ff0da11c4daa9e9ce3746e0c0ca5fec84fce46717e",
}

// TestMigrations holds that this store and that of SQLite have the same migrations, by number and name.
func TestMigrations(t *testing.T) {
	ours, theirs := scripts(t, "migrations"), scripts(t, "../sqlite/migrations")
	if d := cmp.Diff(theirs, ours); d != "" {
		t.Errorf("migrations (-SQLite +PostgreSQL):\n%s", d)
	}
	if newest := ours[len(ours)-1]; !strings.HasPrefix(newest, fmt.Sprintf("%04d_", postgres.SchemaVersion)) {
		t.Errorf("the newest migration is %s, and the newest schema %d", newest, postgres.SchemaVersion)
	}
	for _, name := range ours {
		text, err := os.ReadFile(filepath.Join("migrations", name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:]); got != sums[name] {
			t.Errorf("%s has the sum %s, want %q; a released migration is final", name, got, sums[name])
		}
		if strings.Contains(string(text), "-- +goose Down") || strings.Contains(string(text), "NO TRANSACTION") {
			t.Errorf("%s goes back or has no transaction; migrations go forward only, one transaction each", name)
		}
	}
}

func scripts(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("migrations in %s: %v, %v", folder, files, err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return files
}

// kinds are the types of PostgreSQL and what they are called in SQLite.
var kinds = map[string]string{"bigint": "INTEGER", "text": "TEXT", "bytea": "BLOB"}

// TestSchema_same compares the tables of a new store with those of SQLite: names, columns with their order, types and which may be NULL.
func TestSchema_same(t *testing.T) {
	ctx := context.Background()
	conn := session(t, postgrestest.Database(t))
	rows, err := conn.Query(ctx, `
	SELECT table_name, column_name, data_type, is_nullable = 'YES'
	FROM   information_schema.columns
	WHERE  table_schema = 'carillon' AND table_name NOT LIKE 'goose%'
	ORDER  BY table_name COLLATE "C", ordinal_position`)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var table, column, kind string
		var null bool
		err := row.Scan(&table, &column, &kind, &null)
		return fmt.Sprint(table, ".", column, " ", kinds[kind], " null ", null), err
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sqliteColumns(t), ours); d != "" {
		t.Errorf("columns (-SQLite +PostgreSQL):\n%s", d)
	}
}

func sqliteColumns(t *testing.T) (columns []string) {
	t.Helper()
	db, err := sql.Open("sqlite", sqlitetest.File(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	rows, err := db.Query(`
	SELECT m.name, c.name, c.type, c."notnull" = 0
	FROM   sqlite_master m, pragma_table_info(m.name) c
	WHERE  m.type = 'table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite_%'
	ORDER  BY m.name, c.cid`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, column, kind string
		var null bool
		if err := rows.Scan(&table, &column, &kind, &null); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, fmt.Sprint(table, ".", column, " ", kind, " null ", null))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return columns
}

// TestSchema_words holds that all tables and functions of the schema are known to the rewriting of statements.
func TestSchema_words(t *testing.T) {
	ctx := context.Background()
	conn := session(t, postgrestest.Database(t))
	var names []string
	err := conn.QueryRow(ctx, `
	SELECT array_agg(name)
	FROM   (SELECT tablename AS name FROM pg_tables WHERE schemaname = 'carillon' AND tablename NOT LIKE 'goose%'
	        UNION SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'carillon' AND p.proname <> 'final') x`).
		Scan(&names)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if d := cmp.Diff(names, postgres.Words()); d != "" {
		t.Errorf("names (-schema +known):\n%s", d)
	}
}
