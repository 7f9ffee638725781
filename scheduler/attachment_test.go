package scheduler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

// uploaded is the attachment driver of uploaded files.
type uploaded struct{ jobs.NotRun }

func (uploaded) Info() jobs.DriverInfo {
	return jobs.DriverInfo{ID: jobs.AttachmentFile, Kind: jobs.DriverAttachment}
}

func (uploaded) Render(_ context.Context, task *jobs.RenderTask) (*jobs.Contents, error) {
	return task.File, nil
}

type place = jobs.Blobs

// shelf has the same contents under every key, and an error while there is one.
type shelf struct {
	place
	fails func() error
	opens atomic.Int64
}

func (s *shelf) OpenBlob(context.Context, jobs.BlobKey) (jobs.Blob, error) {
	s.opens.Add(1)
	if err := s.fails(); err != nil {
		return jobs.Blob{}, err
	}
	return jobs.Blob{ReadSeekCloser: nopCloser{bytes.NewReader([]byte("sku,count\n"))}, Size: 10}, nil
}

// Blobs and DeleteBlob are for the sweep, which finds nothing.
func (s *shelf) Blobs(context.Context, jobs.BlobKey, int) ([]jobs.BlobInfo, error) { return nil, nil }

func (s *shelf) DeleteBlob(context.Context, jobs.BlobKey) error { return nil }

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// mailing makes action driver "mail", which reads its first attachment, and a job with one that may fail once more.
func (w *world) mailing() *jobs.Job {
	w.Helper()
	w.work(nothing)
	w.drivers.Store("attachment/"+jobs.AttachmentFile, uploaded{})
	w.action("mail", func(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
		r, err := task.Attachments[0].Open(ctx)
		if err != nil {
			return jobs.Output{}, err
		}
		text, err := io.ReadAll(r)
		return jobs.Output{Data: string(text)}, errors.Join(err, r.Close())
	})
	key := jobs.NewBlobKey()
	if err := w.store.AddFile(context.Background(), now(), tenant, key, 10); err != nil {
		w.Fatal(err)
	}
	return w.job(func(j *jobs.Job) {
		j.Actions = []jobs.Action{action("mail", func(a *jobs.Action) {
			a.Step.MaxRetries, a.Step.RetryDelay = 1, time.Second
			a.Attachments = []jobs.Attachment{{
				ID: jobs.NewAttachmentID(), Type: jobs.AttachmentFile, Name: "stock.csv", Data: json.RawMessage(`{}`),
				File: &jobs.File{Key: key, Name: "stock.csv", ContentType: "text/csv", Size: 10, UpdatedAt: now()}, CreatedAt: now(), UpdatedAt: now(),
			}}
		})}
	})
}

// TestAttachments_outage: while the place of files cannot be reached the step waits, and no try of it is used up (R20). Other errors are the
// step's, and so is an outage that does not end.
func TestAttachments_outage(t *testing.T) {
	inWorld(t, func(w *world) {
		var until atomic.Int64 // the outage, in Unix seconds
		var broken atomic.Bool
		s := &shelf{fails: func() error {
			switch {
			case broken.Load():
				return errors.New("bad sector")
			case time.Now().Unix() < until.Load():
				return &jobs.UnavailableError{Reason: "the bucket cannot be reached"}
			}
			return nil
		}}
		j := w.mailing()
		w.engine(w.store, scheduler.Options{Blobs: s})
		until.Store(time.Now().Add(5 * time.Minute).Unix())
		r := w.ended(w.queue(j), jobs.RunSuccess)
		w.equal("failures and attempts", []int{r.Steps[1].Failures, r.Steps[1].Attempt}, []int{0, 1})
		w.equal("what the action read", string(r.Steps[1].Output), `"sku,count\n"`)

		broken.Store(true)
		before := s.opens.Load()
		r = w.ended(w.queue(j), jobs.RunError)
		w.equal("failures with another error", r.Steps[1].Failures, 2)
		w.equal("how often the file was opened", s.opens.Load()-before, int64(2))

		broken.Store(false)
		until.Store(time.Now().Add(24 * time.Hour).Unix())
		begun := time.Now()
		r = w.ended(w.queue(j), jobs.RunError)
		w.equal("failures with an outage of a day", r.Steps[1].Failures, 2)
		if waited := time.Since(begun); waited < 15*time.Minute || waited > time.Hour {
			t.Errorf("the run gave up after %s", waited)
		}
	})
}

// TestAttachments_canceled: a run that waits for its files is canceled at once.
func TestAttachments_canceled(t *testing.T) {
	inWorld(t, func(w *world) {
		s := &shelf{fails: func() error { return &jobs.UnavailableError{Reason: "the bucket cannot be reached"} }}
		j := w.mailing()
		w.engine(w.store, scheduler.Options{Blobs: s})
		id := w.queue(j)
		w.until("the file is asked for", func() bool { return s.opens.Load() > 2 })
		if _, err := w.store.CancelRun(context.Background(), now(), tenant, id, "mara"); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		w.ended(id, jobs.RunCanceled)
		if waited := time.Since(begun); waited > time.Minute {
			t.Errorf("it took %s", waited)
		}
	})
}

// TestAttachments_driver_missing: a worker without the driver of an attachment leaves the run to others.
func TestAttachments_driver_missing(t *testing.T) {
	inWorld(t, func(w *world) {
		s := &shelf{fails: func() error { return nil }}
		j := w.mailing()
		w.drivers.Delete("attachment/" + jobs.AttachmentFile)
		w.engine(w.store, scheduler.Options{Blobs: s})
		id := w.queue(j)
		time.Sleep(time.Hour)
		w.equal("the run without the driver", w.run(id).Status, jobs.RunQueued)
	})
}
