package sqlite_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// sums has the SHA-256 of each migration. A line may change until the first release that contains the file, never after it: a
// released file is final (R30).
var sums = map[string]string{
	"0001_first_schema.sql": "dcbc0bf1d39d51fa2fffa2d917107cffa496d6b97b8d5f71f529ce11687da908",
	"0002_run_totals.sql":   "9c2d043843acc4e660a82ec8c6f32f5fb0d9712f676649f99d16e5d9a63acc5d",
	"0006_sharing.sql":      "8e62f14c47a5120a151a9648243c9badfc4228494e8a71872562a74a74be695b",
	"0008_teams.sql":        "ef271919a8ae9585183a4a32ea9c3375aada877afebb802f85302f2217cb09a3",
	"0004_files.sql":        "f0602ac0911f89cc6578b96728c78929fed5c625acd2aaa7c9eb73c5faec478b",
	"0003_audit.sql":        "c8e89b9d51e0c5b5a41d939f5e876c9cc480397f02c52e8976542403733ce541",
	"0007_lists.sql":        "08616941a199bf1ed153423b88266534b28720cb1f62712c679f7ef03b4249c9",
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

// TestMigrations_totals opens a file of schema 1 with a history: what has ended before is counted, and the last run of each job is noted.
func TestMigrations_totals(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "jobs.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	old, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.UpTo(ctx, 1); err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`
	INSERT INTO run_history (id, tenant, job_id, owner_id, revision, status, trigger_kind, triggered_by, fence, urgency, not_before, losses, attempt,
	       cancel_requested, params, warnings, error, seq, created_at, updated_at, started_at, ended_at)
	SELECT value ->> 0, 'acme', value ->> 1, 'mara', 1, value ->> 2, 'manual', '', 1, 0, 0, 0, 1, 0, '{}', value ->> 2 = 'warning', '', 1, 1, 1, 5, value ->> 3
	FROM   json_each('[["a","stock","success",10],["b","stock","warning",30],["c","stock","error",20],["d","sales","canceled",7],["e","stock","success",25]]')`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if err := openAt(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = sql.Open("sqlite", path); err != nil {
		t.Fatal(err)
	}
	var totals string
	err = db.QueryRow(`SELECT group_concat(format('%s:%s:%s:%d:%d:%d', job_id, run_id, status, warnings, started_at, ended_at), ' ' ORDER BY job_id)
	       || ' ' || (SELECT sum(ended) FROM run_totals WHERE job_id = 'stock') FROM last_runs`).Scan(&totals)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if want := "sales:d:canceled:0:5:7 stock:b:warning:1:5:30 4"; totals != want {
		t.Errorf("the totals are %q, want %q", totals, want)
	}
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
