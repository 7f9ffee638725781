package sqlstore

import (
	"context"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

// runSort are the expressions of the sort fields in both halves of the list together; endedSort those of the ended runs alone. An ended run
// changed last when it ended.
var (
	runSort = map[string]sortColumn{
		"createdAt": {"created_at", false},
		"updatedAt": {"updated_at", false},
		"status":    {"status", false},
		"success":   {"success", true},
	}
	endedSort = map[string]sortColumn{
		"createdAt": {"created_at", false},
		"updatedAt": {"ended_at", false},
		"status":    {"status", false},
		"success":   {sqlSuccess, false},
	}
	newestRun = jobs.SortKey{Field: "createdAt", Descending: true}
)

// Whether a run has succeeded: NULL for live runs.
const (
	sqlSuccess      = `CASE WHEN status IN ('success', 'warning') THEN 1 ELSE 0 END`
	sqlSuccessLive  = `CAST(NULL AS INTEGER) AS success`
	sqlSuccessEnded = sqlSuccess + ` AS success`
)

// readableJobs is the condition that a job_id is of a job which one of some principals owns or has a share of. It takes the tenant and the
// list twice.
const readableJobs = `job_id IN (SELECT j.id FROM jobs j WHERE j.tenant = ? AND (j.owner_id IN LIST(?)
	       OR j.id IN (SELECT s.job_id FROM job_shares s WHERE s.principal_id IN LIST(?))))`

// filterScope appends whose runs are asked for. The caller has looked whether a job is of the tenant; one condition leaves one index to choose.
func filterScope(q *query, f jobs.RunQuery, ended bool) {
	switch {
	case f.JobID == "":
		q.and("tenant = ?", f.Tenant)
	case ended:
		q.and("job_id = ?", f.JobID)
	default:
		q.and(liveOfJob, f.JobID, f.JobID)
	}
	if f.ReadableBy != nil {
		names := texts(f.ReadableBy)
		q.and(readableJobs, f.Tenant, names, names)
	}
}

// filterStatus appends the conditions on the status of live or ended runs; false if they have none to give.
func filterStatus(q *query, f jobs.RunQuery, ended bool) bool {
	if len(f.Statuses) > 0 {
		var wanted []jobs.RunStatus
		for _, s := range f.Statuses {
			if s.Terminal() == ended {
				wanted = append(wanted, s)
			}
		}
		if len(wanted) == 0 {
			return false
		}
		q.and("status IN LIST(?)", texts(wanted))
	}
	if f.Success == nil {
		return true
	}
	if *f.Success {
		q.and("status IN ('success', 'warning')")
	} else {
		q.and("status IN ('error', 'canceled')")
	}
	return ended
}

// filterRuns appends all conditions for live or ended runs; false if they have none to give.
func filterRuns(q *query, f jobs.RunQuery, ended bool) bool {
	filterScope(q, f, ended)
	if !filterStatus(q, f, ended) {
		return false
	}
	if f.OwnerID != "" {
		q.and("owner_id = ?", f.OwnerID)
	}
	if f.WorkerID != "" {
		q.and("worker_id = ?", f.WorkerID)
	}
	if f.Warnings != nil {
		q.and("warnings = ?", toInt(*f.Warnings))
	}
	if !f.From.IsZero() {
		q.and("created_at >= ?", toMillis(f.From))
	}
	if !f.To.IsZero() {
		q.and("created_at < ?", toMillis(f.To))
	}
	return true
}

// counted tells whether the number of ended runs that match is kept in run_totals.
func counted(f jobs.RunQuery) bool {
	return f.OwnerID == "" && f.WorkerID == "" && f.Warnings == nil && f.From.IsZero() && f.To.IsZero()
}

// endedTotal is the number of ended runs that match, by run_totals where that tells it, else by the covering index of the scope.
func endedTotal(f jobs.RunQuery, matching *query) *query {
	q := new(query)
	if !counted(f) {
		q.add("(SELECT count(*) FROM run_history\n"+matching.text()+")", matching.args...)
		return q
	}
	sum := new(query)
	if f.JobID == "" {
		sum.and("job_id IN (SELECT id FROM jobs WHERE tenant = ?)", f.Tenant)
	} else {
		sum.and("job_id = ?", f.JobID)
	}
	if f.ReadableBy != nil {
		names := texts(f.ReadableBy)
		sum.and(readableJobs, f.Tenant, names, names)
	}
	filterStatus(sum, f, true)
	q.add("COALESCE((SELECT sum(ended) FROM run_totals\n"+sum.text()+"), 0)", sum.args...)
	return q
}

// Columns of a list without params and steps.
var (
	liveSummary  = strings.NewReplacer("params,", "'{}' AS params,", "COALESCE(steps, '') AS steps", "'' AS steps").Replace(liveColumns)
	endedSummary = strings.NewReplacer("params,", "'{}' AS params,", "COALESCE(steps, '') AS steps", "'' AS steps").Replace(endedColumns)
)

// runQueries count the runs of a list and read its page; nil if no run can match. Of the ended runs, which may be a million, the page is found in
// the covering index of the scope, and then read by its ids.
func runQueries(f jobs.RunQuery) (count, page *query, err error) {
	count, page = new(query), new(query)
	live, ended := liveColumns, endedColumns
	if f.Summary {
		live, ended = liveSummary, endedSummary
	}
	var counts, halves []string
	if q := new(query); filterRuns(q, f, false) {
		counts = append(counts, "(SELECT count(*) FROM runs\n"+q.text()+")")
		count.args = append(count.args, q.args...)
		halves = append(halves, "SELECT "+live+", "+sqlSuccessLive+"\nFROM   runs\n"+q.text())
		page.args = append(page.args, q.args...)
	}
	if q := new(query); filterRuns(q, f, true) {
		total := endedTotal(f, q)
		counts = append(counts, total.text())
		count.args = append(count.args, total.args...)
		where := q
		if f.Limit > 0 {
			if err := q.orderBy(endedSort, f.Sort, newestRun); err != nil {
				return nil, nil, err
			}
			q.add("LIMIT ?", f.Start+f.Limit)
			where = new(query)
			where.and("id IN ONCE(\n	SELECT id\n	FROM   run_history\n"+q.text()+")ONCE", q.args...)
		}
		halves = append(halves, "SELECT "+ended+", "+sqlSuccessEnded+"\nFROM   run_history\n"+where.text())
		page.args = append(page.args, where.args...)
	}
	if len(halves) == 0 {
		return nil, nil, nil
	}
	count.add("SELECT " + strings.Join(counts, " + "))
	page.add(strings.Join(halves, "\nUNION ALL\n"))
	err = page.orderBy(runSort, f.Sort, newestRun)
	page.page(f.Start, f.Limit)
	return count, page, err
}

// Runs is jobs.RunStore.
func (c *Core) Runs(ctx context.Context, f jobs.RunQuery) (jobs.Page[*jobs.Run], error) {
	var result jobs.Page[*jobs.Run]
	count, page, err := runQueries(f)
	if err != nil || page == nil {
		return result, err
	}
	err = c.read(ctx, "list runs", func(v *View) error {
		if f.JobID != "" {
			var tenant jobs.TenantID
			if ok, err := v.get(&tenant, sqlGetJobTenant, f.JobID); err != nil || !ok || tenant != f.Tenant {
				return err
			}
		}
		var total []int
		if err := v.build(&total, count); err != nil {
			return err
		}
		var rows []struct {
			runRow
			Success *bool `db:"success"`
		}
		if err := v.build(&rows, page); err != nil {
			return err
		}
		result = jobs.Page[*jobs.Run]{Items: make([]*jobs.Run, len(rows)), Total: total[0]}
		for i := range rows {
			if f.Summary {
				run := rows[i].toRun(nil)
				run.Params = nil
				result.Items[i] = run
				continue
			}
			run, err := c.readRun(v, &rows[i].runRow)
			if err != nil {
				return err
			}
			result.Items[i] = run
		}
		return nil
	})
	return result, err
}

// sqlListNames: lookups by primary key.
const sqlListNames = `
	SELECT id, revision
	FROM   jobs
	WHERE  id IN LIST(?) AND tenant = ?`

// JobNames is jobs.HistoryStore. Names are read from the definitions, of which those in use are kept in memory.
func (c *Core) JobNames(ctx context.Context, tenant jobs.TenantID, ids []jobs.ID) (map[jobs.ID]string, error) {
	names := make(map[jobs.ID]string, len(ids))
	if len(ids) == 0 {
		return names, nil
	}
	err := c.read(ctx, "read names of jobs", func(v *View) error {
		var rows []struct {
			ID       jobs.ID `db:"id"`
			Revision int64   `db:"revision"`
		}
		if err := v.all(&rows, sqlListNames, texts(ids), tenant); err != nil {
			return err
		}
		for _, r := range rows {
			d, fault, err := c.definition(v, r.ID, r.Revision)
			if err != nil {
				return err
			}
			if fault == "" {
				names[r.ID] = d.Name
			}
		}
		return nil
	})
	return names, err
}
