package jobs

import "time"

// Fire is one line of the ledger: what became of a moment at which the schedule was due. Every due moment is in exactly one line.
type Fire struct {
	JobID ID
	At    time.Time
	// Until and Count are set on a line that stands for all fires from At to Until, after a long outage: single lines are kept for the
	// newest MaxSingleMisfires only. Count is 0 if there were more than MaxCountedMisfires.
	Until   time.Time
	Count   int
	Outcome FireOutcome
	// Reason is one sentence for people; empty for FireRan.
	Reason string
	// RunID is the run that the fire started, or that blocked it; empty for none.
	RunID RunID
	// Late is how long after At the fire was planned.
	Late time.Duration
}

// FireOutcome is what became of a fire.
type FireOutcome string

// Ran: it became a run. Skipped: a live run was in the way. Coalesced: the run of a later fire stands for it. Missed: nobody was
// there and the policy or the window forbids to catch up. Withdrawn: the schedule was changed or the waiting run
// replaced before it started.
const (
	FireRan       FireOutcome = "ran"
	FireSkipped   FireOutcome = "skipped"
	FireCoalesced FireOutcome = "coalesced"
	FireMissed    FireOutcome = "missed"
	FireWithdrawn FireOutcome = "withdrawn"
)

// Valid reports whether o is one of the outcomes.
func (o FireOutcome) Valid() bool {
	switch o {
	case FireRan, FireSkipped, FireCoalesced, FireMissed, FireWithdrawn:
		return true
	}
	return false
}

// Bounds of what the planner does for one job in one pass, so that an outage of any length costs little (R16, R25).
const (
	// MaxFiresPerPass is how many fires that are not misfires one pass decides; the next pass goes on.
	MaxFiresPerPass = 100
	// MaxSingleMisfires is how many missed fires get a line of their own.
	MaxSingleMisfires = 100
	// MaxCountedMisfires bounds the counting of the others.
	MaxCountedMisfires = 10_000
)
