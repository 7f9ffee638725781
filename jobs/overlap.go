package jobs

// LiveRun is what a decision about a new run needs to know of a live one.
type LiveRun struct {
	ID      RunID
	Status  RunStatus
	Trigger Trigger
	// Blocked: it waits for another run of its job.
	Blocked bool
}

// StartDecision says how a new run of a job goes in beside the live ones.
type StartDecision struct {
	// Admit: the run is inserted; else Blocker is in its way.
	Admit bool
	// Blocked: the inserted run waits until a run of the job ends.
	Blocked bool
	Blocker RunID
	// Cancel are running runs to be canceled; Replace are waiting runs that end as canceled because a newer one stands in.
	Cancel  []RunID
	Replace []RunID
}

// DecideStart applies the overlap policy (contract 20.1) to a new run of a job whose live runs are given. Runs of a backfill go on beside the
// schedule: the policy is not applied to them. The new run waits for the one that goes on, as runs of a job do not overlap, and goes before
// the others of the backfill.
func DecideStart(p Policies, all []LiveRun) StartDecision {
	open := 0
	var first RunID
	live := make([]LiveRun, 0, len(all))
	for _, r := range all {
		if r.Trigger != TriggerBackfill {
			live = append(live, r)
		}
	}
	for _, r := range all {
		if !r.Blocked {
			open++
			if first == "" {
				first = r.ID
			}
		}
	}
	if p.Overlap == OverlapAllow {
		return StartDecision{Admit: true, Blocked: open >= p.MaxConcurrent, Blocker: first}
	}
	if len(live) == 0 {
		return StartDecision{Admit: true, Blocked: open > 0, Blocker: first}
	}
	d := StartDecision{Admit: true, Blocked: open > 0, Blocker: first}
	switch p.Overlap {
	case OverlapQueue, OverlapCancel:
		for _, r := range live {
			switch {
			case p.Misfire == MisfireAll && r.Trigger == TriggerCatchup && r.Status == RunQueued:
				// The misfire policy promises a run for each missed fire; the new one waits behind them.
			case r.Blocked:
				d.Replace = append(d.Replace, r.ID)
			case p.Overlap == OverlapCancel && r.Status == RunQueued:
				// Not started yet: it ends at once, and the new run need not wait for it.
				d.Replace = append(d.Replace, r.ID)
				open--
			case p.Overlap == OverlapCancel:
				d.Cancel = append(d.Cancel, r.ID)
			}
		}
		d.Blocked = open > 0
		return d
	case OverlapSkip, OverlapAllow:
	}
	if first == "" {
		first = live[0].ID
	}
	return StartDecision{Blocker: first}
}

// Admissible is how many blocked runs of a job may be let go when open runs are live and not blocked.
func (p Policies) Admissible(open int) int {
	if p.Overlap == OverlapAllow {
		return max(p.MaxConcurrent-open, 0)
	}
	return max(1-open, 0)
}
