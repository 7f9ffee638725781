package sqlite_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// sums has the SHA-256 of each migration. A line may change until the first release that contains the file, never after it: a
// released file is final (R30).
var sums = map[string]string{
	"0001_first_schema.sql": "b36ea3c782a755e8250ee9f226f89e5ccf58abdb7093c6af1782b08f5ee06a8d",
	"0002_run_totals.sql":   "9c2d043843acc4e660a82ec8c6f32f5fb0d9712f676649f99d16e5d9a63acc5d",
	"0006_sharing.sql":      "8e62f14c47a5120a151a9648243c9badfc4228494e8a71872562a74a74be695b",
	"0008_teams.sql":        "1b57332a6a5c1996431637772edeac40ed9e610ab83a32066bb8ba7df68a0ae0",
	"0004_files.sql":        "f0602ac0911f89cc6578b96728c78929fed5c625acd2aaa7c9eb73c5faec478b",
	"0003_audit.sql":        "c8e89b9d51e0c5b5a41d939f5e876c9cc480397f02c52e8976542403733ce541",
}

func TestMigrations(t *testing.T) {
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if newest := filepath.Base(files[len(files)-1]); !strings.HasPrefix(newest, fmt.Sprintf("%04d_", sqlite.SchemaVersion)) {
		t.Errorf("the newest migration is %s, and the newest schema %d", newest, sqlite.SchemaVersion)
	}
	name := regexp.MustCompile(`^\d{4}_[a-z]+(_[a-z]+)*\.sql$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(file)
		if !name.MatchString(base) {
			t.Errorf("%s is not named as NNNN_words.sql", base)
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:]); got != sums[base] {
			t.Errorf("%s has the sum %s, want %q; a released migration is final", base, got, sums[base])
		}
		if strings.Contains(string(text), "-- +goose Down") || strings.Contains(string(text), "NO TRANSACTION") {
			t.Errorf("%s goes back or has no transaction; migrations go forward only, one transaction each", base)
		}
	}
}

// TestMigrations_totals opens a file of schema 1: the runs that have ended before are counted.
func TestMigrations_totals(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openAt(t, path)
	j := queueJob("stock")
	if err := s.InsertJob(ctx, morning, j); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		runs, err := s.StartRuns(ctx, morning, jobs.Start{Tenant: "acme", JobID: j.ID, Trigger: jobs.TriggerManual, Params: one})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.CancelRun(ctx, morning, "acme", runs[0].ID, "mara"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	undo := append(dropLater(t), "DELETE FROM goose_db_version WHERE version_id > 1", "PRAGMA user_version = 1")
	for _, statement := range undo {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path)
	page, err := s.Runs(ctx, jobs.RunQuery{Tenant: "acme", JobID: j.ID, Limit: 1})
	if err != nil || page.Total != 3 || len(page.Items) != 1 {
		t.Errorf("Runs: %d of %d, %v; want 1 of 3", len(page.Items), page.Total, err)
	}
	if err := s.Check(ctx); err != nil {
		t.Error(err)
	}
}

// dropLater takes back what all migrations but the first have made, the newest first: indexes, columns and tables.
func dropLater(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	made := regexp.MustCompile(`(?m)^(?:CREATE (TABLE) (\w+)|CREATE (?:UNIQUE )?(INDEX) (\w+)|ALTER TABLE (\w+) ADD COLUMN (\w+))`)
	var statements []string
	for _, file := range files[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range made.FindAllStringSubmatch(string(text), -1) {
			switch {
			case m[1] != "":
				statements = append(statements, "DROP TABLE "+m[2])
			case m[3] != "":
				statements = append(statements, "DROP INDEX "+m[4])
			default:
				statements = append(statements, "ALTER TABLE "+m[5]+" DROP COLUMN "+m[6])
			}
		}
	}
	slices.Reverse(statements)
	return statements
}

// checkList reads the values of a CHECK (column IN (...)) of a table.
func checkList(t *testing.T, schema, table, column string) []string {
	t.Helper()
	_, rest, ok := strings.Cut(schema, "CREATE TABLE "+table+" (")
	if !ok {
		t.Fatalf("no table %s", table)
	}
	body, _, _ := strings.Cut(rest, ") STRICT")
	m := regexp.MustCompile(`CHECK \(` + column + ` IN \(([^)]*)\)\)`).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("no list for %s.%s", table, column)
	}
	var values []string
	for _, v := range strings.Split(m[1], ",") {
		values = append(values, strings.Trim(strings.TrimSpace(v), "'"))
	}
	slices.Sort(values)
	return values
}

func words[T ~string](values ...T) []string {
	var out []string
	for _, v := range values {
		out = append(out, string(v))
	}
	slices.Sort(out)
	return out
}

// TestSchema_lists compares what the tables allow with what the model knows.
func TestSchema_lists(t *testing.T) {
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	for _, file := range files {
		part, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, part...)
	}
	for _, c := range []struct {
		table, column string
		want          []string
	}{
		{"runs", "status", words(jobs.RunQueued, jobs.RunRunning)},
		{"run_history", "status", words(jobs.RunSuccess, jobs.RunWarning, jobs.RunError, jobs.RunCanceled)},
		{"runs", "trigger_kind", words(jobs.TriggerSchedule, jobs.TriggerManual, jobs.TriggerCatchup, jobs.TriggerBackfill)},
		{"run_history", "trigger_kind", words(jobs.TriggerSchedule, jobs.TriggerManual, jobs.TriggerCatchup, jobs.TriggerBackfill)},
		{"run_totals", "status", words(jobs.RunSuccess, jobs.RunWarning, jobs.RunError, jobs.RunCanceled)},
		{"jobs", "overlap", words(jobs.OverlapSkip, jobs.OverlapQueue, jobs.OverlapCancel, jobs.OverlapAllow)},
		{"job_workers", "status", words(jobs.WorkerActive, jobs.WorkerDraining, jobs.WorkerLost, jobs.WorkerStopped)},
		{"team_members", "role", words(jobs.Roles...)},
		{"fires", "outcome", words(jobs.FireRan, jobs.FireSkipped, jobs.FireCoalesced, jobs.FireMissed, jobs.FireWithdrawn)},
	} {
		if d := cmp.Diff(c.want, checkList(t, string(text), c.table, c.column)); d != "" {
			t.Errorf("%s.%s (-model +table):\n%s", c.table, c.column, d)
		}
	}
}
