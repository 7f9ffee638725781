package jobs

import (
	"context"
	"errors"
	"unicode"
	"unicode/utf8"
)

// Shares gives the job, whose Shares are in the order of their principals. A draft has none.
func (c *Client) Shares(ctx context.Context, ref JobRef) (*Job, error) { return c.readable(ctx, ref) }

// Share reads one share of a job.
func (c *Client) Share(ctx context.Context, ref JobRef, p PrincipalID) (Share, error) {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return Share{}, err
	}
	s, ok := j.ShareOf(p)
	if !ok {
		return Share{}, NotFound("share")
	}
	return s, nil
}

// PutShare gives a principal a level on a job, or another one than it has (contract 14.2). Nobody gives more than they have, or changes the
// share of somebody who has more.
func (c *Client) PutShare(ctx context.Context, ref JobRef, p PrincipalID, level Level) (Share, error) {
	err := c.changeShare(ctx, ref, func(j *Job) error {
		if err := c.allowed(ctx, j, PermissionShare); err != nil {
			return err
		}
		was, _ := j.ShareOf(p)
		var f Faults
		asked := level
		if !level.Valid() {
			f.Add("accessLevel", "is %d; 1, 2, 3, 5 or 10", level)
			asked = LevelNone // a level that does not exist is no level above the caller's
		}
		if err := c.mayGrant(j, asked, was.Level); err != nil {
			return err
		}
		switch {
		case p == j.OwnerID:
			f.Add("principalId", "is the owner of the job, who has every level: %q", p)
		default:
			if err := c.checkKnown(ctx, &f, "principalId", p); err != nil {
				return err
			}
		}
		if err := f.Err(); err != nil {
			return err
		}
		if j.IsDraft() {
			return errDraftShared
		}
		return c.service.store.PutShare(c.audited(ctx, auditShare(AuditShare, j, p)), now(), j.Tenant, j.ID, p, level, was.Level)
	})
	if err != nil {
		return Share{}, err
	}
	return c.Share(ctx, ref, p)
}

// DeleteShare takes a share away. It needs job:share; a user may also give back its own share, and an admin of a team that of the team, for
// a single member does not decide for the others.
func (c *Client) DeleteShare(ctx context.Context, ref JobRef, p PrincipalID) error {
	return c.changeShare(ctx, ref, func(j *Job) error {
		s, err := c.removable(ctx, j, p)
		if err != nil {
			return err
		}
		if j.IsDraft() {
			return errDraftShared
		}
		return c.service.store.DeleteShare(c.audited(ctx, auditShare(AuditUnshare, j, p)), now(), j.Tenant, j.ID, p, s.Level)
	})
}

// CanDeleteShare is nil if DeleteShare would be allowed: else ErrNotFound or ErrForbidden, as it would say.
func (c *Client) CanDeleteShare(ctx context.Context, ref JobRef, p PrincipalID) error {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return err
	}
	_, err = c.removable(ctx, j, p)
	return err
}

// removable gives the share of a job that was read if the principal may take it away. A draft has no share that could be missing.
func (c *Client) removable(ctx context.Context, j *Job, p PrincipalID) (Share, error) {
	s, ok := j.ShareOf(p)
	if !ok && !j.IsDraft() {
		return s, NotFound("share")
	}
	if err := c.writes(ctx); err != nil {
		return s, err
	}
	if c.principal.speaksFor(p) {
		return s, nil
	}
	if err := c.allowed(ctx, j, PermissionShare); err != nil {
		return s, err
	}
	return s, c.mayGrant(j, LevelNone, s.Level)
}

// speaksFor reports whether p may give up what is shared with another principal: a user its own, an admin of a team the team's.
func (p Principal) speaksFor(other PrincipalID) bool {
	if p.User == other {
		return true
	}
	for _, m := range p.Teams {
		if m.Team == other && m.Role == RoleAdmin {
			return true
		}
	}
	return false
}

var errDraftShared = Conflict("a draft is its maker's alone; share the job that it was made of")

// mayGrant refuses levels above the caller's own, the new one and the one that it replaces.
func (c *Client) mayGrant(j *Job, level, was Level) error {
	own := c.principal.LevelOn(j)
	if level > own {
		return Forbidden("level %d is above your own, which is %d", level, own)
	}
	if was > own {
		return Forbidden("the share has level %d, above your own, which is %d", was, own)
	}
	return nil
}

// changeShare reads a job and lets f change a share of it, anew if somebody else changed the same share in between.
func (c *Client) changeShare(ctx context.Context, ref JobRef, f func(j *Job) error) error {
	for range changeTries {
		j, err := c.readable(ctx, ref)
		if err != nil {
			return err
		}
		if err := f(j); !errors.Is(err, ErrPrecondition) {
			return err
		}
	}
	return &UnavailableError{Reason: "the share is being changed by others all the time"}
}

// MaxPrincipalID is the longest id of a user or a team, in bytes.
const MaxPrincipalID = 255

// checkKnown refuses principals that the directory does not know (R43); path is the field that names it. The caller is known.
func (c *Client) checkKnown(ctx context.Context, f *Faults, path string, id PrincipalID) error {
	if id == "" || len(id) > MaxPrincipalID || !utf8.ValidString(string(id)) {
		f.Add(path, "is not a user or team: 1 to %d bytes", MaxPrincipalID)
		return nil
	}
	for _, r := range string(id) {
		if unicode.IsControl(r) {
			f.Add(path, "is not a user or team: %q", id)
			return nil
		}
	}
	if c.service.directory == nil || id == c.principal.User {
		return nil
	}
	known, err := c.service.directory.Principals(ctx, c.principal.Tenant, []PrincipalID{id})
	if err != nil {
		return err
	}
	if len(known) == 0 {
		f.Add(path, "is not a user or team: %q", id)
	}
	return nil
}

// Known gives what the directory says of principals; one that it does not know is left out. Without a directory every id stands for itself.
func (c *Client) Known(ctx context.Context, ids []PrincipalID) (map[PrincipalID]PrincipalInfo, error) {
	if err := c.identified(); err != nil {
		return nil, err
	}
	known := make(map[PrincipalID]PrincipalInfo, len(ids))
	if c.service.directory == nil || len(ids) == 0 {
		for _, id := range ids {
			known[id] = PrincipalInfo{ID: id, Name: string(id)}
		}
		return known, nil
	}
	found, err := c.service.directory.Principals(ctx, c.principal.Tenant, ids)
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		if p.Name == "" {
			p.Name = string(p.ID)
		}
		known[p.ID] = p
	}
	return known, nil
}
