package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Blobs keeps the bytes of files: uploads of attachments now. A key has its bytes from the moment when PutBlob has returned until
// DeleteBlob, and never other ones; which keys are still needed is known to the database alone (FileStore). Every process of a system, API
// and workers, needs the same one. All methods may be called concurrently. Implementations pass storagetest.RunBlobs.
//
// Keys are UUIDs that we make; an implementation may use them as names and refuses anything else with an error.
//
// Errors: ErrNotFound, *ConflictError and *TooLargeError as each method says; *UnavailableError if the place cannot be reached or is full.
type Blobs interface {
	// PutBlob stores everything that r gives under a key that was never used, and returns how many bytes that are. When it returns nil, the
	// bytes have been stored durably; else nothing is stored: nobody ever sees a part, and what a crash leaves of one is found by
	// Blobs. More than limit bytes are a *TooLargeError; r is read no further than one byte beyond it. An error of r is returned wrapped. A
	// context that ends before all has been stored is an error. A used key is a *ConflictError, and its bytes stay. Memory does not
	// grow with the size.
	PutBlob(ctx context.Context, key BlobKey, r io.Reader, limit int64) (size int64, err error)
	// OpenBlob opens the bytes of a key from the beginning. What was opened can be read to its end after DeleteBlob too, or reading
	// is an error. It must be closed. Absent: ErrNotFound.
	OpenBlob(ctx context.Context, key BlobKey) (Blob, error)
	// DeleteBlob removes a key, also what a crash has left of a PutBlob. Removing what is not there is no error.
	DeleteBlob(ctx context.Context, key BlobKey) error
	// Blobs lists keys greater than after, ascending, at most limit, which is at least 1: all that were stored before the call, and what
	// PutBlob is still storing or a crash has left, each once. Fewer than limit: there are no more.
	Blobs(ctx context.Context, after BlobKey, limit int) ([]BlobInfo, error)
}

// Blob is the open bytes of a key.
type Blob struct {
	io.ReadSeekCloser
	// Size is how many bytes there are.
	Size int64
}

// BlobInfo is what a list tells of a key.
type BlobInfo struct {
	Key BlobKey
	// StoredAt is when the last byte was written, by the clock of the place.
	StoredAt time.Time
}

// TooLargeError says that contents are larger than allowed.
type TooLargeError struct{ Limit int64 }

// Error names the limit.
func (e *TooLargeError) Error() string { return fmt.Sprintf("is larger than %d bytes", e.Limit) }

// ContentsOf are the uploaded contents of an attachment as steps and previews read them.
func ContentsOf(blobs Blobs, f *File) *Contents {
	if f == nil {
		return nil
	}
	file := *f
	return &Contents{
		Name: file.Name, ContentType: file.ContentType, Size: file.Size,
		Open: func(ctx context.Context) (io.ReadCloser, error) { return openFile(ctx, blobs, &file) },
	}
}

// openFile opens uploaded contents and holds that they are whole.
func openFile(ctx context.Context, blobs Blobs, f *File) (Blob, error) {
	if blobs == nil {
		return Blob{}, Permanent(errors.New("this process has no store for files"))
	}
	blob, err := blobs.OpenBlob(ctx, f.Key)
	if errors.Is(err, ErrNotFound) {
		return Blob{}, Permanent(fmt.Errorf("the contents of %q are gone from the store for files", f.Name))
	}
	if err != nil {
		return Blob{}, fmt.Errorf("open the contents of %q: %w", f.Name, err)
	}
	if blob.Size != f.Size {
		return Blob{}, errors.Join(Permanent(fmt.Errorf("the contents of %q have %d bytes instead of %d", f.Name, blob.Size, f.Size)), blob.Close())
	}
	return blob, nil
}
