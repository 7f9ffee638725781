package jobs

import (
	"context"
	"encoding/json"
)

// recheck checks a stored definition as a whole, as if it were written now: drivers come and go, their schemas change, and so do the rules of
// the host. All faults are in one *ValidationError. What drivers say of the settings is noted anew.
func (c *Client) recheck(ctx context.Context, j *Job) error {
	var f Faults
	checkName(&f, j.Name)
	checkText(&f, "description", j.Description, MaxDescriptionLength)
	if err := c.recheckSchedule(&f, j.Schedule); err != nil {
		return err
	}
	if err := f.Merge("policies", j.Policies.Validate()); err != nil {
		return err
	}
	place := settingsChange{kind: DriverJob, driver: j.Type, ref: j.secretRef("data"), old: j.Data, secrets: j.Secrets}
	settings, err := c.service.recheckSettings(ctx, place)
	if err := f.Merge("", err); err != nil {
		return err
	}
	j.Idempotent = settings.idempotent
	if n := len(j.Actions); n > MaxActions {
		f.Add("actions", "has %d entries; at most %d", n, MaxActions)
	}
	if n := len(j.Datasets); n > MaxDatasets {
		f.Add("datasets", "has %d entries; at most %d", n, MaxDatasets)
	}
	for i := range j.Actions {
		if err := f.Merge(indexPath("actions", i), c.recheckAction(ctx, j, &j.Actions[i])); err != nil {
			return err
		}
	}
	if err := f.Merge("", checkConditions(&j.Definition, conditionPath)); err != nil {
		return err
	}
	return f.Err()
}

func (c *Client) recheckSchedule(f *Faults, s Schedule) error {
	if s.byHand() {
		// Bounds alone must not be read as a "once" schedule.
		s.Interval, s.IntervalType = "1 day", IntervalSimple
		return f.Merge("", s.Validate())
	}
	normal, err := s.Normalize()
	if err := f.Merge("", err); err != nil {
		return err
	}
	if err == nil {
		c.service.checkInterval(f, normal)
	}
	return nil
}

func (c *Client) recheckAction(ctx context.Context, j *Job, a *Action) error {
	var f Faults
	checkName(&f, a.Name)
	condition, err := json.Marshal(a.Condition)
	if err != nil {
		return err
	}
	if err := checkAction(&f, a, condition); err != nil {
		return err
	}
	place := settingsChange{kind: DriverAction, driver: a.Type, ref: j.secretRef(actionField(a.ID)), old: a.Data, secrets: a.Secrets}
	settings, err := c.service.recheckSettings(ctx, place)
	if err := f.Merge("", err); err != nil {
		return err
	}
	a.Idempotent = settings.idempotent
	switch n := len(a.Attachments); {
	case n > MaxAttachments:
		f.Add("attachments", "has %d entries; at most %d", n, MaxAttachments)
	case n > 0 && !c.takesAttachments(a.Type):
		f.Add("attachments", "cannot be given: the action driver %q takes none", a.Type)
	}
	for i := range a.Attachments {
		x := &a.Attachments[i]
		var own Faults
		checkName(&own, x.Name)
		place := settingsChange{
			kind: DriverAttachment, driver: x.Type, ref: j.secretRef(AttachmentField(a.ID, x.ID)), old: x.Data, secrets: x.Secrets,
		}
		_, err := c.service.recheckSettings(ctx, place)
		if err := own.Merge("", err); err != nil {
			return err
		}
		if err := f.Merge(indexPath("attachments", i), own.Err()); err != nil {
			return err
		}
	}
	return f.Err()
}

// recheckSettings checks stored settings with their secrets by a write that changes nothing.
func (s *Service) recheckSettings(ctx context.Context, c settingsChange) (changedSettings, error) {
	c.patch, c.data = true, json.RawMessage("{}")
	return s.change(ctx, c)
}
