package jobs

import (
	"context"
	"time"
)

// TagID identifies a tag of a tenant, a UUID.
type TagID string

// NewTagID makes the id of a tag.
func NewTagID() TagID { return TagID(newUUID()) }

// Tag is a word of a tenant by which its jobs are put in order (contract 14.4).
type Tag struct {
	ID     TagID
	Tenant TenantID
	// Name is unique in the tenant without regard to case, 1 to MaxTagName characters.
	Name string
	// Color is #RRGGBB with capital digits, or empty.
	Color     string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Limits of tags (reliability section 13). MaxTagsPerTenant bounds what a list of all tags costs.
const (
	MaxTags          = 50
	MaxTagName       = 100
	MaxTagsPerTenant = 1000
)

// JobTag tells that a job has a tag.
type JobTag struct {
	// ID is of the association; ids of later ones are greater.
	ID    string
	JobID ID
	Tag   Tag
}

// TagIDs are the ids of the tags of a job, in the order in which it got them.
func (j *Job) TagIDs() []TagID {
	if len(j.Tags) == 0 {
		return nil
	}
	ids := make([]TagID, len(j.Tags))
	for i, t := range j.Tags {
		ids[i] = t.Tag.ID
	}
	return ids
}

// TagOf gives the association of the job with a tag; false if it has none.
func (j *Job) TagOf(id TagID) (JobTag, bool) {
	for _, t := range j.Tags {
		if t.Tag.ID == id {
			return t, true
		}
	}
	return JobTag{}, false
}

// TagPatch is a partial update of a tag.
type TagPatch struct {
	Name  Field[string]
	Color Field[string]
}

// TagStore keeps the tags of tenants and which jobs have them. The tags of a job are read with it, see JobStore. Giving and taking one moves
// the job's UpdatedAt, and neither its revision nor DefnUpdatedAt.
type TagStore interface {
	// InsertTag stores a new tag. A name that the tenant has, in whatever case, is a *ConflictError with Data["tagId"]; so are more than
	// MaxTagsPerTenant tags.
	InsertTag(ctx context.Context, t Tag) error
	// SaveTag replaces name, color and UpdatedAt of a tag whose UpdatedAt is still base, else it is ErrPrecondition. Unknown: ErrNotFound.
	// A name that another tag has is a *ConflictError with Data["tagId"].
	SaveTag(ctx context.Context, t Tag, base time.Time) error
	// DeleteTag removes a tag, from all jobs too, whose UpdatedAt moves. Unknown or of another tenant: ErrNotFound.
	DeleteTag(ctx context.Context, now time.Time, tenant TenantID, id TagID) error
	// Tag reads one tag. Unknown or of another tenant: ErrNotFound.
	Tag(ctx context.Context, tenant TenantID, id TagID) (Tag, error)
	// Tags lists the tags of a tenant whose name holds a text, without regard to case, by name; the empty text is in every name.
	Tags(ctx context.Context, tenant TenantID, name string) ([]Tag, error)
	// PutJobTag gives a tag to a job. A job that has it already does not change. A draft, and more than MaxTags tags, are a *ConflictError.
	// Unknown job or tag, also of another tenant: ErrNotFound.
	PutJobTag(ctx context.Context, now time.Time, tenant TenantID, job ID, tag TagID) error
	// DeleteJobTag takes a tag off a job. Unknown job, or a tag that it does not have: ErrNotFound.
	DeleteJobTag(ctx context.Context, now time.Time, tenant TenantID, job ID, tag TagID) error
}
