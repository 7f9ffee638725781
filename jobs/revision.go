package jobs

import (
	"context"
	"time"
)

// Revision is one version of the definition of a job. It never changes.
type Revision struct {
	JobID  ID
	Number int64
	// OwnerID owned the job when the revision was made.
	OwnerID   PrincipalID
	CreatedAt time.Time
	RevisionNote
	// Definition is nil in lists. It is shared: read-only.
	Definition *Definition
}

// RevisionNote says who made a revision, and what is new in it.
type RevisionNote struct {
	// By is empty for revisions of which nobody noted it.
	By PrincipalID
	// Changes are sentences for people, without values of secrets; at most MaxNotedChanges.
	Changes []string
}

const (
	// KeptRevisions is how many of the newest revisions of a job are kept. Older ones stay as long as a run that is kept has executed them, or a
	// draft was made from them.
	KeptRevisions = 100
	// MaxNotedChanges bounds the sentences of a RevisionNote; the last one counts those that are left out.
	MaxNotedChanges = 20
	// MaxNotedChange bounds each sentence, in characters.
	MaxNotedChange = 300
)

// RevisionQuery asks for the revisions of one job.
type RevisionQuery struct {
	Tenant TenantID
	JobID  ID
	Start  int
	// Limit zero means all.
	Limit int
}

// RevisionStore reads the revisions that JobStore writes.
type RevisionStore interface {
	// Revisions lists the kept revisions of a job without their definitions, newest first; none for an unknown job.
	Revisions(ctx context.Context, q RevisionQuery) (Page[Revision], error)
	// Revision reads one with its definition. ErrNotFound if it is not kept, *ConflictError if it cannot be read.
	Revision(ctx context.Context, tenant TenantID, id ID, number int64) (*Revision, error)
}
