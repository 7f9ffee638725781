package jobs

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Associations gives the job, whose Datasets are in their order.
func (c *Client) Associations(ctx context.Context, ref JobRef) (*Job, error) {
	return c.readable(ctx, ref)
}

// Association reads one association with its job and its index.
func (c *Client) Association(ctx context.Context, ref JobRef, alias string) (*Job, int, error) {
	return c.association(ctx, ref, alias, PermissionRead)
}

func (c *Client) association(ctx context.Context, ref JobRef, alias string, perm Permission) (*Job, int, error) {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return nil, 0, err
	}
	_, i, ok := j.Association(alias)
	if !ok {
		return nil, 0, NotFound("dataset association")
	}
	return j, i, c.allowed(ctx, j, perm)
}

// AddAssociation adds a dataset to a job (contract 10.3) and gives the job with the index of the association. The caller must be allowed to
// read the dataset, and whatever else the job is to do with it.
func (c *Client) AddAssociation(ctx context.Context, ref JobRef, spec AssociationSpec) (*Job, int, error) {
	j, err := c.change(ctx, ref, Precondition{}, func(j *Job, at time.Time) error {
		var f Faults
		index := len(j.Datasets)
		if spec.Index != nil {
			index = *spec.Index
			checkRange(&f, "index", index, 0, len(j.Datasets))
		}
		a := spec.build(&f, at)
		_, _, taken := j.Association(a.Alias)
		old := j.Definition
		j.Datasets = slices.Insert(slices.Clone(j.Datasets), min(max(index, 0), len(j.Datasets)), a)
		path := func(n datasetNeed) string { return ifIndex(n.alias == a.Alias, n.path, datasetPath(n)) }
		if err := c.checkDatasets(ctx, &f, j.ID, &old, &j.Definition, path); err != nil {
			return err
		}
		if err := f.Err(); err != nil {
			return err
		}
		switch {
		case taken:
			return aliasTaken(a.Alias)
		case len(old.Datasets) >= MaxDatasets:
			return Conflict("the job has %d datasets already", MaxDatasets)
		}
		return nil
	})
	return withAssociation(j, spec.Alias, err)
}

// UpdateAssociation changes an association partially (contract 10.5) and gives the job with its index.
func (c *Client) UpdateAssociation(
	ctx context.Context, ref JobRef, alias string, patch AssociationPatch, expect Precondition,
) (*Job, int, error) {
	j, err := c.change(ctx, ref, Precondition{}, func(j *Job, at time.Time) error {
		_, i, ok := j.Association(alias)
		if !ok {
			return NotFound("dataset association")
		}
		var f Faults
		before := j.Datasets[i]
		index := required(&f, "index", patch.Index, i)
		checkRange(&f, "index", index, 0, len(j.Datasets)-1)
		a := before.patched(&f, patch)
		old := j.Definition
		j.Datasets = slices.Clone(j.Datasets)
		j.Datasets[i] = a
		path := func(n datasetNeed) string { return ifIndex(n.alias == alias, n.path, datasetPath(n)) }
		if err := c.checkDatasets(ctx, &f, j.ID, &old, &j.Definition, path); err != nil {
			return err
		}
		if err := f.Err(); err != nil {
			return err
		}
		if !expect.UpdatedAt.IsZero() && !expect.UpdatedAt.Equal(before.UpdatedAt) {
			return ErrPrecondition
		}
		if index != i || !reflect.DeepEqual(a, before) {
			a.UpdatedAt = at
		}
		j.Datasets = slices.Insert(slices.Delete(j.Datasets, i, i+1), index, a)
		return nil
	})
	return withAssociation(j, alias, err)
}

// DeleteAssociation removes an association (contract 10.6); the dataset and its snapshots stay. One whose alias is named by a condition, by
// settings or by a placeholder is a *ConflictError with Data["usedBy"].
func (c *Client) DeleteAssociation(ctx context.Context, ref JobRef, alias string, expect Precondition) error {
	_, err := c.change(ctx, ref, Precondition{}, func(j *Job, _ time.Time) error {
		a, i, ok := j.Association(alias)
		if !ok {
			return NotFound("dataset association")
		}
		if !expect.UpdatedAt.IsZero() && !expect.UpdatedAt.Equal(a.UpdatedAt) {
			return ErrPrecondition
		}
		users, err := aliasUsers(&j.Definition, c.service.drivers, alias)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return &ConflictError{
				Reason: "the alias \"" + alias + "\" is used by " + strings.Join(users, ", "), Data: map[string]any{"usedBy": users},
			}
		}
		j.Datasets = slices.Delete(j.Datasets, i, i+1)
		return nil
	})
	return err
}

func withAssociation(j *Job, alias string, err error) (*Job, int, error) {
	if err != nil {
		return nil, 0, err
	}
	_, i, ok := j.Association(alias)
	if !ok {
		return nil, 0, NotFound("dataset association") // somebody removed it after our change
	}
	return j, i, nil
}

func aliasTaken(alias string) error {
	return &ConflictError{Reason: "the job has a dataset with the alias \"" + alias + "\" already", Data: map[string]any{"alias": alias}}
}

// buildAssociations makes the datasets of a job anew; one that is as an old one keeps its times. The error is a *ConflictError for an alias
// that is there twice, which counts only if the rest has no fault.
func buildAssociations(f *Faults, j *Job, specs []AssociationSpec, old []Association, at time.Time) error {
	if len(specs) > MaxDatasets {
		f.Add("datasets", "has %d entries; at most %d", len(specs), MaxDatasets)
		return nil
	}
	var twice error
	for i, spec := range specs {
		var own Faults
		a := spec.build(&own, at)
		if spec.Index != nil && *spec.Index != i {
			own.Add("index", "is %d; datasets of a new job are in their order", *spec.Index)
		}
		for _, field := range own.fields {
			f.Add(JoinPath(indexPath("datasets", i), field.Path), "%s", field.Message)
		}
		if _, _, taken := j.Association(a.Alias); taken {
			twice = aliasTaken(a.Alias)
		}
		for _, before := range old {
			same := a
			same.CreatedAt, same.UpdatedAt = before.CreatedAt, before.UpdatedAt
			if same.Alias == before.Alias {
				a.CreatedAt = before.CreatedAt
			}
			if reflect.DeepEqual(same, before) {
				a = same
			}
		}
		j.Datasets = append(j.Datasets, a)
	}
	return twice
}

// datasetPath is where a body that has the whole job names a dataset.
func datasetPath(n datasetNeed) string { return JoinPath(indexPath("datasets", n.index), n.path) }

// mayUseDatasets is the check of every write for datasets (R44): what the new definition does with them and the old one did not, the caller
// must be allowed to do itself.
func (c *Client) mayUseDatasets(ctx context.Context, job ID, before, after *Definition) error {
	var f Faults
	if err := c.checkDatasets(ctx, &f, job, before, after, datasetPath); err != nil {
		return err
	}
	return f.Err()
}

// checkDatasets adds datasets that do not exist to the faults; one that the caller may not use as the job does is ErrForbidden. Before is nil
// and job empty for a new job.
func (c *Client) checkDatasets(
	ctx context.Context, f *Faults, job ID, before, after *Definition, path func(datasetNeed) string,
) error {
	var ids []DatasetID
	needs := newDatasetNeeds(before, after, c.service.drivers)
	needs = slices.DeleteFunc(needs, func(n datasetNeed) bool {
		var bad Faults
		checkDatasetID(&bad, "", n.id)
		return !bad.Empty() // it is a fault already
	})
	for _, n := range needs {
		ids = append(ids, n.id)
	}
	if len(needs) == 0 {
		return nil
	}
	if c.service.options.Datasets == nil {
		for _, n := range needs {
			f.Add(path(n), "cannot be used: this system has no datasets")
		}
		return nil
	}
	found, err := askDatasets(ctx, c.service.options.Datasets, c.principal.Tenant, c.principal.User, ids)
	if err != nil {
		return datasetsFail(err)
	}
	for _, n := range needs {
		dataset, exists := found[n.id]
		if !exists {
			f.Add(path(n), "is not a dataset of this system: %.80q", n.id)
			continue
		}
		if lack := n.rights.Without(dataset.Rights); !lack.None() && !c.principal.Superuser {
			err := Forbidden("%s on the dataset %.80q is not allowed", lack.words(), n.id)
			return c.denied(ctx, err, "dataset:use", "dataset", string(n.id), job)
		}
	}
	return nil
}

// datasetsFail is the error of a provider for callers: what it says is for the log.
func datasetsFail(err error) error {
	return &UnavailableError{Reason: "The datasets cannot be reached now", Cause: err}
}

// DatasetsOf gives the datasets that a job names and that the principal may read, by the ids that the job has. Others are left out.
func (c *Client) DatasetsOf(ctx context.Context, j *Job) (map[DatasetID]Dataset, error) {
	ids := make([]DatasetID, len(j.Datasets))
	for i := range j.Datasets {
		ids[i] = j.Datasets[i].DatasetID
	}
	if c.service.options.Datasets == nil {
		return nil, nil
	}
	found, err := askDatasets(ctx, c.service.options.Datasets, j.Tenant, c.principal.User, ids)
	if err != nil {
		return nil, datasetsFail(err)
	}
	for id, dataset := range found {
		if c.principal.Superuser {
			dataset.Rights = AllDatasetRights()
			found[id] = dataset
		}
		if !dataset.Rights.Read {
			delete(found, id)
		}
	}
	return found, nil
}

// DatasetPermissions tells whether a principal may use the datasets of a job as the job does (contract 10.7): the check that is made for the
// owner at the start of each run. Empty is the caller; somebody else needs job:share.
func (c *Client) DatasetPermissions(ctx context.Context, ref JobRef, who PrincipalID) ([]DatasetCheck, error) {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return nil, err
	}
	if who == "" {
		who = c.principal.User
	}
	if who != c.principal.User {
		if c.principal.LevelOn(j) < LevelShare {
			return nil, c.denied(ctx, Forbidden("%s is not allowed", PermissionShare), AuditAction(PermissionShare), "job", string(j.ID), j.ID)
		}
		var f Faults
		if err := c.checkKnown(ctx, &f, "principalId", who); err != nil {
			return nil, err
		}
		if err := f.Err(); err != nil {
			return nil, err
		}
	}
	checks, err := CheckDatasets(ctx, c.service.options.Datasets, c.service.drivers, j.Tenant, who, &j.Definition)
	if err != nil {
		return nil, datasetsFail(err)
	}
	return checks, nil
}
