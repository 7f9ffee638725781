package jobs

import (
	"context"
	"time"
)

// MaxBackfillFires is the most fires that one backfill may cover.
const MaxBackfillFires = 1000

// Backfill asks for a run of each fire of a range of the past that has none (contract 20.5).
type Backfill struct {
	Tenant      TenantID
	JobID       ID
	TriggeredBy PrincipalID
	// From and To bound the fires: at or after, before.
	From, To time.Time
	// DryRun: nothing is stored.
	DryRun bool
}

// BackfillRun is a fire that gets its run.
type BackfillRun struct {
	At time.Time
	// RunID is empty for a dry run.
	RunID RunID
}

// BackfillStore fills gaps of the ledger.
type BackfillStore interface {
	// BackfillRuns inserts a queued run with TriggerBackfill for each fire of the job's present schedule in the range that has no run, oldest
	// first, and gives them. A fire that was skipped, coalesced, missed or withdrawn without a run has its run in place of its line, so every
	// due moment still is in one line. Fires whose run is stored or was removed, and those that the planner has yet to decide, are left out; so
	// a repeat starts nothing.
	//
	// The runs of a job's backfills go on one after another, whatever its overlap policy; other runs of the job go before those that wait, and
	// the policy is not applied to them (DecideStart). More than MaxBackfillFires fires in the range are a *ValidationError at "to". Unknown
	// job: ErrNotFound. A draft, a job that is Broken or has no schedule, more than MaxQueuedPerTenant queued runs: *ConflictError.
	BackfillRuns(ctx context.Context, now time.Time, b Backfill) ([]BackfillRun, error)
}

// BackfillFires are the fires of a schedule at or after from and before to; a *ValidationError if they are more than MaxBackfillFires.
func BackfillFires(s Schedule, from, to time.Time) ([]time.Time, error) {
	var fires []time.Time
	for at, ok := s.Next(from.Add(-time.Nanosecond)); ok && at.Before(to); at, ok = s.Next(at) {
		if len(fires) == MaxBackfillFires {
			return nil, Invalid("to", "leaves more than %d fires in the range; the schedule fires too often for it", MaxBackfillFires)
		}
		fires = append(fires, at)
	}
	return fires, nil
}

// WithoutFires is what is left of a line of the ledger whose fires from first to last get runs of their own: no line, one, or two.
func (f Fire) WithoutFires(s Schedule, first, last time.Time) []Fire {
	until := f.Until
	if until.IsZero() {
		until = f.At
	}
	var rest []Fire
	part := func(from, to time.Time) {
		p := f
		p.At, p.Late, p.Until, p.Count = from, f.Late-from.Sub(f.At), time.Time{}, 0
		if to.After(from) {
			p.Until = to
			if n, exact := s.Count(from.Add(-time.Nanosecond), to, MaxCountedMisfires); exact {
				p.Count = n
			}
		}
		rest = append(rest, p)
	}
	if first.After(f.At) {
		end, ok := s.Latest(f.At.Add(-time.Nanosecond), first.Add(-time.Millisecond))
		if !ok {
			end = f.At // the line is of an earlier schedule
		}
		part(f.At, end)
	}
	if next, ok := s.Next(last); ok && !next.After(until) {
		part(next, until)
	}
	return rest
}

// BackfillOptions are what a backfill can say.
type BackfillOptions struct {
	// From and To bound the fires: at or after, before. To may not be in the future.
	From, To time.Time
	// DryRun tells what would be started, and starts nothing.
	DryRun bool
}

// Backfill starts a run for each fire of the past in a range that has none, one after another (contract 20.5). The schedule goes on beside it.
func (c *Client) Backfill(ctx context.Context, ref JobRef, o BackfillOptions) ([]BackfillRun, error) {
	j, err := c.permitted(ctx, ref, PermissionRun)
	if err != nil {
		return nil, err
	}
	at := now()
	var f Faults
	for _, m := range []struct {
		name string
		at   time.Time
	}{{"from", o.From}, {"to", o.To}} {
		switch {
		case m.at.IsZero():
			f.Add(m.name, "is required")
		case m.at.After(at):
			f.Add(m.name, "is in the future; a backfill is for fires that have passed")
		}
	}
	if f.Empty() && !o.From.Before(o.To) {
		f.Add("to", "is not later than from")
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	if j.IsDraft() {
		return nil, Conflict("a draft cannot run; commit it first")
	}
	if !o.DryRun {
		if err := c.service.takesRuns(); err != nil {
			return nil, err
		}
		ctx = c.audited(ctx, auditJob(AuditBackfill, j))
	}
	return c.service.store.BackfillRuns(ctx, at, Backfill{
		Tenant: j.Tenant, JobID: j.ID, TriggeredBy: c.principal.User, From: o.From, To: o.To, DryRun: o.DryRun,
	})
}
