package jobs

import (
	"encoding/json"
	"time"
)

// Job is the aggregate: who it belongs to, what it does, and where its schedule stands. It is read and written as a whole.
type Job struct {
	ID     ID
	Tenant TenantID
	// Slug is unique in the tenant; a draft has none.
	Slug    string
	OwnerID PrincipalID
	// EditingID is, for a draft, the job that it was copied from; else empty.
	EditingID ID
	// Base is what a draft was made from; zero for other jobs.
	Base DraftBase
	Definition
	// Enabled false: the schedule does not fire. Runs by hand are possible all the same.
	Enabled bool
	// NextRunAt is the next fire; zero if nothing will fire.
	NextRunAt time.Time
	// Revision counts the changes of the definition, from 1.
	Revision int64

	CreatedAt time.Time
	// UpdatedAt changes with every change of the job, DefnUpdatedAt with those of its definition only.
	UpdatedAt     time.Time
	DefnUpdatedAt time.Time

	// Note goes with a write that makes a new revision; reads leave it empty, see RevisionStore.
	Note RevisionNote

	// What follows is filled by reads and, but for Broken, ignored by writes.

	// LockedAt is the start of the oldest run that is going on; zero if none is.
	LockedAt time.Time
	// LastRun is the run that ended last; nil if none has.
	LastRun *LastRun
	// Shares are in the order of their principals. InsertJob stores them too; a draft has none.
	Shares []Share
	// HandedOver: it was handed over, and nobody has switched it on since; see Client.HandOver. A SaveJob that enables it ends that.
	HandedOver bool
	// Tags are in the order in which the job got them. InsertJob stores them too, by the id of each tag; a draft has none.
	Tags []JobTag
	// Broken says why the stored definition cannot be read; empty as a rule. Such a job has of its definition only what the store keeps
	// beside it: type, name and description (in lower case), overlap, priority, bounds of its history. It does not fire and cannot be
	// started. It can only be deleted, or saved whole as a new revision: a write of a job whose Broken is not empty is refused.
	Broken string
}

// LastRun is what a job shows of the run that ended last.
type LastRun struct {
	ID       RunID
	Status   RunStatus
	Warnings bool
	// StartedAt is zero for a run that was canceled while it was queued.
	StartedAt time.Time
	EndedAt   time.Time
}

// Definition is what a job does. Every change of it makes a new revision; a run executes exactly one revision.
// Its JSON form is the stored document.
type Definition struct {
	// Type is the id of the job driver; it never changes.
	Type        string   `json:"type"`
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Schedule    Schedule `json:"schedule"`
	// Data are the settings of the driver, a JSON object without secrets.
	Data json.RawMessage `json:"data"`
	// Secrets are the sealed values of the driver's writeOnly properties, by their path in Data.
	Secrets Secrets  `json:"secrets,omitempty"`
	Actions []Action `json:"actions,omitempty"`
	// Datasets are the datasets that the job names, in their order.
	Datasets []Association `json:"datasets,omitempty"`
	Policies Policies      `json:"policies"`
	// Idempotent is what the job driver said of these settings when they were written; see Repeatable.
	Idempotent bool `json:"idempotent,omitempty"`
	// Ensured are hashes of what code said last of each part; see Client.Ensure. Nil for jobs that no code ensures.
	Ensured map[string]string `json:"ensured,omitempty"`
}

// EffectiveSchedule is the schedule with the offset that the job's jitter gives it.
func (j *Job) EffectiveSchedule() Schedule {
	s := j.Schedule
	s.Offset = JitterOffset(string(j.ID), int(j.Policies.Jitter/time.Second))
	return s
}

// IsDraft reports whether the job is a personal copy of another one.
func (j *Job) IsDraft() bool { return j.EditingID != "" }

// NaturalID is "tenant:slug", or the UUID of a draft.
func (j *Job) NaturalID() string {
	if j.Slug == "" {
		return string(j.ID)
	}
	return string(j.Tenant) + ":" + j.Slug
}

// Action gives the action with that id and its index; false if the job has none.
func (d *Definition) Action(id ActionID) (*Action, int, bool) {
	for i := range d.Actions {
		if d.Actions[i].ID == id {
			return &d.Actions[i], i, true
		}
	}
	return nil, 0, false
}

// Limits of a definition (reliability section 13).
const (
	MaxNameLength        = 255
	MaxDescriptionLength = 4000
	MaxActions           = 100
	MaxJobsPerTenant     = 10_000
	MaxQueuedPerTenant   = 100_000
)
