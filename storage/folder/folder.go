// Package folder keeps the contents of files in a folder: a jobs.Blobs for one machine, or for several that share a file system.
//
//	files, err := folder.Open("/var/lib/carillon/files")
//
// Each key is one file, named by the key and by nothing that a caller wrote, in one of 256 folders. Everything goes through an os.Root, so
// a link that somebody puts there leads nowhere outside. A file is written under another name, synced and then linked to its own: it is
// there as a whole or not at all. Backup is a copy of the folder, made after that of the database: contents without a row are removed in time,
// a row without contents is a loss.
package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/carillon-go/carillon/jobs"
)

// Store is a folder of contents. It is safe for concurrent use, also by several processes.
type Store struct {
	root *os.Root
}

var _ jobs.Blobs = (*Store)(nil)

// partial is the end of the name of a file that is being written.
const partial = ".part"

// Open opens a folder; one that does not exist is made, for its owner alone. The error names what is wrong with it.
func Open(path string) (*Store, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("folder of files: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("folder of files: %w", err)
	}
	// Tried now, because an upload that fails later is a surprise to somebody else.
	probe := "probe-" + string(jobs.NewBlobKey()) + partial
	f, err := root.OpenFile(probe, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(f.Close(), root.Remove(probe))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("folder of files cannot be written to: %w", err), root.Close())
	}
	return &Store{root: root}, nil
}

// Close gives the folder back. Contents that are open can be read on.
func (s *Store) Close() error { return s.root.Close() }

// shard is the folder of a key. The last two digits of our keys are random, the first ones are the time.
func shard(key jobs.BlobKey) string { return string(key[len(key)-2:]) }

func name(key jobs.BlobKey) string { return filepath.Join(shard(key), string(key)) }

// check refuses what is no key: names in the folder are ours alone.
func check(key jobs.BlobKey) error {
	if !jobs.ValidUUID(string(key)) {
		return fmt.Errorf("%q is not a key of contents", key)
	}
	return nil
}

// PutBlob is jobs.Blobs.
func (s *Store) PutBlob(ctx context.Context, key jobs.BlobKey, r io.Reader, limit int64) (size int64, err error) {
	if err := check(key); err != nil {
		return 0, err
	}
	if err := s.makeShard(key); err != nil {
		return 0, failure("store contents", err)
	}
	temporary := name(key) + partial
	f, err := s.root.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return 0, jobs.Conflict("the key %s is in use", key)
	}
	if err != nil {
		return 0, failure("store contents", err)
	}
	defer func() {
		// A fault of removing it is told, although the contents are there: nobody uses a key that was answered with an error. After the link this is the second name; after a fault it is all there is.
		err = errors.Join(err, failure("store contents", ignoreMissing(s.root.Remove(temporary))))
	}()
	size, err = write(ctx, f, r, limit)
	if err != nil {
		return 0, errors.Join(err, failure("store contents", f.Close()))
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return 0, failure("store contents", err)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	err = s.publish(key, temporary)
	if errors.Is(err, fs.ErrExist) {
		return 0, jobs.Conflict("the key %s is in use", key)
	}
	if err == nil {
		err = s.sync(shard(key))
	}
	if err != nil {
		return 0, failure("store contents", errors.Join(err, ignoreMissing(s.root.Remove(name(key)))))
	}
	return size, nil
}

// publish gives a file its name. A link, unlike a rename, never takes the place of a file that is there; some file systems have no links.
func (s *Store) publish(key jobs.BlobKey, temporary string) error {
	err := s.root.Link(temporary, name(key))
	if err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, statErr := s.root.Lstat(name(key)); !errors.Is(statErr, fs.ErrNotExist) {
		return errors.Join(err, statErr)
	}
	return s.root.Rename(temporary, name(key))
}

// write copies at most limit bytes, in pieces: what is stored does not go through the memory as a whole.
func write(ctx context.Context, f *os.File, r io.Reader, limit int64) (int64, error) {
	var size int64
	buffer := make([]byte, 64<<10)
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		// One byte beyond the limit tells contents that fit from those that do not.
		n, err := r.Read(buffer[:min(int64(len(buffer)), limit-size+1)])
		size += int64(n)
		if size > limit {
			return 0, &jobs.TooLargeError{Limit: limit}
		}
		if _, err := f.Write(buffer[:n]); err != nil {
			return 0, failure("store contents", err)
		}
		if err == io.EOF { // as io.Reader has it: an error that wraps EOF is an error
			return size, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read contents: %w", err)
		}
	}
}

// makeShard makes the folder of a key, durably.
func (s *Store) makeShard(key jobs.BlobKey) error {
	err := s.root.Mkdir(shard(key), 0o700)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return s.sync(".")
}

// sync makes the names in a folder durable. Windows has no such call; there a name is durable with its file.
func (s *Store) sync(folder string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := s.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// OpenBlob is jobs.Blobs.
func (s *Store) OpenBlob(ctx context.Context, key jobs.BlobKey) (jobs.Blob, error) {
	if err := errors.Join(check(key), ctx.Err()); err != nil {
		return jobs.Blob{}, err
	}
	f, err := s.root.Open(name(key))
	if errors.Is(err, fs.ErrNotExist) {
		return jobs.Blob{}, jobs.NotFound("contents")
	}
	if err != nil {
		return jobs.Blob{}, failure("open contents", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", name(key))
	}
	if err != nil {
		return jobs.Blob{}, errors.Join(failure("open contents", err), f.Close())
	}
	return jobs.Blob{ReadSeekCloser: f, Size: info.Size()}, nil
}

// DeleteBlob is jobs.Blobs.
func (s *Store) DeleteBlob(ctx context.Context, key jobs.BlobKey) error {
	if err := errors.Join(check(key), ctx.Err()); err != nil {
		return err
	}
	return failure("remove contents", errors.Join(
		ignoreMissing(s.root.Remove(name(key))), ignoreMissing(s.root.Remove(name(key)+partial))))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// failure makes the error of a call of the system: a place that is full, or cannot be reached now, may work later.
func failure(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EIO):
		return &jobs.UnavailableError{Reason: "the store for files cannot be used now", Cause: fmt.Errorf("%s: %w", what, err)}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// keyOf reads the name of a file; anything that is not ours is left alone.
func keyOf(name string) (jobs.BlobKey, bool) {
	key := jobs.BlobKey(strings.TrimSuffix(name, partial))
	return key, jobs.ValidUUID(string(key))
}
