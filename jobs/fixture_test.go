package jobs_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
)

// registryOf are the two drivers of a house, and more.
func registryOf(t testing.TB, more ...jobs.Driver) *drivers.Registry {
	t.Helper()
	registry, err := drivers.NewRegistry(append(more,
		drivers.Func("count", func(context.Context, count) (any, error) { return nil, nil }),
		drivers.Func("tell", func(context.Context, tell) (any, error) { return nil, nil }).With(drivers.FuncOptions{Kind: jobs.DriverAction}),
	)...)
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

// poster is an action driver with a secret that belongs to a target, and with a preview that shows everything that it was given.
type poster struct {
	mu sync.Mutex // guards the fields below
	// tasks are those of all previews, ran counts runs.
	tasks []jobs.Task
	ran   int
	// answer is what a preview gives instead.
	answer func(*jobs.Task) (any, error)
}

func (p *poster) Info() jobs.DriverInfo {
	return jobs.DriverInfo{
		ID: "post", Name: "Post", Kind: jobs.DriverAction, Preview: true, Source: jobs.SourceHost,
		Schema: json.RawMessage(`{"type":"object","required":["host"],"additionalProperties":false,"properties":{
			"host":{"type":"string"},"text":{"type":"string"},"token":{"type":"string","writeOnly":true}}}`),
	}
}

func (p *poster) SecretTarget(data json.RawMessage) string {
	var settings struct{ Host string }
	if json.Unmarshal(data, &settings) != nil {
		return ""
	}
	return settings.Host
}

func (p *poster) Run(context.Context, *jobs.Task) (jobs.Output, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ran++
	return jobs.Output{}, nil
}

func (p *poster) Preview(_ context.Context, task *jobs.Task) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tasks = append(p.tasks, *task)
	if p.answer != nil {
		return p.answer(task)
	}
	return map[string]any{"settings": task.Data}, nil
}
