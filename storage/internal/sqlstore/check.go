package sqlstore

import (
	"context"
	"errors"
	"fmt"
)

// invariant is a sentence about everything that is stored, and a statement that finds what breaks it, as one text a row.
type invariant struct {
	sentence string
	query    string
}

// invariants are those of reliability section 15 that can be seen in what is stored. Openness of a job's runs is judged by the
// revision that each run executes: runs of a revision that allowed more may still go on after the policy was tightened.
var invariants = []invariant{
	{"I2: a job has at most one run that does not wait, unless its policy allows more", `
	SELECT r.job_id
	FROM   runs r JOIN job_revisions d ON d.job_id = r.job_id AND d.revision = r.revision
	WHERE  r.blocked = 0 AND r.pinned = 0 AND CASE WHEN json_valid(d.definition) THEN json_extract(d.definition, '$.policies.overlap') ELSE 'allow' END <> 'allow'
	GROUP  BY r.job_id
	HAVING count(*) > 1`},
	{"I2: queued runs that may start are within the policy of their job", `
	SELECT r.job_id
	FROM   runs r JOIN jobs j ON j.id = r.job_id
	WHERE  r.blocked = 0
	GROUP  BY r.job_id, j.overlap, j.max_concurrent
	HAVING count(CASE WHEN r.status = 'queued' AND r.started_at = 0 THEN 1 END) > 0
	       AND count(*) > CASE j.overlap WHEN 'allow' THEN j.max_concurrent ELSE 1 END`},
	{"I10: a run waits only if its job has no room", `
	SELECT j.id
	FROM   jobs j
	WHERE  EXISTS (SELECT 1 FROM runs w WHERE w.job_id = j.id AND w.blocked = 1 AND (w.trigger_kind <> 'backfill'
	               OR NOT EXISTS (SELECT 1 FROM runs c WHERE c.job_id = j.id AND c.trigger_kind = 'backfill' AND c.blocked = 0)))
	       AND (SELECT count(*) FROM runs o WHERE o.job_id = j.id AND o.blocked = 0) < CASE j.overlap WHEN 'allow' THEN j.max_concurrent ELSE 1 END`},
	{"an exclusive key is held only by a job whose runs must not overlap", `
	SELECT r.id
	FROM   runs r JOIN jobs j ON j.id = r.job_id
	WHERE  r.exclusive_key IS NOT NULL AND j.overlap = 'allow'`},
	{"a job whose runs must not overlap and that has one open run gives it the exclusive key", `
	SELECT r.job_id
	FROM   runs r JOIN jobs j ON j.id = r.job_id
	WHERE  r.blocked = 0 AND j.overlap <> 'allow'
	GROUP  BY r.job_id
	HAVING count(*) = 1 AND max(r.exclusive_key) IS NULL`},
	{"I3: a fire has one line", `
	SELECT job_id || ' at ' || at
	FROM   (SELECT job_id, fire_at AS at FROM runs WHERE fire_at IS NOT NULL
	        UNION ALL SELECT job_id, fire_at FROM run_history WHERE fire_at IS NOT NULL
	        UNION ALL SELECT job_id, at FROM fires) AS f
	GROUP  BY job_id, at
	HAVING count(*) > 1`},
	{"I8: the next fire is later than every fire that was decided", `
	SELECT j.id
	FROM   jobs j
	WHERE  j.enabled = 1 AND EXISTS (SELECT 1 FROM fires f WHERE f.job_id = j.id AND f.outcome <> 'withdrawn' AND f.reason <> '` + removedReason + `'
	       AND GREATEST(f.at, f.until) >= j.next_run_at AND f.at < j.next_run_at)`},
	{"a draft has no slug and no next fire", `
	SELECT id
	FROM   jobs
	WHERE  editing_id IS NOT NULL AND (slug IS NOT NULL OR next_run_at IS NOT NULL)`},
	{"a share belongs to a job, and is neither its owner's nor one of a draft", `
	SELECT s.job_id || ' with ' || s.principal_id
	FROM   job_shares s LEFT JOIN jobs j ON j.id = s.job_id
	WHERE  j.id IS NULL OR j.owner_id = s.principal_id OR j.editing_id IS NOT NULL`},
	{"a draft is of a job of its tenant that is no draft itself", `
	SELECT d.id
	FROM   jobs d LEFT JOIN jobs j ON j.id = d.editing_id
	WHERE  d.editing_id IS NOT NULL AND (j.id IS NULL OR j.tenant <> d.tenant OR j.editing_id IS NOT NULL)`},
	{"the revisions that a draft was made from are kept", `
	SELECT d.id
	FROM   jobs d
	WHERE  d.editing_id IS NOT NULL
	       AND (NOT EXISTS (SELECT 1 FROM job_revisions r WHERE r.job_id = d.editing_id AND r.revision = d.base_revision)
	       OR NOT EXISTS (SELECT 1 FROM job_revisions r WHERE r.job_id = d.editing_id AND r.revision = d.base_source)
	       OR NOT EXISTS (SELECT 1 FROM job_revisions r WHERE r.job_id = d.id AND r.revision = 1))`},
	{"a revision is not newer than its job", `
	SELECT r.job_id || ' revision ' || r.revision
	FROM   job_revisions r LEFT JOIN jobs j ON j.id = r.job_id
	WHERE  j.id IS NULL OR r.revision > j.revision`},
	{"a tag of a job is one of its tenant, and not of a draft", `
	SELECT a.job_id || ' with ' || a.tag_id
	FROM   job_tags a LEFT JOIN jobs j ON j.id = a.job_id LEFT JOIN tags t ON t.id = a.tag_id
	WHERE  j.id IS NULL OR t.id IS NULL OR j.tenant <> t.tenant OR j.editing_id IS NOT NULL`},
	{"a favorite is a job of the user's tenant, and no draft", `
	SELECT f.job_id || ' of ' || f.user_id
	FROM   job_favorites f LEFT JOIN jobs j ON j.id = f.job_id
	WHERE  j.id IS NULL OR j.tenant <> f.tenant OR j.editing_id IS NOT NULL`},
	{"a job that was handed over and not switched on since is off", `
	SELECT h.job_id
	FROM   job_handovers h LEFT JOIN jobs j ON j.id = h.job_id
	WHERE  j.id IS NULL OR j.enabled <> 0`},
	{"what a revision names of contents is noted, and nothing else", `
	SELECT COALESCE(d.job_id, r.job_id) || ' revision ' || COALESCE(d.revision, r.revision)
	FROM   (SELECT DISTINCT v.job_id, v.revision, json_extract(x.value, '$.file.key') AS file_key
	        FROM   job_revisions v, json_each(CASE WHEN json_valid(v.definition) THEN v.definition ELSE '{}' END, '$.actions') a,
	               json_each(a.value, '$.attachments') x
	        WHERE  json_extract(x.value, '$.file.key') IS NOT NULL) d
	       FULL JOIN revision_files r ON r.job_id = d.job_id AND r.revision = d.revision AND r.file_key = d.file_key
	WHERE  r.job_id IS NULL
	       OR d.job_id IS NULL AND r.job_id IN (SELECT v.job_id FROM job_revisions v WHERE v.revision = r.revision AND json_valid(v.definition))`},
	{"contents that a revision names are of its tenant and marked", `
	SELECT r.file_key
	FROM   revision_files r JOIN jobs j ON j.id = r.job_id LEFT JOIN files f ON f.key = r.file_key
	WHERE  f.key IS NULL OR f.tenant <> j.tenant OR f.named <> 1`},
	{"the files of a tenant are within their limits", `
	SELECT tenant
	FROM   files
	GROUP  BY tenant
	HAVING count(*) > 10000 OR sum(size) > 10737418240`},
	{"a live run is not in the history", `
	SELECT id
	FROM   runs
	WHERE  id IN (SELECT id FROM run_history)`},
	{"a running run is held by a live worker", `
	SELECT r.id
	FROM   runs r LEFT JOIN job_workers w ON w.id = r.worker_id
	WHERE  r.status = 'running' AND (w.status IS NULL OR w.status NOT IN ('active', 'draining'))`},
	{"a run belongs to a job of its tenant", `
	SELECT r.id
	FROM   (SELECT id, job_id, tenant FROM runs UNION ALL SELECT id, job_id, tenant FROM run_history) r
	       LEFT JOIN jobs j ON j.id = r.job_id
	WHERE  j.id IS NULL OR j.tenant <> r.tenant`},
	{"the revision of a run is kept", `
	SELECT r.id
	FROM   (SELECT id, job_id, revision FROM runs UNION ALL SELECT id, job_id, revision FROM run_history) r
	       LEFT JOIN job_revisions d ON d.job_id = r.job_id AND d.revision = r.revision
	WHERE  d.job_id IS NULL`},
	{"a run that has not begun has the revision, the drivers and the priority of its job", `
	SELECT r.id
	FROM   runs r JOIN jobs j ON j.id = r.job_id
	WHERE  r.status = 'queued' AND r.started_at = 0
	       AND (r.pinned = 0 AND (r.revision <> j.revision OR r.driver_set <> j.driver_set) OR r.urgency <> -j.priority)`},
	{"at most one run of a backfill of a job does not wait", `
	SELECT job_id
	FROM   runs
	WHERE  trigger_kind = 'backfill' AND blocked = 0
	GROUP  BY job_id
	HAVING count(*) > 1`},
	{"the definition of a job is kept", `
	SELECT j.id
	FROM   jobs j LEFT JOIN job_revisions d ON d.job_id = j.id AND d.revision = j.revision
	WHERE  d.job_id IS NULL`},
	{"a stored definition can be read", `
	SELECT job_id || ' revision ' || revision
	FROM   job_revisions
	WHERE  NOT json_valid(definition)`},
	{"stored steps can be read", `
	SELECT id
	FROM   (SELECT id, steps FROM runs UNION ALL SELECT id, steps FROM run_history) AS r
	WHERE  steps IS NOT NULL AND NOT json_valid(steps)`},
	{"I4: an ended run began before it ended", `
	SELECT id
	FROM   run_history
	WHERE  status IN ('success', 'warning', 'error') AND started_at = 0`},
	{"an ended run has a result for each step that its worker told of", `
	SELECT h.id
	FROM   run_history h
	WHERE  h.steps IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(h.steps) THEN h.steps ELSE '[]' END, '$') s
	       WHERE json_extract(s.value, '$.state') NOT IN ('success', 'warning', 'error', 'skipped'))`},
	{"events of a run are not newer than its number", `
	SELECT l.run_id
	FROM   run_logs l JOIN (SELECT id, seq FROM runs UNION ALL SELECT id, seq FROM run_history) r ON r.id = l.run_id
	WHERE  l.seq > r.seq`},
	{"events of a run grow with the index of their entries", `
	SELECT run_id
	FROM   (SELECT run_id, seq, lag(seq) OVER (PARTITION BY run_id ORDER BY idx) AS before FROM run_logs) AS l
	WHERE  seq < before`},
	{"a log entry belongs to a run", `
	SELECT run_id
	FROM   run_logs
	WHERE  run_id NOT IN (SELECT id FROM runs) AND run_id NOT IN (SELECT id FROM run_history)`},
	{"the number of queued runs of a tenant is counted right", `
	SELECT t.id
	FROM   (SELECT id FROM tenants UNION SELECT tenant FROM runs) t LEFT JOIN tenants c ON c.id = t.id
	WHERE  COALESCE(c.queued, 0) <> (SELECT count(*) FROM runs r WHERE r.tenant = t.id AND r.status = 'queued')`},
	{"the number of ended runs of a job is counted right", `
	SELECT j.id || ' revision ' || j.revision || ' ' || j.status
	FROM   (SELECT job_id AS id, revision, status FROM run_totals UNION SELECT job_id, revision, status FROM run_history) j
	       LEFT JOIN run_totals c ON c.job_id = j.id AND c.revision = j.revision AND c.status = j.status
	WHERE  COALESCE(c.ended, 0) <>
	       (SELECT count(*) FROM run_history h WHERE h.job_id = j.id AND h.revision = j.revision AND h.status = j.status)`},
	{"the run of a job that ended last is noted", `
	SELECT h.job_id || ' ' || h.id
	FROM   (SELECT job_id, id, status, warnings, started_at, ended_at, row_number() OVER (PARTITION BY job_id ORDER BY ended_at DESC, id DESC) AS place
	        FROM run_history) h LEFT JOIN last_runs l ON l.job_id = h.job_id
	WHERE  h.place = 1 AND (l.run_id IS NULL OR
	       (h.id, h.status, h.warnings, h.started_at, h.ended_at) <> (l.run_id, l.status, l.warnings, l.started_at, l.ended_at))
	UNION ALL SELECT job_id FROM last_runs WHERE job_id NOT IN (SELECT job_id FROM run_history)`},
	{"what lists show of a job is what its definition says", `
	SELECT j.id
	FROM   jobs j JOIN job_revisions d ON d.job_id = j.id AND d.revision = j.revision
	WHERE  json_valid(d.definition) AND (j.name <> json_extract(d.definition, '$.name')
	       OR j.description <> COALESCE(json_extract(d.definition, '$.description'), '')
	       OR j.interval_text <> COALESCE(json_extract(d.definition, '$.schedule.interval'), '')
	       OR j.interval_type <> COALESCE(json_extract(d.definition, '$.schedule.intervalType'), '')
	       OR j.timezone <> COALESCE(json_extract(d.definition, '$.schedule.timezone'), ''))`},
	{"the number of jobs of a tenant is counted right", `
	SELECT t.id
	FROM   (SELECT id FROM tenants UNION SELECT tenant FROM jobs) t LEFT JOIN tenants c ON c.id = t.id
	WHERE  COALESCE(c.jobs, 0) <> (SELECT count(*) FROM jobs j WHERE j.tenant = t.id AND j.editing_id IS NULL)`},
	{"the sign of a delay is set for every run that waits for a time to come", `
	SELECT id
	FROM   runs
	WHERE  status = 'queued' AND delayed = 0 AND not_before > updated_at`},
	{"a step result names its event", `
	SELECT r.id
	FROM   runs r
	WHERE  r.steps IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(r.steps) THEN r.steps ELSE '[]' END, '$') s
	       WHERE CAST(json_extract(s.value, '$.seq') AS BIGINT) > r.seq)`},
	{"a member of a team is a user of the team's tenant", `
	SELECT m.user_id || ' in ' || m.team_id
	FROM   team_members m LEFT JOIN users u ON u.tenant = m.tenant AND u.id = m.user_id
	WHERE  u.id IS NULL`},
	{"a member is in a team of its tenant", `
	SELECT m.user_id || ' in ' || m.team_id
	FROM   team_members m LEFT JOIN teams t ON t.tenant = m.tenant AND t.id = m.team_id
	WHERE  t.id IS NULL`},
	{"a session belongs to a user who is enabled", `
	SELECT s.user_id
	FROM   sessions s LEFT JOIN users u ON u.tenant = s.tenant AND u.id = s.user_id
	WHERE  u.id IS NULL OR u.enabled <> 1`},
	{"a token belongs to a user who is enabled", `
	SELECT k.id || ' of ' || k.user_id
	FROM   tokens k LEFT JOIN users u ON u.tenant = k.tenant AND u.id = k.user_id
	WHERE  u.id IS NULL OR u.enabled <> 1`},
}

// CheckError is an invariant that does not hold.
type CheckError struct {
	// Invariant is a sentence of what should be.
	Invariant string
	// Rows name up to ten things that break it.
	Rows []string
}

// Error names the sentence and the rows.
func (e *CheckError) Error() string { return fmt.Sprintf("not so: %s: %v", e.Invariant, e.Rows) }

// Check looks whether everything that is stored obeys the invariants of reliability section 15, and joins a *CheckError for each
// that is broken. It reads the whole database in one state; other work goes on.
func (c *Core) Check(ctx context.Context) error {
	var faults []error
	err := c.read(ctx, "check", func(v *View) error {
		for _, i := range invariants {
			var rows []string
			q := new(query)
			q.add("SELECT * FROM (" + i.query + "\n) AS broken LIMIT 10")
			if err := v.build(&rows, q); err != nil {
				return fmt.Errorf("%s: %w", i.sentence, err)
			}
			if len(rows) > 0 {
				faults = append(faults, &CheckError{i.sentence, rows})
			}
		}
		return v.checkLimits(&faults)
	})
	return errors.Join(err, errors.Join(faults...))
}

// checkLimits compares the running runs with the limits. A limit that was lowered while runs went on is exceeded rightfully until
// they end; the check says so and leaves the judgement to its reader.
func (v *View) checkLimits(faults *[]error) error {
	cluster, err := clusterLimits(v)
	if err != nil {
		return err
	}
	var rows []runningRow
	if err := v.all(&rows, sqlCountRunning, ""); err != nil {
		return err
	}
	all := 0
	for _, row := range rows {
		limit, err := tenantLimit(v, row.Tenant)
		if err != nil {
			return err
		}
		if row.Running > limit {
			*faults = append(*faults, limitFault(fmt.Sprintf("of tenant %s", row.Tenant), row.Running, limit))
		}
		all += row.Running
	}
	if all > cluster.ClusterConcurrency {
		*faults = append(*faults, limitFault("of all tenants", all, cluster.ClusterConcurrency))
	}
	return nil
}

func limitFault(whose string, running, limit int) error {
	return &CheckError{
		Invariant: "I2: running runs " + whose + " are within the limit, unless it was lowered while they ran",
		Rows:      []string{fmt.Sprintf("%d running, limit %d", running, limit)},
	}
}
