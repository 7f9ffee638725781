package jobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// EnsureOptions change what Ensure does with a job that exists.
type EnsureOptions struct {
	// Overwrite: the spec wins over everything that operators have changed since.
	Overwrite bool
}

// Ensure creates the job of a spec at start-up, or updates it, by its Slug, which is required. It remembers what the code said last:
// a field is written only if the code has changed since; what operators changed stays, unless Overwrite asks otherwise. The parts are
// name, description, schedule, enabled, policies, data, and the actions and the datasets, each as a whole. Calling it again with the same spec changes nothing.
// Secrets in the settings are written when their part is.
func (c *Client) Ensure(ctx context.Context, spec JobSpec, o EnsureOptions) (*Job, error) {
	if err := c.identified(); err != nil {
		return nil, err
	}
	if spec.Slug == "" {
		return nil, Invalid("slug", "is required: it is how the job is found again")
	}
	ensured, err := c.ensuredParts(spec)
	if err != nil {
		return nil, err
	}
	ref := JobRef{Prefix: string(c.principal.Tenant), Slug: spec.Slug}
	_, err = c.Job(ctx, ref)
	if errors.Is(err, ErrNotFound) {
		var created *Job
		created, err = c.create(ctx, spec, ensured)
		var taken *ConflictError
		if !errors.As(err, &taken) || taken.Data["slug"] == nil {
			return created, err
		}
		// Another process was faster: it has the job now.
	}
	if err != nil && !errors.Is(err, ErrConflict) {
		return nil, err
	}
	return c.updateEnsured(ctx, ref, spec, ensured, o)
}

func (c *Client) updateEnsured(ctx context.Context, ref JobRef, spec JobSpec, ensured map[string]string, o EnsureOptions) (*Job, error) {
	return c.change(ctx, ref, Precondition{}, func(j *Job, at time.Time) error {
		if spec.Type != j.Type {
			return Invalid("type", "cannot be changed; it is %q", j.Type)
		}
		said := func(part string) bool { return o.Overwrite || j.Ensured[part] != ensured[part] }
		var p JobPatch
		if said("name") {
			p.Name = Value(spec.Name)
		}
		if said("description") {
			p.Description = Value(spec.Description)
		}
		if said("enabled") {
			p.Enabled = Value(!spec.Disabled)
		}
		if said("policies") {
			p.Policies = Value(DefaultPolicies())
			if spec.Policies != nil {
				p.Policies = Value(*spec.Policies)
			}
		}
		if said("schedule") {
			s := spec.Schedule
			p.Interval, p.IntervalType, p.Timezone = Value(s.Interval), Value(string(s.IntervalType)), Value(s.Timezone)
			p.StartOn, p.EndOn = Value(s.StartOn), Value(s.EndOn)
		}
		if err := c.applyPatch(ctx, j, p, at); err != nil {
			return err
		}
		if err := c.ensureData(ctx, j, spec, said); err != nil {
			return err
		}
		if said("datasets") {
			if err := ensureAssociations(j, spec, at); err != nil {
				return err
			}
		}
		if said("actions") {
			if err := c.ensureActions(ctx, j, spec, at); err != nil {
				return err
			}
		}
		// A dataset that the code no longer has may be named by an action that operators have made.
		if err := checkConditions(&j.Definition, conditionPath); err != nil {
			return err
		}
		j.Ensured = ensured
		return nil
	})
}

// ensureData replaces the settings as a whole: a key that the code no longer has is gone.
func (c *Client) ensureData(ctx context.Context, j *Job, spec JobSpec, said func(string) bool) error {
	if !said("data") {
		return nil
	}
	settings, err := c.service.change(ctx, settingsChange{
		kind: DriverJob, driver: j.Type, ref: j.secretRef("data"), data: spec.Data, old: j.Data, secrets: j.Secrets, keepSame: true,
	})
	if err != nil {
		return err
	}
	j.Data, j.Secrets, j.Idempotent = settings.data, settings.secrets, settings.idempotent
	return nil
}

// ensureAssociations replaces the datasets. One that is as it was keeps its times.
func ensureAssociations(j *Job, spec JobSpec, at time.Time) error {
	old := j.Datasets
	j.Datasets = nil
	var f Faults
	twice := buildAssociations(&f, j, spec.Datasets, old, at)
	if err := f.Err(); err != nil {
		return err
	}
	return twice
}

// ensureActions replaces the actions. One with the name and type of a stored action keeps its id, so that the history stays readable, and
// the secrets that the code does not say.
func (c *Client) ensureActions(ctx context.Context, j *Job, spec JobSpec, at time.Time) error {
	old := j.Actions
	j.Actions = nil
	var f Faults
	if err := c.buildActions(ctx, &f, j, spec.Actions, old, at); err != nil {
		return err
	}
	if err := f.Err(); err != nil {
		return err
	}
	for i := range j.Actions {
		for k := range old {
			same := j.Actions[i]
			same.UpdatedAt = old[k].UpdatedAt
			if same.ID == old[k].ID && sameAction(&same, &old[k]) {
				j.Actions[i] = same
			}
		}
	}
	return nil
}

// ensuredParts are hashes of what the code says, by part. They are keyed with the place of the job, and hold no secret: settings are
// hashed without their writeOnly values.
func (c *Client) ensuredParts(spec JobSpec) (map[string]string, error) {
	data, err := c.service.publicData(DriverJob, spec.Type, spec.Data)
	if err != nil {
		return nil, JoinInvalid("data", err)
	}
	actions := make([]ActionSpec, len(spec.Actions))
	for i, a := range spec.Actions {
		if a.Data, err = c.service.publicData(DriverAction, a.Type, a.Data); err != nil {
			return nil, JoinInvalid(indexPath("actions", i)+".data", err)
		}
		a.Attachments = slices.Clone(a.Attachments)
		for k, x := range a.Attachments {
			if a.Attachments[k].Data, err = c.service.publicData(DriverAttachment, x.Type, x.Data); err != nil {
				return nil, JoinInvalid(JoinPath(indexPath("actions", i), indexPath("attachments", k))+".data", err)
			}
		}
		actions[i] = a
	}
	parts := map[string]any{
		"name": spec.Name, "description": spec.Description, "schedule": spec.Schedule, "enabled": !spec.Disabled,
		"policies": spec.Policies, "data": data, "actions": actions,
		"datasets": spec.Datasets,
	}
	hashes := make(map[string]string, len(parts))
	for name, value := range parts {
		encoded, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("ensure %s: %w", name, err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, encoded); err != nil {
			return nil, fmt.Errorf("ensure %s: %w", name, err)
		}
		sum := sha256.Sum256([]byte(string(c.principal.Tenant) + "/" + spec.Slug + "/" + name + "/" + compact.String()))
		hashes[name] = hex.EncodeToString(sum[:12])
	}
	return hashes, nil
}
