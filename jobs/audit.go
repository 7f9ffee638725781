package jobs

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// AuditRow tells who did what to what, and when (R67). Rows are only ever added; they are kept for AuditRetention.
type AuditRow struct {
	ID     string
	At     time.Time
	Tenant TenantID
	// Actor is who did it: a user with whose rights it was done, or for ActorSystem the part of the system.
	Actor     PrincipalID
	ActorKind ActorKind
	// TokenID is the API token through which the user acted; empty for a session and for code of the host.
	TokenID string
	// Address and RequestID are those of the request; empty for code of the host.
	Address   string
	RequestID string

	Action AuditAction
	// Kind and Object name what it was done to: a noun ("job", "run", "share", "user") and its id. JobID is the job that it belongs to, if it
	// belongs to one: such rows are in the audit of that job.
	Kind   string
	Object string
	JobID  ID
	// Revision is the revision of the job after it; 0 if there is none.
	Revision int64
	// Fields are the names of the fields that changed, in order; never their values. Of a new job made of a template: "template.<id>".
	Fields []string
	Result AuditResult
}

// AuditAction is what was done.
type AuditAction string

// Actions of R67. A change of one thing may have several: an update that also switches the job on has two rows.
const (
	AuditLogin       AuditAction = "login"
	AuditLoginFailed AuditAction = "login.failed"
	AuditLogout      AuditAction = "logout"
	AuditCreate      AuditAction = "create"
	AuditUpdate      AuditAction = "update"
	AuditDelete      AuditAction = "delete"
	AuditEnable      AuditAction = "enable"
	AuditDisable     AuditAction = "disable"
	AuditSetSecret   AuditAction = "secret.set"
	AuditEdit        AuditAction = "draft.create"
	AuditCommit      AuditAction = "draft.commit"
	AuditDiscard     AuditAction = "draft.delete"
	AuditShare       AuditAction = "share"
	AuditUnshare     AuditAction = "unshare"
	AuditTag         AuditAction = "tag"
	AuditUntag       AuditAction = "untag"
	AuditHandOver    AuditAction = "owner"
	AuditRun         AuditAction = "run"
	AuditCancel      AuditAction = "cancel"
	AuditRetry       AuditAction = "retry"
	AuditBackfill    AuditAction = "backfill"
	AuditPassword    AuditAction = "password"
)

// ActorKind tells what an actor is.
type ActorKind string

// Actors: a user (by session, token or code of the host), or the system by itself.
const (
	ActorUser   ActorKind = "user"
	ActorSystem ActorKind = "system"
)

// AuditResult tells whether it was done.
type AuditResult string

// Results: done, or refused for want of a permission.
const (
	AuditOK     AuditResult = "ok"
	AuditDenied AuditResult = "denied"
)

// Limits of the audit. AuditRetention is how long a row is kept; MaxAuditFields bounds the names in one row, the last of a longer list is "...".
const (
	AuditRetention = 400 * 24 * time.Hour
	MaxAuditFields = 50
)

// AuditStore keeps the audit. Every write of a Store also stores the rows of its context (WithAudit), in its own transaction: both are
// there, or neither is.
type AuditStore interface {
	// AddAudit stores rows by themselves: a refusal, a log-in that failed. None is no error.
	AddAudit(ctx context.Context, rows []AuditRow) error
	// Audit lists rows of one tenant, newest first.
	Audit(ctx context.Context, q AuditQuery) (Page[AuditRow], error)
}

// AuditQuery asks for rows of the audit of one tenant. Zero fields do not filter.
type AuditQuery struct {
	Tenant TenantID
	JobID  ID
	Actor  PrincipalID
	Action AuditAction
	// From and To bound the time: at or after, before.
	From, To time.Time
	Start    int
	// Limit zero means all.
	Limit int
}

// Origin is where a request came from, for the audit.
type Origin struct {
	RequestID string
	// Address is that of the client, as the host trusts it.
	Address string
}

type originKey struct{}

// WithOrigin gives a context whose audit rows name the request. It decides nothing: whose rights count is the principal's alone.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

type auditKey struct{}

// auditNote is rows that wait for a write. They are stored once, however many writes the context is used for.
type auditNote struct {
	rows   []AuditRow
	stored atomic.Bool
}

// WithAudit gives a context for one write: the store that does it also stores these rows. Rows get their id, time, and what WithOrigin said.
func WithAudit(ctx context.Context, rows ...AuditRow) context.Context {
	origin, _ := ctx.Value(originKey{}).(Origin)
	note := &auditNote{rows: slices.Clone(rows)}
	for i := range note.rows {
		note.rows[i].complete(origin)
	}
	return context.WithValue(ctx, auditKey{}, note)
}

func (r *AuditRow) complete(o Origin) {
	if r.ID == "" {
		r.ID = NewUUID()
	}
	if r.At.IsZero() {
		r.At = now()
	}
	if r.Result == "" {
		r.Result = AuditOK
	}
	if r.ActorKind == "" {
		r.ActorKind = ActorUser
	}
	r.RequestID, r.Address = o.RequestID, o.Address
	if len(r.Fields) > MaxAuditFields {
		r.Fields = append(slices.Clone(r.Fields[:MaxAuditFields-1]), "...")
	}
}

// PendingAudit is for stores: the rows that the write of this context has to store, and what to call after its commit. Both are empty when
// there are none or they were stored before.
func PendingAudit(ctx context.Context) (rows []AuditRow, committed func()) {
	note, _ := ctx.Value(auditKey{}).(*auditNote)
	if note == nil || note.stored.Load() {
		return nil, func() {}
	}
	return note.rows, func() { note.stored.Store(true) }
}
