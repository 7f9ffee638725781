package jobs

// Level is an access level on a job (contract 1.5). Higher levels hold the permissions of the lower ones.
type Level int

// Levels of a share.
const (
	LevelNone  Level = 0
	LevelRead  Level = 1
	LevelRun   Level = 2
	LevelEdit  Level = 3
	LevelShare Level = 5
	LevelFull  Level = 10
)

// Valid reports whether a share can have the level.
func (l Level) Valid() bool {
	switch l {
	case LevelRead, LevelRun, LevelEdit, LevelShare, LevelFull:
		return true
	case LevelNone:
	}
	return false
}

// Permission is one thing that can be done with a job.
type Permission string

// Permissions on a job and the least level that holds each.
const (
	PermissionRead        Permission = "read"
	PermissionRun         Permission = "job:run"
	PermissionCopy        Permission = "job:copy"
	PermissionEdit        Permission = "job:edit"
	PermissionAssignTags  Permission = "job:assignTags"
	PermissionShare       Permission = "job:share"
	PermissionDelete      Permission = "job:delete"
	PermissionChangeOwner Permission = "job:changeOwner"
)

func (p Permission) level() Level {
	switch p {
	case PermissionRead:
		return LevelRead
	case PermissionRun, PermissionCopy:
		return LevelRun
	case PermissionEdit, PermissionAssignTags:
		return LevelEdit
	case PermissionShare:
		return LevelShare
	case PermissionDelete, PermissionChangeOwner:
	}
	return LevelFull
}

// Permissions are what a principal may do with a job, as shown to it.
type Permissions struct {
	Edit, Delete, Share, Run, Copy, ChangeOwner, AssignTags bool
}

// LevelOn is the level of p on the job: the highest of ownership, team role, and shares. A job of another tenant gives none;
// a draft is its maker's alone, and a superuser's.
func (p Principal) LevelOn(j *Job) Level {
	return p.levelOn(j.Tenant, j.OwnerID, j.IsDraft(), j.Shares)
}

func (p Principal) levelOn(tenant TenantID, owner PrincipalID, draft bool, shares []Share) Level {
	if p.User == "" || p.Tenant != tenant {
		return LevelNone
	}
	if p.Superuser || owner == p.User {
		return LevelFull
	}
	if draft {
		return LevelNone
	}
	best := LevelNone
	for _, m := range p.Teams {
		if m.Team == owner {
			best = max(best, m.Role.Level())
		}
	}
	for _, s := range shares {
		if s.PrincipalID == p.User || p.memberOf(s.PrincipalID) {
			best = max(best, s.Level)
		}
	}
	return best
}

func (p Principal) memberOf(team PrincipalID) bool {
	for _, m := range p.Teams {
		if m.Team == team {
			return true
		}
	}
	return false
}

// PermissionsOn is what p may do with the job. A draft can be edited and deleted only (contract 5).
func (p Principal) PermissionsOn(j *Job) Permissions {
	perms := p.permissionsAt(p.LevelOn(j))
	if j.IsDraft() {
		perms.Share, perms.Run, perms.Copy, perms.ChangeOwner, perms.AssignTags = false, false, false, false, false
	}
	return perms
}

// PermissionsOnSummary is PermissionsOn for a job of a list, which is never a draft.
func (p Principal) PermissionsOnSummary(s *JobSummary) Permissions {
	return p.permissionsAt(p.levelOn(s.Tenant, s.OwnerID, false, s.Shares))
}

// PermissionsOnFlat is PermissionsOn for a job of the flat list of the principal's tenant.
func (p Principal) PermissionsOnFlat(j *FlatJob) Permissions {
	return p.permissionsAt(p.levelOn(p.Tenant, j.OwnerID, false, j.Shares))
}

func (p Principal) permissionsAt(level Level) Permissions {
	has := func(perm Permission) bool { return level >= perm.level() && !p.ReadOnly }
	return Permissions{
		Edit: has(PermissionEdit), Delete: has(PermissionDelete), Share: has(PermissionShare), Run: has(PermissionRun),
		Copy: has(PermissionCopy), ChangeOwner: has(PermissionChangeOwner), AssignTags: has(PermissionAssignTags),
	}
}

// check is the one place where a permission on a job is decided: a job that cannot be read does not exist for the caller, a
// missing permission is forbidden (order of contract 1.5).
func (p Principal) check(j *Job, perm Permission) error {
	level := p.LevelOn(j)
	if level < LevelRead {
		return NotFound("job")
	}
	if perm == PermissionRead {
		return nil
	}
	if p.ReadOnly {
		return Forbidden("the token is read-only")
	}
	if level < perm.level() {
		return Forbidden("%s is not allowed", perm)
	}
	return nil
}

// mayOwn reports whether p may make a job that belongs to owner: itself, or a team in which it is at least dataWizard.
func (p Principal) mayOwn(owner PrincipalID) bool {
	if p.Superuser || owner == p.User {
		return true
	}
	for _, m := range p.Teams {
		if m.Team == owner && m.Role.Level() >= LevelEdit {
			return true
		}
	}
	return false
}
