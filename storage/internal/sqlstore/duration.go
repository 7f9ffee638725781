package sqlstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// sqlListDurations: index run_history_ended alone, at most so many of its entries for each job.
const sqlListDurations = `
	SELECT jobs.id AS job_id, COALESCE((
	       SELECT string_agg(CASE WHEN g.status IN ('success', 'warning') THEN CAST(g.ended_at - g.started_at AS TEXT) END, ' ' ORDER BY g.ended_at DESC, g.id DESC)
	       FROM   (SELECT e.status, e.ended_at, e.started_at, e.id FROM run_history e
	               WHERE e.job_id = jobs.id ORDER BY e.ended_at DESC, e.id DESC LIMIT ?) g
	       ), '') AS durations
	FROM   jobs
	WHERE  jobs.tenant = ? AND jobs.id IN LIST(?)`

// Durations is jobs.SummaryStore.
func (c *Core) Durations(ctx context.Context, tenant jobs.TenantID, ids []jobs.ID, n int) (map[jobs.ID][]time.Duration, error) {
	out := map[jobs.ID][]time.Duration{}
	err := c.read(ctx, "read durations", func(v *View) error {
		var rows []struct {
			JobID     jobs.ID `db:"job_id"`
			Durations string  `db:"durations"`
		}
		if err := v.all(&rows, sqlListDurations, n, tenant, texts(ids)); err != nil {
			return err
		}
		for _, row := range rows {
			for text := range strings.FieldsSeq(row.Durations) {
				ms, err := strconv.ParseInt(text, 10, 64)
				if err != nil {
					return fmt.Errorf("duration of job %s: %w", row.JobID, err)
				}
				out[row.JobID] = append(out[row.JobID], time.Duration(ms)*time.Millisecond)
			}
		}
		return nil
	})
	return out, err
}
