package jobs

import "time"

// Policies say how a job runs (contract 20.1). Start from DefaultPolicies: the zero value is not the default.
type Policies struct {
	// Overlap decides what a fire or a start does while the job has a live run.
	Overlap Overlap `json:"overlap"`
	// MaxConcurrent is how many runs may be live at once with OverlapAllow, 1 to 10000.
	MaxConcurrent int `json:"maxConcurrent"`
	// Misfire decides about fires that are later than MisfireGrace.
	Misfire Misfire `json:"misfire"`
	// MisfireGrace: a fire late by no more than this simply runs late. 0 to 24 h, whole seconds.
	MisfireGrace time.Duration `json:"misfireGrace"`
	// MisfireWindow: missed fires older than this are never caught up.
	MisfireWindow time.Duration `json:"misfireWindow"`
	// Jitter is the largest offset, made from the job's id, by which all fires are moved. 0 to 1 h, whole seconds.
	Jitter time.Duration `json:"jitter"`
	// Timeout bounds the whole run from its first start; zero is no bound but the limit of 48 h.
	Timeout time.Duration `json:"timeout"`
	// Priority -100 to 100; runs of higher priority are claimed first.
	Priority int `json:"priority"`
	// KeepDays and KeepRuns bound the ended runs that are kept; zero keeps all. The last ended run always stays.
	KeepDays int `json:"keepDays,omitempty"`
	KeepRuns int `json:"keepRuns,omitempty"`
	// Driver is the policy of the driver step.
	Driver StepPolicy `json:"driver"`
}

// Overlap is a policy for fires and starts while the job has a live run.
type Overlap string

// Skip drops the fire (a start by hand is a conflict); queue lets one run wait, the newest wins; cancel cancels the live run
// and then starts; allow lets MaxConcurrent runs be live.
const (
	OverlapSkip   Overlap = "skip"
	OverlapQueue  Overlap = "queue"
	OverlapCancel Overlap = "cancel"
	OverlapAllow  Overlap = "allow"
)

// Misfire is a policy for fires that nobody was there to plan in time.
type Misfire string

// Latest makes one run for the newest missed fire, skip none, all one for each, oldest first, at most MaxMisfires.
const (
	MisfireLatest Misfire = "latest"
	MisfireSkip   Misfire = "skip"
	MisfireAll    Misfire = "all"
)

// MaxMisfires bounds the runs that MisfireAll starts for one outage.
const MaxMisfires = 100

// StepPolicy says how one step is tried (contract 6.1 and 20.2).
type StepPolicy struct {
	// Timeout of each attempt; zero is no bound but the limit of 24 h.
	Timeout time.Duration `json:"timeout,omitempty"`
	// MaxRetries are further tries after an error, 0 to 10.
	MaxRetries int `json:"maxRetries,omitempty"`
	// RetryDelay is the pause before the second attempt, 0 to 1 h.
	RetryDelay  time.Duration `json:"retryDelay"`
	Backoff     Backoff       `json:"backoff"`
	OnInterrupt OnInterrupt   `json:"onInterrupt"`
}

// Backoff says how the pause grows from attempt to attempt.
type Backoff string

// Fixed keeps the pause; exponential doubles it up to 1 h, with ± 20 %.
const (
	BackoffFixed       Backoff = "fixed"
	BackoffExponential Backoff = "exponential"
)

// OnInterrupt says what becomes of a step whose worker was lost while it ran.
type OnInterrupt string

// Auto repeats the step if its driver is idempotent or tries are left; retry always; fail never.
const (
	OnInterruptAuto  OnInterrupt = "auto"
	OnInterruptRetry OnInterrupt = "retry"
	OnInterruptFail  OnInterrupt = "fail"
)

// DefaultStepPolicy is what a step has when nothing is said.
func DefaultStepPolicy() StepPolicy {
	return StepPolicy{RetryDelay: 30 * time.Second, Backoff: BackoffFixed, OnInterrupt: OnInterruptAuto}
}

// DefaultPolicies is what a job has when nothing is said.
func DefaultPolicies() Policies {
	return Policies{
		Overlap: OverlapSkip, MaxConcurrent: 1,
		Misfire: MisfireLatest, MisfireGrace: time.Minute, MisfireWindow: 24 * time.Hour,
		Driver: DefaultStepPolicy(),
	}
}

// Validate reports every value that is out of range; paths are those of the wire ("misfireGraceSeconds").
func (p Policies) Validate() error {
	var f Faults
	switch p.Overlap {
	case OverlapSkip, OverlapQueue, OverlapCancel, OverlapAllow:
	default:
		f.Add("overlap", "is %q; one of skip, queue, cancel, allow", p.Overlap)
	}
	switch {
	case p.MaxConcurrent < 1 || p.MaxConcurrent > 10_000:
		f.Add("maxConcurrent", "is %d; 1 to 10000", p.MaxConcurrent)
	case p.MaxConcurrent > 1 && p.Overlap != OverlapAllow:
		f.Add("maxConcurrent", "is only for overlap \"allow\"")
	}
	switch p.Misfire {
	case MisfireLatest, MisfireSkip, MisfireAll:
	default:
		f.Add("misfire", "is %q; one of latest, skip, all", p.Misfire)
	}
	checkSeconds(&f, "misfireGraceSeconds", p.MisfireGrace, 0, 86_400)
	checkSeconds(&f, "misfireWindowSeconds", p.MisfireWindow, 0, 366*86_400)
	checkSeconds(&f, "jitterSeconds", p.Jitter, 0, 3600)
	if p.Timeout != 0 {
		checkSeconds(&f, "timeoutSeconds", p.Timeout, 1, 48*3600)
	}
	checkRange(&f, "priority", p.Priority, -100, 100)
	checkRange(&f, "keepDays", p.KeepDays, 0, 36_500)
	checkRange(&f, "keepRuns", p.KeepRuns, 0, 10_000_000)
	if err := f.Merge("driver", p.Driver.Validate()); err != nil {
		return err
	}
	return f.Err()
}

// Validate reports every value that is out of range; paths are those of the wire ("timeoutSeconds").
func (p StepPolicy) Validate() error {
	var f Faults
	if p.Timeout != 0 {
		checkSeconds(&f, "timeoutSeconds", p.Timeout, 1, 86_400)
	}
	checkRange(&f, "maxRetries", p.MaxRetries, 0, 10)
	checkSeconds(&f, "retryDelaySeconds", p.RetryDelay, 0, 3600)
	switch p.Backoff {
	case BackoffFixed, BackoffExponential:
	default:
		f.Add("backoff", "is %q; one of fixed, exponential", p.Backoff)
	}
	switch p.OnInterrupt {
	case OnInterruptAuto, OnInterruptRetry, OnInterruptFail:
	default:
		f.Add("onInterrupt", "is %q; one of auto, retry, fail", p.OnInterrupt)
	}
	return f.Err()
}

func checkSeconds(f *Faults, path string, d time.Duration, low, high int) {
	if d%time.Second != 0 {
		f.Add(path, "is %s; whole seconds only", d)
		return
	}
	checkRange(f, path, int(d/time.Second), low, high)
}

func checkRange(f *Faults, path string, n, low, high int) {
	if n < low || n > high {
		f.Add(path, "is %d; %d to %d", n, low, high)
	}
}

// seconds turns a number of the wire into a duration; what is out of range is clipped so that it cannot overflow and is still refused.
func seconds(n int) time.Duration {
	return time.Duration(min(max(n, -1), 1<<31)) * time.Second
}
