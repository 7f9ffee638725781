package jobs

import (
	"context"
	"encoding/json"
	"time"
)

// Store is what a database offers: the sum of the roles below. Implementations pass the suite of package storage/storagetest.
//
// All methods may be called concurrently. Every method is one transaction: it happens wholly or not at all, and it has been
// committed durably when it returns nil. Times are given by the caller and kept in whole milliseconds, UTC. Values passed in may not
// be changed by the store, and are not kept after return. A context that ends before the write has begun
// is an error and nothing is written; after that the write is finished.
//
// Errors: ErrNotFound, *ConflictError and ErrPrecondition as each method says; *UnavailableError if the database cannot be
// reached, is full, locked or read-only. After an ErrUnavailable of a write the outcome may be unclear (R4).
type Store interface {
	JobStore
	ShareStore
	DraftStore
	RevisionStore
	OwnerStore
	TagStore
	FavoriteStore
	SummaryStore
	NewsStore
	StartStore
	RetryStore
	BackfillStore
	RunStore
	HistoryStore
	WaitStore
	RunFinder
	WorkerStore
	WorkerAdminStore
	PlanStore
	LimitStore
	KeyStore
	UserStore
	TeamStore
	SessionStore
	TokenStore
	AuditStore
	FileStore
	TenantStore
	Watcher
	// Close ends the store after the writes that were accepted. Later calls are ErrUnavailable.
	Close() error
}

// JobStore keeps job definitions with their revisions.
// A new revision, of InsertJob and SaveJob alike, that names contents which its tenant does not have (FileStore) is a *ConflictError.
type JobStore interface {
	// InsertJob stores a new job at revision 1, with its Shares and Tags unless it is a draft. A tag that the tenant does not have is
	// ErrNotFound. A slug that the tenant has already is a *ConflictError with Data["slug"]. More than MaxJobsPerTenant jobs, more than
	// MaxShares shares or MaxTags tags, and a job with Broken, are a *ConflictError. A draft whose original is unknown or a draft itself is
	// ErrNotFound; a second draft of one user and job is a *ConflictError with Data["draftId"]. An owner that DeleteUser or DeleteTeam has removed
	// within the last hour, and that was not made again, is a *ConflictError.
	InsertJob(ctx context.Context, now time.Time, j *Job) error
	// SaveJob replaces the stored job if its revision is still base, and stores it under j.Revision, which is base or base+1; a new
	// revision is kept for its runs, and as long as KeptRevisions says. Else ErrPrecondition. A job with Broken is a *ConflictError: what
	// was read of it is not all of it; a new revision without it mends the job. A changed NextRunAt replaces a fire that was due at or before now and not
	// planned yet: it is recorded as withdrawn. Runs that wait because of a policy that has changed are let go as far as the new policy
	// allows. Unknown job: ErrNotFound. Taken slug: *ConflictError with Data["slug"].
	SaveJob(ctx context.Context, now time.Time, j *Job, base int64) error
	// DeleteJob removes the job with everything that belongs to it, drafts included. With live runs and without force it is a
	// *ConflictError with Data["historyId"]; with force the workers that hold them are fenced off. Unknown job: ErrNotFound.
	DeleteJob(ctx context.Context, now time.Time, tenant TenantID, id ID, base int64, force bool) error
	// Job reads a job with its shares, tags, LockedAt and LastRun. By slug, ref.Prefix is not looked at. A definition that cannot be read is no
	// error, see Job.Broken. Unknown or of another tenant: ErrNotFound.
	Job(ctx context.Context, tenant TenantID, ref JobRef) (*Job, error)
	// Jobs lists jobs, each as Job reads it.
	Jobs(ctx context.Context, q JobQuery) (Page[*Job], error)
	// Definition reads one revision. ErrNotFound if it is not kept, *ConflictError if it cannot be read. The result is shared: read-only.
	Definition(ctx context.Context, tenant TenantID, id ID, revision int64) (*Definition, error)
}

// Start asks for runs of one job, outside its schedule.
type Start struct {
	Tenant      TenantID
	JobID       ID
	Trigger     Trigger
	TriggeredBy PrincipalID
	// Params has one JSON object for each run.
	Params []json.RawMessage
	// NotBefore delays the runs; zero: now.
	NotBefore time.Time
	// Key is an Idempotency-Key, at most MaxIdempotencyKey characters; empty for none. Only with one run.
	Key string
}

// StartStore starts runs outside the schedule (T2).
type StartStore interface {
	// StartRuns inserts queued runs as the job's overlap policy allows (DecideStart), all or none. The same Tenant, JobID, TriggeredBy and Key
	// within IdempotencyWindow gives the first run again, whatever its state, and starts nothing; if that run was removed since, it is a
	// *ConflictError with Data["historyId"]. Unknown job: ErrNotFound. A draft, a job that is Broken, a live run with OverlapSkip
	// (Data["historyId"]), more than MaxQueuedPerTenant queued runs: *ConflictError.
	StartRuns(ctx context.Context, now time.Time, s Start) (runs []Run, err error)
	// StartedRun gives the run that StartRuns or RetryRun would give again for the Tenant, JobID, TriggeredBy and Key; nil if there is none, and the
	// same *ConflictError if it was removed.
	StartedRun(ctx context.Context, now time.Time, s Start) (*Run, error)
	// CancelRun ends a queued run as canceled, or marks a running one (T6). Harmless to repeat while it runs. An ended run is a
	// *ConflictError. Unknown run: ErrNotFound.
	CancelRun(ctx context.Context, now time.Time, tenant TenantID, id RunID, by PrincipalID) (*Run, error)
}

// RunStore reads runs and removes ended ones. A definition or steps that are stored and cannot be read do not fail a read: the run has
// no steps then.
type RunStore interface {
	// Run reads one run, live or ended. Unknown or of another tenant: ErrNotFound.
	Run(ctx context.Context, tenant TenantID, id RunID) (*Run, error)
	// Runs lists runs, each as Run reads it; with Summary without Params and Steps. The total counts only what ReadableBy lets through.
	Runs(ctx context.Context, q RunQuery) (Page[*Run], error)
	Logs(ctx context.Context, q LogQuery) (Page[LogEntry], error)
	// Events reads what happened to a run after event number after: the run as it is now and the log entries with a greater Seq, oldest
	// first, at most limit. Steps with a greater Seq have changed.
	Events(ctx context.Context, tenant TenantID, id RunID, after int64, limit int) (*Run, []LogEntry, error)
	// DeleteRun removes an ended run with its log; its fire keeps its place in the ledger. A live run: *ConflictError. Unknown run or of another
	// job: ErrNotFound.
	DeleteRun(ctx context.Context, tenant TenantID, job ID, id RunID) error
	// DeleteRuns removes the ended runs of a job that were created before a moment. None is no error.
	DeleteRuns(ctx context.Context, tenant TenantID, job ID, before time.Time) error
	// Prune removes up to limit ended runs that the policy of their job, or keep, gives up (T9), idempotency records that have
	// expired, and up to limit audit rows that are older than AuditRetention. It returns how many runs it removed. The last ended run of a job stays (R68).
	Prune(ctx context.Context, now time.Time, keep Retention, limit int) (int, error)
}

// Retention bounds ended runs of jobs that set no bound themselves; zero keeps all.
type Retention struct {
	KeepDays int
	KeepRuns int
}

// WorkerStore is the engine's side of the workers.
type WorkerStore interface {
	// RegisterWorker stores a new worker with status active and beat 0.
	RegisterWorker(ctx context.Context, now time.Time, w Worker) error
	// Exchange is one turn of the pipe (reliability section 3 and T3-T5). A claim adds one to the run's Seq and starts its current
	// step: one that is interrupted gets the next attempt, the new Seq and StartedAt. A queued run whose definition or steps cannot be read
	// is not claimed: it ends with RunError. ErrFenced: the worker is not live or its stored beat is not
	// Beat-1; nothing was written; see R3.
	Exchange(ctx context.Context, r ExchangeRequest) (*ExchangeResult, error)
	// HeldRuns reads the runs that a worker holds with their definitions, after an exchange whose answer was lost (R3), and the
	// worker itself. A run whose definition or steps cannot be read has an empty definition, and no driver in the steps that are left, so
	// that the worker can only end it. Unknown worker: ErrNotFound.
	HeldRuns(ctx context.Context, id WorkerID) (Worker, []Claim, error)
	// Beats gives the live workers with their beats. Dead tells of those whose process is known to have ended (R7).
	Beats(ctx context.Context) ([]WorkerBeat, error)
	// TakeOver marks a live worker as lost if its beat is still seen, and puts back or ends each of its runs (T7, Interrupt), with a log
	// entry. A run whose definition or steps cannot be read ends. It returns those runs, none if the worker lives or was taken over
	// before. Reason is for the runs' errors.
	TakeOver(ctx context.Context, now time.Time, id WorkerID, seen int64, reason string) ([]RunID, error)
	// StopWorker marks a worker that holds no run as stopped. One that holds runs or is not live: *ConflictError.
	StopWorker(ctx context.Context, now time.Time, id WorkerID) error
}

// WorkerBeat is the sign of life of a worker.
type WorkerBeat struct {
	ID   WorkerID
	Beat int64
	Dead bool
}

// WorkerAdminStore is the operators' side of the workers.
type WorkerAdminStore interface {
	Workers(ctx context.Context, q WorkerQuery) (Page[Worker], error)
	// Worker reads one worker with its current runs of a tenant. Unknown: ErrNotFound.
	Worker(ctx context.Context, id WorkerID, tenant TenantID) (Worker, error)
	// SteerWorker sets what a live worker is to obey with its next exchange; zero values change nothing. Not live: *ConflictError.
	SteerWorker(ctx context.Context, id WorkerID, status WorkerStatus, concurrency int) error
	// DeleteWorker removes the row of a worker that is not live; else *ConflictError. Unknown: ErrNotFound.
	DeleteWorker(ctx context.Context, id WorkerID) error
}

// PlanStore turns fires into runs and keeps the ledger.
type PlanStore interface {
	// Plan takes up to limit enabled jobs whose NextRunAt is due, oldest first, and carries out DecideFires for each, in one
	// transaction (T1). A job that cannot be evaluated, or whose definition cannot be read, is disabled and named in the result, and its
	// fire is missed; the others go on (R17).
	Plan(ctx context.Context, now time.Time, limit int) (PlanResult, error)
	// NextDue is the least NextRunAt of all enabled jobs; zero if nothing will fire.
	NextDue(ctx context.Context) (time.Time, error)
	// Fires reads the ledger: fires that became runs and all others (contract 20.3).
	Fires(ctx context.Context, q FireQuery) (Page[Fire], error)
}

// PlanResult tells what a pass of the planner did.
type PlanResult struct {
	// Jobs is how many jobs were due, Runs how many runs were queued.
	Jobs, Runs int
	// Next is the least NextRunAt after the pass; it may be due already. Zero: nothing will fire.
	Next time.Time
	// Disabled names jobs that could not be evaluated, with the reason.
	Disabled map[ID]string
}

// LimitStore keeps the limits of tenants and of the cluster.
type LimitStore interface {
	// Limits gives the stored limits, or DefaultLimits for what was never set.
	Limits(ctx context.Context, tenant TenantID) (Limits, error)
	// SetLimits stores the limits; the cluster's part only if cluster is true.
	SetLimits(ctx context.Context, tenant TenantID, l Limits, cluster bool) error
}

// Topic is a kind of news from the store; topics can be added up.
type Topic uint8

// Topics of Watch.
const (
	// TopicPlan: a NextRunAt has changed.
	TopicPlan Topic = 1 << iota
	// TopicQueue: a run was queued or let go.
	TopicQueue
	// TopicWorker: a cancel, a limit or a worker's orders have changed.
	TopicWorker
	// TopicRun: runs have changed in any way.
	TopicRun
	// TopicNews: the feed has grown, see NewsStore.
	TopicNews
)

// Watcher tells of changes, its own and those of other processes. It is a hint: what is missed is found by the next look.
type Watcher interface {
	// Watch gives a channel that receives after commits that touch one of the topics; with run, only those that touch that run
	// (other processes may wake it needlessly). The channel holds one signal: many commits may give one. Stop must be called.
	Watch(topics Topic, run RunID) (wake <-chan struct{}, stop func())
}
