package jobs

import (
	"strings"

	"github.com/google/uuid"
)

// TenantID names a tenant: the wall between customers. With one tenant it is any short word.
type TenantID string

// ID identifies a job: a UUID in its canonical form of 36 characters.
type ID string

// ActionID identifies an action of a job, a UUID.
type ActionID string

// AttachmentID identifies an attachment of an action, a UUID.
type AttachmentID string

// BlobKey names contents in a store of files: a UUID that we made, never anything that a caller wrote.
type BlobKey string

// RunID identifies a run, a UUID.
type RunID string

// WorkerID identifies one life of one worker; a restarted process is another worker.
type WorkerID string

// PrincipalID names a user ("mara.lind") or a team ("team:logistics").
type PrincipalID string

const teamPrefix = "team:"

// IsTeam reports whether the id names a team.
func (p PrincipalID) IsTeam() bool { return strings.HasPrefix(string(p), teamPrefix) }

// Bare is the id without "team:", as natural ids of jobs may write it.
func (p PrincipalID) Bare() string { return strings.TrimPrefix(string(p), teamPrefix) }

// ParsePrincipalID reads an id as a caller may write it: "user:mara.lind" means "mara.lind".
func ParsePrincipalID(text string) PrincipalID {
	return PrincipalID(strings.TrimPrefix(text, "user:"))
}

// NewID makes a job id. Ids are UUIDs of version 7, so that rows are inserted in order.
func NewID() ID { return ID(newUUID()) }

// NewActionID makes an action id.
func NewActionID() ActionID { return ActionID(newUUID()) }

// NewAttachmentID makes an attachment id.
func NewAttachmentID() AttachmentID { return AttachmentID(newUUID()) }

// NewBlobKey makes a key for contents that are to be stored.
func NewBlobKey() BlobKey { return BlobKey(newUUID()) }

// NewRunID makes a run id.
func NewRunID() RunID { return RunID(newUUID()) }

// NewUUID makes a UUID of version 7 in its canonical form.
func NewUUID() string { return newUUID() }

func newUUID() string { return uuid.Must(uuid.NewV7()).String() }

// ValidUUID reports whether s is a UUID in the form of 36 lower-case characters, the only one that we write.
func ValidUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		default:
			return false
		}
	}
	return true
}

// JobRef names a job as a caller does: by UUID, or by slug with a prefix that must be the tenant or the owner (contract 1.4).
type JobRef struct {
	ID     ID
	Prefix string
	Slug   string
}

// ParseJobRef reads a UUID or a natural id "prefix:slug"; the prefix may hold colons itself ("team:sales:report").
// Anything else is false: such a job does not exist.
func ParseJobRef(text string) (JobRef, bool) {
	if ValidUUID(text) {
		return JobRef{ID: ID(text)}, true
	}
	at := strings.LastIndexByte(text, ':')
	if at <= 0 || !ValidSlug(text[at+1:]) {
		return JobRef{}, false
	}
	return JobRef{Prefix: text[:at], Slug: text[at+1:]}, true
}
