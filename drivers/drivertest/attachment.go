package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/carillon-go/carillon/jobs"
)

var attachmentRules = []rule{
	{"an action reads its attachments to the end and closes them", attachmentsRead},
	{"an attachment that cannot be opened or read is an error without an effect", attachmentsFail},
}

// watched are contents that note what is done with them.
type watched struct {
	mu sync.Mutex // guards the fields below
	// opened counts readers, open those that are not closed, ended those that were read to their end.
	opened, open, ended int
}

func (w *watched) contents(name, text string, fault error) jobs.Contents {
	return jobs.Contents{Name: name, ContentType: "text/plain", Size: int64(len(text)), Open: func(context.Context) (io.ReadCloser, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.opened++
		w.open++
		return &watchedReader{r: strings.NewReader(text), w: w, fault: fault}, nil
	}}
}

type watchedReader struct {
	r             io.Reader
	w             *watched
	fault         error
	closed, ended bool
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err == nil {
		return n, nil
	}
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	if r.fault != nil {
		return n, r.fault
	}
	if !r.ended {
		r.ended = true
		r.w.ended++
	}
	return n, err
}

func (r *watchedReader) Close() error {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.w.open--
	}
	return nil
}

// taking makes a step with attachments, for an action that takes some.
func taking(s Subject, contents ...jobs.Contents) (*step, error) {
	if !s.Driver.Info().Attachments {
		return nil, skip("the driver takes no attachments")
	}
	st := newStep(s, s.Good)
	st.task.Attachments = contents
	return st, nil
}

func attachmentsRead(ctx context.Context, s Subject) error {
	var w watched
	st, err := taking(s, w.contents("a.txt", "the first", nil), w.contents("b.txt", strings.Repeat("second ", 20_000), nil))
	if err != nil {
		return err
	}
	if _, err := st.run(ctx, s.Driver); err != nil {
		return err
	}
	if w.opened < 2 || w.ended < 2 || w.open != 0 {
		return fmt.Errorf("of 2 attachments %d readers were opened, %d read to the end, and %d are open still", w.opened, w.ended, w.open)
	}
	return nil
}

func attachmentsFail(ctx context.Context, s Subject) error {
	fault := errors.New("the attachment of the kit fails")
	var w watched
	missing := jobs.Contents{Name: "missing.txt", Size: 3, Open: func(context.Context) (io.ReadCloser, error) { return nil, fault }}
	for what, bad := range map[string]jobs.Contents{
		"cannot be opened": missing, "breaks off": w.contents("broken.txt", "abc", fault),
	} {
		st, err := taking(s, w.contents("fine.txt", "fine", nil), bad)
		if err != nil {
			return err
		}
		_, err = st.run(ctx, s.Driver)
		if kitErr := kitError(err); kitErr != nil {
			return kitErr
		}
		if err == nil {
			return fmt.Errorf("the run succeeds although an attachment %s", what)
		}
		if w.open != 0 {
			return fmt.Errorf("%d readers are open still after an attachment that %s", w.open, what)
		}
	}
	if s.Effects != nil && len(s.Effects()) > 0 {
		return fmt.Errorf("attachments that fail had effects: %q", s.Effects())
	}
	return nil
}
