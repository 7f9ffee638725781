package drivertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// step is one step of a run that a rule makes, and what the driver left in its log.
type step struct {
	task *jobs.Task
	file *jobs.Contents
	log  lockedBuffer
}

type lockedBuffer struct {
	mu   sync.Mutex // guards the field below
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newStep is the first attempt of a new step.
func newStep(s Subject, data json.RawMessage) *step {
	st := &step{file: s.File}
	run := jobs.NewRunID()
	params := s.Params
	if len(params) == 0 {
		params = json.RawMessage(`{}`)
	}
	info := s.Driver.Info()
	st.task = &jobs.Task{
		Tenant: "main", JobID: jobs.NewID(), JobName: "Conformance", RunID: run, OwnerID: "kit",
		Trigger: jobs.TriggerManual, Data: bytes.Clone(data), Params: bytes.Clone(params),
		Key: jobs.EffectKey(run, string(info.Kind)), Attempt: 1, RunStatus: jobs.RunSuccess,
		StartedAt: time.Date(2026, 3, 26, 6, 0, 0, 0, time.UTC), Location: time.UTC,
		Log:      slog.New(slog.NewTextHandler(&st.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Progress: func(_ float64, message string) { _, _ = st.log.Write([]byte(message + "\n")) }, // never fails
	}
	if info.Kind == jobs.DriverAction {
		st.task.ActionID = jobs.NewActionID()
	}
	return st
}

// again is the next attempt of the step, after one whose outcome is unknown.
func (st *step) again() {
	st.task.Attempt++
	st.task.Resumed = true
}

// outcome is what a run returned.
type outcome struct {
	output jobs.Output
	err    error
}

// run calls the driver. It gives up after Patience.
func (st *step) run(ctx context.Context, d jobs.Driver) (jobs.Output, error) {
	ended := st.start(ctx, d)
	select {
	case o := <-ended:
		return o.output, o.err
	case <-time.After(Patience):
		return jobs.Output{}, fmt.Errorf("%w within %s", errDeaf, Patience)
	}
}

var errDeaf = errors.New("the driver does not return")

// start calls the driver in the background.
func (st *step) start(ctx context.Context, d jobs.Driver) <-chan outcome {
	ended := make(chan outcome, 1) // a driver that returns too late still finds room
	go func() {
		defer func() {
			if p := recover(); p != nil {
				ended <- outcome{err: fmt.Errorf("%w: %v", errPanic, p)}
			}
		}()
		output, err := st.call(ctx, d)
		ended <- outcome{output, err}
	}()
	return ended
}

// call runs a driver, or renders and reads an attachment: its output is what was read.
func (st *step) call(ctx context.Context, d jobs.Driver) (jobs.Output, error) {
	if d.Info().Kind != jobs.DriverAttachment {
		return d.Run(ctx, st.task)
	}
	c, err := jobs.Render(ctx, d, &jobs.RenderTask{Task: *st.task, AttachmentID: jobs.NewAttachmentID(), Name: "attached", File: st.file})
	if err != nil {
		return jobs.Output{}, err
	}
	var texts [2][]byte // contents can be read as often as they are needed, and are the same each time
	for i := range texts {
		r, err := c.Open(ctx)
		if err != nil {
			return jobs.Output{}, err
		}
		if texts[i], err = io.ReadAll(r); err != nil {
			return jobs.Output{}, errors.Join(err, r.Close())
		}
		if err := r.Close(); err != nil {
			return jobs.Output{}, err
		}
	}
	if c.Size >= 0 && c.Size != int64(len(texts[0])) || !bytes.Equal(texts[0], texts[1]) {
		return jobs.Output{}, fmt.Errorf("the contents say %d bytes, and %d and %d are read", c.Size, len(texts[0]), len(texts[1]))
	}
	return jobs.Output{Data: map[string]any{"name": c.Name, "type": c.ContentType, "size": len(texts[0])}}, nil
}

var errPanic = errors.New("the driver panics")

// kitError finds the faults that no error of a driver excuses.
func kitError(err error) error {
	if errors.Is(err, errDeaf) || errors.Is(err, errPanic) {
		return err
	}
	return nil
}
