package drivers

import (
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// Permanent marks an error that another try would not change: wrong settings, a refusal. The step fails at once, whatever
// retries its policy allows (rule R20). Nil stays nil.
func Permanent(err error) error { return jobs.Permanent(err) }

// RetryAfter marks an error after which another try makes sense, but not before d has passed: a server that asks for a
// pause. More than an hour counts as an hour (rule R20). The policy of the step still bounds the number of tries. Nil stays nil.
func RetryAfter(d time.Duration, err error) error { return jobs.RetryAfter(d, err) }

// Unclear marks an error after which it is unknown whether the effect happened: a connection that broke after a mail was
// handed over. The step is tried again only if its policy or its driver says that repeating is safe (promises P4 and P10).
// Nil stays nil.
//
// An error without a mark is one after which another try may help.
func Unclear(err error) error { return jobs.Unclear(err) }
