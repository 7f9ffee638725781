// Package drivertest is the conformance kit for drivers: it checks that a driver keeps the contract of jobs.Driver. It knows
// no driver; what it needs to provoke something comes with the Subject.
//
//	func TestConformance(t *testing.T) {
//		drivertest.Run(t, func(t testing.TB) drivertest.Subject {
//			return drivertest.Subject{
//				Driver: mydriver.New(),
//				Good:   json.RawMessage(`{"region":"eu"}`),
//				Bad:    map[string]json.RawMessage{"no region": json.RawMessage(`{}`)},
//			}
//		})
//	}
//
// Each rule gets a fresh Subject. What a Subject leaves out is skipped, and the skip says why. This first kit drives the
// driver in the process of the test; it does not check plugins as processes, and it cannot see goroutines that a driver leaves
// behind.
package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// Subject is a driver with what the kit needs to know about it.
type Subject struct {
	Driver jobs.Driver
	// Good are settings with which a run succeeds, secrets included. Required.
	Good json.RawMessage
	// File is what was uploaded, for an attachment driver that needs it.
	File *jobs.Contents
	// Params of every run, default {}.
	Params json.RawMessage
	// Bad are settings that have to be refused, each with what is wrong with them.
	Bad map[string]json.RawMessage
	// BadInRun are settings that only a run can refuse, as after the replacement of placeholders.
	BadInRun map[string]json.RawMessage

	// Failures are ways to fail, by name.
	Failures map[string]Failure
	// Wait prepares a run that waits for something that never happens. Nil: runs of this driver never wait.
	Wait func() Waiting
	// Effects gives the effect keys that the outside world has seen so far, one for each effect. Nil: the driver has no
	// effects that could be counted.
	Effects func() []string
}

// Failure is a way to fail and what the error has to say of another try.
type Failure struct {
	Data json.RawMessage
	Want jobs.RetryAdvice
}

// Waiting is a run that waits.
type Waiting struct {
	Data json.RawMessage
	// Entered is closed or sent to when the driver waits.
	Entered <-chan struct{}
}

// Patience is how long the kit waits for what has to happen soon. It is generous: a slow machine is no fault of a driver.
const Patience = 30 * time.Second

// rule is a sentence of the contract and its check. A check that cannot be made returns errSkip wrapped with the reason.
type rule struct {
	name  string
	check func(ctx context.Context, s Subject) error
}

var errSkip = errors.New("skipped")

func skip(reason string) error { return fmt.Errorf("%w: %s", errSkip, reason) }

func rules() []rule {
	var all []rule
	for _, list := range [][]rule{infoRules, settingsRules, runRules, secretRules, previewRules, attachmentRules, templateRules} {
		all = append(all, list...)
	}
	return all
}

// Run checks every rule in a subtest of its own. Open makes a fresh subject; it may register clean-ups.
func Run(t *testing.T, open func(t testing.TB) Subject) {
	t.Helper()
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			err := r.try(t.Context(), open(t))
			if errors.Is(err, errSkip) {
				t.Skip(err)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// Violation is a rule that a driver breaks.
type Violation struct {
	Rule string
	Err  error
}

// Check is Run without the testing package's machinery: it returns the rules that are broken, none for a good driver.
func Check(ctx context.Context, open func() Subject) []Violation {
	var found []Violation
	for _, r := range rules() {
		if err := r.try(ctx, open()); err != nil && !errors.Is(err, errSkip) {
			found = append(found, Violation{r.name, err})
		}
	}
	return found
}

// try makes the check; a panic of the driver breaks the rule.
func (r rule) try(ctx context.Context, s Subject) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the driver panics: %v", p)
		}
	}()
	if s.Driver == nil || len(s.Good) == 0 {
		return errors.New("the subject needs Driver and Good")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return r.check(ctx, s)
}
