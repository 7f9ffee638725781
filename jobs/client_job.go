package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// CreateJob makes a job (contract 2.2). All faults of the spec are in one *ValidationError; nothing is stored then.
func (c *Client) CreateJob(ctx context.Context, spec JobSpec) (*Job, error) {
	return c.create(ctx, spec, nil)
}

func (c *Client) create(ctx context.Context, spec JobSpec, ensured map[string]string) (*Job, error) {
	at := now()
	j, err := c.newJob(ctx, spec, at)
	if err != nil {
		return nil, err
	}
	j.Ensured = ensured
	j.NextRunAt = j.nextRun(at)
	j.Note = RevisionNote{By: c.principal.User}
	var origin []string
	if spec.TemplateID != "" {
		origin = []string{"template." + spec.TemplateID}
	}
	if err := c.insert(ctx, at, j, spec.Slug, origin...); err != nil {
		return nil, err
	}
	return c.service.store.Job(ctx, j.Tenant, JobRef{ID: j.ID})
}

// CheckJob reports what CreateJob would refuse of the spec, and stores nothing.
func (c *Client) CheckJob(ctx context.Context, spec JobSpec) error {
	_, err := c.newJob(ctx, spec, now())
	return err
}

// newJob makes a job of a spec without storing it.
func (c *Client) newJob(ctx context.Context, spec JobSpec, at time.Time) (*Job, error) {
	if err := c.mayCreate(ctx, spec.OwnerID); err != nil {
		return nil, err
	}
	owner := spec.OwnerID
	if owner == "" {
		owner = c.principal.User
	}
	j := &Job{
		ID: NewID(), Tenant: c.principal.Tenant, OwnerID: owner, Enabled: !spec.Disabled, Revision: 1,
		CreatedAt: at, UpdatedAt: at, DefnUpdatedAt: at,
	}
	return j, c.build(ctx, j, spec, at)
}

// Can is nil if the principal has a permission on the job: else ErrNotFound or ErrForbidden, as every use case would say.
func (c *Client) Can(ctx context.Context, ref JobRef, perm Permission) error {
	_, err := c.permitted(ctx, ref, perm)
	return err
}

// MayCreateJobs reports whether the principal may create jobs at all.
func (c *Client) MayCreateJobs() bool {
	return !c.principal.ReadOnly && (c.principal.Superuser || c.principal.Rights.CreateJobs)
}

func (c *Client) mayCreate(ctx context.Context, owner PrincipalID) error {
	if err := c.identified(); err != nil {
		return err
	}
	if err := c.writes(ctx); err != nil {
		return err
	}
	if !c.MayCreateJobs() {
		return c.denied(ctx, Forbidden("jobs:create is not allowed"), "jobs:create", "job", "", "")
	}
	if owner != "" && !c.principal.mayOwn(owner) {
		return c.denied(ctx, Forbidden("you may not own jobs for %q", owner), "jobs:create", "job", "", "")
	}
	return nil
}

// insert stores a new job. Without a slug of the caller's the first free one of name, name-2, name-3 ... is taken. Fields are for the audit.
func (c *Client) insert(ctx context.Context, at time.Time, j *Job, slug string, fields ...string) error {
	rows := []AuditRow{auditJob(AuditCreate, j, fields...)}
	if secrets := newSecrets(&Job{}, j); len(secrets) > 0 {
		rows = append(rows, auditJob(AuditSetSecret, j, secrets...))
	}
	ctx = c.audited(ctx, rows...)
	if slug != "" {
		j.Slug = slug
		return c.service.store.InsertJob(ctx, at, j)
	}
	base := slugBase(j.Name)
	j.Slug = base
	for {
		err := c.service.store.InsertJob(ctx, at, j)
		var conflict *ConflictError
		if !errors.As(err, &conflict) || conflict.Data["slug"] == nil {
			return err
		}
		n, err := c.freeNumber(ctx, base)
		if err != nil {
			return err
		}
		j.Slug = NumberedSlug(base, n)
	}
}

// freeNumber finds a number from 2 on with which a slug is free: doubling until one is, and then between the last two, so that the
// thousandth job of a name costs twenty looks. Without gaps it is the first free one.
func (c *Client) freeNumber(ctx context.Context, base string) (int, error) {
	taken := func(n int) (bool, error) {
		_, err := c.service.store.Job(ctx, c.principal.Tenant, JobRef{Slug: NumberedSlug(base, n)})
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}
	low, high := 1, 2
	for {
		is, err := taken(high)
		if err != nil {
			return 0, err
		}
		if !is {
			break
		}
		low, high = high, 2*high
	}
	for low+1 < high {
		middle := (low + high) / 2
		is, err := taken(middle)
		if err != nil {
			return 0, err
		}
		if is {
			low = middle
		} else {
			high = middle
		}
	}
	return high, nil
}

// slugBase is the slug of a name; a name without letters and digits that a slug can hold is called "job".
func slugBase(name string) string {
	if s := Slugify(name); s != "" {
		return s
	}
	return "job"
}

// Job reads a job that the principal may read.
func (c *Client) Job(ctx context.Context, ref JobRef) (*Job, error) { return c.readable(ctx, ref) }

// Jobs lists the jobs that the principal may read. Tenant, ReadableBy and FavoriteOf of the query are set here.
func (c *Client) Jobs(ctx context.Context, q JobQuery) (Page[*Job], error) {
	if err := c.readableQuery(&q); err != nil {
		return Page[*Job]{}, err
	}
	return c.service.store.Jobs(ctx, q)
}

func checkSort(keys []SortKey, known []string) error {
	var f Faults
	for _, k := range keys {
		if !slices.Contains(known, k.Field) {
			f.Add("sort", "cannot sort by %q; one of %s", k.Field, strings.Join(known, ", "))
		}
	}
	return f.Err()
}

// UpdateJob changes a job partially (contract 2.4). A patch that changes nothing is no change. ErrPrecondition if the job is not the
// expected one.
func (c *Client) UpdateJob(ctx context.Context, ref JobRef, patch JobPatch, expect Precondition) (*Job, error) {
	return c.change(ctx, ref, expect, func(j *Job, at time.Time) error { return c.applyPatch(ctx, j, patch, at) })
}

// DeleteJob removes a job with all that belongs to it (contract 2.5). With force its live runs are cancelled first.
func (c *Client) DeleteJob(ctx context.Context, ref JobRef, force bool, expect Precondition) error {
	j, err := c.permitted(ctx, ref, PermissionDelete)
	if err != nil {
		return err
	}
	if expect.Revision != 0 && expect.Revision != j.Revision {
		return ErrPrecondition
	}
	row := auditJob(AuditDelete, j)
	if j.IsDraft() {
		row = AuditRow{Action: AuditDiscard, Kind: "draft", Object: string(j.ID), JobID: j.EditingID}
	}
	return c.service.store.DeleteJob(c.audited(ctx, row), now(), j.Tenant, j.ID, expect.Revision, force)
}

// changeTries bounds how often a change is done anew because another process changed the job in between.
const changeTries = 10

// change reads a job, lets f change it, and stores it as the next revision if nobody else did so in between (T8); else it starts anew
// from what is stored then. Checks come in the order of the contract: 404, 403, 400, 412.
func (c *Client) change(ctx context.Context, ref JobRef, expect Precondition, f func(j *Job, at time.Time) error) (*Job, error) {
	unlock, err := c.service.changing.lock(ctx, c.principal.Tenant, ref)
	if err != nil {
		return nil, err
	}
	defer unlock()
	for range changeTries {
		j, err := c.permitted(ctx, ref, PermissionEdit)
		if err != nil {
			return nil, err
		}
		if j.Broken != "" {
			return nil, Conflict("%s; the job can only be removed", j.Broken)
		}
		base := j.Revision
		before, err := fingerprint(j)
		if err != nil {
			return nil, err
		}
		// The next change is later than the last one, so that UpdatedAt tells two versions apart.
		at := now()
		if !at.After(j.UpdatedAt) {
			at = j.UpdatedAt.Add(time.Millisecond)
		}
		old := *j
		j.Actions, j.Datasets = slices.Clone(j.Actions), slices.Clone(j.Datasets)
		if err := f(j, at); err != nil {
			return nil, err
		}
		if err := c.mayUseDatasets(ctx, j.ID, &old.Definition, &j.Definition); err != nil {
			return nil, err
		}
		if expect.Revision != 0 && expect.Revision != base {
			return nil, ErrPrecondition
		}
		after, err := fingerprint(j)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(before, after) {
			return j, nil
		}
		j.Revision, j.UpdatedAt, j.DefnUpdatedAt = base+1, at, at
		if j.Note, err = c.note(&old, j); err != nil {
			return nil, err
		}
		rows, err := auditChange(&old, j)
		if err != nil {
			return nil, err
		}
		err = c.service.store.SaveJob(c.audited(ctx, rows...), at, j, base)
		if errors.Is(err, ErrPrecondition) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return c.service.store.Job(ctx, j.Tenant, JobRef{ID: j.ID})
	}
	return nil, &UnavailableError{Reason: "the job is being changed by others all the time"}
}

// sameJob reports whether two states of a job are the same in everything that a change can change.
func sameJob(a, b *Job) (bool, error) {
	before, err := fingerprint(a)
	if err != nil {
		return false, err
	}
	after, err := fingerprint(b)
	return bytes.Equal(before, after), err
}

// fingerprint holds everything that a change can change.
func fingerprint(j *Job) ([]byte, error) {
	return json.Marshal(struct {
		Definition Definition
		Slug       string
		Enabled    bool
		Next       time.Time
	}{j.Definition, j.Slug, j.Enabled, j.NextRunAt})
}

// nextRun is the fire after that moment, if the job fires at all.
func (j *Job) nextRun(after time.Time) time.Time {
	if !j.Enabled || j.IsDraft() || j.Schedule.byHand() {
		return time.Time{}
	}
	next, ok := j.EffectiveSchedule().Next(after)
	if !ok {
		return time.Time{}
	}
	return next
}
