package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
)

// audited gives the context of a write with its audit rows. What the rows leave out is the principal's.
func (c *Client) audited(ctx context.Context, rows ...AuditRow) context.Context {
	for i := range rows {
		rows[i].Tenant, rows[i].Actor, rows[i].TokenID = c.principal.Tenant, c.principal.User, c.principal.Token
	}
	return WithAudit(ctx, rows...)
}

// denied writes down that a principal was refused what it is not allowed, and gives the error on. It is known who it was; who is not
// known, and what cannot be seen, has no row. A row that cannot be written changes nothing for the caller.
func (c *Client) denied(ctx context.Context, err error, action AuditAction, kind, object string, job ID) error {
	if !errors.Is(err, ErrForbidden) {
		return err
	}
	row := AuditRow{
		Tenant: c.principal.Tenant, Actor: c.principal.User, TokenID: c.principal.Token, Action: action, Kind: kind, Object: object, JobID: job,
		Result: AuditDenied,
	}
	rows, _ := PendingAudit(WithAudit(ctx, row))
	if failed := c.service.store.AddAudit(context.WithoutCancel(ctx), rows); failed != nil {
		c.service.options.Logger.ErrorContext(ctx, "audit row not written", "action", action, "job_id", job, "err", failed)
	}
	return err
}

// auditJob is the row of what is done to a job itself.
func auditJob(action AuditAction, j *Job, fields ...string) AuditRow {
	return AuditRow{Action: action, Kind: "job", Object: string(j.ID), JobID: j.ID, Revision: j.Revision, Fields: fields}
}

// auditRun is the row of what is done to one run.
func auditRun(action AuditAction, j *Job, id RunID) AuditRow {
	return AuditRow{Action: action, Kind: "run", Object: string(id), JobID: j.ID}
}

// setFields names the fields that a patch sets, in order.
func setFields(set map[string]bool) []string {
	var names []string
	for name, is := range set {
		if is {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// auditChange gives the rows of a change of a definition from before to after: the update with the names of what changed, and a row of its
// own for switching on or off and for secrets.
func auditChange(before, after *Job) ([]AuditRow, error) {
	fields, err := changedFields(before, after)
	if err != nil {
		return nil, err
	}
	rows := []AuditRow{auditJob(AuditUpdate, after, fields...)}
	if before.Enabled != after.Enabled {
		rows = append(rows, auditJob(enabling(after.Enabled), after))
	}
	if secrets := newSecrets(before, after); len(secrets) > 0 {
		rows = append(rows, auditJob(AuditSetSecret, after, secrets...))
	}
	return rows, nil
}

func enabling(enabled bool) AuditAction {
	if enabled {
		return AuditEnable
	}
	return AuditDisable
}

// changedFields names the parts of a job that differ: fields of the definition, and of lists the item ("actions.<id>"), in order.
func changedFields(before, after *Job) ([]string, error) {
	old, err := partsOf(before)
	if err != nil {
		return nil, err
	}
	current, err := partsOf(after)
	if err != nil {
		return nil, err
	}
	var names []string
	for name, value := range current {
		if !bytes.Equal(value, old[name]) {
			names = append(names, name)
		}
	}
	for name := range old {
		if _, ok := current[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// partsOf takes a job apart into what can change by itself. Secrets are parts of their settings, named apart by newSecrets; what code said
// of the job and what follows from its fields are none.
func partsOf(j *Job) (map[string]json.RawMessage, error) {
	definition, err := json.Marshal(&j.Definition)
	if err != nil {
		return nil, err
	}
	parts := map[string]json.RawMessage{}
	if err := json.Unmarshal(definition, &parts); err != nil {
		return nil, err
	}
	for _, derived := range []string{"ensured", "secrets", "idempotent"} {
		delete(parts, derived)
	}
	delete(parts, "actions")
	for i := range j.Actions {
		a := j.Actions[i]
		a.Secrets = nil
		if parts["actions."+string(a.ID)], err = json.Marshal(struct {
			Index  int
			Action Action
		}{i, a}); err != nil {
			return nil, err
		}
	}
	delete(parts, "datasets")
	for i := range j.Datasets {
		if parts["datasets."+j.Datasets[i].Alias], err = json.Marshal(struct {
			Index       int
			Association Association
		}{i, j.Datasets[i]}); err != nil {
			return nil, err
		}
	}
	for name, value := range map[string]any{"slug": j.Slug, "ownerId": j.OwnerID, "enabled": j.Enabled} {
		if parts[name], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// newSecrets names the secrets that were set or removed: sealed anew is set anew.
func newSecrets(before, after *Job) []string {
	old, current := secretsOf(before), secretsOf(after)
	var names []string
	for name, s := range current {
		if was, ok := old[name]; !ok || !bytes.Equal(was, s) {
			names = append(names, name)
		}
	}
	for name := range old {
		if _, ok := current[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func secretsOf(j *Job) map[string][]byte {
	all := map[string][]byte{}
	for field, s := range j.sealed() {
		all[field] = s.Sealed
	}
	return all
}

// Audit lists what was done in the tenant, newest first; only for superusers. Tenant of the query is set here.
func (c *Client) Audit(ctx context.Context, q AuditQuery) (Page[AuditRow], error) {
	if err := c.superuser(ctx); err != nil {
		return Page[AuditRow]{}, err
	}
	q.Tenant = c.principal.Tenant
	return c.service.store.Audit(ctx, q)
}

// JobAudit lists what was done to one job and its parts, newest first; for those who may edit it. Tenant and JobID of the query are set here.
func (c *Client) JobAudit(ctx context.Context, ref JobRef, q AuditQuery) (Page[AuditRow], error) {
	j, err := c.permitted(ctx, ref, PermissionEdit)
	if err != nil {
		return Page[AuditRow]{}, err
	}
	q.Tenant, q.JobID = j.Tenant, j.ID
	return c.service.store.Audit(ctx, q)
}

// auditShare is the row of a share given or taken.
func auditShare(action AuditAction, j *Job, p PrincipalID) AuditRow {
	return AuditRow{Action: action, Kind: "share", Object: string(p), JobID: j.ID}
}
