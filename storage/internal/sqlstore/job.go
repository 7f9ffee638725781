package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// jobRow is what a decision about a job needs of its row.
type jobRow struct {
	ID            jobs.ID          `db:"id"`
	Tenant        jobs.TenantID    `db:"tenant"`
	Slug          string           `db:"slug"`
	OwnerID       jobs.PrincipalID `db:"owner_id"`
	EditingID     jobs.ID          `db:"editing_id"`
	Enabled       bool             `db:"enabled"`
	NextRunAt     int64            `db:"next_run_at"`
	Revision      int64            `db:"revision"`
	Overlap       jobs.Overlap     `db:"overlap"`
	MaxConcurrent int              `db:"max_concurrent"`
	Priority      int              `db:"priority"`
	DriverSet     int64            `db:"driver_set"`
	CreatedAt     int64            `db:"created_at"`
	UpdatedAt     int64            `db:"updated_at"`
	DefnUpdatedAt int64            `db:"defn_updated_at"`
	BaseRevision  int64            `db:"base_revision"`
	BaseSource    int64            `db:"base_source"`
	BaseUpdatedAt int64            `db:"base_updated_at"`
	BaseOwner     jobs.PrincipalID `db:"base_owner"`
	BaseEnabled   bool             `db:"base_enabled"`
}

// policies are those by which runs go in and are let go; the others are not in the row.
func (r *jobRow) policies() jobs.Policies {
	return jobs.Policies{Overlap: r.Overlap, MaxConcurrent: r.MaxConcurrent, Priority: r.Priority}
}

// toJob makes the job, without what other tables tell of it.
func (r *jobRow) toJob(d *jobs.Definition) *jobs.Job {
	return &jobs.Job{
		ID: r.ID, Tenant: r.Tenant, Slug: r.Slug, OwnerID: r.OwnerID, EditingID: r.EditingID, Definition: cloneDefinition(d),
		Enabled: r.Enabled, NextRunAt: fromMillis(r.NextRunAt), Revision: r.Revision,
		CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt), DefnUpdatedAt: fromMillis(r.DefnUpdatedAt),
		Base: jobs.DraftBase{
			Revision: r.BaseRevision, Source: r.BaseSource, DefnUpdatedAt: fromMillis(r.BaseUpdatedAt), OwnerID: r.BaseOwner, Enabled: r.BaseEnabled,
		},
	}
}

const jobColumns = `id, tenant, COALESCE(slug, '') AS slug, owner_id, COALESCE(editing_id, '') AS editing_id, enabled,
	       COALESCE(next_run_at, 0) AS next_run_at, revision, overlap, max_concurrent, priority, driver_set, created_at, updated_at,
	       defn_updated_at, base_revision, base_source, base_updated_at, base_owner, base_enabled`

// sqlGetJob: lookup by primary key.
const sqlGetJob = `
	SELECT ` + jobColumns + `
	FROM   jobs
	WHERE  id = ? AND tenant = ?`

func (t *Tx) job(tenant jobs.TenantID, id jobs.ID) (*jobRow, error) {
	var row jobRow
	ok, err := t.get(&row, sqlGetJob, id, tenant)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, jobs.NotFound("job")
	}
	return &row, nil
}

const (
	// sqlCountJobs: lookup by primary key.
	sqlCountJobs = `
	SELECT jobs, closed_at
	FROM   tenants
	WHERE  id = ?`
	// sqlAddJobs: lookup by primary key.
	sqlAddJobs = `
	INSERT INTO tenants (id, jobs)
	VALUES (?, ?)
	ON CONFLICT (id) DO UPDATE SET jobs = tenants.jobs + excluded.jobs`
)

// addJob counts a new job of the tenant, up to the limit. Drafts do not count.
func (t *Tx) addJob(tenant jobs.TenantID) error {
	var row struct {
		Jobs     int   `db:"jobs"`
		ClosedAt int64 `db:"closed_at"`
	}
	if _, err := t.get(&row, sqlCountJobs, tenant); err != nil {
		return err
	}
	if err := stillOpen(row.ClosedAt); err != nil {
		return err
	}
	if row.Jobs >= jobs.MaxJobsPerTenant {
		return jobs.Conflict("the tenant has %d jobs; the limit is %d", row.Jobs, jobs.MaxJobsPerTenant)
	}
	_, err := t.exec(sqlAddJobs, tenant, 1)
	return err
}

const sqlInsertJob = `
	INSERT INTO jobs (slug, owner_id, owner_fold, editing_id, type, type_fold, name, name_fold, description, description_fold, interval_text,
	       interval_type, timezone, start_on, end_on, enabled, next_run_at, revision, overlap, max_concurrent, priority, keep_days, keep_runs,
	       driver_set, created_at, updated_at, defn_updated_at, base_revision, base_source, base_updated_at, base_owner, base_enabled, id, tenant)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// sqlUpdateJob: lookup by primary key; the revision check finds a rival.
const sqlUpdateJob = `
	UPDATE jobs
	SET    slug = ?, owner_id = ?, owner_fold = ?, editing_id = ?, type = ?, type_fold = ?, name = ?, name_fold = ?, description = ?,
	       description_fold = ?, interval_text = ?, interval_type = ?, timezone = ?, start_on = ?, end_on = ?, enabled = ?,
	       next_run_at = ?, revision = ?, overlap = ?, max_concurrent = ?, priority = ?, keep_days = ?, keep_runs = ?,
	       driver_set = ?, created_at = ?, updated_at = ?, defn_updated_at = ?,
	       base_revision = ?, base_source = ?, base_updated_at = ?, base_owner = ?, base_enabled = ?
	WHERE  id = ? AND tenant = ?`

// jobArgs are the values of sqlInsertJob and sqlUpdateJob, in the order of their columns.
func jobArgs(j *jobs.Job, driverSet int64) []any {
	var slug, editing any
	if j.Slug != "" {
		slug = j.Slug
	}
	if j.EditingID != "" {
		editing = j.EditingID
	}
	fold := strings.ToLower
	p, s := &j.Policies, &j.Schedule
	return []any{
		slug, j.OwnerID, fold(string(j.OwnerID)), editing, j.Type, fold(j.Type), j.Name, fold(j.Name), j.Description, fold(j.Description),
		s.Interval, s.IntervalType, s.Timezone, toMillis(s.StartOn), toMillis(s.EndOn),
		toInt(j.Enabled), orNull(toMillis(j.NextRunAt)), j.Revision, p.Overlap, max(p.MaxConcurrent, 1), p.Priority, p.KeepDays,
		p.KeepRuns, driverSet, toMillis(j.CreatedAt), toMillis(j.UpdatedAt), toMillis(j.DefnUpdatedAt),
		j.Base.Revision, j.Base.Source, toMillis(j.Base.DefnUpdatedAt), j.Base.OwnerID, toInt(j.Base.Enabled), j.ID, j.Tenant,
	}
}

// whole refuses a job that was read without its definition: writing it would make the loss final.
func whole(j *jobs.Job) error {
	if j.Broken == "" {
		return nil
	}
	return jobs.Conflict("%s; the job can only be deleted or given a whole new definition", unreadableDefinition)
}

// InsertJob is jobs.JobStore.
func (c *Core) InsertJob(ctx context.Context, now time.Time, j *jobs.Job) error {
	s, err := newSaving(j, j.Revision)
	if err != nil {
		return err
	}
	return c.write(ctx, "insert job", func(t *Tx) error { return c.insert(t, now, s) })
}

func (c *Core) insert(t *Tx, now time.Time, s saving) error {
	j := s.job
	if err := t.stillThere(j.Tenant, j.OwnerID); err != nil {
		return err
	}
	if j.IsDraft() {
		if err := t.checkDraft(j); err != nil {
			return err
		}
	} else if err := t.addJob(j.Tenant); err != nil {
		return err
	}
	set, err := c.sets.id(t, s.drivers)
	if err != nil {
		return err
	}
	if _, err := t.exec(sqlInsertJob, jobArgs(j, set)...); err != nil {
		return c.jobConflict(j, err)
	}
	if err := t.insertRevision(j, s.definition, now); err != nil {
		return err
	}
	if err := t.insertShares(j); err != nil {
		return err
	}
	if err := t.insertTags(j); err != nil {
		return err
	}
	t.changedJob(j.Tenant, listed(j.ID, j.EditingID))
	if !j.NextRunAt.IsZero() {
		t.news.add(jobs.TopicPlan)
	}
	return nil
}

// jobConflict tells a taken slug, or a second draft, from other errors: the id is new, so no other unique index can be in the way.
func (c *Core) jobConflict(j *jobs.Job, err error) error {
	if !c.db.Unique(err) {
		return err
	}
	if j.IsDraft() {
		return jobs.Conflict(secondDraft)
	}
	return &jobs.ConflictError{
		Reason: fmt.Sprintf("the slug %q is taken", j.Slug), Data: map[string]any{"slug": j.Slug},
	}
}

// sqlReviseQueued: index runs_open or runs_blocked. Runs that have begun, and retries that are to execute
// their revision, keep it.
const sqlReviseQueued = `
	UPDATE runs
	SET    revision = CASE pinned WHEN 1 THEN revision ELSE ? END, driver_set = CASE pinned WHEN 1 THEN driver_set ELSE ? END, urgency = ?
	WHERE  ` + liveOfJob + ` AND status = 'queued' AND started_at = 0`

// SaveJob is jobs.JobStore (T8). After it the job has the new revision and its queued runs too, or nothing has changed.
func (c *Core) SaveJob(ctx context.Context, now time.Time, j *jobs.Job, base int64) error {
	s, err := newSaving(j, base)
	if err != nil {
		return err
	}
	return c.write(ctx, "save job", func(t *Tx) error { return c.save(t, now, s) })
}

// saving is a job that is to take the place of its stored form, with what can be made ready before the transaction.
type saving struct {
	job        *jobs.Job
	base       int64
	definition string
	drivers    string
}

func newSaving(j *jobs.Job, base int64) (saving, error) {
	definition, err := marshalDefinition(&j.Definition)
	if err != nil {
		return saving{}, err
	}
	if j.Revision != base && j.Revision != base+1 {
		return saving{}, fmt.Errorf("save job %s: revision %d does not follow %d", j.ID, j.Revision, base)
	}
	return saving{j, base, definition, driversOf(&j.Definition)}, whole(j)
}

func (c *Core) save(t *Tx, now time.Time, s saving) error {
	j := s.job
	old, err := t.job(j.Tenant, j.ID)
	if err != nil {
		return err
	}
	if old.Revision != s.base {
		return jobs.ErrPrecondition
	}
	if old.EditingID != j.EditingID {
		return fmt.Errorf("save job %s: it is a draft of %q and cannot become one of %q", j.ID, old.EditingID, j.EditingID)
	}
	if j.Revision == s.base {
		if err := t.sameDefinition(j, s.definition); err != nil {
			return err
		}
	}
	if j.Enabled && !old.Enabled {
		if err := t.open(j.Tenant); err != nil {
			return err
		}
	}
	set, err := c.sets.id(t, s.drivers)
	if err != nil {
		return err
	}
	j = laterOf(j, old)
	if _, err := t.exec(sqlUpdateJob, jobArgs(j, set)...); err != nil {
		return c.jobConflict(j, err)
	}
	if j.Enabled && !old.Enabled {
		if _, err := t.exec(sqlDeleteHandover, j.ID); err != nil {
			return err
		}
	}
	if err := t.withdraw(old, toMillis(j.NextRunAt), now); err != nil {
		return err
	}
	t.changedJob(j.Tenant, listed(j.ID, j.EditingID), formerOwner(j, old)...)
	if old.NextRunAt != toMillis(j.NextRunAt) || old.Enabled != j.Enabled {
		t.news.add(jobs.TopicPlan)
	}
	if j.Revision == s.base {
		return nil
	}
	// Queued runs first: the revision that they leave may be the one that is let go.
	if _, err := t.exec(sqlReviseQueued, j.Revision, set, -j.Policies.Priority, j.ID, j.ID); err != nil {
		return err
	}
	if err := t.insertRevision(j, s.definition, now); err != nil {
		return err
	}
	t.news.add(jobs.TopicQueue) // another worker may have the new drivers
	if old.Overlap == j.Policies.Overlap && old.MaxConcurrent == j.Policies.MaxConcurrent {
		return nil
	}
	return t.regulate(j.ID, j.Policies)
}

// formerOwner is whom a change of the owner may have taken the job from.
func formerOwner(j *jobs.Job, old *jobRow) []jobs.PrincipalID {
	if j.OwnerID == old.OwnerID || j.IsDraft() {
		return nil
	}
	return []jobs.PrincipalID{old.OwnerID}
}

// laterOf gives the job with an UpdatedAt that does not go back: shares and tags may have moved it since the job was read.
func laterOf(j *jobs.Job, old *jobRow) *jobs.Job {
	if toMillis(j.UpdatedAt) >= old.UpdatedAt {
		return j
	}
	later := *j
	later.UpdatedAt = fromMillis(old.UpdatedAt + 1)
	return &later
}

// sameDefinition refuses a change of the definition without a new revision: runs name revisions, and those never change.
func (t *Tx) sameDefinition(j *jobs.Job, definition string) error {
	var stored string
	if _, err := t.get(&stored, sqlGetDefinition, j.ID, j.Revision); err != nil {
		return err
	}
	if _, fault := parseDefinition(stored); fault != "" {
		return jobs.Conflict("%s; the job needs a new revision", unreadableDefinition)
	}
	if stored != definition {
		return fmt.Errorf("save job %s: the definition has changed and its revision %d has not", j.ID, j.Revision)
	}
	return nil
}

// withdraw records the fire that was due and not planned when the schedule is changed under it.
func (t *Tx) withdraw(old *jobRow, next int64, now time.Time) error {
	if !old.Enabled || old.NextRunAt == 0 || old.NextRunAt == next || old.NextRunAt > toMillis(now) {
		return nil
	}
	at := fromMillis(old.NextRunAt)
	return t.recordFire(jobs.Fire{
		JobID: old.ID, At: at, Outcome: jobs.FireWithdrawn, Reason: "the schedule was changed before it was planned", Late: now.Sub(at),
	})
}

const (
	sqlGetLiveRun = `
	SELECT id
	FROM   runs
	WHERE  ` + liveOfJob + `
	ORDER  BY blocked, created_at, id
	LIMIT  1`
	// sqlListDrafts: index jobs_editor.
	sqlListDrafts = `
	SELECT id
	FROM   jobs
	WHERE  editing_id = ?`
)

// sqlListReaders: primary keys.
const sqlListReaders = `
	SELECT owner_id FROM jobs WHERE id = ?
	UNION SELECT principal_id FROM job_shares WHERE job_id = ?`
