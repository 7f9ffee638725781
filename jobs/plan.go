package jobs

import (
	"fmt"
	"time"
)

// DueJob is what the planner knows of a job that is due.
type DueJob struct {
	ID ID
	// Schedule is the effective one, with the job's offset.
	Schedule Schedule
	Policies Policies
	// NextRunAt is the fire that is due.
	NextRunAt time.Time
	Live      []LiveRun
}

// FirePlan is what becomes of the due fires of one job.
type FirePlan struct {
	// Fires with a Start become runs, the others lines of the ledger. Runs have to be inserted in this order.
	Fires []PlannedFire
	// Next is the new NextRunAt; it may be due already if a pass has decided MaxFiresPerPass fires. Zero: nothing will fire.
	Next time.Time
}

// PlannedFire is one line of the ledger to be, or one run to be.
type PlannedFire struct {
	Fire Fire
	// Start is set if the fire becomes a run.
	Start *PlannedStart
	// By is the index in FirePlan.Fires of the fire whose new run stands for this one or is in its way, so that its id is not known
	// yet; -1: Fire.RunID holds.
	By int
}

// PlannedStart is how the run of a fire goes in.
type PlannedStart struct {
	Trigger  Trigger
	Decision StartDecision
	// ReplaceFires are indexes of earlier fires of the same plan whose waiting runs this one replaces: those runs are inserted
	// and end as canceled, so that the ledger has them.
	ReplaceFires []int
}

// DecideFires decides every fire of a job that is due at now, without walking the missed ones (R16). It never panics: a schedule
// that cannot be evaluated, or that does not move on, is an error, and the job is to be disabled (R17).
func DecideFires(due DueJob, now time.Time) (plan FirePlan, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("schedule cannot be evaluated: %v", r)
		}
	}()
	p := planning{due: due, now: now, live: append([]LiveRun(nil), due.Live...), byFire: map[RunID]int{}}
	first := due.NextRunAt
	if first.After(now) {
		return FirePlan{Next: first}, nil
	}
	cut := now.Add(-due.Policies.MisfireGrace)
	if first.Before(cut) {
		if err := p.misfires(first, cut); err != nil {
			return FirePlan{}, err
		}
		next, ok := due.Schedule.Next(p.last)
		if ok && !next.After(p.last) {
			return FirePlan{}, fmt.Errorf("schedule does not move on from %s", p.last.Format(time.RFC3339))
		}
		if !ok {
			return p.done(time.Time{}), nil
		}
		first = next
	}
	for n := 0; !first.After(now); n++ {
		if n == MaxFiresPerPass {
			return p.done(first), nil
		}
		p.fire(first, TriggerSchedule)
		next, ok := due.Schedule.Next(first)
		if !ok {
			return p.done(time.Time{}), nil
		}
		if !next.After(first) {
			return FirePlan{}, fmt.Errorf("schedule does not move on from %s", first.Format(time.RFC3339))
		}
		first = next
	}
	return p.done(first), nil
}

// planning is the state while the fires of one job are decided, one after another: each new run is live for the next fire.
type planning struct {
	due    DueJob
	now    time.Time
	live   []LiveRun
	fires  []PlannedFire
	byFire map[RunID]int // placeholder ids of new runs
	last   time.Time     // the newest fire that is decided
}

func (p *planning) done(next time.Time) FirePlan { return FirePlan{Fires: p.fires, Next: next} }

// misfires decides all fires from first to cut, which are later than the grace.
func (p *planning) misfires(first, cut time.Time) error {
	s, pol := p.due.Schedule, p.due.Policies
	newest, ok := s.Latest(first.Add(-time.Nanosecond), cut)
	if !ok || newest.Before(first) {
		newest = first // the schedule was changed without its next fire; this one is due all the same
	}
	window := p.now.Add(-pol.MisfireWindow)
	defer func() { p.last = newest }() // also where the fires after a bound were dropped without being looked at
	switch {
	case !s.EndOn.IsZero() && p.now.After(s.EndOn):
		p.drop(first, newest, FireMissed, "nobody planned it in time and the schedule has ended since", -1)
	case pol.Misfire == MisfireSkip:
		p.drop(first, newest, FireMissed, "nobody planned it in time and the misfire policy is skip", -1)
	case newest.Before(window):
		p.drop(first, newest, FireMissed, "nobody planned it in time and it is older than the misfire window", -1)
	case pol.Misfire == MisfireAll:
		return p.catchUpAll(first, newest, window)
	default:
		// The catch-up run comes first in the plan so that the dropped fires can name it; lines are ordered by time on reading.
		i := p.fire(newest, TriggerCatchup)
		if newest.After(first) {
			p.dropBefore(first, newest, window, i)
		}
	}
	return nil
}

// dropBefore records the fires from first to just before newest: those in the window are covered by the run of fire i.
func (p *planning) dropBefore(first, newest, window time.Time, i int) {
	before := newest.Add(-time.Millisecond)
	if first.Before(window) {
		if end, ok := p.due.Schedule.Latest(first.Add(-time.Nanosecond), minTime(window.Add(-time.Millisecond), before)); ok {
			p.drop(first, end, FireMissed, "nobody planned it in time and it is older than the misfire window", -1)
			next, ok := p.due.Schedule.Next(end)
			if !ok || !next.Before(newest) {
				return
			}
			first = next
		}
	}
	end, ok := p.due.Schedule.Latest(first.Add(-time.Nanosecond), before)
	if !ok {
		end = first
	}
	if p.fires[i].Start == nil {
		p.drop(first, end, FireSkipped, "nobody planned it in time, and then a run of the job was still live", i)
		return
	}
	p.drop(first, end, FireCoalesced, "nobody planned it in time; the run of the newest missed fire stands for it", i)
}

// catchUpAll starts a run for each missed fire in the window, oldest first, at most MaxMisfires; older and further ones are missed.
func (p *planning) catchUpAll(first, newest, window time.Time) error {
	if first.Before(window) {
		if end, ok := p.due.Schedule.Latest(first.Add(-time.Nanosecond), window.Add(-time.Millisecond)); ok {
			p.drop(first, end, FireMissed, "nobody planned it in time and it is older than the misfire window", -1)
			next, ok := p.due.Schedule.Next(end)
			if !ok {
				return nil
			}
			first = next
		}
	}
	for n := 0; !first.After(newest); n++ {
		if n == MaxMisfires {
			p.drop(first, newest, FireMissed, fmt.Sprintf("more than %d fires were missed", MaxMisfires), -1)
			return nil
		}
		p.fire(first, TriggerCatchup)
		next, ok := p.due.Schedule.Next(first)
		if !ok {
			return nil
		}
		if !next.After(first) {
			return fmt.Errorf("schedule does not move on from %s", first.Format(time.RFC3339))
		}
		first = next
	}
	return nil
}

// fire decides one fire by the overlap policy, and returns its index in the plan.
func (p *planning) fire(at time.Time, trigger Trigger) int {
	i := len(p.fires)
	p.last = at
	policies := p.due.Policies
	if trigger == TriggerCatchup && policies.Misfire == MisfireAll && policies.Overlap != OverlapAllow {
		// Catching up one after another needs them to wait for each other, whatever the policy for fires in time is.
		policies.Overlap, policies.MaxConcurrent = OverlapAllow, 1
	}
	d := DecideStart(policies, p.live)
	line := PlannedFire{By: -1, Fire: Fire{JobID: p.due.ID, At: at, Late: p.now.Sub(at)}}
	if !d.Admit {
		line.Fire.Outcome, line.Fire.Reason = FireSkipped, "a run of the job was still live"
		line.Fire.RunID, line.By = p.resolve(d.Blocker)
		p.fires = append(p.fires, line)
		return i
	}
	start := &PlannedStart{Trigger: trigger}
	gone := map[RunID]bool{}
	for _, id := range d.Replace {
		gone[id] = true
		if real, at := p.resolve(id); at >= 0 {
			start.ReplaceFires = append(start.ReplaceFires, at)
		} else {
			start.Decision.Replace = append(start.Decision.Replace, real)
		}
	}
	start.Decision.Admit, start.Decision.Blocked, start.Decision.Cancel = true, d.Blocked, d.Cancel
	start.Decision.Blocker, _ = p.resolve(d.Blocker)
	live := p.live[:0]
	for _, r := range p.live {
		if !gone[r.ID] {
			live = append(live, r)
		}
	}
	id := RunID(fmt.Sprintf("fire %d", i))
	p.byFire[id] = i
	p.live = append(live, LiveRun{ID: id, Status: RunQueued, Trigger: trigger, Blocked: d.Blocked})
	line.Fire.Outcome, line.Start = FireRan, start
	p.fires = append(p.fires, line)
	return i
}

// resolve tells a run that exists from one that this plan is about to make.
func (p *planning) resolve(id RunID) (RunID, int) {
	if i, ok := p.byFire[id]; ok {
		return "", i
	}
	return id, -1
}

// drop records the fires from first to last with one outcome: the newest MaxSingleMisfires each, older ones in one line.
func (p *planning) drop(first, last time.Time, outcome FireOutcome, reason string, by int) {
	s := p.due.Schedule
	singles := p.newest(first, last)
	if len(singles) > 0 && singles[0].After(first) {
		end, ok := s.Latest(first.Add(-time.Nanosecond), singles[0].Add(-time.Millisecond))
		if !ok {
			end = first
		}
		count, exact := s.Count(first.Add(-time.Nanosecond), end, MaxCountedMisfires)
		if !exact {
			count = 0
		}
		p.fires = append(p.fires, PlannedFire{By: by, Fire: Fire{
			JobID: p.due.ID, At: first, Until: end, Count: count, Outcome: outcome, Reason: reason, Late: p.now.Sub(first),
		}})
	}
	for _, at := range singles {
		p.fires = append(p.fires, PlannedFire{By: by, Fire: Fire{
			JobID: p.due.ID, At: at, Outcome: outcome, Reason: reason, Late: p.now.Sub(at),
		}})
	}
}

// newest gives up to MaxSingleMisfires fires that end with last, ascending, none before first.
func (p *planning) newest(first, last time.Time) []time.Time {
	var back []time.Time
	for at := last; len(back) < MaxSingleMisfires; {
		back = append(back, at)
		before, ok := p.due.Schedule.Latest(first.Add(-time.Nanosecond), at.Add(-time.Millisecond))
		if !ok {
			break
		}
		at = before
	}
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	return back
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
