package jobs

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Wait says why a queued run does not run yet, as it was when it was asked for (contract 20.5). It is for people: nothing decides by it.
type Wait struct {
	Reason WaitReason
	// Until is when a WaitPause ends; zero else.
	Until time.Time
	// Retry: the pause is the one before the next attempt of a step.
	Retry bool
	// Drivers are those that no worker has, each as "job driver \"email\""; empty if only no single worker has all of them.
	Drivers []string
	// Running is how many runs a limit counts, Limit their bound; both 0 where they are not the tenant's to know.
	Running, Limit int
	// Ahead is how many runs come first with WaitTurn, and in the backfill with WaitBlocked; at most MaxWaitAhead are counted.
	Ahead int
	// Refused is why the store lets nothing be claimed, with WaitStorage.
	Refused string
	// Holders are the runs in the way, longest running first, at most MaxWaitHolders, of readable jobs only.
	Holders []WaitHolder
}

// WaitHolder is a run in the way of another one.
type WaitHolder struct {
	JobID   ID
	JobName string
	RunID   RunID
	// StartedAt is zero for one that is queued itself.
	StartedAt time.Time
}

// WaitReason is the word for what a run waits for.
type WaitReason string

// What a run waits for, in the order in which it is looked at: another run of its job, a moment, any worker, a worker with its drivers, space
// on the disk, the tenant's limit, the cluster's limit, a free place on a worker with its drivers, its turn.
const (
	WaitBlocked      WaitReason = "blocked"
	WaitPause        WaitReason = "pause"
	WaitNoWorker     WaitReason = "no-worker"
	WaitNoDriver     WaitReason = "no-driver"
	WaitStorage      WaitReason = "storage"
	WaitTenantLimit  WaitReason = "tenant-limit"
	WaitClusterLimit WaitReason = "cluster-limit"
	WaitWorkerLimit  WaitReason = "worker-limit"
	WaitTurn         WaitReason = "turn"
)

// Bounds of what a Wait tells.
const (
	MaxWaitHolders = 10
	MaxWaitAhead   = 1000
)

// Detail is one sentence for people.
func (w *Wait) Detail() string {
	switch w.Reason {
	case WaitBlocked:
		if w.Ahead > 0 {
			return fmt.Sprintf("runs of the backfill go one after another; %s before this one", countText(w.Ahead, "run is", "runs are"))
		}
		return "another run of the job has to end first"
	case WaitPause:
		if w.Retry {
			return "a step failed; the next attempt is made at " + FormatTime(w.Until)
		}
		return "it may not start before " + FormatTime(w.Until)
	case WaitNoWorker:
		return "no worker is alive that takes runs"
	case WaitNoDriver:
		if len(w.Drivers) > 0 {
			return "no worker that is alive has the " + strings.Join(w.Drivers, ", the ")
		}
		return "no worker that is alive has all drivers of the job"
	case WaitStorage:
		return "nothing is started now: " + w.Refused
	case WaitTenantLimit:
		return fmt.Sprintf("the limit of the tenant is reached: %d of %d runs go on", w.Running, w.Limit)
	case WaitClusterLimit:
		return "the limit of the cluster is reached"
	case WaitWorkerLimit:
		return "every worker that has the drivers of the job is busy"
	case WaitTurn:
	}
	if w.Ahead == 0 {
		return "it is the next one to be taken"
	}
	return fmt.Sprintf("%s taken first, by priority and age", countText(w.Ahead, "run is", "runs are"))
}

// countText is a number that was counted up to MaxWaitAhead, with its noun.
func countText(n int, one, many string) string {
	switch {
	case n == 1:
		return "1 " + one
	case n >= MaxWaitAhead:
		return fmt.Sprintf("%d or more %s", MaxWaitAhead, many)
	}
	return fmt.Sprintf("%d %s", n, many)
}

// WaitQuery asks why runs of one tenant wait.
type WaitQuery struct {
	Tenant TenantID
	Runs   []RunID
	// ReadableBy limits the holders that are named to jobs that one of these principals owns or has a share of; nil: all of the tenant.
	ReadableBy []PrincipalID
}

// WaitStore tells why queued runs wait.
type WaitStore interface {
	// Waits tells of each of the runs that is queued why it is not running, by one state of the store. Runs that are not queued, unknown, or
	// of another tenant are left out. A worker counts as alive if it is active and its last heartbeat is not older than the time-out; the
	// engine does not decide by that. Holders of other tenants are not named.
	Waits(ctx context.Context, now time.Time, q WaitQuery) (map[RunID]Wait, error)
}

// Explain fills in what a queued run of the client waits for; for a run that was just started, as RunByID does it.
func (c *Client) Explain(ctx context.Context, r *Run) error { return c.explain(ctx, r) }

// explain fills in what the queued ones of some runs wait for.
func (c *Client) explain(ctx context.Context, runs ...*Run) error {
	q := WaitQuery{Tenant: c.principal.Tenant, ReadableBy: c.readers()}
	for _, r := range runs {
		if r.Status == RunQueued {
			q.Runs = append(q.Runs, r.ID)
		}
	}
	if len(q.Runs) == 0 {
		return nil
	}
	waits, err := c.service.store.Waits(ctx, now(), q)
	if err != nil {
		return err
	}
	for _, r := range runs {
		// A run that was taken since it was read has no reason any more, and is shown as it was read.
		if w, ok := waits[r.ID]; ok && r.Status == RunQueued {
			r.Waiting = &w
		}
	}
	return nil
}

// readers are the principals whose jobs the client may read; nil: all of the tenant.
func (c *Client) readers() []PrincipalID {
	if c.principal.Superuser {
		return nil
	}
	return c.principal.names()
}
