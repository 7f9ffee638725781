package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// act is one call of a driver: an attempt of a step as the outside world sees it.
type act struct {
	node *node
	ctx  context.Context
	task *jobs.Task
	step string
	// deaf: the driver does not obey its context.
	deaf bool
	end  func() (jobs.Output, error)
	// begun and ended are set by the loop of the simulation.
	begun, ended bool
	restored     int
}

// drivers are what a node's engine calls: every call passes the turnstile at its begin and at its end.
func (n *node) drivers() *registry {
	r := &registry{}
	for _, info := range []jobs.DriverInfo{
		{ID: "work", Kind: jobs.DriverJob}, {ID: "note", Kind: jobs.DriverAction}, {ID: "put", Kind: jobs.DriverAction},
	} {
		r.Store(string(info.Kind)+"/"+info.ID, driverFunc{info, n.perform})
	}
	return r
}

func (n *node) perform(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
	a := &act{node: n, ctx: ctx, task: task, step: "driver"}
	if task.ActionID != "" {
		a.step = string(task.ActionID)
	}
	begin := &gate{node: n, kind: "begin", act: a}
	if n.sim.enter(begin) == dead {
		return jobs.Output{}, errKilled
	}
	end := &gate{node: n, kind: "end", act: a, notBefore: begin.notBefore}
	if !n.sim.join(end) {
		return jobs.Output{}, errKilled
	}
	var over <-chan struct{}
	if !a.deaf {
		over = ctx.Done()
	}
	select {
	case v := <-end.release:
		if v == dead {
			return jobs.Output{}, errKilled
		}
		return a.end()
	case <-over:
		n.sim.leave(end)
		return jobs.Output{}, context.Cause(ctx)
	}
}

var errKilled = errors.New("the process was killed")

// begin decides what an attempt will do.
func (a *act) begin(rng *rand.Rand, g *gate) {
	var takes time.Duration
	switch rng.IntN(20) {
	case 0, 1, 2, 3:
		takes = time.Duration(rng.IntN(5000)) * time.Millisecond
	case 4, 5:
		takes = time.Duration(rng.IntN(180)) * time.Second
	case 6:
		takes, a.deaf = time.Duration(rng.IntN(40))*time.Second, true
	}
	g.notBefore = time.Now().Add(takes)
	kind, n := rng.IntN(20), rng.IntN(10)
	if rng.IntN(4) == 0 {
		a.task.Log.Info("at work")
	}
	a.end = func() (jobs.Output, error) {
		switch kind {
		case 0, 1, 2:
			return jobs.Output{}, errors.New("out of paper")
		case 3:
			return jobs.Output{}, jobs.Permanent(errors.New("no such printer"))
		case 4:
			return jobs.Output{}, jobs.RetryAfter(time.Duration(n)*10*time.Second, errors.New("busy"))
		case 5:
			panic("on fire")
		}
		return jobs.Output{Message: "done", Data: map[string]any{"n": n, "key": a.task.Key}}, nil
	}
}

func (a *act) name(s *simulation) string {
	return fmt.Sprintf("%s %s attempt %d", s.runName(a.task.RunID), s.stepName(a.task.JobID, a.step), a.task.Attempt)
}
