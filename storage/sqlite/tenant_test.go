package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
	"github.com/carillon-go/carillon/storage/storagetest"
)

// ofNobody are tables without a tenant's rows, each with the reason.
var ofNobody = map[string]string{
	"goose_db_version": "the version of the schema",
	"cluster":          "limits of the cluster",
	"driver_sets":      "names of drivers",
	"job_workers":      "workers serve all tenants",
	"changes":          "numbers and ids of the last minutes for live lists, of all tenants; old ones are trimmed",
}

// rowsOf finds the rows of a tenant in every table of the schema: by its tenant column, or by the job or run that a row belongs to.
func rowsOf(t *testing.T, db *sql.DB, tenant string) map[string]int {
	t.Helper()
	rows := map[string]int{}
	for _, table := range textsOf(t, db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'") {
		columns := textsOf(t, db, "SELECT name FROM pragma_table_info(?)", table)
		var where string
		switch {
		case ofNobody[table] != "":
			continue
		case table == "tenants":
			where = "id = ?1"
		case slices.Contains(columns, "tenant"):
			where = "tenant = ?1"
		case slices.Contains(columns, "job_id"):
			where = "job_id NOT IN (SELECT id FROM jobs WHERE tenant <> ?1)"
		case slices.Contains(columns, "run_id"):
			where = "run_id NOT IN (SELECT id FROM runs WHERE tenant <> ?1 UNION SELECT id FROM run_history WHERE tenant <> ?1)"
		default:
			t.Fatalf("whose are the rows of %s? %v", table, columns)
		}
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table+" WHERE "+where, tenant).Scan(&n); err != nil {
			t.Fatal(err)
		}
		rows[table] = n
	}
	return rows
}

func textsOf(t *testing.T, db *sql.DB, query string, args ...any) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}()
	var out []string
	for rows.Next() {
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var line []string
		for _, v := range values {
			line = append(line, v.String)
		}
		out = append(out, strings.Join(line, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestStore_EraseTenant_leaves_nothing walks the schema: a table that EraseTenant does not know, or that storagetest.Fill does not fill, is
// found here, and so is a row of another tenant that has changed.
func TestStore_EraseTenant_leaves_nothing(t *testing.T) {
	t.Parallel()
	ctx, path := context.WithoutCancel(t.Context()), sqlitetest.File(t, t.TempDir())
	s := openAt(t, path)
	if err := storagetest.Fill(ctx, s); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	before := rowsOf(t, db, string(storagetest.FilledTenant))
	for table, n := range before {
		if n == 0 {
			t.Errorf("storagetest.Fill stores nothing in %s", table)
		}
	}
	others := othersOf(t, db, before)

	at := time.Date(2026, 3, 2, 11, 0, 0, 0, time.UTC)
	if err := s.CloseTenant(ctx, at, storagetest.FilledTenant, true); err != nil {
		t.Fatal(err)
	}
	for step := (jobs.TenantErasure{}); !step.Done; {
		if step, err = s.EraseTenant(ctx, storagetest.FilledTenant, 3); err != nil {
			t.Fatal(err)
		}
		if err := s.Check(ctx); err != nil {
			t.Fatalf("after a step: %v", err)
		}
	}
	for table, n := range rowsOf(t, db, string(storagetest.FilledTenant)) {
		if n != 0 {
			t.Errorf("%d rows are left in %s", n, table)
		}
	}
	if diff := cmp.Diff(others, othersOf(t, db, before)); diff != "" {
		t.Errorf("what is not the tenant's has changed:\n%s", diff)
	}
}

// othersOf are all rows of those tables that are not the filled tenant's.
func othersOf(t *testing.T, db *sql.DB, tables map[string]int) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for table := range tables {
		query := "SELECT * FROM " + table
		switch columns := textsOf(t, db, "SELECT name FROM pragma_table_info(?)", table); {
		case table == "tenants":
			query += fmt.Sprintf(" WHERE id <> '%s'", storagetest.FilledTenant)
		case slices.Contains(columns, "tenant"):
			query += fmt.Sprintf(" WHERE tenant <> '%s'", storagetest.FilledTenant)
		case slices.Contains(columns, "job_id"):
			query += fmt.Sprintf(" WHERE job_id IN (SELECT id FROM jobs WHERE tenant <> '%s')", storagetest.FilledTenant)
		default:
			query += fmt.Sprintf(" WHERE run_id IN (SELECT id FROM runs WHERE tenant <> '%s')", storagetest.FilledTenant)
		}
		out[table] = textsOf(t, db, query+" ORDER BY 1, 2")
	}
	return out
}
