package jobs

import (
	"context"
	"time"
)

// DraftBase is what a draft was made from. Commit compares it with what the original is then (contract 5.2).
type DraftBase struct {
	// Revision of the original when the draft was made.
	Revision int64
	// Source is the revision whose definition was copied: Revision itself, or an older one that is to be restored.
	Source int64
	// DefnUpdatedAt, OwnerID and Enabled of the original at that time.
	DefnUpdatedAt time.Time
	OwnerID       PrincipalID
	Enabled       bool
}

// Draft is a draft with the job that it was copied from.
type Draft struct {
	*Job
	Original *Job
}

// Editor is somebody who has a draft of a job.
type Editor struct {
	DraftID   ID
	User      PrincipalID
	CreatedAt time.Time
	UpdatedAt time.Time
}

// DraftStore keeps drafts: jobs with an EditingID. They are read, changed and deleted as jobs are (JobStore).
type DraftStore interface {
	// Draft reads the draft that a user has of a job. None: ErrNotFound.
	Draft(ctx context.Context, tenant TenantID, original ID, user PrincipalID) (*Job, error)
	// Drafts lists the drafts of a user, the one that was changed last first.
	Drafts(ctx context.Context, tenant TenantID, user PrincipalID) ([]Draft, error)
	// Editors lists who has a draft of a job, the oldest draft first.
	Editors(ctx context.Context, tenant TenantID, original ID) ([]Editor, error)
	// CommitDraft saves j, the original, as SaveJob does, and removes the draft in the same transaction (T8). If the draft's revision is
	// not draftRevision any more, or that of the original is not base, it is ErrPrecondition and nothing is written. A draft that is gone,
	// or that is not one of j, is ErrNotFound.
	CommitDraft(ctx context.Context, now time.Time, j *Job, base int64, draft ID, draftRevision int64) error
	// ReplaceDraft puts a new draft of the same user and job in the place of one that is still at its revision, in one transaction. Else
	// it is ErrPrecondition, or ErrNotFound if that draft is gone, and nothing is written.
	ReplaceDraft(ctx context.Context, now time.Time, old ID, oldRevision int64, draft *Job) error
}
