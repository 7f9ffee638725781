package jobs

import "context"

// NewsKind says what has changed.
type NewsKind string

// Kinds of a change.
const (
	NewsJob    NewsKind = "job"
	NewsRun    NewsKind = "run"
	NewsWorker NewsKind = "worker"
	// NewsMany: more has changed at once than is told one by one; whoever shows anything reads it anew.
	NewsMany NewsKind = "many"
)

// News says that something that lists show has changed. It has no contents: what is there now is read by those who may.
type News struct {
	// Seq grows with each commit that is told of; changes of one commit have the same.
	Seq    int64
	Kind   NewsKind
	Tenant TenantID
	// JobID is the job, or that of the run.
	JobID ID
	// RunID and Status are those of a run; a run that is removed is a change of its job.
	RunID  RunID
	Status RunStatus
	// WorkerID is the worker; workers belong to no tenant.
	WorkerID WorkerID
	// Lost are principals that could read the job before and may no longer: the owner and the shares of a job that is removed, a share that is
	// taken away, a former owner.
	Lost []PrincipalID
}

// Limits of the feed of changes.
const (
	// MaxNews is how many changes of one commit are told one by one.
	MaxNews = 128
	// KeptNews is how many commits can be asked for at least.
	KeptNews = 4096
)

// NewsPage is a part of the feed.
type NewsPage struct {
	News []News
	// Head is the number of the newest commit that is told of; zero if there is none yet.
	Head int64
	// Gap: commits after the one that was asked from are not kept any more, or it is newer than all that are stored (a database that was put
	// back). There are no changes then.
	Gap bool
}

// NewsStore tells what has changed, in this process or another one, without walking what is stored. TopicNews of Watch says when to look.
type NewsStore interface {
	// News gives the changes of at most limit commits after number after, in the order of the commits: nothing with a lower number appears
	// once a greater one has been seen. A negative after gives the head alone. Jobs (without runs that only proceed), states of runs, and
	// workers are told of; progress, logs, beats and the settings of anything else are not.
	News(ctx context.Context, after int64, limit int) (NewsPage, error)
}
