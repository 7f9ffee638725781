package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// datasetPatience bounds how long a run asks a provider of datasets again that cannot answer now; each such error has ErrUnavailable.
	datasetPatience = 10 * time.Minute
	// cleanupTime bounds the removal of old snapshots at the end of a run.
	cleanupTime = time.Minute
	// cleanupPage is how many snapshots are read at a time.
	cleanupPage = 1000
)

var errNoDatasets = errors.New("the job has datasets, and the worker has no provider for them")

// errReading marks errors of a provider: unlike what is wrong with settings, another try of the step may change them.
var errReading = errors.New("read datasets")

// ask makes a call to the provider of datasets, again while it cannot answer now. It returns at most stopTime after ctx has ended, whatever
// the provider does.
func ask[T any](ctx context.Context, r *run, call func(context.Context) (T, error)) (T, error) {
	return patiently(ctx, func(ctx context.Context) (T, error) { return outside(ctx, r, call) })
}

// patiently makes a call again while the provider cannot answer now.
func patiently[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, datasetPatience)
	defer cancel()
	for again := (backoff{}); ; {
		answer, err := call(ctx)
		if err == nil || !errors.Is(err, jobs.ErrUnavailable) || !pause(ctx, again.next()) {
			return answer, err
		}
	}
}

// outside makes a call to code of the host in a goroutine of its own, so that one that does not stop holds nobody up: its slot counts as
// leaked then. A panic is an error.
func outside[T any](ctx context.Context, r *run, call func(context.Context) (T, error)) (T, error) {
	type outcome struct {
		answer T
		err    error
	}
	done := make(chan outcome, 1)
	var over atomic.Bool
	go func() {
		var out outcome
		returned := false
		defer func() {
			if !returned {
				out.err = fmt.Errorf("the provider panicked: %v", recover())
			}
			if !over.CompareAndSwap(false, true) {
				r.s.unleak()
				return
			}
			done <- out
		}()
		out.answer, out.err = call(ctx)
		returned = true
	}()
	select {
	case out := <-done:
		return out.answer, out.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case out := <-done:
		return out.answer, out.err
	case <-timer.C:
	}
	r.s.leak()
	if !over.CompareAndSwap(false, true) {
		r.s.unleak()
		out := <-done
		return out.answer, out.err
	}
	var none T
	return none, fmt.Errorf("the provider of datasets did not stop: %w", context.Cause(ctx))
}

// ownerMayUse checks the owner's rights on the datasets of the job (contract 10.7, R44), at every start and resume. If one is missing the
// current step fails; so does what follows, but for actions that ask for it. False without a result means that the run has to stop.
func (r *run) ownerMayUse(i int) bool {
	if len(r.def.Datasets) == 0 || r.status(i) == jobs.RunError {
		return true
	}
	err := errNoDatasets
	if provider := r.s.options.Datasets; provider != nil {
		var checks []jobs.DatasetCheck
		checks, err = ask(r.ctx, r, func(ctx context.Context) ([]jobs.DatasetCheck, error) {
			return jobs.CheckDatasets(ctx, provider, r.s.drivers, r.info.Tenant, r.info.OwnerID, r.def)
		})
		if err == nil {
			err = refusal(r.info.OwnerID, checks)
		} else {
			err = fmt.Errorf("ask for the rights of the owner on datasets: %w", err)
		}
	}
	switch {
	case err == nil:
		return true
	case r.ctx.Err() != nil:
		return false
	}
	now := r.s.clock.now()
	text := errorText(r.redacted(err))
	r.set(i, func(s *jobs.Step) { s.State, s.Message, s.EndedAt = jobs.StepError, text, now })
	return false
}

// refusal names every dataset that the owner may not use as the job does; nil if there is none.
func refusal(owner jobs.PrincipalID, checks []jobs.DatasetCheck) error {
	var reasons []string
	for _, c := range checks {
		if !c.Allowed() {
			reasons = append(reasons, fmt.Sprintf("%q (%s): %s", c.Alias, c.DatasetID, c.Reason))
		}
	}
	if reasons == nil {
		return nil
	}
	return fmt.Errorf("the owner %s may not use the datasets of the job: %s", owner, strings.Join(reasons, "; "))
}

// conditionValues are the run context for the condition of an action, with its datasets as they are now.
func (r *run) conditionValues(i int, action *jobs.Action) (*jobs.RunContext, error) {
	values, err := r.values(i)
	if err != nil {
		return nil, err
	}
	aliases := action.Condition.Aliases()
	if len(aliases) == 0 {
		return values, nil
	}
	return values, r.setDatasets(r.ctx, values, aliases)
}

// setDatasets reads datasets of the job with the rights of its owner and sets what the run context has of them.
func (r *run) setDatasets(ctx context.Context, values *jobs.RunContext, aliases []string) error {
	if len(aliases) == 0 {
		return nil
	}
	if r.s.options.Datasets == nil {
		return errNoDatasets
	}
	ids := make([]jobs.DatasetID, len(aliases))
	for i, alias := range aliases {
		a, _, ok := r.def.Association(alias)
		if !ok {
			return fmt.Errorf("the job has no dataset with the alias %q", alias)
		}
		ids[i] = a.DatasetID
	}
	found, err := ask(ctx, r, func(ctx context.Context) (map[jobs.DatasetID]jobs.Dataset, error) {
		return r.s.options.Datasets.Datasets(ctx, r.info.Tenant, r.info.OwnerID, ids)
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errReading, err)
	}
	for i, alias := range aliases {
		dataset, ok := found[ids[i]]
		switch {
		case !ok:
			return fmt.Errorf("the dataset %q (%s) does not exist", alias, ids[i])
		case !dataset.Rights.Read:
			return fmt.Errorf("the owner %s may not read the dataset %q (%s)", r.info.OwnerID, alias, ids[i])
		}
		if err := jobs.SetDatasetValues(values, alias, dataset); err != nil {
			return err
		}
	}
	return nil
}
