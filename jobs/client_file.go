package jobs

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Upload is what somebody uploads for an attachment.
type Upload struct {
	// Name is a file name as it was sent; it is cleaned (CleanFileName). Without one the name of the attachment is used.
	Name string
	// ContentType is a media type; empty is application/octet-stream.
	ContentType string
	// Contents are read once, to the end, and never held in the memory as a whole.
	Contents io.Reader
}

// cleanUpTime is how long what is left of a failed upload may take to remove. What stays is swept later.
const cleanUpTime = 10 * time.Second

// MaxUpload is the largest upload of this system, in bytes.
func (s *Service) MaxUpload() int64 {
	if s.options.MaxUpload > 0 {
		return s.options.MaxUpload
	}
	return MaxUpload
}

// UploadFile stores the contents of an attachment of type AttachmentFile in place of earlier ones, in one step (contract 8.8). Runs that go
// on, and older revisions, keep the contents that they name. More than Service.MaxUpload bytes are a *TooLargeError. Without a store for
// files, and beyond the limits of the tenant (FileStore), it is a *ConflictError. An upload that fails leaves nothing behind.
func (c *Client) UploadFile(ctx context.Context, ref AttachmentRef, u Upload, expect Precondition) (AttachmentIn, error) {
	in, err := c.Attachment(ctx, ref)
	if err != nil {
		return AttachmentIn{}, err
	}
	if err := c.Can(ctx, JobRef{ID: in.Job.ID}, PermissionEdit); err != nil {
		return AttachmentIn{}, err
	}
	if err := takesUpload(in.Attachment()); err != nil {
		return AttachmentIn{}, err
	}
	blobs := c.service.options.Blobs
	if blobs == nil {
		return AttachmentIn{}, Conflict("this system has no store for files")
	}
	// Looked at before megabytes are received; decided by the change below.
	if err := expect.attachment(in.Attachment()); err != nil {
		return AttachmentIn{}, err
	}
	file := File{Key: NewBlobKey(), Name: fileName(u.Name, in.Attachment().Name), ContentType: u.ContentType}
	if file.ContentType == "" {
		file.ContentType = defaultContentType
	}
	if file.Size, err = blobs.PutBlob(ctx, file.Key, u.Contents, c.service.MaxUpload()); err != nil {
		return AttachmentIn{}, err
	}
	if err = c.service.store.AddFile(ctx, now(), in.Job.Tenant, file.Key, file.Size); err == nil {
		in, err = c.changeAttachment(ctx, ref, expect, func(_ *Job, action *Action, i int, at time.Time) error {
			a := &action.Attachments[i]
			if err := takesUpload(a); err != nil {
				return err
			}
			stored := file
			stored.UpdatedAt = at
			a.File, a.UpdatedAt, action.UpdatedAt = &stored, at, at
			return nil
		})
	}
	if err != nil {
		c.service.undoUpload(ctx, c.principal.Tenant, file.Key)
		return AttachmentIn{}, err
	}
	return in, nil
}

func takesUpload(a *Attachment) error {
	if a.Type != AttachmentFile {
		return Invalid("type", "is %q; only an attachment of type %q has contents that are uploaded", a.Type, AttachmentFile)
	}
	return nil
}

// fileName is the first of the names from which something is left.
func fileName(names ...string) string {
	for _, name := range names {
		if clean := CleanFileName(name); clean != "" {
			return clean
		}
	}
	return "file"
}

// undoUpload removes what a failed upload has stored, also when the request that wanted it is gone. If the change may have been stored
// after all (an unclear outcome), a revision names the contents and they stay.
func (s *Service) undoUpload(ctx context.Context, tenant TenantID, key BlobKey) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	dropped, err := s.store.DropFile(ctx, tenant, key)
	if err == nil && !dropped {
		// Never added, or named: only what the store does not know is removed.
		var unknown []BlobKey
		unknown, err = s.store.UnknownFiles(ctx, []BlobKey{key})
		dropped = len(unknown) == 1
	}
	if err == nil && dropped {
		err = s.options.Blobs.DeleteBlob(ctx, key)
	}
	if err != nil {
		// The sweep finds it; the caller is told why the upload failed.
		s.options.Logger.WarnContext(ctx, "what is left of an upload stays until the sweep", "key", key, "err", err)
	}
}

// OpenFile opens what was uploaded for an attachment (contract 8.7). Nothing uploaded yet: ErrNotFound. The contents have to be closed.
func (c *Client) OpenFile(ctx context.Context, ref AttachmentRef) (File, Blob, error) {
	in, err := c.Attachment(ctx, ref)
	if err != nil {
		return File{}, Blob{}, err
	}
	f := in.Attachment().File
	if f == nil {
		return File{}, Blob{}, NotFound("file")
	}
	blob, err := openFile(ctx, c.service.options.Blobs, f)
	if err != nil {
		return File{}, Blob{}, fmt.Errorf("attachment %s: %w", ref.ID, err)
	}
	return *f, blob, nil
}
