package sqlstore

import (
	"encoding/json"
	"slices"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// sqlListGroups: a seek in runs_claim for each tenant and urgency that has queued runs; one group as a rule. Each group is then
	// read in the order of the index.
	sqlListGroups = `
	WITH RECURSIVE g (tenant, urgency) AS (
		SELECT * FROM (SELECT tenant, urgency FROM runs WHERE status = 'queued' AND blocked = 0 ORDER BY tenant, urgency LIMIT 1) AS first
		UNION ALL
		SELECT n.tenant, n.urgency
		FROM   g JOIN runs n ON n.id = (
		       SELECT r.id FROM runs r
		       WHERE  r.status = 'queued' AND r.blocked = 0 AND (r.tenant, r.urgency) > (g.tenant, g.urgency)
		       ORDER  BY r.tenant, r.urgency, r.not_before, r.id LIMIT 1)
	)
	SELECT tenant, urgency
	FROM   g`
	// sqlCountRunning: index runs_held, as long as what runs.
	sqlCountRunning = `
	SELECT tenant, count(*) AS running, sum(CASE WHEN worker_id = ? THEN 1 ELSE 0 END) AS own
	FROM   runs
	WHERE  status = 'running'
	GROUP  BY tenant`
	// sqlClaim: index runs_claim, in its order. The status of the outer WHERE is the state that the run leaves (R1). Nobody else can
	// claim between its reading and its writing: on SQLite there is one writer. If the process dies after the commit the run is held
	// by a worker that does not beat any more.
	sqlClaim = `
	UPDATE runs
	SET    status = 'running', worker_id = ?, fence = fence + 1, seq = seq + 1, updated_at = ?,
	       attempt = CASE WHEN started_at = 0 THEN attempt ELSE attempt + 1 END,
	       started_at = CASE WHEN started_at = 0 THEN ? ELSE started_at END
	WHERE  status = 'queued' AND id IN ONCE(
	       SELECT id FROM runs
	       WHERE  status = 'queued' AND blocked = 0 AND tenant = ? AND urgency = ? AND not_before <= ?
	       ORDER  BY not_before, id
	       LIMIT  ? SKIP LOCKED)ONCE
	RETURNING ` + claimColumns
	// sqlClaimSome is sqlClaim of a worker that lacks drivers.
	sqlClaimSome = `
	UPDATE runs
	SET    status = 'running', worker_id = ?, fence = fence + 1, seq = seq + 1, updated_at = ?,
	       attempt = CASE WHEN started_at = 0 THEN attempt ELSE attempt + 1 END,
	       started_at = CASE WHEN started_at = 0 THEN ? ELSE started_at END
	WHERE  status = 'queued' AND id IN ONCE(
	       SELECT id FROM runs
	       WHERE  status = 'queued' AND blocked = 0 AND tenant = ? AND urgency = ? AND not_before <= ?
	              AND driver_set NOT IN NUMBERS(?)
	       ORDER  BY not_before, id
	       LIMIT  ? SKIP LOCKED)ONCE
	RETURNING ` + claimColumns
	// sqlMoreDue: index runs_claim.
	sqlMoreDue = `
	SELECT 1
	FROM   runs
	WHERE  status = 'queued' AND blocked = 0 AND tenant = ? AND urgency = ? AND not_before <= ?
	       AND driver_set NOT IN NUMBERS(?)
	LIMIT  1`
	// sqlNextDelayed: index runs_delayed.
	sqlNextDelayed = `
	SELECT not_before
	FROM   runs
	WHERE  delayed = 1 AND status = 'queued' AND blocked = 0 AND not_before > ? AND driver_set NOT IN NUMBERS(?)
	ORDER  BY not_before
	LIMIT  1`
)

// claimColumns are what a claim cannot know without the row.
const claimColumns = `id, tenant, job_id, owner_id, revision, trigger_kind, triggered_by, fence, urgency, not_before,
	       COALESCE(fire_at, 0), COALESCE(retry_of, ''), pinned, losses, attempt, params, COALESCE(steps, ''), warnings, seq, created_at,
	       started_at`

type claimGroup struct {
	Tenant  jobs.TenantID `db:"tenant"`
	Urgency int           `db:"urgency"`
}

// claimTenant is what one tenant has waiting, and how much of it may be taken.
type claimTenant struct {
	id     jobs.TenantID
	groups []int // urgencies that may have due runs, most urgent first
	room   int
}

// claim takes up to Want runs within all limits: tenants in turn, in a tenant by priority, then oldest first (R10, R11).
func (c *Core) claim(t *Tx, r jobs.ExchangeRequest, result *jobs.ExchangeResult) error {
	refused, err := c.sets.refused(t, r.Has)
	if err != nil {
		return err
	}
	k := claiming{core: c, t: t, r: r, refused: refused, result: result, now: toMillis(r.Now)}
	if err := k.nextDue(); err != nil {
		return err
	}
	if result.Status != jobs.WorkerActive {
		return nil
	}
	if r.Want > 0 {
		if result.Refused = c.db.RefuseClaims(); result.Refused != "" {
			return nil
		}
	}
	tenants, want, err := k.prepare(result.Concurrency, result.Limits.ClusterConcurrency)
	if err != nil || len(tenants) == 0 {
		return err
	}
	if err := k.takeInTurn(tenants, want); err != nil {
		return err
	}
	if err := t.promoteAll(k.freed); err != nil {
		return err
	}
	if r.Want > want && len(result.Claimed) == want {
		return nil // its own concurrency holds the worker back, so there is no more for it until one of its runs ends
	}
	return k.more(tenants)
}

// claiming is the state of one claim.
type claiming struct {
	core    *Core
	t       *Tx
	r       jobs.ExchangeRequest
	refused string // JSON array of driver sets; "" for none
	result  *jobs.ExchangeResult
	now     int64
	cluster int // what the cluster's limit leaves
	// dropped counts the runs that were claimed and ended at once, freed are their jobs.
	dropped int
	freed   []jobs.ID
}

func (k *claiming) refusedList() string {
	if k.refused == "" {
		return "[]"
	}
	return k.refused
}

func (k *claiming) nextDue() error {
	var ms int64
	_, err := k.t.get(&ms, sqlNextDelayed, k.now, k.refusedList())
	k.result.NextDue = fromMillis(ms)
	return err
}

type runningRow struct {
	Tenant  jobs.TenantID `db:"tenant"`
	Running int           `db:"running"`
	// Own are those of the worker that asks.
	Own int `db:"own"`
}

// prepare finds what waits and what the limits leave. Tenants come in turn, beginning behind the one that was served last.
func (k *claiming) prepare(concurrency, cluster int) (tenants []*claimTenant, want int, err error) {
	var groups []claimGroup
	if err := k.t.all(&groups, sqlListGroups); err != nil || len(groups) == 0 {
		return nil, 0, err
	}
	var counts []runningRow
	if err := k.t.all(&counts, sqlCountRunning, k.r.Worker); err != nil {
		return nil, 0, err
	}
	running := map[jobs.TenantID]int{}
	own := 0
	k.cluster = cluster
	for _, row := range counts {
		running[row.Tenant] = row.Running
		own += row.Own
		k.cluster -= row.Running
	}
	for _, g := range groups {
		if n := len(tenants); n == 0 || tenants[n-1].id != g.Tenant {
			limit, err := k.t.tenantLimit(g.Tenant)
			if err != nil {
				return nil, 0, err
			}
			tenants = append(tenants, &claimTenant{id: g.Tenant, room: limit - running[g.Tenant]})
		}
		last := tenants[len(tenants)-1]
		last.groups = append(last.groups, g.Urgency)
	}
	want = max(k.r.Want, 0)
	if concurrency > 0 {
		want = max(min(want, concurrency-own), 0)
	}
	return k.core.inTurn(tenants), want, nil
}

// inTurn rotates tenants so that the one behind the last served comes first.
func (c *Core) inTurn(tenants []*claimTenant) []*claimTenant {
	c.turn.Lock()
	defer c.turn.Unlock()
	at := slices.IndexFunc(tenants, func(t *claimTenant) bool { return t.id > c.lastTenant })
	if at <= 0 {
		return tenants
	}
	return append(slices.Clone(tenants[at:]), tenants[:at]...)
}

// takeInTurn shares want between the tenants; what one does not need goes to the others.
func (k *claiming) takeInTurn(tenants []*claimTenant, want int) error {
	waiting := slices.Clone(tenants)
	for want > 0 && len(waiting) > 0 {
		var again []*claimTenant
		for i, tenant := range waiting {
			share := (want + len(waiting) - i - 1) / (len(waiting) - i)
			share = min(share, tenant.room, k.cluster)
			if share <= 0 {
				continue
			}
			n, err := k.take(tenant, share)
			if err != nil {
				return err
			}
			want -= n
			if n > 0 {
				k.core.served(tenant.id)
			}
			if n == share {
				again = append(again, tenant)
			}
			if want == 0 {
				break
			}
		}
		waiting = again
	}
	return nil
}

func (c *Core) served(tenant jobs.TenantID) {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.lastTenant = tenant
}

// take claims up to n runs of a tenant, and gives how many there were.
func (k *claiming) take(tenant *claimTenant, n int) (int, error) {
	taken, before := 0, k.dropped
	for len(tenant.groups) > 0 && taken < n {
		urgency := tenant.groups[0]
		got, err := k.takeGroup(tenant.id, urgency, n-taken)
		if err != nil {
			return taken, err
		}
		taken += got
		if taken < n {
			tenant.groups = tenant.groups[1:]
		}
	}
	held := taken - (k.dropped - before)
	tenant.room -= held
	k.cluster -= held
	k.t.addQueued(tenant.id, -taken)
	return taken, nil
}

// takeGroup claims the oldest due runs of one tenant and urgency.
func (k *claiming) takeGroup(tenant jobs.TenantID, urgency, n int) (int, error) {
	query := sqlClaim
	args := []any{k.r.Worker, k.now, k.now, tenant, urgency, k.now, n}
	if k.refused != "" {
		query = sqlClaimSome
		args = []any{k.r.Worker, k.now, k.now, tenant, urgency, k.now, k.refused, n}
	}
	var rows []runRow
	err := k.t.returning(query, func(row scanner) error {
		c := runRow{Status: jobs.RunRunning, WorkerID: k.r.Worker, UpdatedAt: k.now}
		rows = append(rows, c)
		last := &rows[len(rows)-1]
		return row.Scan(&last.ID, &last.Tenant, &last.JobID, &last.OwnerID, &last.Revision, &last.Trigger, &last.TriggeredBy, &last.Fence,
			&last.Urgency, &last.NotBefore, &last.FireAt, &last.RetryOf, &last.Pinned, &last.Losses, &last.Attempt, &last.Params, &last.Steps, &last.Warnings, &last.Seq,
			&last.CreatedAt, &last.StartedAt)
	}, args...)
	if err != nil {
		return 0, err
	}
	slices.SortFunc(rows, func(a, b runRow) int {
		if a.NotBefore != b.NotBefore {
			return int(a.NotBefore - b.NotBefore)
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	for i := range rows {
		if err := k.hand(&rows[i]); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// sqlStartStep: lookup by primary key.
const sqlStartStep = `
	UPDATE runs
	SET    steps = ?, seq = ?, resumed = ?
	WHERE  id = ? AND status = 'running'`

// hand adds a claimed run to the result. The current step of a run that was put back is started again.
func (k *claiming) hand(row *runRow) error {
	run, err := k.core.run(k.t, row)
	if err != nil {
		return err
	}
	if run.unreadable != "" {
		return k.giveUp(row, run)
	}
	claim := jobs.Claim{Definition: run.definition}
	if row.Steps != "" {
		claim.Resumed, err = k.restart(run.Run)
		if err != nil {
			return err
		}
	}
	claim.Run = *run.Run
	k.result.Claimed = append(k.result.Claimed, claim)
	k.t.news.run(run.ID)
	k.t.changedRun(run.Tenant, run.JobID, run.ID, jobs.RunRunning)
	return nil
}

// giveUp ends a run that was claimed and cannot be executed, because what is stored of it cannot be read. The others go on.
func (k *claiming) giveUp(row *runRow, run storedRun) error {
	now := fromMillis(k.now)
	steps, seq := moveSteps(run.Steps, now, row.Seq, run.unreadable)
	seq++
	if err := k.core.end(k.t, row, jobs.RunError, steps, run.unreadable, seq, now); err != nil {
		return err
	}
	index, err := k.t.nextLogIndex(row.ID)
	if err != nil {
		return err
	}
	k.dropped++
	k.freed = append(k.freed, row.JobID)
	return k.t.appendLogs(row.ID, []jobs.LogEntry{
		{Index: index, Seq: seq, Level: jobs.LogError, Message: run.unreadable, CreatedAt: now},
	})
}

func (k *claiming) restart(run *jobs.Run) (resumed bool, err error) {
	i := jobs.CurrentStep(run.Steps)
	if i == len(run.Steps) {
		return false, nil // all results are recorded; only the end is missing
	}
	s := &run.Steps[i]
	resumed = s.State == jobs.StepInterrupted
	s.State, s.Seq = jobs.StepStarted, run.Seq
	s.Attempt++
	s.Message, s.Percent, s.Output = "", nil, json.RawMessage(nil)
	s.StartedAt = fromMillis(k.now) // of this attempt
	text, err := storedSteps(run.Steps)
	if err != nil {
		return false, err
	}
	_, err = k.t.exec(sqlStartStep, text, run.Seq, toInt(resumed), run.ID)
	return resumed, err
}

// more tells whether due runs are left that the limits would let this worker take, and remembers those that limits hold back.
func (k *claiming) more(tenants []*claimTenant) error {
	held := false
	for _, tenant := range tenants {
		for _, urgency := range tenant.groups {
			var one int
			due, err := k.t.get(&one, sqlMoreDue, tenant.id, urgency, k.now, k.refusedList())
			if err != nil {
				return err
			}
			if !due {
				continue
			}
			if tenant.room > 0 && k.cluster > 0 {
				k.result.More = true
				return nil
			}
			held = true
		}
	}
	if held {
		k.core.limited.Store(true)
		k.t.news.held = true
	}
	return nil
}
