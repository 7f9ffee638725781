package identity

import (
	"context"
	"errors"

	"github.com/carillon-go/carillon/jobs"
)

// audited gives the context of a write with the rows that tell of it (R67): who is by, what the rows say.
func audited(ctx context.Context, by jobs.Principal, rows ...jobs.AuditRow) context.Context {
	for i := range rows {
		rows[i].Tenant, rows[i].Actor, rows[i].TokenID = by.Tenant, by.User, by.Token
	}
	return jobs.WithAudit(ctx, rows...)
}

// note stores rows that no write brings along: refusals and failures. A row that cannot be written changes nothing for the caller.
func (a *Accounts) note(ctx context.Context, row jobs.AuditRow) {
	rows, _ := jobs.PendingAudit(jobs.WithAudit(ctx, row))
	if err := a.store.AddAudit(context.WithoutCancel(ctx), rows); err != nil {
		a.log.ErrorContext(ctx, "audit row not written", "action", row.Action, "err", err)
	}
}

// denied writes down that somebody known was refused what it may not do, and gives the error on.
func (c *Client) denied(ctx context.Context, err error, action jobs.AuditAction, kind, object string) error {
	if !errors.Is(err, jobs.ErrForbidden) {
		return err
	}
	p := c.who.Principal
	c.accounts.note(ctx, jobs.AuditRow{
		Tenant: p.Tenant, Actor: p.User, TokenID: p.Token, Action: action, Kind: kind, Object: object, Result: jobs.AuditDenied,
	})
	return err
}

// userRows tell of a change of a user: the fields that changed, and rows of their own for what decides who gets in.
func userRows(before, after jobs.User) []jobs.AuditRow {
	row := func(action jobs.AuditAction, fields ...string) jobs.AuditRow {
		return jobs.AuditRow{Action: action, Kind: "user", Object: string(after.ID), Fields: fields}
	}
	var fields []string
	for _, f := range []struct {
		name    string
		changed bool
	}{
		{"displayName", before.DisplayName != after.DisplayName},
		{"email", before.Email != after.Email},
		{"permissions", before.Rights != after.Rights},
		{"superuser", before.Superuser != after.Superuser},
	} {
		if f.changed {
			fields = append(fields, f.name)
		}
	}
	var rows []jobs.AuditRow
	if len(fields) > 0 {
		rows = append(rows, row(jobs.AuditUpdate, fields...))
	}
	if before.PasswordHash != after.PasswordHash {
		rows = append(rows, row(jobs.AuditPassword))
	}
	switch {
	case before.Enabled && !after.Enabled:
		rows = append(rows, row(jobs.AuditDisable))
	case !before.Enabled && after.Enabled:
		rows = append(rows, row(jobs.AuditEnable))
	}
	return rows
}

// teamRow tells of what was done to a team. A member is a field of it.
func teamRow(action jobs.AuditAction, team jobs.PrincipalID, fields ...string) jobs.AuditRow {
	return jobs.AuditRow{Action: action, Kind: "team", Object: string(team), Fields: fields}
}

func memberField(user jobs.PrincipalID) string { return "members." + string(user) }
