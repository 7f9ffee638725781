package jobs

import (
	"context"
	"time"
)

// JobSummary is a job as lists show it (contract 2.1, fields marked L, and 20.6). It is read without the definition.
type JobSummary struct {
	ID          ID
	Tenant      TenantID
	Slug        string
	OwnerID     PrincipalID
	Type        string
	Name        string
	Description string
	// Schedule has no anchor and no offset: it is for people.
	Schedule  Schedule
	Enabled   bool
	NextRunAt time.Time
	// LockedAt is the start of the oldest run that is going on; zero if none is.
	LockedAt time.Time
	// LastRun is the run that ended last; nil if none has.
	LastRun *LastRun
	// Recent are the states of the runs that ended last, at most RecentRuns, the newest first.
	Recent []RunStatus
	// Draft is the draft that the viewer of the query has of the job; nil if there is none.
	Draft *DraftNote
	// Favorite: the job is a favorite of the viewer of the query.
	Favorite bool
	// Tags are in the order in which the job got them.
	Tags      []TagID
	Shares    []Share
	CreatedAt time.Time
	UpdatedAt time.Time
}

// DraftNote says that somebody has a draft of a job.
type DraftNote struct {
	ID        ID
	UpdatedAt time.Time
}

// RecentRuns is how many ended runs a summary tells of (contract 20.6).
const RecentRuns = 14

// LateAfter is by how much the next fire of an enabled job must have passed for the job to be late. A planner acts within a second; what is
// still due after thirty has no planner that works.
const LateAfter = 30 * time.Second

// Late reports whether the job should have run and nobody has planned its fire (contract 20.6): it is enabled and its NextRunAt lies more
// than LateAfter before now.
func (s *JobSummary) Late(now time.Time) bool {
	return s.Enabled && !s.NextRunAt.IsZero() && s.NextRunAt.Before(now.Add(-LateAfter))
}

// Summary is what lists show of the job, but for Recent, and Draft and Favorite of a viewer.
func (j *Job) Summary() JobSummary {
	schedule := j.Schedule
	schedule.Anchor, schedule.Offset = time.Time{}, 0
	return JobSummary{
		ID: j.ID, Tenant: j.Tenant, Slug: j.Slug, OwnerID: j.OwnerID, Type: j.Type, Name: j.Name, Description: j.Description, Schedule: schedule,
		Enabled: j.Enabled, NextRunAt: j.NextRunAt, LockedAt: j.LockedAt, LastRun: j.LastRun, Shares: j.Shares, Tags: j.TagIDs(),
		CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt,
	}
}

// FlatJob is a job of the flat list (contract 4.2).
type FlatJob struct {
	ID      ID
	Slug    string
	Name    string
	Type    string
	OwnerID PrincipalID
	Enabled bool
	// Tags are in the order in which the job got them.
	Tags   []TagID
	Shares []Share
}

// SummaryStore lists jobs without reading their definitions.
type SummaryStore interface {
	// JobSummaries lists what Jobs lists, in the same order and with the same total, in a number of statements that does not grow with the
	// page. Drafts and favorites are those of q.Viewer.
	JobSummaries(ctx context.Context, q JobQuery) (Page[JobSummary], error)
	// FlatJobs lists all jobs that match, by name; Sort, Start and Limit are not looked at. It is for lists of ten thousand.
	FlatJobs(ctx context.Context, q JobQuery) ([]FlatJob, error)
	// SummariesOf gives those of the jobs of a tenant that exist, in the order of ids, without what is a viewer's own. A draft is left out.
	SummariesOf(ctx context.Context, tenant TenantID, ids []ID) ([]JobSummary, error)
	// Durations gives, for jobs of a tenant, how long the successful ones (warnings included) among the n runs took that ended last, the
	// newest first. Jobs without one are left out.
	Durations(ctx context.Context, tenant TenantID, ids []ID, n int) (map[ID][]time.Duration, error)
}
