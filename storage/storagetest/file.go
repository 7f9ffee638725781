package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func fileRules() []rule {
	return []rule{
		{"contents are named only if their tenant has them", fileNamed},
		{"a key is added once", fileOnce},
		{"the bytes of a tenant are bounded, whoever names them", fileBytes},
		{"contents go when no revision names them any more, and not before", fileForgotten},
		{"contents that nothing has named stay for their grace", fileGrace},
		{"a draft and its original share contents; the last one decides", fileShared},
		{"a deleted job lets its contents go", fileOfDeletedJob},
		{"what is dropped is what nothing names, of this tenant", fileDropped},
		{"forgetting takes as many as it is told", fileLimit},
		{"unknown keys are told from known ones", fileUnknown},
		{"a job that cannot be saved names nothing", fileNotSaved},
	}
}

// givenFile adds contents of a size.
func givenFile(ctx context.Context, s jobs.Store, size int64, now time.Time) *jobs.File {
	f := &jobs.File{Key: jobs.NewBlobKey(), Name: "stock.csv", ContentType: "text/csv", Size: size, UpdatedAt: t0}
	done(s.AddFile(ctx, now, tenant, f.Key, size))
	return f
}

// attaching gives the job an action whose attachments have these contents.
func attaching(files ...*jobs.File) func(*jobs.Job) {
	return func(j *jobs.Job) {
		acting("email")(j)
		a := &j.Actions[len(j.Actions)-1]
		for _, f := range files {
			a.Attachments = append(a.Attachments, jobs.Attachment{
				ID: jobs.NewAttachmentID(), Type: jobs.AttachmentFile, Name: f.Name, Data: json.RawMessage(`{}`), File: f, CreatedAt: t0, UpdatedAt: t0,
			})
		}
	}
}

// without takes all actions away.
func without(j *jobs.Job) { j.Actions = nil }

// usage is what a tenant has, as text.
func usage(ctx context.Context, s jobs.Store, t jobs.TenantID) string {
	files, bytes, err := s.FileUsage(ctx, t)
	done(err)
	return fmt.Sprintf("%d files of %d bytes", files, bytes)
}

func forgotten(ctx context.Context, s jobs.Store, now time.Time) []jobs.BlobKey {
	keys := must(s.ForgetFiles(ctx, now, 100))
	slices.Sort(keys)
	return keys
}

func fileNamed(ctx context.Context, s jobs.Store) error {
	ghost := &jobs.File{Key: jobs.NewBlobKey(), Name: "ghost.csv", Size: 1}
	others := &jobs.File{Key: jobs.NewBlobKey(), Name: "others.csv", Size: 1}
	done(s.AddFile(ctx, t0, foreign, others.Key, 1))
	own := givenFile(ctx, s, 5, t0)
	j := newJob("stock", attaching(own, own))
	faults := []error{
		conflict("a job that names unknown contents", s.InsertJob(ctx, t0, newJob("ghost", attaching(own, ghost))), "", ""),
		conflict("a job that names contents of another tenant", s.InsertJob(ctx, t0, newJob("others", attaching(others))), "", ""),
	}
	done(s.InsertJob(ctx, t0, j))
	read := must(s.Job(ctx, tenant, jobs.JobRef{ID: j.ID}))
	faults = append(faults, same("the contents of the job", read.Files(), []jobs.File{*own}))
	j.Revision = 2
	attaching(ghost)(j)
	faults = append(faults, conflict("a revision that names unknown contents", s.SaveJob(ctx, at(1), j, 1), "", ""),
		same("the revision after it", must(s.Job(ctx, tenant, jobs.JobRef{ID: j.ID})).Revision, int64(1)))
	return errors.Join(faults...)
}

func fileOnce(ctx context.Context, s jobs.Store) error {
	f := givenFile(ctx, s, 5, t0)
	return errors.Join(
		conflict("the same key", s.AddFile(ctx, at(1), tenant, f.Key, 7), "", ""),
		conflict("the same key of another tenant", s.AddFile(ctx, at(1), foreign, f.Key, 7), "", ""),
		same("what the tenant has", usage(ctx, s, tenant), "1 files of 5 bytes"),
		same("what the other tenant has", usage(ctx, s, foreign), "0 files of 0 bytes"),
	)
}

func fileBytes(ctx context.Context, s jobs.Store) error {
	const most = int64(jobs.MaxFileBytesPerTenant)
	givenFile(ctx, s, most-10, t0)
	over := s.AddFile(ctx, t0, tenant, jobs.NewBlobKey(), 11)
	exactly := s.AddFile(ctx, t0, tenant, jobs.NewBlobKey(), 10)
	after := s.AddFile(ctx, t0, tenant, jobs.NewBlobKey(), 1)
	return errors.Join(
		conflict("one byte more than a tenant may have", over, "", ""), holds(exactly == nil, "exactly the limit: %v", exactly),
		conflict("one byte after that", after, "", ""), s.AddFile(ctx, t0, tenant, jobs.NewBlobKey(), 0),
		s.AddFile(ctx, t0, foreign, jobs.NewBlobKey(), most),
		same("what the tenant has", usage(ctx, s, tenant), fmt.Sprintf("3 files of %d bytes", most)),
	)
}

func fileForgotten(ctx context.Context, s jobs.Store) error {
	first, second := givenFile(ctx, s, 1, t0), givenFile(ctx, s, 2, t0)
	j := givenJob(ctx, s, "stock", attaching(first))
	later := at(60 * 24 * 30)
	faults := []error{same("what goes while the job names it", forgotten(ctx, s, at(1)), noKeys)}
	j.Actions[0].Attachments[0].File, j.Revision = second, 2
	done(s.SaveJob(ctx, at(1), j, 1))
	// The first revision still names the first contents.
	faults = append(faults, same("what goes while an older revision names it", forgotten(ctx, s, later), noKeys))
	without(j)
	j.Revision = 3
	done(s.SaveJob(ctx, at(2), j, 2))
	faults = append(faults, same("what goes while kept revisions name it", forgotten(ctx, s, later), noKeys),
		same("what the tenant has", usage(ctx, s, tenant), "2 files of 3 bytes"))
	return errors.Join(faults...)
}

// noKeys is an empty list.
var noKeys []jobs.BlobKey

func fileGrace(ctx context.Context, s jobs.Store) error {
	f := givenFile(ctx, s, 1, t0)
	before := forgotten(ctx, s, t0.Add(jobs.FileGrace))
	after := forgotten(ctx, s, t0.Add(jobs.FileGrace+time.Minute))
	again := forgotten(ctx, s, t0.Add(jobs.FileGrace+time.Minute))
	return errors.Join(same("what goes at the end of the grace", before, noKeys), same("what goes after it", after, []jobs.BlobKey{f.Key}),
		same("what goes again", again, noKeys), same("what the tenant has", usage(ctx, s, tenant), "0 files of 0 bytes"))
}

func fileShared(ctx context.Context, s jobs.Store) error {
	f := givenFile(ctx, s, 1, t0)
	j := givenJob(ctx, s, "stock", attaching(f))
	draft := newJob("", draftOf(j), attaching(f))
	done(s.InsertJob(ctx, at(1), draft))
	done(s.DeleteJob(ctx, at(2), tenant, draft.ID, 0, false))
	kept := forgotten(ctx, s, at(3))
	read := must(s.Job(ctx, tenant, jobs.JobRef{ID: j.ID}))
	done(s.DeleteJob(ctx, at(4), tenant, j.ID, 0, false))
	return errors.Join(same("what goes with the draft", kept, noKeys), same("what the original has", read.Files(), []jobs.File{*f}),
		same("what goes with the original", forgotten(ctx, s, at(5)), []jobs.BlobKey{f.Key}))
}

func fileOfDeletedJob(ctx context.Context, s jobs.Store) error {
	first, second, other := givenFile(ctx, s, 1, t0), givenFile(ctx, s, 2, t0), givenFile(ctx, s, 4, t0)
	j := givenJob(ctx, s, "stock", attaching(first))
	givenJob(ctx, s, "other", attaching(other))
	j.Actions[0].Attachments[0].File, j.Revision = second, 2
	done(s.SaveJob(ctx, at(1), j, 1))
	done(s.DeleteJob(ctx, at(2), tenant, j.ID, 0, false))
	want := []jobs.BlobKey{first.Key, second.Key}
	slices.Sort(want)
	return errors.Join(same("what goes with the job", forgotten(ctx, s, at(2)), want),
		same("what the tenant has", usage(ctx, s, tenant), "1 files of 4 bytes"))
}

func fileDropped(ctx context.Context, s jobs.Store) error {
	named, loose := givenFile(ctx, s, 1, t0), givenFile(ctx, s, 2, t0)
	givenJob(ctx, s, "stock", attaching(named))
	return errors.Join(
		same("dropping what a revision names", must(s.DropFile(ctx, tenant, named.Key)), false),
		same("dropping by another tenant", must(s.DropFile(ctx, foreign, loose.Key)), false),
		same("dropping what nothing names", must(s.DropFile(ctx, tenant, loose.Key)), true),
		same("dropping it again", must(s.DropFile(ctx, tenant, loose.Key)), false),
		same("what the tenant has", usage(ctx, s, tenant), "1 files of 1 bytes"),
	)
}

func fileLimit(ctx context.Context, s jobs.Store) error {
	for range 5 {
		givenFile(ctx, s, 1, t0)
	}
	later := t0.Add(2 * jobs.FileGrace)
	first, second := must(s.ForgetFiles(ctx, later, 3)), must(s.ForgetFiles(ctx, later, 3))
	return errors.Join(same("the first three", len(first), 3), same("the rest", len(second), 2))
}

func fileUnknown(ctx context.Context, s jobs.Store) error {
	known, unknown := givenFile(ctx, s, 1, t0), jobs.NewBlobKey()
	return errors.Join(
		same("unknown of both", must(s.UnknownFiles(ctx, []jobs.BlobKey{known.Key, unknown})), []jobs.BlobKey{unknown}),
		same("unknown of none", must(s.UnknownFiles(ctx, nil)), noKeys),
	)
}

func fileNotSaved(ctx context.Context, s jobs.Store) error {
	f := givenFile(ctx, s, 1, t0)
	givenJob(ctx, s, "stock")
	taken := newJob("stock", attaching(f))
	return errors.Join(conflict("a job with a taken slug", s.InsertJob(ctx, at(1), taken), "slug", "stock"),
		same("dropping what only that job named", must(s.DropFile(ctx, tenant, f.Key)), true))
}
