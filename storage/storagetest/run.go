package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// Reopener is a store that can be opened again on what it has stored, as after the end of its process. Reopen closes the store that
// it is called on, if that is still open; the kit uses only the new one from then on.
type Reopener interface {
	Reopen(t testing.TB) jobs.Store
}

// checker is a store that knows invariants of its own, such as counters that must agree with rows.
type checker interface {
	Check(ctx context.Context) error
}

// rule is one sentence of the contract with the code that finds out whether a store keeps it.
type rule struct {
	sentence string
	// check gets an empty store. It arranges by must and given functions, which give the case up, and returns what was not as the
	// sentence says.
	check func(ctx context.Context, s jobs.Store) error
}

// subject is a noun of the model with its rules.
type subject struct {
	name  string
	rules []rule
}

func subjects() []subject {
	return []subject{
		{"job", jobRules()},
		{"job list", jobListRules()},
		{"summary", summaryRules()},
		{"news", newsRules()},
		{"share", shareRules()},
		{"owner", ownerRules()},
		{"tag", tagRules()},
		{"favorite", favoriteRules()},
		{"file", fileRules()},
		{"revision", revisionRules()},
		{"draft", draftRules()},
		{"start", startRules()},
		{"cancel", cancelRules()},
		{"history", historyRules()},
		{"retry", retryRules()},
		{"backfill", backfillRules()},
		{"wait", waitRules()},
		{"known runs", knownRunRules()},
		{"log", logRules()},
		{"events", eventRules()},
		{"exchange", exchangeRules()},
		{"claim", claimRules()},
		{"takeover", takeoverRules()},
		{"worker", workerRules()},
		{"plan", planRules()},
		{"fire", fireRules()},
		{"limits", limitRules()},
		{"key", keyRules()},
		{"user", userRules()},
		{"team", teamRules()},
		{"identity", identityRules()},
		{"tenant", tenantRules()},
		{"prune", pruneRules()},
		{"audit", auditRules()},
		{"watch", watchRules()},
		{"text and time", textRules()},
		{"life", lifeRules()},
		{"concurrency", concurrencyRules()},
	}
}

// A store that hangs fails after this time instead of holding up the whole test. Rules of runSizes store a hundred thousand rows.
const (
	patience     = time.Minute
	sizePatience = 10 * time.Minute
)

// Run tests a store. Open gives an empty one, and is called once for each rule; Run closes it. Rules run beside each other, as many as -parallel
// says, so open is called from several goroutines.
func Run(t *testing.T, open func(t testing.TB) jobs.Store) {
	runSubjects(t, nil, open)
	t.Run("size", func(t *testing.T) { runSizes(t, open) })
	t.Run("restart", func(t *testing.T) { runRestarts(t, open) })
	t.Run("beside", func(t *testing.T) { runBeside(t, open) })
}

// RunSome tests a store that has passed Run over another way to its data, such as a pooler: only the rules of some subjects, and those about two stores
// on the same data.
func RunSome(t *testing.T, subjects []string, open func(t testing.TB) jobs.Store) {
	runSubjects(t, subjects, open)
	t.Run("beside", func(t *testing.T) { runBeside(t, open) })
}

// runSubjects runs the rules of the named subjects, of all if there are none.
func runSubjects(t *testing.T, names []string, open func(t testing.TB) jobs.Store) {
	for _, sub := range subjects() {
		if names != nil && !slices.Contains(names, sub.name) {
			continue
		}
		t.Run(sub.name, func(t *testing.T) {
			for _, r := range sub.rules {
				t.Run(r.sentence, func(t *testing.T) {
					t.Parallel()
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					if err := perform(ctx, r, open(t)); err != nil {
						t.Errorf("rule %q: %v", r.sentence, err)
					}
				})
			}
		})
	}
}

func runSizes(t *testing.T, open func(t testing.TB) jobs.Store) {
	if testing.Short() || raceDetector {
		t.Skip("rules at the limits of a tenant store more than ten thousand rows: run them without -short and -race")
	}
	for _, r := range sizeRules() {
		t.Run(r.sentence, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), sizePatience)
			defer cancel()
			if err := perform(ctx, r, open(t)); err != nil {
				t.Errorf("rule %q: %v", r.sentence, err)
			}
		})
	}
}

// perform is one rule on one store, with the invariants afterwards. It closes the store.
func perform(ctx context.Context, r rule, s jobs.Store) error {
	w := newWitness(s)
	err := attempt(func() error { return r.check(ctx, w) })
	return errors.Join(err, w.finish(ctx))
}

// finish checks the invariants and closes the store, if the rule has not done so.
func (w *witness) finish(ctx context.Context) error {
	if w.isClosed() {
		return nil
	}
	err := attempt(func() error { return w.check(ctx) })
	if c, ok := w.Store.(checker); ok {
		if fault := c.Check(ctx); fault != nil {
			err = errors.Join(err, fmt.Errorf("the store's own check: %w", fault))
		}
	}
	if fault := w.Store.Close(); fault != nil {
		err = errors.Join(err, fmt.Errorf("close: %w", fault))
	}
	return err
}
