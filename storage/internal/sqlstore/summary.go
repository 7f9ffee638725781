package sqlstore

import (
	"context"
	"slices"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

// scheduleRow are the columns of a job's schedule, for people: the anchor is in the definition alone.
type scheduleRow struct {
	Interval     string            `db:"interval_text"`
	IntervalType jobs.IntervalType `db:"interval_type"`
	Timezone     string            `db:"timezone"`
	StartOn      int64             `db:"start_on"`
	EndOn        int64             `db:"end_on"`
}

func (r *scheduleRow) toSchedule() jobs.Schedule {
	return jobs.Schedule{
		Interval: r.Interval, IntervalType: r.IntervalType, Timezone: r.Timezone, StartOn: fromMillis(r.StartOn), EndOn: fromMillis(r.EndOn),
	}
}

// summaryRow is what a list shows of the row of a job.
type summaryRow struct {
	ID          jobs.ID          `db:"id"`
	Tenant      jobs.TenantID    `db:"tenant"`
	Slug        string           `db:"slug"`
	OwnerID     jobs.PrincipalID `db:"owner_id"`
	Type        string           `db:"type"`
	Name        string           `db:"name"`
	Description string           `db:"description"`
	Enabled     bool             `db:"enabled"`
	NextRunAt   int64            `db:"next_run_at"`
	CreatedAt   int64            `db:"created_at"`
	UpdatedAt   int64            `db:"updated_at"`
	scheduleRow
}

func (r *summaryRow) toSummary() jobs.JobSummary {
	return jobs.JobSummary{
		ID: r.ID, Tenant: r.Tenant, Slug: r.Slug, OwnerID: r.OwnerID, Type: r.Type, Name: r.Name, Description: r.Description,
		Schedule: r.toSchedule(), Enabled: r.Enabled, NextRunAt: fromMillis(r.NextRunAt),
		CreatedAt: fromMillis(r.CreatedAt), UpdatedAt: fromMillis(r.UpdatedAt),
	}
}

const (
	// sqlListSummaries: lookups by primary key.
	sqlListSummaries = `
	SELECT id, tenant, COALESCE(slug, '') AS slug, owner_id, type, name, description, enabled, COALESCE(next_run_at, 0) AS next_run_at,
	       created_at, updated_at, interval_text, interval_type, timezone, start_on, end_on
	FROM   jobs
	WHERE  id IN LIST(?)`
	// sqlListRecent: index run_history_ended alone, at most so many of its entries for each job.
	sqlListRecent = `
	SELECT jobs.id AS job_id, COALESCE((
	       SELECT string_agg(g.status, ' ' ORDER BY g.ended_at DESC, g.id DESC)
	       FROM   (SELECT e.status, e.ended_at, e.id FROM run_history e WHERE e.job_id = jobs.id ORDER BY e.ended_at DESC, e.id DESC LIMIT ?) g
	       ), '') AS recent
	FROM   jobs
	WHERE  jobs.id IN LIST(?)`
	// sqlListTagIDs: primary key of job_tags.
	sqlListTagIDs = `
	SELECT job_id, tag_id
	FROM   job_tags
	WHERE  job_id IN LIST(?)
	ORDER  BY job_id, id`
	// sqlListFavoritesOf: lookups by primary key.
	sqlListFavoritesOf = `
	SELECT v.job_id
	FROM   jobs j JOIN job_favorites v ON v.tenant = j.tenant AND v.user_id = ? AND v.job_id = j.id
	WHERE  j.id IN LIST(?)`
	// sqlListMyDrafts: index jobs_editor.
	sqlListMyDrafts = `
	SELECT editing_id AS job_id, id, updated_at
	FROM   jobs
	WHERE  editing_id IN LIST(?) AND owner_id = ?`
)

type jobTagID struct {
	JobID jobs.ID    `db:"job_id"`
	TagID jobs.TagID `db:"tag_id"`
}

// JobSummaries is jobs.SummaryStore. The page is found by ids, so that sorting carries no texts, and then read.
func (c *Core) JobSummaries(ctx context.Context, f jobs.JobQuery) (jobs.Page[jobs.JobSummary], error) {
	var result jobs.Page[jobs.JobSummary]
	count, page, err := jobQueries(f)
	if err != nil {
		return result, err
	}
	err = c.read(ctx, "list jobs", func(v *View) error {
		ids, total, err := v.jobPage(count, page, f.Start, f.Limit)
		if err != nil {
			return err
		}
		items, err := v.summaries(ids, f.Viewer)
		result = jobs.Page[jobs.JobSummary]{Items: items, Total: total}
		return err
	})
	return result, err
}

// summaries reads jobs in the order of ids; those that do not exist are left out.
func (v *View) summaries(ids []jobs.ID, viewer jobs.PrincipalID) ([]jobs.JobSummary, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	names := texts(ids)
	var rows []summaryRow
	if err := v.all(&rows, sqlListSummaries, names); err != nil {
		return nil, err
	}
	position := make(map[jobs.ID]int, len(ids))
	for i, id := range ids {
		position[id] = i
	}
	slices.SortFunc(rows, func(a, b summaryRow) int { return position[a.ID] - position[b.ID] })
	out := make([]jobs.JobSummary, len(rows))
	byID := make(map[jobs.ID]*jobs.JobSummary, len(rows))
	for i := range rows {
		out[i] = rows[i].toSummary()
		byID[out[i].ID] = &out[i]
	}
	if err := v.summaryStates(names, byID); err != nil {
		return nil, err
	}
	return out, v.summaryParts(names, viewer, byID)
}

// summaryStates fills in what the runs of jobs tell.
func (v *View) summaryStates(names string, byID map[jobs.ID]*jobs.JobSummary) error {
	var states []jobState
	if err := v.all(&states, sqlListJobStates, names); err != nil {
		return err
	}
	for i := range states {
		s := &states[i]
		byID[s.JobID].LockedAt, byID[s.JobID].LastRun = fromMillis(s.LockedAt), s.lastRun()
	}
	var recent []struct {
		JobID  jobs.ID `db:"job_id"`
		Recent string  `db:"recent"`
	}
	if err := v.all(&recent, sqlListRecent, jobs.RecentRuns, names); err != nil {
		return err
	}
	for _, r := range recent {
		for status := range strings.FieldsSeq(r.Recent) {
			byID[r.JobID].Recent = append(byID[r.JobID].Recent, jobs.RunStatus(status))
		}
	}
	return nil
}

// summaryParts fills in what other people and the viewer have added.
func (v *View) summaryParts(names string, viewer jobs.PrincipalID, byID map[jobs.ID]*jobs.JobSummary) error {
	var shares []shareRow
	if err := v.all(&shares, sqlListShares, names); err != nil {
		return err
	}
	for i := range shares {
		s := byID[shares[i].JobID]
		s.Shares = append(s.Shares, shares[i].toShare())
	}
	var tags []jobTagID
	if err := v.all(&tags, sqlListTagIDs, names); err != nil {
		return err
	}
	for _, t := range tags {
		byID[t.JobID].Tags = append(byID[t.JobID].Tags, t.TagID)
	}
	if viewer == "" {
		return nil
	}
	var favorites []jobs.ID
	if err := v.all(&favorites, sqlListFavoritesOf, viewer, names); err != nil {
		return err
	}
	for _, id := range favorites {
		byID[id].Favorite = true
	}
	var drafts []struct {
		JobID     jobs.ID `db:"job_id"`
		ID        jobs.ID `db:"id"`
		UpdatedAt int64   `db:"updated_at"`
	}
	if err := v.all(&drafts, sqlListMyDrafts, names, viewer); err != nil {
		return err
	}
	for _, d := range drafts {
		byID[d.JobID].Draft = &jobs.DraftNote{ID: d.ID, UpdatedAt: fromMillis(d.UpdatedAt)}
	}
	return nil
}
