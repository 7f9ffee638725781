package drivers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
)

// fixed is a driver with any Info.
type fixed struct{ jobs.DriverInfo }

func (d fixed) Info() jobs.DriverInfo { return d.DriverInfo }

func (fixed) Run(context.Context, *jobs.Task) (jobs.Output, error) { return jobs.Output{}, nil }

type previewing struct{ fixed }

func (previewing) Preview(context.Context, *jobs.Task) (any, error) { return nil, nil }

func driver(id string, kind jobs.DriverKind) jobs.DriverInfo {
	return jobs.DriverInfo{ID: id, Kind: kind, Schema: json.RawMessage(`{"type":"object"}`)}
}

func ids(list []jobs.Driver) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.Info().ID)
	}
	return out
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	r, err := drivers.NewRegistry(
		fixed{driver("b", jobs.DriverJob)}, fixed{driver("c", jobs.DriverAction)}, fixed{driver("a-1", jobs.DriverJob)},
		fixed{driver("b", jobs.DriverAction)},
	)
	if err != nil {
		t.Fatal(err)
	}
	all := r.All(jobs.DriverJob)
	if diff := cmp.Diff([]string{"a-1", "b"}, ids(all)); diff != "" {
		t.Errorf("All(job) (-want +got):\n%s", diff)
	}
	all[0] = nil
	if diff := cmp.Diff([]string{"a-1", "b"}, ids(r.All(jobs.DriverJob))); diff != "" {
		t.Errorf("All after a caller changed its slice (-want +got):\n%s", diff)
	}
	if got := ids(r.All(jobs.DriverAttachment)); len(got) != 0 {
		t.Errorf("All(attachment) = %v", got)
	}
	if d, ok := r.Driver(jobs.DriverAction, "b"); !ok || d.Info().Kind != jobs.DriverAction {
		t.Errorf("Driver(action, b) = %v, %t", d, ok)
	}
	for _, id := range []string{"", "a", "a-2", "c"} {
		if d, ok := r.Driver(jobs.DriverJob, id); ok || d != nil {
			t.Errorf("Driver(job, %q) = %v, %t", id, d, ok)
		}
	}
	var empty drivers.Registry
	if _, ok := empty.Driver(jobs.DriverJob, "a"); ok || len(empty.All(jobs.DriverJob)) != 0 {
		t.Error("the zero registry has drivers")
	}
}

func TestRegistry_Add_refused(t *testing.T) {
	t.Parallel()
	good := driver("a", jobs.DriverAction)
	with := func(change func(*jobs.DriverInfo)) jobs.Driver {
		info := good
		change(&info)
		return fixed{info}
	}
	for _, c := range []struct {
		name, want string
		d          jobs.Driver
	}{
		{"nothing", "it is nil", nil},
		{"no id", "the id must be", with(func(i *jobs.DriverInfo) { i.ID = "" })},
		{"an id in capitals", "the id must be", with(func(i *jobs.DriverInfo) { i.ID = "Mail" })},
		{"an id with a line end", "the id must be", with(func(i *jobs.DriverInfo) { i.ID = "a\n" })},
		{"an id of 64 letters", "the id must be", with(func(i *jobs.DriverInfo) { i.ID = strings.Repeat("a", 64) })},
		{"no kind", `the kind "" is unknown`, with(func(i *jobs.DriverInfo) { i.Kind = "" })},
		{"a source", `the source "net" is unknown`, with(func(i *jobs.DriverInfo) { i.Source = "net" })},
		{"a schema of a list", "object", with(func(i *jobs.DriverInfo) { i.Schema = json.RawMessage(`{"type":"array"}`) })},
		{"a schema that is no JSON", "schema of action driver", with(func(i *jobs.DriverInfo) { i.Schema = json.RawMessage(`{`) })},
		{"a keyword of the wrong type", "schema of action driver", with(func(i *jobs.DriverInfo) {
			i.Schema = json.RawMessage(`{"type":"object","properties":{"a":{"minimum":"x"}}}`)
		})},
		{"a schema that reads a file", "refer only to itself", with(func(i *jobs.DriverInfo) {
			i.Schema = json.RawMessage(`{"type":"object","properties":{"a":{"$ref":"file:///etc/hostname"}}}`)
		})},
		{"params of an action", "only a job driver", with(func(i *jobs.DriverInfo) { i.ParamsSchema = good.Schema })},
		{"a preview without the method", "no method Preview", with(func(i *jobs.DriverInfo) { i.Preview = true })},
		{"a job with attachments", "only an action", with(func(i *jobs.DriverInfo) { i.Kind, i.Attachments = jobs.DriverJob, true })},
	} {
		var r drivers.Registry
		err := r.Add(c.d)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Add of %s = %v, want %q", c.name, err, c.want)
		}
		if n := len(r.All(jobs.DriverAction)) + len(r.All(jobs.DriverJob)); n != 0 {
			t.Errorf("Add of %s added a driver", c.name)
		}
	}
	good.Preview = true
	if err := new(drivers.Registry).Add(previewing{fixed{good}}); err != nil {
		t.Errorf("Add of a driver with previews: %v", err)
	}
	if err := new(drivers.Registry).Add(fixed{driver(strings.Repeat("a", 63), jobs.DriverJob)}); err != nil {
		t.Errorf("Add of an id of 63 letters: %v", err)
	}
}

func TestNewRegistry_namesAll(t *testing.T) {
	t.Parallel()
	r, err := drivers.NewRegistry(
		fixed{driver("a", jobs.DriverJob)}, fixed{driver("X", jobs.DriverJob)}, fixed{driver("a", jobs.DriverJob)}, nil)
	if r != nil || err == nil {
		t.Fatalf("NewRegistry = %v, %v", r, err)
	}
	for _, want := range []string{`"X"`, `"a": there is one already of kind job`, "it is nil"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q does not have %q", err, want)
		}
	}
}

func TestRegistry_concurrent(t *testing.T) {
	t.Parallel()
	var r drivers.Registry
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := r.Add(fixed{driver(fmt.Sprintf("d%02d", i), jobs.DriverJob)}); err != nil {
				t.Error(err)
			}
			r.All(jobs.DriverJob)
			if _, ok := r.Driver(jobs.DriverJob, fmt.Sprintf("d%02d", i)); !ok {
				t.Errorf("driver %d is missing", i)
			}
		})
	}
	wg.Wait()
	if n := len(r.All(jobs.DriverJob)); n != 20 {
		t.Errorf("%d drivers, want 20", n)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for _, c := range []struct {
		err  error
		want jobs.RetryAdvice
	}{
		{drivers.Permanent(boom), jobs.RetryAdvice{Permanent: true}},
		{drivers.Unclear(boom), jobs.RetryAdvice{Unclear: true}},
		{drivers.RetryAfter(time.Minute, boom), jobs.RetryAdvice{After: time.Minute}},
		{drivers.RetryAfter(2*time.Hour, boom), jobs.RetryAdvice{After: time.Hour}},
	} {
		if got := jobs.AdviceOf(c.err); got != c.want || !errors.Is(c.err, boom) || c.err.Error() != "boom" {
			t.Errorf("%v says %+v, want %+v", c.err, got, c.want)
		}
	}
	if drivers.Permanent(nil) != nil || drivers.Unclear(nil) != nil || drivers.RetryAfter(1, nil) != nil {
		t.Error("nil did not stay nil")
	}
}
