package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

// task makes what the driver of a step gets. Errors but errReading are of the settings, so that another try would not change them.
func (r *run) task(ctx context.Context, i int, driver jobs.Driver, set settings) (*jobs.Task, error) {
	step := &r.steps[i]
	data, err := r.data(ctx, i, driver, set)
	switch {
	case errors.Is(err, errReading):
		return nil, r.redacted(err)
	case err != nil:
		return nil, jobs.Permanent(r.redacted(err))
	}
	attempt := step.Attempt
	key := jobs.EffectKey(r.info.ID, step.ID())
	if r.s.broken == "R18" {
		key += fmt.Sprint(attempt)
	}
	return &jobs.Task{
		Tenant: r.info.Tenant, JobID: r.info.JobID, JobName: r.def.Name, RunID: r.info.ID, ActionID: step.ActionID,
		OwnerID: r.info.OwnerID, Trigger: r.info.Trigger, FireAt: r.info.FireAt,
		Data: data, Params: params(r.info.Params),
		Key: key, Attempt: attempt, Resumed: attempt-1-step.Failures > 0,
		RunStatus: r.status(i), StartedAt: r.info.StartedAt, Location: r.def.Schedule.Location(),
		Log:      r.logger(step.ActionID),
		Progress: func(percent float64, message string) { r.report(i, attempt, percent, message) },
	}, nil
}

func params(p json.RawMessage) json.RawMessage {
	if len(p) == 0 {
		return json.RawMessage("{}")
	}
	return p
}

// data gives the settings of a step with placeholders replaced and then secrets filled in, so that a secret is never read as a
// placeholder (R47). What placeholders made of the settings is checked as a write would be (contract 6.1).
func (r *run) data(ctx context.Context, i int, driver jobs.Driver, set settings) (json.RawMessage, error) {
	data, expanded := params(set.data), hasPlaceholders(set.data)
	if expanded {
		values, err := r.values(i)
		if err != nil {
			return nil, err
		}
		if jobs.NamesDatasets(set.data) {
			if err := r.setDatasets(ctx, values, r.def.Aliases()); err != nil {
				return nil, err
			}
		}
		if data, err = jobs.ExpandData(data, values, r.info.StartedAt, r.def.Schedule.Location()); err != nil {
			return nil, err
		}
	}
	target := jobs.TargetOf(driver, set.data)
	if len(set.secrets) > 0 {
		if expanded && jobs.TargetOf(driver, data) != target {
			return nil, errors.New("placeholders changed where the secrets of the settings would be sent")
		}
		var err error
		if data, err = r.withSecrets(ctx, data, set, target); err != nil {
			return nil, err
		}
	}
	if !expanded {
		return data, nil
	}
	rules, err := jobs.CompileSettings(driver.Info())
	if err != nil {
		return nil, err
	}
	if err := rules.CheckExpanded(data); err != nil {
		return nil, fmt.Errorf("settings after placeholders were replaced: %w", err)
	}
	return data, nil
}

// withSecrets fills the secrets in, and from here on hides them in all that the run leaves.
func (r *run) withSecrets(ctx context.Context, data json.RawMessage, set settings, target string) (json.RawMessage, error) {
	if r.s.options.Vault == nil {
		return nil, errors.New("the settings have secrets, and the worker has no vault to open them")
	}
	ref := jobs.SecretRef{Tenant: r.info.Tenant, Job: r.info.JobID, Field: set.field, Target: target}
	for again := (backoff{}); ; {
		merged, secrets, err := jobs.OpenSettings(ctx, r.s.options.Vault, ref, data, set.secrets)
		if err == nil {
			r.secrets = append(r.secrets, secrets...)
			r.redactor.Store(jobs.NewRedactor(r.secrets...))
			return merged, nil
		}
		// A database that fails is no fault of the step (R20): it is asked again until the step's time is over.
		if !errors.Is(err, jobs.ErrUnavailable) || !pause(ctx, again.next()) {
			return nil, fmt.Errorf("open the secrets: %w", err)
		}
	}
}

func hasPlaceholders(data json.RawMessage) bool { return jobs.HasPlaceholder(string(data)) }

// values makes the run context as step i sees it (contract 7.2).
func (r *run) values(i int) (*jobs.RunContext, error) {
	values := jobs.NewRunContext()
	if err := jobs.SetJobValues(values, r.info.JobID, r.def); err != nil {
		return nil, fmt.Errorf("run context: %w", err)
	}
	if err := jobs.SetRunValues(values, r.info.Trigger, r.info.StartedAt, r.info.Params); err != nil {
		return nil, fmt.Errorf("run context: %w", err)
	}
	if err := values.Set("run.status", string(r.status(i))); err != nil {
		return nil, err
	}
	if at := r.info.FireAt; !at.IsZero() {
		if err := values.Set("run.fireAt", jobs.FormatTime(at)); err != nil {
			return nil, err
		}
	}
	for j := range r.steps[:i] {
		s := &r.steps[j]
		prefix := "driver"
		switch s.Kind {
		case jobs.StepAction:
			prefix = "actions." + string(s.ActionID)
		case jobs.StepSnapshotBefore, jobs.StepSnapshotAfter:
			continue // they count for run.status only
		case jobs.StepDriver:
		}
		if err := jobs.SetStepValues(values, prefix, s); err != nil {
			return nil, fmt.Errorf("run context: %w", err)
		}
		if j != i-1 {
			continue
		}
		if err := jobs.SetStepValues(values, "previous", s); err != nil {
			return nil, fmt.Errorf("run context: %w", err)
		}
	}
	return values, nil
}

// status is that of the run before step i (contract 3.2).
func (r *run) status(i int) jobs.RunStatus {
	r.out.mu.Lock()
	warnings := r.warnings
	r.out.mu.Unlock()
	status := jobs.RunSuccess
	if warnings {
		status = jobs.RunWarning
	}
	for j := range r.steps[:i] {
		switch r.steps[j].State {
		case jobs.StepError:
			return jobs.RunError
		case jobs.StepWarning:
			status = jobs.RunWarning
		case jobs.StepPending, jobs.StepStarted, jobs.StepInterrupted, jobs.StepSuccess, jobs.StepSkipped:
		}
	}
	return status
}

// firstError is the message of the first step that failed.
func (r *run) firstError() string {
	for j := range r.steps {
		if r.steps[j].State == jobs.StepError {
			return r.steps[j].Message
		}
	}
	return ""
}
