package jobs

import (
	"context"
	"time"
)

// Limits of the files of a tenant (reliability section 13). Contents that only older revisions name count too: they are kept.
const (
	MaxFilesPerTenant     = 10_000
	MaxFileBytesPerTenant = 10 << 30
	// MaxUpload is the largest upload, in bytes, unless ServiceOptions.MaxUpload says otherwise.
	MaxUpload = 25 << 20
	// FileGrace is how long contents are kept that no definition has ever named: their upload may still be going on (R15).
	FileGrace = 24 * time.Hour
)

// FileStore knows which contents of Blobs are needed: those that a kept revision of a job or a draft names.
type FileStore interface {
	// AddFile notes contents that have been stored, for a definition that is about to name them. More than MaxFilesPerTenant files or
	// MaxFileBytesPerTenant bytes of the tenant, counted in this transaction, are a *ConflictError, and so is a key that is known.
	AddFile(ctx context.Context, now time.Time, tenant TenantID, key BlobKey, size int64) error
	// DropFile forgets contents that no kept revision names, whatever their age, and tells whether it did. Others stay, and an unknown key,
	// or one of another tenant, is no error.
	DropFile(ctx context.Context, tenant TenantID, key BlobKey) (dropped bool, err error)
	// ForgetFiles forgets up to limit contents that no kept revision names any more, of all tenants, and gives their keys; those that none
	// has ever named only when they are older than FileGrace. The caller removes the bytes afterwards (R15).
	ForgetFiles(ctx context.Context, now time.Time, limit int) ([]BlobKey, error)
	// UnknownFiles gives those of the keys that the store does not know, in any order.
	UnknownFiles(ctx context.Context, keys []BlobKey) ([]BlobKey, error)
	// FileUsage counts the contents of a tenant and their bytes.
	FileUsage(ctx context.Context, tenant TenantID) (files int, bytes int64, err error)
}
