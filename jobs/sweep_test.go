package jobs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/folder"
	"github.com/carillon-go/carillon/storage/sqlite"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
)

// sweeping is a store and a folder of contents, with the moment that the sweep believes it is.
type sweeping struct {
	t     *testing.T
	store *sqlite.Store
	dir   string
	blobs *folder.Store
}

func newSweeping(t *testing.T) *sweeping {
	t.Helper()
	s := &sweeping{t: t, dir: filepath.Join(t.TempDir(), "files")}
	s.store = sqlitetest.Open(t, sqlite.Options{})
	var err error
	if s.blobs, err = folder.Open(s.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.blobs.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// contents stores bytes that were written that long ago.
func (s *sweeping) contents(age time.Duration) jobs.BlobKey {
	s.t.Helper()
	key := jobs.NewBlobKey()
	if _, err := s.blobs.PutBlob(s.t.Context(), key, strings.NewReader("abc"), 10); err != nil {
		s.t.Fatal(err)
	}
	at := time.Now().Add(-age)
	if err := os.Chtimes(filepath.Join(s.dir, string(key[len(key)-2:]), string(key)), at, at); err != nil {
		s.t.Fatal(err)
	}
	return key
}

// job stores a job that names contents.
func (s *sweeping) job(keys ...jobs.BlobKey) *jobs.Job {
	s.t.Helper()
	j := &jobs.Job{
		ID: jobs.NewID(), Tenant: "globex", Slug: "stock", OwnerID: "mara", Revision: 1,
		Definition: jobs.Definition{Type: "count", Name: "Stock", Policies: jobs.DefaultPolicies(), Actions: []jobs.Action{{ID: jobs.NewActionID(), Type: "tell"}}},
	}
	for _, key := range keys {
		if err := s.store.AddFile(s.t.Context(), time.Now(), "globex", key, 3); err != nil {
			s.t.Fatal(err)
		}
		a := &j.Actions[0]
		a.Attachments = append(a.Attachments, jobs.Attachment{ID: jobs.NewAttachmentID(), Type: "file", File: &jobs.File{Key: key, Size: 3}})
	}
	if err := s.store.InsertJob(s.t.Context(), time.Now(), j); err != nil {
		s.t.Fatal(err)
	}
	return j
}

func (s *sweeping) has(want ...jobs.BlobKey) {
	s.t.Helper()
	list, err := s.blobs.Blobs(s.t.Context(), "", 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	var got []jobs.BlobKey
	for _, info := range list {
		got = append(got, info.Key)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.t.Errorf("the contents are %v, want %v", got, want)
	}
}

func TestSweep_Step(t *testing.T) {
	t.Parallel()
	s := newSweeping(t)
	old := 25 * time.Hour
	named, young := s.contents(old), s.contents(time.Hour)
	s.contents(old)
	j := s.job(named)
	sweep := jobs.Sweep{Store: s.store, Blobs: s.blobs}
	step := func(want int) {
		t.Helper()
		if n, err := sweep.Step(t.Context(), time.Now(), 100); err != nil || n != want {
			t.Errorf("Step: %d, %v; want %d", n, err, want)
		}
	}
	step(1)
	s.has(named, young) // the third one was older than the grace, and no row knew it
	step(0)
	if err := s.store.DeleteJob(t.Context(), time.Now(), "globex", j.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	step(1)
	s.has(young)
}

// refusing is a place for contents from which nothing can be removed.
type refusing struct{ *folder.Store }

var errRefused = errors.New("the disk says no")

func (refusing) DeleteBlob(context.Context, jobs.BlobKey) error { return errRefused }

func TestSweep_Step_fails(t *testing.T) {
	t.Parallel()
	s := newSweeping(t)
	key := s.contents(25 * time.Hour)
	j := s.job(key)
	if err := s.store.DeleteJob(t.Context(), time.Now(), "globex", j.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	failing := jobs.Sweep{Store: s.store, Blobs: refusing{s.blobs}}
	if n, err := failing.Step(t.Context(), time.Now(), 100); !errors.Is(err, errRefused) || n != 0 {
		t.Errorf("Step: %d, %v; want the error of the place", n, err)
	}
	s.has(key)
	// The row is gone; the walk finds the bytes.
	sweep := jobs.Sweep{Store: s.store, Blobs: s.blobs}
	if n, err := sweep.Step(t.Context(), time.Now(), 100); err != nil || n != 1 {
		t.Errorf("Step afterwards: %d, %v; want 1", n, err)
	}
	s.has()
}

func TestCleanFileName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 200) // 400 bytes
	for name, want := range map[string]string{
		"count.csv": "count.csv", "/etc/passwd": "passwd", `C:\temp\a b.txt`: "a b.txt", "a/": "", "..": "", ".": "", "": "", "  x ": "x",
		"a\x00b\nc": "abc", "a\u202egpj.exe": "agpj.exe", "\xff\xfea": "a", ".htaccess": ".htaccess",
		long + ".csv": strings.Repeat("é", 125) + ".csv", strings.Repeat("x", 255): strings.Repeat("x", 255), strings.Repeat("x", 256): strings.Repeat("x", 255),
		strings.Repeat("x", 254) + " b": strings.Repeat("x", 254),
	} {
		if got := jobs.CleanFileName(name); got != want {
			t.Errorf("CleanFileName(%.40q) = %q, want %q", name, got, want)
		}
	}
}
