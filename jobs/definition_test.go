package jobs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
)

// filler sets every exported field below a value to something that is not zero, each time something else.
type filler struct {
	testing.TB
	n int
	// fixed are values for fields that cannot hold anything, by "Type.Field"; nil leaves the field at zero.
	fixed map[string]any
}

func (f *filler) fill(v reflect.Value) {
	f.Helper()
	f.n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(planStart.Add(time.Duration(f.n) * time.Minute)))
		return
	case v.Type() == reflect.TypeFor[time.Duration]():
		v.SetInt(int64(time.Duration(f.n) * time.Second))
		return
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		v.SetBytes(fmt.Appendf(nil, `{"n":%d}`, f.n))
		return
	case v.Type() == reflect.TypeFor[*jobs.Condition]():
		c, err := jobs.ParseCondition(fmt.Appendf(nil, `{"match":"all","rules":[{"field":"run.params.x","operator":"eq","value":%d}]}`, f.n))
		if err != nil {
			f.Fatal(err)
		}
		v.Set(reflect.ValueOf(c))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		f.fields(v)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			f.fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key)
		f.fill(value)
		v.SetMapIndex(key, value)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.String:
		v.SetString(fmt.Sprintf("word-%d", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Uint8:
		v.SetUint(uint64(f.n))
	default:
		f.Fatalf("a field of type %s is new here: say how to fill it", v.Type())
	}
}

func (f *filler) fields(v reflect.Value) {
	f.Helper()
	for i := range v.NumField() {
		name := v.Type().Name() + "." + v.Type().Field(i).Name
		value, ok := f.fixed[name]
		switch {
		case !ok:
			f.fill(v.Field(i))
		case value != nil:
			v.Field(i).Set(reflect.ValueOf(value))
		}
	}
}

// TestJob_survives_the_store sets every field of a job, of its definition and of what is in it, and reads it back: a new field that has no
// place in the document or in a column is found here.
func TestJob_survives_the_store(t *testing.T) {
	t.Parallel()
	store := sqlitetest.Open(t, sqlite.Options{})
	f := &filler{TB: t, fixed: map[string]any{
		"Job.ID": jobs.NewID(), "Policies.Overlap": jobs.OverlapQueue, "Job.Revision": int64(1),
		// A draft has neither of those that it would lack, and no job has them that are filled by reads.
		"Job.EditingID": nil, "Job.Base": nil, "Job.Note": nil, "Job.LockedAt": nil, "Job.LastRun": nil, "Job.Shares": nil, "Job.Tags": nil, "Job.HandedOver": nil, "Job.Broken": nil,
		// Derived from the job, not stored.
		"Schedule.Offset": nil,
	}}
	var j jobs.Job
	f.fill(reflect.ValueOf(&j).Elem())
	j.Schedule = filled(t, j.Schedule)

	write := func(what string, write func(context.Context) error) {
		t.Helper()
		if err := write(t.Context()); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		got, err := store.Job(t.Context(), j.Tenant, jobs.JobRef{ID: j.ID})
		if err != nil {
			t.Fatal(err)
		}
		same := cmp.Comparer(func(a, b *jobs.Condition) bool {
			x, errX := json.Marshal(a)
			y, errY := json.Marshal(b)
			return errX == nil && errY == nil && string(x) == string(y)
		})
		if diff := cmp.Diff(&j, got, same); diff != "" {
			t.Errorf("after %s (-written +read):\n%s", what, diff)
		}
	}
	stored := func(ctx context.Context) {
		t.Helper()
		for _, file := range j.Files() {
			if err := store.AddFile(ctx, planStart, j.Tenant, file.Key, file.Size); err != nil {
				t.Fatal(err)
			}
		}
	}
	stored(t.Context())
	write("insert", func(ctx context.Context) error { return store.InsertJob(ctx, planStart, &j) })
	id, tenant := j.ID, j.Tenant
	f.fill(reflect.ValueOf(&j).Elem())
	j.Schedule = filled(t, j.Schedule)
	j.ID, j.Tenant, j.Revision = id, tenant, 2
	stored(t.Context())
	write("save", func(ctx context.Context) error { return store.SaveJob(ctx, planStart, &j, 1) })
	if err := store.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// filled is a schedule that is in the form in which it is stored.
func filled(t *testing.T, s jobs.Schedule) jobs.Schedule {
	t.Helper()
	s.Interval, s.IntervalType, s.Timezone = "5 4 * * *", jobs.IntervalCron, "Europe/Berlin"
	normal, err := s.Normalize()
	if err != nil {
		t.Fatal(err)
	}
	if normal != s {
		t.Fatalf("the schedule %+v is stored as %+v", s, normal)
	}
	return s
}
