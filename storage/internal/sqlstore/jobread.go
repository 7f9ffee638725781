package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

func marshalDefinition(d *jobs.Definition) (string, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("write definition: %w", err)
	}
	return string(text), nil
}

// sqlGetJobBySlug: index jobs_slug.
const sqlGetJobBySlug = `
	SELECT ` + jobColumns + `
	FROM   jobs
	WHERE  tenant = ? AND slug = ?`

// Job is jobs.JobStore.
func (c *Core) Job(ctx context.Context, tenant jobs.TenantID, ref jobs.JobRef) (*jobs.Job, error) {
	var job *jobs.Job
	err := c.read(ctx, "read job", func(v *View) error {
		var row jobRow
		var ok bool
		var err error
		if ref.ID != "" {
			ok, err = v.get(&row, sqlGetJob, ref.ID, tenant)
		} else {
			ok, err = v.get(&row, sqlGetJobBySlug, tenant, ref.Slug)
		}
		if err != nil {
			return err
		}
		if !ok {
			return jobs.NotFound("job")
		}
		full, err := v.complete([]jobRow{row})
		if err != nil {
			return err
		}
		job = full[0]
		return nil
	})
	return job, err
}

// jobSort are the expressions of the sort fields. Nullable ones sort NULL last in ascending order.
var jobSort = map[string]sortColumn{
	"name":      {"name_fold", false},
	"slug":      {"slug", true},
	"type":      {"type_fold", false},
	"ownerId":   {"owner_fold", false},
	"enabled":   {"enabled", false},
	"nextRunAt": {"next_run_at", true},
	"lockedAt":  {sqlLockedAt, true},
	"lastRunAt": {sqlLastRunAt, true},
	"createdAt": {"created_at", false},
	"updatedAt": {"updated_at", false},
}

// sqlLockedAt: indexes runs_open and runs_blocked; NULL if no run of the job is going on. A run that was put back keeps the lock.
const sqlLockedAt = `(SELECT min(r.started_at) FROM runs r WHERE r.job_id = jobs.id AND r.blocked = 0 AND r.started_at <> 0)`

const (
	// sqlLastRunAt: lookup by primary key; NULL if no run of the job has ended.
	sqlLastRunAt = `(SELECT l.ended_at FROM last_runs l WHERE l.job_id = jobs.id)`
	// sqlLastStatus: lookup by primary key; empty if no run of the job has ended.
	sqlLastStatus = `COALESCE((SELECT l.status FROM last_runs l WHERE l.job_id = jobs.id), '')`
	// sqlLate: a range of index jobs_due.
	sqlLate = `SELECT d.id FROM jobs d WHERE d.enabled = 1 AND d.next_run_at IS NOT NULL AND d.next_run_at < ?`
	// sqlHasDraft: index jobs_editor.
	sqlHasDraft = `EXISTS (SELECT 1 FROM jobs d WHERE d.editing_id = jobs.id AND d.owner_id = ?)`
)

type sortColumn struct {
	expression string
	nullable   bool
}

// orderBy appends the ORDER BY clause of checked keys, with the id as the last one.
func (q *query) orderBy(columns map[string]sortColumn, keys []jobs.SortKey, otherwise jobs.SortKey) error {
	if len(keys) == 0 {
		keys = []jobs.SortKey{otherwise}
	}
	var parts []string
	for _, key := range keys {
		column, ok := columns[key.Field]
		if !ok {
			return jobs.Invalid("sort", "has no field %q", key.Field)
		}
		part, nulls := column.expression, " NULLS LAST"
		if key.Descending {
			part, nulls = part+" DESC", " NULLS FIRST"
		}
		if column.nullable {
			part += nulls
		}
		parts = append(parts, part)
	}
	q.add("ORDER BY " + strings.Join(append(parts, "id"), ", "))
	return nil
}

// filterJobs appends the WHERE clause of a query. Walls between tenants and readability are part of it, so totals tell nothing
// of other jobs.
func filterJobs(q *query, f jobs.JobQuery) {
	q.and("tenant = ?", f.Tenant)
	q.and("editing_id IS NULL")
	if f.ReadableBy != nil {
		names := texts(f.ReadableBy)
		q.and(`(owner_id IN LIST(?)
	   OR id IN (SELECT s.job_id FROM job_shares s WHERE s.principal_id IN LIST(?)))`, names, names)
	}
	for _, word := range f.Words {
		pattern := likePattern(strings.ToLower(word))
		q.and(`(name_fold LIKE ? ESCAPE '\' OR description_fold LIKE ? ESCAPE '\')`, pattern, pattern)
	}
	if f.Type != "" {
		q.and("type = ?", f.Type)
	}
	if f.OwnerID != "" {
		q.and("owner_id = ?", f.OwnerID)
	}
	if f.Enabled != nil {
		q.and("enabled = ?", toInt(*f.Enabled))
	}
	for _, tag := range f.Tags {
		q.and("id IN (SELECT a.job_id FROM job_tags a WHERE a.tag_id = ?)", tag)
	}
	if f.Favorite != nil {
		in := "id NOT IN"
		if *f.Favorite {
			in = "id IN"
		}
		q.and(in+" (SELECT v.job_id FROM job_favorites v WHERE v.tenant = ? AND v.user_id = ?)", f.Tenant, f.FavoriteOf)
	}
	if f.Running != nil {
		is := " IS NULL"
		if *f.Running {
			is = " IS NOT NULL"
		}
		q.and(sqlLockedAt + is)
	}
	if len(f.LastStatuses) > 0 {
		q.and(sqlLastStatus+" IN LIST(?)", texts(f.LastStatuses))
	}
	if f.Late != nil {
		in := "id NOT IN"
		if *f.Late {
			in = "id IN"
		}
		q.and(in+" ("+sqlLate+")", toMillis(f.Now.Add(-jobs.LateAfter)))
	}
	if f.Draft != nil {
		has := sqlHasDraft
		if !*f.Draft {
			has = "NOT " + has
		}
		q.and(has, f.Viewer)
	}
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func likePattern(word string) string { return "%" + likeEscaper.Replace(word) + "%" }

// jobQueries count the jobs of a list and find the ids of its page.
func jobQueries(f jobs.JobQuery) (count, page *query, err error) {
	count, page = new(query), new(query)
	count.add("SELECT count(*) FROM jobs")
	filterJobs(count, f)
	page.add("SELECT id FROM jobs")
	filterJobs(page, f)
	err = page.orderBy(jobSort, f.Sort, jobs.SortKey{Field: "name"})
	page.page(f.Start, f.Limit)
	return count, page, err
}

// Jobs is jobs.JobStore. The page is found by ids, so that sorting carries no documents, and then read.
func (c *Core) Jobs(ctx context.Context, f jobs.JobQuery) (jobs.Page[*jobs.Job], error) {
	count, page, err := jobQueries(f)
	if err != nil {
		return jobs.Page[*jobs.Job]{}, err
	}
	var result jobs.Page[*jobs.Job]
	err = c.read(ctx, "list jobs", func(v *View) error {
		ids, total, err := v.jobPage(count, page, f.Start, f.Limit)
		if err != nil {
			return err
		}
		rows, err := v.jobRows(ids)
		if err != nil {
			return err
		}
		items, err := v.complete(rows)
		result = jobs.Page[*jobs.Job]{Items: items, Total: total}
		return err
	})
	return result, err
}

// jobPage gives the ids of a page and the total. A page that is not full tells the total itself, and most searches end so: they pay for one
// walk instead of two.
func (v *View) jobPage(count, page *query, start, limit int) (ids []jobs.ID, total int, err error) {
	if err := v.build(&ids, page); err != nil {
		return nil, 0, err
	}
	if n := len(ids); (n > 0 || start == 0) && (limit == 0 || n < limit) {
		return ids, start + n, nil
	}
	var counted []int
	if err := v.build(&counted, count); err != nil {
		return nil, 0, err
	}
	return ids, counted[0], nil
}

// sqlListJobs: lookups by primary key.
const sqlListJobs = `
	SELECT ` + jobColumns + `
	FROM   jobs
	WHERE  id IN LIST(?)`

// jobRows reads jobs in the order of ids.
func (v *View) jobRows(ids []jobs.ID) ([]jobRow, error) {
	var rows []jobRow
	if err := v.all(&rows, sqlListJobs, texts(ids)); err != nil {
		return nil, err
	}
	position := make(map[jobs.ID]int, len(ids))
	for i, id := range ids {
		position[id] = i
	}
	slices.SortFunc(rows, func(a, b jobRow) int { return position[a.ID] - position[b.ID] })
	return rows, nil
}

// sqlListJobStates: for each job one seek in runs_open and lookups by primary key.
const sqlListJobStates = `
	SELECT jobs.id AS job_id, COALESCE(` + sqlLockedAt + `, 0) AS locked_at,
	       COALESCE(l.run_id, '') AS run_id, COALESCE(l.status, '') AS status, COALESCE(l.warnings, 0) AS warnings,
	       COALESCE(l.started_at, 0) AS started_at, COALESCE(l.ended_at, 0) AS ended_at
	FROM   jobs LEFT JOIN last_runs l ON l.job_id = jobs.id
	WHERE  jobs.id IN LIST(?)`

type jobState struct {
	JobID     jobs.ID        `db:"job_id"`
	LockedAt  int64          `db:"locked_at"`
	RunID     jobs.RunID     `db:"run_id"`
	Status    jobs.RunStatus `db:"status"`
	Warnings  bool           `db:"warnings"`
	StartedAt int64          `db:"started_at"`
	EndedAt   int64          `db:"ended_at"`
}

// lastRun is nil if no run of the job has ended.
func (s *jobState) lastRun() *jobs.LastRun {
	if s.RunID == "" {
		return nil
	}
	return &jobs.LastRun{
		ID: s.RunID, Status: s.Status, Warnings: s.Warnings, StartedAt: fromMillis(s.StartedAt), EndedAt: fromMillis(s.EndedAt),
	}
}

// complete makes jobs of rows, with what other tables tell of them.
func (v *View) complete(rows []jobRow) ([]*jobs.Job, error) {
	out := make([]*jobs.Job, len(rows))
	byID := make(map[jobs.ID]*jobs.Job, len(rows))
	ids := make([]jobs.ID, len(rows))
	for i := range rows {
		d, fault, err := v.core.definition(v, rows[i].ID, rows[i].Revision)
		if err != nil {
			return nil, err
		}
		if fault != "" {
			if d, err = v.remains(&rows[i]); err != nil {
				return nil, err
			}
		}
		out[i], ids[i] = rows[i].toJob(d), rows[i].ID
		out[i].Broken = fault
		byID[ids[i]] = out[i]
	}
	names := texts(ids)
	var states []jobState
	if err := v.all(&states, sqlListJobStates, names); err != nil {
		return nil, err
	}
	for i := range states {
		s := &states[i]
		j := byID[s.JobID]
		j.LockedAt, j.LastRun = fromMillis(s.LockedAt), s.lastRun()
	}
	if err := v.addShares(byID, names); err != nil {
		return nil, err
	}
	if err := v.addHandovers(byID, names); err != nil {
		return nil, err
	}
	return out, v.addTags(byID, names)
}

// sqlGetRemains: lookup by primary key.
const sqlGetRemains = `
	SELECT type, name, description, keep_days, keep_runs, interval_text, interval_type, timezone, start_on, end_on
	FROM   jobs
	WHERE  id = ?`

// remains is what the columns of a job tell of its definition, when the document cannot be read.
func (v *View) remains(job *jobRow) (*jobs.Definition, error) {
	var row struct {
		Type        string `db:"type"`
		Name        string `db:"name"`
		Description string `db:"description"`
		KeepDays    int    `db:"keep_days"`
		KeepRuns    int    `db:"keep_runs"`
		scheduleRow
	}
	if _, err := v.get(&row, sqlGetRemains, job.ID); err != nil {
		return nil, err
	}
	d := &jobs.Definition{
		Type: row.Type, Name: row.Name, Description: row.Description, Data: json.RawMessage("{}"), Policies: jobs.DefaultPolicies(),
		Schedule: row.toSchedule(),
	}
	p := &d.Policies
	p.Overlap, p.MaxConcurrent, p.Priority, p.KeepDays, p.KeepRuns = job.Overlap, job.MaxConcurrent, job.Priority, row.KeepDays, row.KeepRuns
	return d, nil
}
