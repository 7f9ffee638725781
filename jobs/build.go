package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// build fills a new job from its spec and reports every fault of it.
func (c *Client) build(ctx context.Context, j *Job, spec JobSpec, at time.Time) error {
	var f Faults
	if spec.TemplateID != "" && c.service.options.Templates.find(spec.TemplateID) == nil {
		f.Add("templateId", unknownTemplate, spec.TemplateID)
	}
	j.Name = checkName(&f, spec.Name)
	j.Description = checkText(&f, "description", spec.Description, MaxDescriptionLength)
	if spec.Slug != "" {
		checkSlug(&f, spec.Slug)
	}
	if err := c.checkKnown(ctx, &f, "ownerId", j.OwnerID); err != nil {
		return err
	}
	schedule, err := spec.Schedule.resolve(at)
	if err := f.Merge("", err); err != nil {
		return err
	}
	c.service.checkInterval(&f, schedule)
	j.Schedule = schedule
	j.Policies = DefaultPolicies()
	if spec.Policies != nil {
		j.Policies = *spec.Policies
	}
	if err := f.Merge("policies", j.Policies.Validate()); err != nil {
		return err
	}
	j.Type = spec.Type
	change := settingsChange{kind: DriverJob, driver: spec.Type, ref: j.secretRef("data"), data: spec.Data}
	settings, err := c.service.change(ctx, change)
	if err := f.Merge("", err); err != nil {
		return err
	}
	j.Data, j.Secrets, j.Idempotent = settings.data, settings.secrets, settings.idempotent
	twice := buildAssociations(&f, j, spec.Datasets, nil, at)
	if err := c.buildTags(ctx, &f, j, spec.Tags); err != nil {
		return err
	}
	if err := c.buildActions(ctx, &f, j, spec.Actions, nil, at); err != nil {
		return err
	}
	if err := c.checkDatasets(ctx, &f, "", nil, &j.Definition, datasetPath); err != nil {
		return err
	}
	if err := f.Err(); err != nil {
		return err
	}
	return twice
}

// buildActions makes the actions of a job anew. Conditions may name actions of the same spec by their position there. One with the name and
// type of an old action takes its place: id and secrets stay.
func (c *Client) buildActions(ctx context.Context, f *Faults, j *Job, specs []ActionSpec, old []Action, at time.Time) error {
	if len(specs) > MaxActions {
		f.Add("actions", "has %d entries; at most %d", len(specs), MaxActions)
		return nil
	}
	names := make(map[string]string, len(specs))
	used := make(map[ActionID]bool, len(old))
	for i, spec := range specs {
		path := indexPath("actions", i)
		before := predecessor(old, used, spec)
		id := NewActionID()
		if before != nil {
			id, used[before.ID] = before.ID, true
		}
		names[fmt.Sprintf("[%d]", i)] = string(id)
		if spec.Index != nil && *spec.Index != i {
			f.Add(path+".index", "is %d; actions of a new job are in their order", *spec.Index)
		}
		a, err := c.buildAction(ctx, j, id, spec, before, at)
		if err := f.Merge(path, err); err != nil {
			return err
		}
		j.Actions = append(j.Actions, a)
	}
	for i := range j.Actions {
		// Names of later actions stay as positions, so that the check below refuses them by the name that the caller wrote.
		earlier := make(map[string]string, i)
		for k := range i {
			name := fmt.Sprintf("[%d]", k)
			earlier[name] = names[name]
		}
		if j.Actions[i].Condition != nil {
			j.Actions[i].Condition = j.Actions[i].Condition.Rewrite(earlier)
		}
		data, err := renameInData(j.Actions[i].Data, earlier)
		if err != nil {
			return err
		}
		j.Actions[i].Data = data
		for k := range j.Actions[i].Attachments {
			a := &j.Actions[i].Attachments[k]
			if a.Data, err = renameInData(a.Data, earlier); err != nil {
				return err
			}
		}
	}
	return f.Merge("", checkConditions(&j.Definition, conditionPath))
}

// renameInData rewrites placeholders that name an action by its position.
func renameInData(data json.RawMessage, names map[string]string) (json.RawMessage, error) {
	if len(names) == 0 || !strings.Contains(string(data), "${") {
		return data, nil
	}
	value, err := decodeJSON(data)
	if err != nil {
		return nil, err
	}
	return writeJSON(RewritePlaceholders(value, names))
}

// predecessor finds the first old action that a spec stands for and that no other spec has taken; nil if there is none.
func predecessor(old []Action, used map[ActionID]bool, spec ActionSpec) *Action {
	for i := range old {
		if a := &old[i]; a.Type == spec.Type && a.Name == strings.TrimSpace(spec.Name) && !used[a.ID] {
			return a
		}
	}
	return nil
}

// buildAction makes one action, new or in the place of another one; paths of faults are relative to it.
func (c *Client) buildAction(ctx context.Context, j *Job, id ActionID, spec ActionSpec, before *Action, at time.Time) (Action, error) {
	var f Faults
	a := Action{
		ID: id, Type: spec.Type, Disabled: spec.Disabled, OnError: spec.OnError, Step: DefaultStepPolicy(),
		CreatedAt: at, UpdatedAt: at,
	}
	a.Name = checkName(&f, spec.Name)
	if a.OnError == "" {
		a.OnError = OnErrorStop
	}
	if spec.Step != nil {
		a.Step = *spec.Step
	}
	if err := checkAction(&f, &a, spec.RunConditions); err != nil {
		return Action{}, err
	}
	change := settingsChange{kind: DriverAction, driver: spec.Type, ref: j.secretRef(actionField(id)), data: spec.Data}
	if before != nil {
		a.CreatedAt, a.OriginID = before.CreatedAt, before.OriginID
		change.old, change.secrets, change.keepSame = before.Data, before.Secrets, true
	}
	settings, err := c.service.change(ctx, change)
	if err := f.Merge("", err); err != nil {
		return Action{}, err
	}
	a.Data, a.Secrets, a.Idempotent = settings.data, settings.secrets, settings.idempotent
	var attached []Attachment
	if before != nil {
		attached = before.Attachments
	}
	if err := c.buildAttachments(ctx, &f, j, &a, spec.Attachments, attached, at); err != nil {
		return Action{}, err
	}
	return a, f.Err()
}

// checkAction checks what a new and a changed action have in common, and parses the condition.
func checkAction(f *Faults, a *Action, condition json.RawMessage) error {
	switch a.OnError {
	case OnErrorStop, OnErrorWarn:
	default:
		f.Add("onError", "is %q; \"stop\" or \"warn\"", a.OnError)
	}
	if err := f.Merge("", a.Step.Validate()); err != nil {
		return err
	}
	parsed, err := ParseCondition(condition)
	if err := f.Merge("runConditions", err); err != nil {
		return err
	}
	a.Condition = parsed
	return nil
}

// patchAction applies a patch to the action at i and gives its new index.
func (c *Client) patchAction(ctx context.Context, j *Job, i int, p ActionPatch) (Action, int, error) {
	var f Faults
	a := j.Actions[i]
	if p.Type.Set && (p.Type.Null || p.Type.Value != a.Type) {
		f.Add("type", "cannot be changed; it is %q", a.Type)
	}
	if name := required(&f, "name", p.Name, a.Name); p.Name.Set && !p.Name.Null {
		a.Name = checkName(&f, name)
	}
	index := required(&f, "index", p.Index, i)
	checkRange(&f, "index", index, 0, len(j.Actions)-1)
	a.Disabled = !required(&f, "enabled", p.Enabled, !a.Disabled)
	a.OnError = required(&f, "onError", p.OnError, a.OnError)
	a.Step.Timeout = optional(p.Timeout, a.Step.Timeout)
	if p.Timeout.Set && !p.Timeout.Null && p.Timeout.Value == 0 {
		f.Add("timeoutSeconds", "is 0; 1 to 86400, or null")
	}
	a.Step.MaxRetries = required(&f, "maxRetries", p.MaxRetries, a.Step.MaxRetries)
	a.Step.RetryDelay = required(&f, "retryDelaySeconds", p.RetryDelay, a.Step.RetryDelay)
	a.Step.Backoff = required(&f, "backoff", p.Backoff, a.Step.Backoff)
	a.Step.OnInterrupt = required(&f, "onInterrupt", p.OnInterrupt, a.Step.OnInterrupt)
	condition, err := json.Marshal(a.Condition)
	if err != nil {
		return Action{}, 0, err
	}
	if p.RunConditions.Set {
		condition = p.RunConditions.Value
	}
	if err := checkAction(&f, &a, condition); err != nil {
		return Action{}, 0, err
	}
	if data := required(&f, "data", p.Data, nil); data != nil {
		change := settingsChange{
			kind: DriverAction, driver: a.Type, ref: j.secretRef(actionField(a.ID)), data: data,
			patch: true, old: a.Data, secrets: a.Secrets,
		}
		settings, err := c.service.change(ctx, change)
		if err := f.Merge("", err); err != nil {
			return Action{}, 0, err
		}
		a.Data, a.Secrets, a.Idempotent = settings.data, settings.secrets, settings.idempotent
	}
	if err := f.Err(); err != nil {
		return Action{}, 0, err
	}
	return a, index, nil
}

// applyPatch changes a job that was read (contract 2.4).
func (c *Client) applyPatch(ctx context.Context, j *Job, p JobPatch, at time.Time) error {
	if p.Enabled.Value && !j.Enabled {
		if err := c.mayEnable(ctx, j); err != nil {
			return err
		}
	}
	var f Faults
	if p.Type.Set && (p.Type.Null || p.Type.Value != j.Type) {
		f.Add("type", "cannot be changed; it is %q", j.Type)
	}
	if p.OwnerID.Set && (p.OwnerID.Null || p.OwnerID.Value != j.OwnerID) {
		f.Add("ownerId", "cannot be changed here; the route owner hands a job over")
	}
	if p.Tags.Set && !slices.Equal(p.Tags.Value, j.TagIDs()) {
		f.Add("tags", "cannot be changed here; they have routes of their own")
	}
	if name := required(&f, "name", p.Name, j.Name); p.Name.Set && !p.Name.Null {
		j.Name = checkName(&f, name)
	}
	j.Description = checkText(&f, "description", optional(p.Description, j.Description), MaxDescriptionLength)
	if slug := required(&f, "slug", p.Slug, j.Slug); p.Slug.Set && !p.Slug.Null && !j.IsDraft() {
		checkSlug(&f, slug)
		j.Slug = slug
	}
	enabled := required(&f, "enabled", p.Enabled, j.Enabled)
	policies := required(&f, "policies", p.Policies, j.Policies)
	if err := f.Merge("policies", policies.Validate()); err != nil {
		return err
	}
	schedule, changed, err := c.patchSchedule(&f, j, p, at)
	if err != nil {
		return err
	}
	if data := required(&f, "data", p.Data, nil); data != nil {
		change := settingsChange{
			kind: DriverJob, driver: j.Type, ref: j.secretRef("data"), data: data, patch: true, old: j.Data, secrets: j.Secrets,
		}
		settings, err := c.service.change(ctx, change)
		if err := f.Merge("", err); err != nil {
			return err
		}
		j.Data, j.Secrets, j.Idempotent = settings.data, settings.secrets, settings.idempotent
	}
	if err := f.Err(); err != nil {
		return err
	}
	if p.Slug.Set && j.IsDraft() {
		return Conflict("a draft has no slug")
	}
	changed = changed || enabled != j.Enabled || policies.Jitter != j.Policies.Jitter
	j.Schedule, j.Enabled, j.Policies = schedule, enabled, policies
	if changed {
		j.NextRunAt = j.nextRun(at)
	}
	return nil
}

// patchSchedule gives the schedule after the patch and whether a field of it was changed.
func (c *Client) patchSchedule(f *Faults, j *Job, p JobPatch, at time.Time) (Schedule, bool, error) {
	s := j.Schedule
	if !p.Interval.Set && !p.IntervalType.Set && !p.Timezone.Set && !p.StartOn.Set && !p.EndOn.Set {
		return s, false, nil
	}
	s.Timezone = optional(p.Timezone, s.Timezone)
	if p.StartOn.Set {
		s.StartOn = scheduleTime(f, "startOn", optional(p.StartOn, ""), s.Timezone, false)
	}
	if p.EndOn.Set {
		s.EndOn = scheduleTime(f, "endOn", optional(p.EndOn, ""), s.Timezone, true)
	}
	if p.Interval.Set {
		s.Interval, s.IntervalType = optional(p.Interval, ""), ""
	}
	if p.IntervalType.Set {
		s.IntervalType = IntervalType(optional(p.IntervalType, ""))
	}
	s.Anchor = at
	if s.byHand() && (p.Interval.Null || j.Schedule.byHand() && !p.Interval.Set && !p.StartOn.Set) {
		// Null means by hand only; bounds alone must not be read as a "once" schedule.
		bounds := s
		bounds.Interval, bounds.IntervalType = "1 day", IntervalSimple
		return sameUnlessChanged(j.Schedule, s), !sameSchedule(j.Schedule, s), f.Merge("", bounds.Validate())
	}
	normal, err := s.Normalize()
	if err := f.Merge("", err); err != nil {
		return s, false, err
	}
	c.service.checkInterval(f, normal)
	next := sameUnlessChanged(j.Schedule, normal)
	return next, !sameSchedule(j.Schedule, normal), nil
}

// byHand reports whether a schedule as it is stored never fires by itself, although it may have bounds. A schedule that a caller writes is
// not: there, a start alone means "once" (contract 11.3), and Normalize says so in the type.
func (s Schedule) byHand() bool { return s.Interval == "" && s.IntervalType == "" }

// sameUnlessChanged keeps the anchor of a schedule whose other fields are sent as they are stored: that is no change.
func sameUnlessChanged(old, updated Schedule) Schedule {
	if sameSchedule(old, updated) {
		return old
	}
	return updated
}

// sameSchedule compares what a caller can set.
func sameSchedule(a, b Schedule) bool {
	return a.Interval == b.Interval && a.IntervalType == b.IntervalType && a.Timezone == b.Timezone &&
		a.StartOn.Equal(b.StartOn) && a.EndOn.Equal(b.EndOn)
}

// checkInterval holds the host's shortest interval, and refuses an interval whose first fire lies beyond the years that schedules know.
func (s *Service) checkInterval(f *Faults, schedule Schedule) {
	if schedule.IsZero() || schedule.IntervalType == IntervalOnce {
		return
	}
	if schedule.EndOn.IsZero() && schedule.StartOn.IsZero() {
		if _, ok := schedule.Next(schedule.Anchor); !ok {
			f.Add("interval", "%q never fires: its first time would be after the year 2099", schedule.Interval)
			return
		}
	}
	if s.options.MinInterval <= 0 {
		return
	}
	if gap := schedule.ShortestGap(); gap > 0 && gap < s.options.MinInterval {
		f.Add("interval", "fires every %s; this system allows %s at the shortest", gap, s.options.MinInterval)
	}
}

// checkConditions checks that conditions name earlier actions and datasets of the job only; path gives the field of the action at an index.
func checkConditions(d *Definition, path func(int) string) error {
	var f Faults
	actions, aliases := d.Actions, d.Aliases()
	earlier := make([]string, 0, len(actions))
	for i := range actions {
		err := actions[i].Condition.Check(ConditionScope{EarlierActions: earlier, Aliases: aliases})
		var v *ValidationError
		switch {
		case err == nil:
		case errors.As(err, &v) && (path(i) == "index" || path(i) == "actions"): // a move, not the condition, is at fault
			f.Add(path(i), "would make a run condition refer to a later action: %s", v.Error())
		default:
			if err := f.Merge(path(i), err); err != nil {
				return err
			}
		}
		earlier = append(earlier, string(actions[i].ID))
	}
	return f.Err()
}

func conditionPath(i int) string { return indexPath("actions", i) + ".runConditions" }

func indexPath(name string, i int) string { return fmt.Sprintf("%s[%d]", name, i) }

func actionField(id ActionID) string { return "actions." + string(id) + ".data" }

// secretRef is the place of secrets below a field of the job.
func (j *Job) secretRef(field string) SecretRef {
	return SecretRef{Tenant: j.Tenant, Job: j.ID, Field: field}
}

func checkName(f *Faults, name string) string {
	const path = "name"
	name = strings.TrimSpace(name)
	if name == "" {
		f.Add(path, "is required")
		return name
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		f.Add(path, "holds a control character; a name is one line of text")
		return name
	}
	return checkText(f, path, name, MaxNameLength)
}

func checkText(f *Faults, path, text string, limit int) string {
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		f.Add(path, "is not valid UTF-8")
	case strings.ContainsRune(text, 0):
		f.Add(path, "holds a NUL character")
	case n > limit:
		f.Add(path, "has %d characters; at most %d", n, limit)
	}
	return text
}

func checkSlug(f *Faults, slug string) {
	if !ValidSlug(slug) {
		f.Add("slug", "is %q; lower-case letters, digits and single hyphens, 1 to %d characters", slug, MaxSlug)
	}
}
