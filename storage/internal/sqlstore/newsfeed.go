package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

// storedChange is a change in the document of its commit.
type storedChange struct {
	Kind   jobs.NewsKind      `json:"k"`
	Tenant jobs.TenantID      `json:"t,omitempty"`
	Job    jobs.ID            `json:"j,omitempty"`
	Run    jobs.RunID         `json:"r,omitempty"`
	Status jobs.RunStatus     `json:"s,omitempty"`
	Worker jobs.WorkerID      `json:"w,omitempty"`
	Lost   []jobs.PrincipalID `json:"l,omitempty"`
}

// changed notes a change; the row of the commit is written once, at the end of the transaction.
func (t *Tx) changed(c storedChange) { t.changes = append(t.changes, c) }

func (t *Tx) changedJob(tenant jobs.TenantID, id jobs.ID, lost ...jobs.PrincipalID) {
	t.changed(storedChange{Kind: jobs.NewsJob, Tenant: tenant, Job: id, Lost: lost})
}

func (t *Tx) changedRun(tenant jobs.TenantID, job jobs.ID, id jobs.RunID, status jobs.RunStatus) {
	t.changed(storedChange{Kind: jobs.NewsRun, Tenant: tenant, Job: job, Run: id, Status: status})
}

func (t *Tx) changedWorker(id jobs.WorkerID) {
	t.changed(storedChange{Kind: jobs.NewsWorker, Worker: id})
}

// listed is the job that lists show: that of a draft is its original.
func listed(id, editing jobs.ID) jobs.ID {
	if editing != "" {
		return editing
	}
	return id
}

const (
	// sqlInsertChange: one row for each commit, at the right edge of the table.
	sqlInsertChange = `
	INSERT INTO changes (document)
	VALUES (?)
	RETURNING seq`
	// sqlTrimChanges: primary key, from its beginning.
	sqlTrimChanges = `
	DELETE FROM changes
	WHERE  seq <= ?`
	// trimEvery is after how many commits old ones are removed.
	trimEvery = 256
)

// flushChanges writes what the transaction has changed. Nothing else takes numbers, and writes follow one another, so the numbers are in
// the order of the commits.
func (t *Tx) flushChanges() error {
	if len(t.changes) == 0 {
		return nil
	}
	list := t.changes
	if len(list) > jobs.MaxNews {
		list = []storedChange{{Kind: jobs.NewsMany}}
	}
	document, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("write changes: %w", err)
	}
	var seq int64
	if err := t.returning(sqlInsertChange, func(s scanner) error { return s.Scan(&seq) }, string(document)); err != nil {
		return err
	}
	t.news.add(jobs.TopicNews)
	if seq%trimEvery != 0 {
		return nil
	}
	_, err = t.exec(sqlTrimChanges, seq-jobs.KeptNews-trimEvery)
	return err
}

const (
	// sqlChangeBounds: both ends of the primary key.
	sqlChangeBounds = `
	SELECT COALESCE((SELECT min(seq) FROM changes), 0) AS first, COALESCE((SELECT max(seq) FROM changes), 0) AS last`
	// sqlListChanges: primary key.
	sqlListChanges = `
	SELECT seq, document
	FROM   changes
	WHERE  seq > ?
	ORDER  BY seq
	LIMIT  ?`
)

// News is jobs.NewsStore.
func (c *Core) News(ctx context.Context, after int64, limit int) (jobs.NewsPage, error) {
	var page jobs.NewsPage
	err := c.read(ctx, "read changes", func(v *View) error {
		page = jobs.NewsPage{}
		var bounds struct {
			First int64 `db:"first"`
			Last  int64 `db:"last"`
		}
		if _, err := v.get(&bounds, sqlChangeBounds); err != nil {
			return err
		}
		page.Head = bounds.Last
		if after < 0 {
			return nil
		}
		if page.Gap = after > bounds.Last || after+1 < bounds.First; page.Gap {
			return nil
		}
		var rows []struct {
			Seq      int64  `db:"seq"`
			Document string `db:"document"`
		}
		if err := v.all(&rows, sqlListChanges, after, limit); err != nil {
			return err
		}
		for _, row := range rows {
			var list []storedChange
			if err := json.Unmarshal([]byte(row.Document), &list); err != nil {
				list = []storedChange{{Kind: jobs.NewsMany}} // whoever listens reads anew, which is what it would do without the feed
			}
			for _, s := range list {
				page.News = append(page.News, jobs.News{
					Seq: row.Seq, Kind: s.Kind, Tenant: s.Tenant, JobID: s.Job, RunID: s.Run, Status: s.Status, WorkerID: s.Worker, Lost: s.Lost,
				})
			}
		}
		return nil
	})
	return page, err
}

// SummariesOf is jobs.SummaryStore.
func (c *Core) SummariesOf(ctx context.Context, tenant jobs.TenantID, ids []jobs.ID) ([]jobs.JobSummary, error) {
	var out []jobs.JobSummary
	err := c.read(ctx, "read jobs", func(v *View) error {
		found, err := v.summaries(ids, "")
		out = nil
		for _, s := range found {
			if s.Tenant == tenant && s.Slug != "" {
				out = append(out, s)
			}
		}
		return err
	})
	return out, err
}
