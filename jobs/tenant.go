package jobs

import (
	"context"
	"time"
)

// HostTenant stands for the host itself where a tenant has to be named: in the audit rows of what is done to whole tenants. No tenant can have
// the name. A command of the host acts as System(HostTenant).
const HostTenant TenantID = "-"

// TenantUsage is what is stored of one tenant.
type TenantUsage struct {
	ID TenantID
	// ClosedAt is when its removal began; zero if it has not.
	ClosedAt time.Time
	// Users are those of the built-in identity.
	Users int
	// Jobs are without drafts.
	Jobs int
	// LiveRuns are queued or running, EndedRuns those that are kept.
	LiveRuns  int
	EndedRuns int
	// Files are contents of Blobs, FileBytes their bytes.
	Files     int
	FileBytes int64
}

// TenantStore lists tenants and removes them. A tenant need not be made: it is there as long as it has a user, a job or a limit.
type TenantStore interface {
	// Tenants tells of all tenants, by id.
	Tenants(ctx context.Context) ([]TenantUsage, error)
	// CloseTenant begins the removal of a tenant: in one transaction its jobs are switched off, its users disabled, and its sessions and tokens
	// removed. From then on a new job, a new or enabled user, a job that is switched on, and a start are a *ConflictError; there is no way
	// back. Live runs are a *ConflictError with Data["live"], their number, unless force is set. To close it again changes nothing, and needs no force.
	// Unknown: ErrNotFound.
	CloseTenant(ctx context.Context, now time.Time, tenant TenantID, force bool) error
	// EraseTenant removes up to limit things of a closed tenant in one transaction, what depends on others first: a run with its log, a job with what
	// belongs to it, or one row each. Workers that hold its runs learn with their next exchange that those are gone. The transaction that
	// finds nothing left removes the tenant itself and alone stores the audit rows of its context; then the result is Done. A tenant that is
	// not closed is a *ConflictError, an unknown one ErrNotFound.
	EraseTenant(ctx context.Context, tenant TenantID, limit int) (TenantErasure, error)
}

// TenantErasure is what one transaction of EraseTenant did.
type TenantErasure struct {
	// Removed is how many things it removed.
	Removed int
	// Files are the keys of contents that the store has forgotten; the caller removes the bytes (R15).
	Files []BlobKey
	// Done: nothing of the tenant is left.
	Done bool
}
