package jobs

import (
	"context"
	"errors"
	"slices"
)

// CopySpec is what a caller says of a copy of a job (contract 2.6).
type CopySpec struct {
	Name string
	// OwnerID is the caller if it is empty.
	OwnerID PrincipalID
	// Sharing copies the shares too.
	Sharing bool
}

// CanCopy is nil if CopyJob would be allowed, but for the owner: else ErrNotFound or ErrForbidden, as it would say.
func (c *Client) CanCopy(ctx context.Context, ref JobRef, sharing bool) error {
	j, err := c.permitted(ctx, ref, PermissionCopy)
	if err != nil {
		return err
	}
	if err := c.mayCreate(ctx, ""); err != nil || !sharing {
		return err
	}
	return c.allowed(ctx, j, PermissionShare)
}

// CopyJob makes a job of the same definition (contract 2.6). The copy is disabled, and has ids, a slug and a history of its own. Secrets are not
// copied (R45); if its drivers need some, the next change of those settings, a commit or a run says which. A draft is not copied.
func (c *Client) CopyJob(ctx context.Context, ref JobRef, spec CopySpec) (*Job, error) {
	if err := c.CanCopy(ctx, ref, spec.Sharing); err != nil {
		return nil, err
	}
	if err := c.mayCreate(ctx, spec.OwnerID); err != nil {
		return nil, err
	}
	from, err := c.readable(ctx, ref)
	if err != nil {
		return nil, err
	}
	at := now()
	j := &Job{
		ID: NewID(), Tenant: from.Tenant, OwnerID: spec.OwnerID, Revision: 1, CreatedAt: at, UpdatedAt: at, DefnUpdatedAt: at,
		Note: RevisionNote{By: c.principal.User, Changes: []string{"copied from \"" + from.NaturalID() + "\""}},
	}
	if j.OwnerID == "" {
		j.OwnerID = c.principal.User
	}
	var f Faults
	name := checkName(&f, spec.Name)
	if err := c.checkKnown(ctx, &f, "ownerId", j.OwnerID); err != nil {
		return nil, err
	}
	if err := c.checkDatasets(ctx, &f, "", nil, &from.Definition, datasetPath); err != nil {
		return nil, err
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	switch {
	case from.IsDraft():
		return nil, Conflict("a draft is not copied; commit it first")
	case from.Broken != "":
		return nil, Conflict("%s; the job can only be removed", from.Broken)
	}
	place := SecretRef{Tenant: from.Tenant}
	source, target := place, place
	source.Job, target.Job = from.ID, j.ID
	j.Definition, err = copyDefinition(ctx, &from.Definition, copying{
		from: source, to: target, rename: newActionIDs(), secrets: dropSecrets, at: at,
	})
	if err != nil {
		return nil, err
	}
	j.Name = name
	if !j.Schedule.byHand() {
		j.Schedule.Anchor = at
	}
	j.Tags = slices.Clone(from.Tags)
	if spec.Sharing {
		j.Shares = copyShares(from.Shares, j)
	}
	if err := c.insert(ctx, at, j, ""); err != nil {
		return nil, err
	}
	return c.service.store.Job(ctx, j.Tenant, JobRef{ID: j.ID})
}

// copyShares are the shares of a copy: those of the original without that of the new owner, who needs none.
func copyShares(shares []Share, j *Job) []Share {
	var out []Share
	for _, s := range shares {
		if s.PrincipalID != j.OwnerID {
			s.JobID, s.CreatedAt, s.UpdatedAt = j.ID, j.CreatedAt, j.CreatedAt
			out = append(out, s)
		}
	}
	return out
}

// CanFreeSlug is nil if FreeSlug would be allowed, which with the right to create jobs it is, also to a read-only token.
func (c *Client) CanFreeSlug(ctx context.Context) error {
	if err := c.identified(); err != nil {
		return err
	}
	if c.principal.Superuser || c.principal.Rights.CreateJobs {
		return nil
	}
	return c.denied(ctx, Forbidden("jobs:create is not allowed"), AuditCreate, "job", "", "")
}

// FreeSlug gives the slug that a new job of that name would get (contract 2.7). Somebody else may take it before the caller does.
func (c *Client) FreeSlug(ctx context.Context, name string) (string, error) {
	if err := c.CanFreeSlug(ctx); err != nil {
		return "", err
	}
	base := Slugify(name)
	if base == "" {
		return "", Invalid("name", "needs a letter or a digit")
	}
	_, err := c.service.store.Job(ctx, c.principal.Tenant, JobRef{Slug: base})
	if errors.Is(err, ErrNotFound) {
		return base, nil
	}
	if err != nil {
		return "", err
	}
	n, err := c.freeNumber(ctx, base)
	return NumberedSlug(base, n), err
}
