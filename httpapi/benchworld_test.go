package httpapi_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// listedWorld fills a world with the 10,000 jobs of mara that BenchmarkListJobs looks at, and gives the tag that 2,500 of them have. What
// runs leave behind is written into the tables: ten thousand real runs would take longer than what is measured.
func listedWorld(b *testing.B, w *world) jobs.TagID {
	b.Helper()
	ctx, at := b.Context(), time.Now().UTC().Truncate(time.Millisecond)
	tag, err := w.as("root").CreateTag(ctx, "nightly", "")
	if err != nil {
		b.Fatal(err)
	}
	ids := make([]jobs.ID, 10_000)
	for n := range ids {
		j := &jobs.Job{
			ID: jobs.NewID(), Tenant: "globex", Slug: fmt.Sprintf("job-%d", n), OwnerID: "mara", Enabled: n%4 != 0, Revision: 1,
			NextRunAt: at.Add(time.Duration(n*31%10_000) * time.Minute), CreatedAt: at, UpdatedAt: at.Add(-time.Duration(n*17%10_000) * time.Second), DefnUpdatedAt: at,
			Definition: jobs.Definition{
				Type: "ok", Name: fmt.Sprintf("Job %05d", n*7919%10_000), Description: []string{"Counts the stock of a warehouse.", "Mails the figures of the day."}[n%2],
				Schedule: jobs.Schedule{Interval: "0 4 * * *", IntervalType: jobs.IntervalCron, Timezone: "Europe/Berlin"}, Data: json.RawMessage(`{}`),
				Policies: jobs.DefaultPolicies(),
			},
		}
		if !j.Enabled {
			j.NextRunAt = time.Time{}
		}
		if n%4 == 1 {
			j.Tags = []jobs.JobTag{{ID: string(jobs.NewID()), JobID: j.ID, Tag: tag}}
		}
		for who, one := range map[jobs.PrincipalID]int{"share1": 2, "share2": 500} {
			if n%one == 0 {
				j.Shares = append(j.Shares, jobs.Share{JobID: j.ID, PrincipalID: who, Level: jobs.LevelRead, CreatedAt: at, UpdatedAt: at})
			}
		}
		if err := w.store.InsertJob(ctx, at, j); err != nil {
			b.Fatal(err)
		}
		ids[n] = j.ID
	}
	for n := 0; n < len(ids); n += 100 {
		if _, err := w.as("mara").EditJob(ctx, jobs.JobRef{ID: ids[n]}); err != nil {
			b.Fatal(err)
		}
		if err := w.as("mara").SetFavorite(ctx, jobs.JobRef{ID: ids[n+1]}, true); err != nil {
			b.Fatal(err)
		}
	}
	ranBefore(b, w.path, at)
	return tag.ID
}

// ranBefore writes 20 ended runs of each job, the last of every tenth one an error, and 50 runs that go on.
func ranBefore(b *testing.B, path string, at time.Time) {
	b.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		b.Fatal(err)
	}
	statements := []string{`
	WITH RECURSIVE g (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 20)
	INSERT INTO run_history (id, tenant, job_id, owner_id, revision, status, trigger_kind, triggered_by, worker_id, fence, urgency,
	       not_before, fire_at, losses, attempt, cancel_requested, params, steps, warnings, error, seq, created_at, updated_at,
	       started_at, ended_at)
	SELECT j.id || printf('-%02d', i), tenant, j.id, owner_id, 1, CASE WHEN slug LIKE '%3' AND i = 20 THEN 'error' ELSE 'success' END,
	       'manual', 'mara', 'w', 1, 0, at, NULL, 0, 1, 0, '{}', NULL, 0, '', 1, at, at, at, at + i
	FROM   (SELECT id, tenant, owner_id, slug, ?1 - updated_at % 9973 * 60000 AS at FROM jobs WHERE editing_id IS NULL) j, g`, `
	INSERT INTO last_runs (job_id, run_id, status, warnings, started_at, ended_at)
	SELECT job_id, id, status, warnings, started_at, ended_at FROM run_history WHERE id LIKE '%-20' AND ?1 > 0`, `
	INSERT INTO run_totals (job_id, revision, status, ended)
	SELECT job_id, revision, status, count(*) FROM run_history WHERE ?1 > 0 GROUP BY job_id, revision, status`, `
	INSERT INTO runs (id, tenant, job_id, owner_id, revision, driver_set, status, trigger_kind, triggered_by, pinned, worker_id, fence, urgency,
	       not_before, delayed, blocked, losses, attempt, resumed, cancel_requested, params, warnings, seq, created_at, updated_at, started_at)
	SELECT id || '-live', tenant, id, owner_id, 1, driver_set, 'running', 'manual', 'mara', 0, 'w', 1, 0,
	       ?1, 0, 0, 0, 1, 0, 0, '{}', 0, 1, ?1, ?1, ?1
	FROM   jobs WHERE editing_id IS NULL LIMIT 50`}
	for _, statement := range statements {
		if _, err := db.ExecContext(b.Context(), statement, at.UnixMilli()); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}
