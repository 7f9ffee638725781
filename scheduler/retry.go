package scheduler

import (
	"math"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// maxRetryPause bounds every pause between two attempts (R20, R21).
	maxRetryPause = time.Hour
	// maxHeldPause is the longest pause for which a run keeps its slot (R21).
	maxHeldPause = 30 * time.Second
)

// retryPause decides whether a step whose attempt has just failed is tried again, and after which pause. The step's Failures
// include the failure. Key makes the spread of exponential pauses.
func retryPause(p jobs.StepPolicy, s *jobs.Step, advice jobs.RetryAdvice, key string) (time.Duration, bool) {
	if advice.Permanent || s.Failures > p.MaxRetries {
		return 0, false
	}
	if advice.Unclear && !declaredSafe(p, s) {
		return 0, false
	}
	if advice.After > 0 {
		return min(advice.After, maxRetryPause), true
	}
	if p.Backoff != jobs.BackoffExponential {
		return min(p.RetryDelay, maxRetryPause), true
	}
	d := float64(p.RetryDelay) * math.Pow(2, float64(s.Failures-1)) * spread(key, s.Failures)
	return time.Duration(min(d, float64(maxRetryPause))).Truncate(time.Millisecond), true
}

// declaredSafe reports whether somebody said that repeating the step does no harm. That tries are left is not enough for an outcome
// that is unclear (P4, P10).
func declaredSafe(p jobs.StepPolicy, s *jobs.Step) bool {
	switch p.OnInterrupt {
	case jobs.OnInterruptRetry:
		return true
	case jobs.OnInterruptFail:
		return false
	case jobs.OnInterruptAuto:
	}
	return s.Idempotent
}
