package folder_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/folder"
	"github.com/carillon-go/carillon/storage/storagetest"
)

func open(t testing.TB, path string) *folder.Store {
	t.Helper()
	s, err := folder.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storagetest.RunBlobs(t, func(t testing.TB) jobs.Blobs { return open(t, filepath.Join(t.TempDir(), "files")) })
}

func put(t testing.TB, s *folder.Store, text string) jobs.BlobKey {
	t.Helper()
	key := jobs.NewBlobKey()
	if _, err := s.PutBlob(t.Context(), key, strings.NewReader(text), 1<<20); err != nil {
		t.Fatal(err)
	}
	return key
}

// place is where the contents of a key are.
func place(dir string, key jobs.BlobKey) string {
	return filepath.Join(dir, string(key[len(key)-2:]), string(key))
}

func TestOpen(t *testing.T) {
	t.Parallel()
	t.Run("makes the folder and what is in it for the owner alone", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "a", "files")
		put(t, open(t, dir), "x")
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
				t.Errorf("%s can be used by others: %s", path, info.Mode())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("refuses a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := folder.Open(path); err == nil {
			t.Errorf("Open of a file gives %v", s)
		}
	})
	t.Run("leaves nothing of its look behind", func(t *testing.T) {
		dir := t.TempDir()
		open(t, dir)
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("a new folder holds %v, %v", entries, err)
		}
	})
}

// TestStore_crash has what a process leaves that is killed while it stores contents.
func TestStore_crash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	whole := put(t, s, "whole")
	rest := jobs.NewBlobKey()
	if err := os.MkdirAll(filepath.Dir(place(dir, rest)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(place(dir, rest)+".part", []byte("a pa"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenBlob(t.Context(), rest); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("the rest can be opened: %v", err)
	}
	list, err := s.Blobs(t.Context(), "", 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("Blobs: %v, %v; want the rest too, so that it is swept", list, err)
	}
	if err := s.DeleteBlob(t.Context(), rest); err != nil {
		t.Fatal(err)
	}
	if list, err = s.Blobs(t.Context(), "", 10); err != nil || len(list) != 1 || list[0].Key != whole {
		t.Errorf("after DeleteBlob: %v, %v", list, err)
	}
}

func TestStore_strangers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := jobs.NewBlobKey()
	if err := os.MkdirAll(filepath.Dir(place(dir, key)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, place(dir, key)); err != nil {
		t.Skipf("no links here: %v", err)
	}
	if blob, err := s.OpenBlob(t.Context(), key); err == nil {
		data, _ := io.ReadAll(blob) // shown only
		t.Errorf("a link leads outside: %q", data)
		_ = blob.Close()
	}
	for _, name := range []string{"readme.txt", "ab/notes", "zz"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Blobs(t.Context(), "", 10)
	if err != nil || len(list) > 1 {
		t.Errorf("Blobs lists what is not ours: %v, %v", list, err)
	}
}

// TestStore_blocked: what is in the way of a folder is an error, and no contents.
func TestStore_blocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	key := jobs.NewBlobKey()
	if err := os.WriteFile(filepath.Join(dir, string(key[len(key)-2:])), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutBlob(t.Context(), key, strings.NewReader("x"), 10); err == nil {
		t.Error("contents were stored below a file")
	}
	if list, err := s.Blobs(t.Context(), "", 10); err != nil || len(list) != 0 {
		t.Errorf("Blobs: %v, %v", list, err)
	}
}

func BenchmarkStore_PutBlob(b *testing.B) {
	s := open(b, b.TempDir())
	data := bytes.Repeat([]byte("0123456789abcdef"), 25<<20/16)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		key := jobs.NewBlobKey()
		if _, err := s.PutBlob(context.Background(), key, bytes.NewReader(data), int64(len(data))); err != nil {
			b.Fatal(err)
		}
		if err := s.DeleteBlob(context.Background(), key); err != nil {
			b.Fatal(err)
		}
	}
}
