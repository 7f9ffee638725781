package sqlstore

import (
	"context"

	"github.com/carillon-go/carillon/jobs"
)

// flatQueries read the jobs of the flat list by name, and their shares and tags in the order of jobs. A list of ten thousand ids would cost more than
// the filter.
func flatQueries(f jobs.JobQuery) (list, shares, tags *query) {
	list, shares, tags = new(query), new(query), new(query)
	list.add("SELECT id, COALESCE(slug, ''), name, type, owner_id, enabled FROM jobs")
	filterJobs(list, f)
	list.add("ORDER BY name_fold, id")
	shares.add("SELECT job_id, principal_id, level, created_at, updated_at FROM job_shares WHERE job_id IN (SELECT id FROM jobs")
	filterJobs(shares, f)
	shares.add(") ORDER BY job_id, principal_id")
	tags.add("SELECT job_id, tag_id FROM job_tags WHERE job_id IN (SELECT id FROM jobs")
	filterJobs(tags, f)
	tags.add(") ORDER BY job_id, id")
	return list, shares, tags
}

// FlatJobs is jobs.SummaryStore.
func (c *Core) FlatJobs(ctx context.Context, f jobs.JobQuery) ([]jobs.FlatJob, error) {
	list, shares, tags := flatQueries(f)
	var out []jobs.FlatJob
	err := c.read(ctx, "list all jobs", func(v *View) error {
		out = nil
		same := map[string]string{} // types and owners come again and again
		known := func(s string) string {
			if k, ok := same[s]; ok {
				return k
			}
			same[s] = s
			return s
		}
		err := v.each(list, func(s scanner) error {
			var j jobs.FlatJob
			var kind, owner string
			if err := s.Scan(&j.ID, &j.Slug, &j.Name, &kind, &owner, &j.Enabled); err != nil {
				return err
			}
			j.Type, j.OwnerID = known(kind), jobs.PrincipalID(known(owner))
			out = append(out, j)
			return nil
		})
		if err != nil {
			return err
		}
		return v.flatParts(shares, tags, out)
	})
	return out, err
}

// flatParts fills in the shares and tags of jobs.
func (v *View) flatParts(shares, tags *query, list []jobs.FlatJob) error {
	var rows []shareRow
	if err := v.build(&rows, shares); err != nil {
		return err
	}
	var tagged []jobTagID
	if err := v.build(&tagged, tags); err != nil {
		return err
	}
	if len(rows)+len(tagged) == 0 {
		return nil
	}
	byID := make(map[jobs.ID]*jobs.FlatJob, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	for i := range rows {
		j := byID[rows[i].JobID]
		j.Shares = append(j.Shares, rows[i].toShare())
	}
	for _, t := range tagged {
		byID[t.JobID].Tags = append(byID[t.JobID].Tags, t.TagID)
	}
	return nil
}

// each calls scan for each row of a statement whose text was put together for this call.
func (v *View) each(q *query, scan func(scanner) error) error {
	rows, err := v.tx.QueryxContext(v.ctx, v.core.db.Rewrite(q.text()), q.args...)
	if err != nil {
		return err
	}
	return drain(rows, scan)
}
