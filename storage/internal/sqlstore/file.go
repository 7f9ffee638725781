package sqlstore

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// sqlFileUsage: index files_tenant, at most MaxFilesPerTenant entries of it.
	sqlFileUsage = `
	SELECT count(*) AS files, COALESCE(sum(size), 0) AS bytes
	FROM   files
	WHERE  tenant = ?`
	sqlInsertFile = `
	INSERT INTO files (key, tenant, size, named, created_at)
	VALUES (?, ?, ?, 0, ?)`
	// sqlNameFile: lookup by primary key.
	sqlNameFile = `
	UPDATE files
	SET    named = 1
	WHERE  key = ? AND tenant = ?`
	sqlInsertRevisionFile = `
	INSERT INTO revision_files (job_id, revision, file_key)
	VALUES (?, ?, ?)`
	// sqlDropFile: lookups by primary key and index revision_files_key.
	sqlDropFile = `
	DELETE FROM files
	WHERE  key = ? AND tenant = ? AND NOT EXISTS (SELECT 1 FROM revision_files r WHERE r.file_key = files.key)`
	// sqlForgetFiles: reads all files, each with a lookup in the index revision_files_key, once in a while.
	sqlForgetFiles = `
	SELECT f.key
	FROM   files f
	WHERE  (f.named = 1 OR f.created_at < ?) AND NOT EXISTS (SELECT 1 FROM revision_files r WHERE r.file_key = f.key)
	LIMIT  ?`
	sqlDeleteFile = `
	DELETE FROM files
	WHERE  key = ?`
	// sqlKnownFiles: primary key.
	sqlKnownFiles = `
	SELECT key
	FROM   files
	WHERE  key IN LIST(?)`
)

type usageRow struct {
	Files int   `db:"files"`
	Bytes int64 `db:"bytes"`
}

// AddFile is jobs.FileStore. It commits before any definition names the key; a process that dies in between leaves a row for ForgetFiles.
func (c *Core) AddFile(ctx context.Context, now time.Time, tenant jobs.TenantID, key jobs.BlobKey, size int64) error {
	return c.write(ctx, "add file", func(t *Tx) error {
		var used usageRow
		if _, err := t.get(&used, sqlFileUsage, tenant); err != nil {
			return err
		}
		switch {
		case used.Files >= jobs.MaxFilesPerTenant:
			return jobs.Conflict("the tenant has %d uploaded files, those of older revisions among them; the limit is %d",
				used.Files, jobs.MaxFilesPerTenant)
		case used.Bytes+size > jobs.MaxFileBytesPerTenant:
			return jobs.Conflict("the uploaded files of the tenant have %d bytes, those of older revisions among them, and this one has %d; "+
				"the limit is %d", used.Bytes, size, int64(jobs.MaxFileBytesPerTenant))
		}
		_, err := t.exec(sqlInsertFile, key, tenant, size, toMillis(now))
		if err != nil && c.db.Unique(err) {
			return jobs.Conflict("the key %s is in use", key)
		}
		return err
	})
}

// nameFiles notes what a new revision of a job names. It is part of the transaction that stores the revision.
func (t *Tx) nameFiles(j *jobs.Job) error {
	for _, f := range j.Files() {
		n, err := t.exec(sqlNameFile, f.Key, j.Tenant)
		if err != nil {
			return err
		}
		if n == 0 {
			return jobs.Conflict("the contents of the file %q are no longer there; upload it again", f.Name)
		}
		if _, err := t.exec(sqlInsertRevisionFile, j.ID, j.Revision, f.Key); err != nil {
			return err
		}
	}
	return nil
}

// DropFile is jobs.FileStore.
func (c *Core) DropFile(ctx context.Context, tenant jobs.TenantID, key jobs.BlobKey) (dropped bool, err error) {
	err = c.write(ctx, "drop file", func(t *Tx) error {
		n, err := t.exec(sqlDropFile, key, tenant)
		dropped = n > 0
		return err
	})
	return dropped, err
}

// ForgetFiles is jobs.FileStore.
func (c *Core) ForgetFiles(ctx context.Context, now time.Time, limit int) ([]jobs.BlobKey, error) {
	var keys []jobs.BlobKey
	err := c.write(ctx, "forget files", func(t *Tx) error {
		keys = nil
		if err := t.all(&keys, sqlForgetFiles, toMillis(now.Add(-jobs.FileGrace)), limit); err != nil {
			return err
		}
		for _, key := range keys {
			if _, err := t.exec(sqlDeleteFile, key); err != nil {
				return err
			}
		}
		return nil
	})
	return keys, err
}

// UnknownFiles is jobs.FileStore.
func (c *Core) UnknownFiles(ctx context.Context, keys []jobs.BlobKey) ([]jobs.BlobKey, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var unknown []jobs.BlobKey
	err := c.read(ctx, "look for files", func(v *View) error {
		var known []jobs.BlobKey
		if err := v.all(&known, sqlKnownFiles, mustJSON(keys)); err != nil {
			return err
		}
		has := make(map[jobs.BlobKey]bool, len(known))
		for _, key := range known {
			has[key] = true
		}
		for _, key := range keys {
			if !has[key] {
				unknown = append(unknown, key)
			}
		}
		return nil
	})
	return unknown, err
}

// FileUsage is jobs.FileStore.
func (c *Core) FileUsage(ctx context.Context, tenant jobs.TenantID) (files int, bytes int64, err error) {
	err = c.read(ctx, "count files", func(v *View) error {
		var used usageRow
		_, err := v.get(&used, sqlFileUsage, tenant)
		files, bytes = used.Files, used.Bytes
		return err
	})
	return files, bytes, err
}
