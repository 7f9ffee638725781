package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/carillon-go/carillon/jobs/internal/changes"
)

// CommitPlan says what a commit of a draft would do (contract 20.4). Nothing was done.
type CommitPlan struct {
	Draft, Original *Job
	// Changes are what the commit makes of the original as it is now.
	Changes []Change
	Fires   FireChanges
	// Conflicts are what both sides have changed since the draft was made, each in its own way; a commit then needs force.
	Conflicts []ChangeConflict
	Warnings  []PlanWarning
}

// ChangeConflict is one thing that the draft and the original have changed differently. Values are as those of Change.
type ChangeConflict struct {
	Path                  string
	Base, Draft, Original any
	Words                 string
}

// PlanWarning is something to look at before a commit.
type PlanWarning struct {
	Kind PlanWarningKind
	// Path is the field of the draft that it is about.
	Path  string
	Words string
}

// PlanWarningKind says what a warning is about.
type PlanWarningKind string

// Kinds of warnings. The first makes a commit fail with 400, the second with 403.
const (
	WarnInvalid   PlanWarningKind = "invalid"
	WarnDataset   PlanWarningKind = "dataset"
	WarnCondition PlanWarningKind = "condition"
)

// planRuns is how many of the newest ended runs conditions are tried on.
const planRuns = 20

// PlanCommit says what a commit of the caller's draft would do. ref names the original, or the draft.
func (c *Client) PlanCommit(ctx context.Context, ref JobRef) (*CommitPlan, error) {
	draft, err := c.Draft(ctx, ref)
	if err != nil {
		return nil, err
	}
	original, _, err := c.original(ctx, JobRef{ID: draft.ID}, PermissionRead)
	if err != nil {
		return nil, err
	}
	for _, j := range []*Job{original, draft} {
		if j.Broken != "" {
			return nil, Conflict("%s; it can only be removed", j.Broken)
		}
	}
	l, err := c.landing(ctx, original, draft)
	if err != nil {
		return nil, err
	}
	at := now()
	next := *original
	if next.Definition, err = l.definition(ctx, at, keepMoved); err != nil {
		return nil, err
	}
	next.Enabled = l.enabled()
	plan := &CommitPlan{Draft: draft, Original: original, Fires: fireChanges(firing(original), firing(&next), at, at.Add(planWindow))}
	if plan.Changes, err = changesBetween(original, &next); err != nil {
		return nil, err
	}
	if plan.Conflicts, err = c.conflicts(ctx, original, &next, draft.Base); err != nil {
		return nil, err
	}
	plan.Warnings, err = c.planWarnings(ctx, original, &next, draft)
	return plan, err
}

// firing is the schedule by which a job fires; one that is off does not.
func firing(j *Job) Schedule {
	if !j.Enabled || j.Schedule.byHand() {
		return Schedule{}
	}
	return j.EffectiveSchedule()
}

// conflicts compares both sides with the original as it was when the draft was made.
func (c *Client) conflicts(ctx context.Context, original, next *Job, from DraftBase) ([]ChangeConflict, error) {
	if original.DefnUpdatedAt.Equal(from.DefnUpdatedAt) {
		return nil, nil
	}
	d, err := c.service.store.Definition(ctx, original.Tenant, original.ID, from.Revision)
	if err != nil {
		return nil, err
	}
	base := *original
	base.Definition, base.Enabled = *d, from.Enabled
	var documents [3]changes.Document
	for i, j := range []*Job{&base, next, original} {
		if documents[i], err = documentOf(j); err != nil {
			return nil, err
		}
	}
	var out []ChangeConflict
	for _, x := range changes.Conflicts(documents[0], documents[1], documents[2]) {
		out = append(out, ChangeConflict{
			Path: x.Path, Base: x.Base, Draft: x.Mine, Original: x.Other,
			Words: fmt.Sprintf("in the draft: %s; in the job: %s", x.Words[0], x.Words[1]),
		})
	}
	return out, nil
}

func (c *Client) planWarnings(ctx context.Context, original, next, draft *Job) ([]PlanWarning, error) {
	var out []PlanWarning
	checked := *draft
	checked.Actions = slices.Clone(draft.Actions)
	for i := range checked.Actions {
		checked.Actions[i].Attachments = slices.Clone(checked.Actions[i].Attachments)
	}
	var invalid *ValidationError
	if err := c.recheck(ctx, &checked); err != nil {
		if !errors.As(err, &invalid) {
			return nil, err
		}
		for _, f := range invalid.Fields {
			out = append(out, PlanWarning{WarnInvalid, f.Path, fmt.Sprintf("%q %s", f.Path, f.Message)})
		}
	}
	datasets, err := c.datasetWarnings(ctx, &original.Definition, &draft.Definition)
	if err != nil {
		return nil, err
	}
	conditions, err := c.conditionWarnings(ctx, original, next)
	return slices.Concat(out, datasets, conditions), err
}

// datasetWarnings are for datasets that the caller may not use as the draft does, or that do not exist.
func (c *Client) datasetWarnings(ctx context.Context, before, after *Definition) ([]PlanWarning, error) {
	needs := newDatasetNeeds(before, after, c.service.drivers)
	if len(needs) == 0 {
		return nil, nil
	}
	found := map[DatasetID]Dataset{}
	if provider := c.service.options.Datasets; provider != nil {
		var ids []DatasetID
		for _, n := range needs {
			ids = append(ids, n.id)
		}
		var err error
		if found, err = askDatasets(ctx, provider, c.principal.Tenant, c.principal.User, ids); err != nil {
			return nil, datasetsFail(err)
		}
	}
	var out []PlanWarning
	for _, n := range needs {
		dataset, exists := found[n.id]
		lack := n.rights.Without(dataset.Rights)
		switch {
		case !exists:
			out = append(out, PlanWarning{WarnInvalid, datasetPath(n), fmt.Sprintf("%q is not a dataset of this system: %.80q", datasetPath(n), n.id)})
		case !lack.None() && !c.principal.Superuser:
			out = append(out, PlanWarning{WarnDataset, datasetPath(n), fmt.Sprintf("%s on the dataset %.80q is not allowed", lack.words(), n.id)})
		}
	}
	return out, nil
}

// conditionWarnings tries the conditions that the commit brings or changes on the runs that are kept.
func (c *Client) conditionWarnings(ctx context.Context, original, next *Job) ([]PlanWarning, error) {
	var tried []int
	for i := range next.Actions {
		a := &next.Actions[i]
		old, _, ok := original.Action(a.ID)
		if a.Disabled || a.Condition == nil || ok && !old.Disabled && sameCondition(old.Condition, a.Condition) {
			continue
		}
		tried = append(tried, i)
	}
	if len(tried) == 0 {
		return nil, nil
	}
	page, err := c.service.store.Runs(ctx, RunQuery{
		Tenant: original.Tenant, JobID: original.ID, Limit: planRuns, Statuses: []RunStatus{RunSuccess, RunWarning, RunError},
	})
	if err != nil {
		return nil, err
	}
	skipped := make([]int, len(next.Actions))
	for _, run := range page.Items {
		for _, i := range tried {
			values, err := pastValues(next, run, i)
			if err != nil {
				return nil, err
			}
			if met := next.Actions[i].Condition.Decide(values).Met; met != nil && !*met {
				skipped[i]++
			}
		}
	}
	var out []PlanWarning
	for _, i := range tried {
		if skipped[i] > 0 {
			out = append(out, PlanWarning{WarnCondition, conditionPath(i), fmt.Sprintf(
				"action %q: its run conditions would have skipped it in %d of the last %d runs", next.Actions[i].Name, skipped[i], len(page.Items))})
		}
	}
	return out, nil
}

func sameCondition(a, b *Condition) bool {
	x, errX := a.MarshalJSON()
	y, errY := b.MarshalJSON()
	return errX == nil && errY == nil && string(x) == string(y)
}

// pastValues is the run context that the action at i of a definition would have found in a run of the past. What that run did not have is
// unknown, so that a condition on it decides nothing.
func pastValues(j *Job, run *Run, i int) (*RunContext, error) {
	values := NewRunContext()
	for _, unknown := range []string{"previous", "actions", "driver", "datasets"} {
		values.SetUnknown(unknown)
	}
	if err := SetJobValues(values, j.ID, &j.Definition); err != nil {
		return nil, err
	}
	if err := SetRunValues(values, run.Trigger, run.StartedAt, run.Params); err != nil {
		return nil, err
	}
	status := RunSuccess
	note := func(s *Step, prefixes ...string) error {
		switch {
		case s.State == StepError:
			status = RunError
		case s.State == StepWarning && status == RunSuccess:
			status = RunWarning
		}
		for _, prefix := range prefixes {
			if err := SetStepValues(values, prefix, s); err != nil {
				return err
			}
		}
		return nil
	}
	done := map[ActionID]*Step{}
	for k := range run.Steps {
		switch s := &run.Steps[k]; s.Kind {
		case StepDriver:
			if err := note(s, "driver", "previous"); err != nil {
				return nil, err
			}
		case StepAction:
			done[s.ActionID] = s
		case StepSnapshotBefore, StepSnapshotAfter: // no condition can name them
		}
	}
	for k := range i {
		a := &j.Actions[k]
		if a.Disabled {
			continue
		}
		s, was := done[a.ID]
		if !was {
			values.SetUnknown("previous")
			values.SetUnknown("actions." + string(a.ID))
			continue
		}
		if err := note(s, "previous", "actions."+string(a.ID)); err != nil {
			return nil, err
		}
	}
	return values, values.Set("run.status", string(status))
}
