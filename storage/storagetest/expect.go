package storagetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/carillon-go/carillon/jobs"
)

// giveUp is the panic by which a helper that arranges ends its rule: rules read as stories, without an error check after each
// sentence. It never leaves attempt.
type giveUp struct{ err error }

// attempt runs a part of a rule and turns giveUp into an error. Any other panic is the rule's error too, with its stack: an answer that
// has less than a rule looks at must not hide what the other rules find.
func attempt(part func() error) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case giveUp:
			err = r.err
		default:
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return part()
}

// must gives the value of a call that has to succeed for the rule to go on.
func must[T any](v T, err error) T {
	done(err)
	return v
}

// done gives the rule up if a call failed that has to succeed, and names the place.
func done(err error) {
	if err != nil {
		panic(giveUp{fmt.Errorf("%s: %w", place(), err)})
	}
}

// place is file and line of the rule, outside the helpers.
func place() string {
	callers := make([]uintptr, 20)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	for {
		f, more := frames.Next()
		name := f.File[strings.LastIndexByte(f.File, '/')+1:]
		if name != "expect.go" && name != "given.go" || !more {
			return fmt.Sprintf("%s:%d", name, f.Line)
		}
	}
}

// options compare as stores may differ: documents by value and not by their text, nil and empty alike, moments whatever their zone.
// That times come back in UTC has rules of its own.
var options = cmp.Options{
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().Type() != reflect.TypeFor[json.RawMessage]() }, cmpopts.EquateEmpty()),
	cmp.Transformer("json", func(text json.RawMessage) any { return document(text) }),
	cmp.Transformer("definition", func(d jobs.Definition) any {
		text, err := json.Marshal(d)
		if err != nil {
			return err.Error()
		}
		return document(text)
	}),
}

func document(text []byte) any {
	if len(text) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "no JSON: " + string(text)
	}
	return v
}

// same is nil if two values are equal, else an error that shows the difference.
func same(what string, got, want any) error {
	if reflect.TypeOf(got) != reflect.TypeOf(want) {
		return fmt.Errorf("%s: %s has type %T, want %T", place(), what, got, want)
	}
	if diff := cmp.Diff(want, got, options); diff != "" {
		return fmt.Errorf("%s: %s (-want +got):\n%s", place(), what, diff)
	}
	return nil
}

// holds is nil if the condition is true.
func holds(condition bool, format string, args ...any) error {
	if condition {
		return nil
	}
	return fmt.Errorf("%s: %s", place(), fmt.Sprintf(format, args...))
}

// refused is nil if a call failed with that sentinel.
func refused(what string, err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("%s: %s: error is %w, want one that is %q", place(), what, err, want.Error())
}

// conflict is nil if a call failed with a *ConflictError that has a value under key; the empty key asks for none. A want of "" takes
// any value.
func conflict(what string, err error, key, want string) error {
	var c *jobs.ConflictError
	if !errors.As(err, &c) {
		return fmt.Errorf("%s: %s: error is %w, want a *jobs.ConflictError", place(), what, err)
	}
	if c.Reason == "" {
		return fmt.Errorf("%s: %s: the conflict has no reason for people", place(), what)
	}
	if key == "" {
		return nil
	}
	got, ok := c.Data[key]
	if !ok || want != "" && fmt.Sprint(got) != want {
		return fmt.Errorf("%s: %s: Data[%q] is %v, want %q", place(), what, key, got, want)
	}
	return nil
}

// instant is nil if a time is the wanted one in whole milliseconds, UTC.
func instant(what string, got, want time.Time) error {
	if got.Location() != time.UTC {
		return fmt.Errorf("%s: %s is in zone %v, want UTC", place(), what, got.Location())
	}
	return same(what, got, want)
}
