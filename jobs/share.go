package jobs

import (
	"context"
	"time"
)

// Share gives a principal a level on a job.
type Share struct {
	JobID       ID
	PrincipalID PrincipalID
	Level       Level
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// MaxShares is how many shares a job can have (reliability section 13).
const MaxShares = 200

// ShareOf gives the share of exactly that principal; false if it has none.
func (j *Job) ShareOf(p PrincipalID) (Share, bool) {
	for _, s := range j.Shares {
		if s.PrincipalID == p {
			return s, true
		}
	}
	return Share{}, false
}

// ShareStore keeps who else may act on a job. Shares are read with their job, see JobStore. A change of them moves the job's UpdatedAt, and
// neither its revision nor DefnUpdatedAt, so that it is in nobody's way who edits the job.
type ShareStore interface {
	// PutShare gives a principal a level on a job in the place of the level was, LevelNone for no share; if another one is stored it is
	// ErrPrecondition and nothing changes. CreatedAt of a share that is replaced stays; one with the level that it has already changes
	// nothing. The owner of the job, a draft, more than MaxShares, and a removed principal as with InsertJob are a *ConflictError. Unknown job:
	// ErrNotFound.
	PutShare(ctx context.Context, now time.Time, tenant TenantID, id ID, p PrincipalID, level, was Level) error
	// DeleteShare takes a share away whose level is was; if another one is stored it is ErrPrecondition and nothing changes. Unknown job, or no
	// such share: ErrNotFound.
	DeleteShare(ctx context.Context, now time.Time, tenant TenantID, id ID, p PrincipalID, was Level) error
}
