package jobs

import "time"

// Worker is one engine instance in one process. Its row is final once it is lost or stopped (R8).
type Worker struct {
	ID       WorkerID
	Hostname string
	PID      int
	Version  string
	Status   WorkerStatus
	// Concurrency is the most runs at a time.
	Concurrency int
	// Running is how many runs it holds now; filled by reads.
	Running int
	// JobTypes, ActionTypes and AttachmentTypes are the drivers that it has.
	JobTypes        []string
	ActionTypes     []string
	AttachmentTypes []string
	// Beat grows with each exchange. Others decide by it whether the worker lives; never by the times (R5).
	Beat        int64
	StartedAt   time.Time
	HeartbeatAt time.Time
	StoppedAt   time.Time
	// CurrentRuns are filled by reads of one tenant.
	CurrentRuns []WorkerRun
}

// WorkerRun is a run that a worker holds.
type WorkerRun struct {
	JobID     ID
	RunID     RunID
	StartedAt time.Time
}

// WorkerStatus is the state of a worker.
type WorkerStatus string

// A draining worker takes nothing new; a lost one was taken over; a stopped one ended in order.
const (
	WorkerActive   WorkerStatus = "active"
	WorkerDraining WorkerStatus = "draining"
	WorkerLost     WorkerStatus = "lost"
	WorkerStopped  WorkerStatus = "stopped"
)

// Live reports whether the worker may hold runs.
func (s WorkerStatus) Live() bool { return s == WorkerActive || s == WorkerDraining }

// Limits bound how much runs at once and how fast a silent worker is given up (contract 12.4).
type Limits struct {
	// TenantConcurrency is the most running runs of the tenant, 1 to 10000.
	TenantConcurrency int
	// ClusterConcurrency is the most running runs in all, 1 to 100000.
	ClusterConcurrency int
	// Heartbeat is the longest time between two exchanges of a worker, 1 s to 300 s.
	Heartbeat time.Duration
	// Timeout is how long a beat must stand still for the worker to be lost, 2 s to 3600 s, at least twice Heartbeat.
	Timeout time.Duration
}

// DefaultLimits are the limits of a new system.
func DefaultLimits() Limits {
	return Limits{TenantConcurrency: 10, ClusterConcurrency: 100, Heartbeat: 15 * time.Second, Timeout: time.Minute}
}

// Validate reports every value that is out of range; paths are those of the wire.
func (l Limits) Validate() error {
	var f Faults
	checkRange(&f, "tenantConcurrency", l.TenantConcurrency, 1, 10_000)
	checkRange(&f, "clusterConcurrency", l.ClusterConcurrency, 1, 100_000)
	checkSeconds(&f, "heartbeatSeconds", l.Heartbeat, 1, 300)
	checkSeconds(&f, "timeoutSeconds", l.Timeout, 2, 3600)
	if f.Empty() && l.Timeout < 2*l.Heartbeat {
		f.Add("timeoutSeconds", "is %d; at least twice heartbeatSeconds (%d)", int(l.Timeout.Seconds()), int(l.Heartbeat.Seconds()))
	}
	return f.Err()
}
