package jobs

import "time"

// Page is a part of a list with the number of all items that match.
type Page[T any] struct {
	Items []T
	Total int
}

// SortKey orders a list by a field of the wire; ties are broken by id.
type SortKey struct {
	Field      string
	Descending bool
}

// JobQuery asks for jobs of one tenant; drafts are never listed. Zero fields do not filter.
type JobQuery struct {
	Tenant TenantID
	// ReadableBy limits the list to jobs that one of these principals owns or has a share of; nil: all jobs of the tenant.
	ReadableBy []PrincipalID
	// Words must each occur, without regard to case, in name or description.
	Words   []string
	Type    string
	OwnerID PrincipalID
	Enabled *bool
	// Running: a run of the job is going on.
	Running *bool
	// Tags must all be on the job.
	Tags []TagID
	// Favorite: the job is a favorite of the user FavoriteOf, or is none.
	Favorite   *bool
	FavoriteOf PrincipalID
	// LastStatuses: the run that ended last has one of them; the empty one stands for jobs of which no run has ended.
	LastStatuses []RunStatus
	// Late: as JobSummary.Late says at the moment Now.
	Late *bool
	Now  time.Time
	// Viewer is the user whose drafts are meant by Draft, and whose drafts and favorites are shown in summaries.
	Viewer PrincipalID
	// Draft: the viewer has a draft of the job.
	Draft *bool
	// Sort keys are among JobSortFields; none means by name.
	Sort  []SortKey
	Start int
	// Limit zero means all.
	Limit int
}

// JobSortFields are the fields by which jobs can be sorted: text without regard to case, missing values last in ascending order.
var JobSortFields = []string{"name", "slug", "type", "ownerId", "enabled", "nextRunAt", "lockedAt", "lastRunAt", "createdAt", "updatedAt"}

// RunQuery asks for runs of one tenant, live and ended. Zero fields do not filter.
type RunQuery struct {
	Tenant TenantID
	JobID  ID
	// ReadableBy limits the list to runs of jobs that one of these principals owns or has a share of; nil: all jobs of the tenant.
	ReadableBy []PrincipalID
	// OwnerID is who owned the job when the run was queued.
	OwnerID  PrincipalID
	WorkerID WorkerID
	Statuses []RunStatus
	// Success is true for success and warning, false for error and canceled; live runs match neither.
	Success  *bool
	Warnings *bool
	// From and To bound CreatedAt: at or after, before.
	From, To time.Time
	// Summary leaves Params and Steps out, and does not read them.
	Summary bool
	// Sort keys are among RunSortFields; none means newest first.
	Sort  []SortKey
	Start int
	Limit int
}

// RunSortFields are the fields by which runs can be sorted.
var RunSortFields = []string{"createdAt", "updatedAt", "status", "success"}

// LogQuery asks for log entries of one run.
type LogQuery struct {
	Tenant TenantID
	RunID  RunID
	// Level and above.
	Level    LogLevel
	ActionID ActionID
	Words    []string
	// Descending: newest first.
	Descending bool
	Start      int
	Limit      int
}

// FireQuery asks for the ledger of one job. Zero fields do not filter.
type FireQuery struct {
	Tenant  TenantID
	JobID   ID
	Outcome FireOutcome
	// From and To bound the fire: at or after, before.
	From, To time.Time
	// Ascending: oldest first; else newest first.
	Ascending bool
	Start     int
	Limit     int
}

// WorkerQuery asks for workers.
type WorkerQuery struct {
	// Statuses empty: all but stopped.
	Statuses []WorkerStatus
	// Tenant limits CurrentRuns.
	Tenant TenantID
	// Sort keys are among WorkerSortFields; none means by host name.
	Sort  []SortKey
	Start int
	Limit int
}

// WorkerSortFields are the fields by which workers can be sorted.
var WorkerSortFields = []string{"hostname", "startedAt", "heartbeatAt", "running"}
