package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/storage/internal/sqlstore"
	"github.com/carillon-go/carillon/storage/sqlite"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
)

var update = flag.Bool("update", false, "write golden files")

// newDatabase makes a database with the newest schema, and opens it besides its store.
func newDatabase(t *testing.T) (*sqlite.Store, *sql.DB) {
	t.Helper()
	path := sqlitetest.File(t, t.TempDir())
	store, err := sqlite.Open(context.Background(), path, sqlite.Options{Synchronous: "NORMAL", MinFreeBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := errors.Join(db.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	return store, db
}

var spelling = strings.NewReplacer("IN LIST(?)", "IN (SELECT value FROM json_each(?))", "IN NUMBERS(?)", "IN (SELECT value FROM json_each(?))",
	"IN ONCE(", "IN (", " SKIP LOCKED)ONCE", ")", ")ONCE", ")", "GREATEST(", "max(")

// TestQueryPlans fails if a statement that carries the product loses its index. Plans are those of SQLite without statistics, as in
// a new database.
func TestQueryPlans(t *testing.T) {
	_, db := newDatabase(t)
	for name, s := range sqlstore.ProductStatements() {
		t.Run(name, func(t *testing.T) {
			got := queryPlan(t, db, s)
			golden := filepath.Join("testdata", "plans", name+".txt")
			if *update {
				if err := errors.Join(os.MkdirAll(filepath.Dir(golden), 0o755), os.WriteFile(golden, []byte(got), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("plan of\n%s\n(-want +got):\n%s", s.Text, d)
			}
			for _, line := range strings.Split(got, "\n") {
				line = strings.TrimSpace(line)
				if strings.HasPrefix(name, "history_of_tenant") && line == "SCAN runs" {
					continue // live runs of all tenants: few beside the history, and an index would cost every run
				}
				if strings.HasPrefix(line, "SCAN") && !strings.Contains(line, "INDEX") && !strings.Contains(line, "json_each") &&
					!strings.HasPrefix(line, "SCAN g") && line != "SCAN first" && line != "SCAN open" && !strings.HasPrefix(line, "SCAN CONSTANT") && !strings.HasPrefix(line, "SCAN (") {
					t.Errorf("a whole table is read: %s", line)
				}
			}
		})
	}
}

func queryPlan(t *testing.T, db *sql.DB, s sqlstore.Planned) string {
	t.Helper()
	args := make([]any, s.Args)
	for i := range args {
		args[i] = 1
	}
	rows, err := db.Query("EXPLAIN QUERY PLAN "+spelling.Replace(s.Text), args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	depth := map[int]int{}
	var out strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		depth[id] = depth[parent] + 1
		fmt.Fprintf(&out, "%s%s\n", strings.Repeat("  ", depth[parent]), detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
