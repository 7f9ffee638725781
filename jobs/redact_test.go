package jobs_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// In which forms a secret is found is tested in internal/redact.
func TestRedactor(t *testing.T) {
	var none *jobs.Redactor
	for name, tc := range map[string]struct {
		r    *jobs.Redactor
		want string
	}{
		"nil": {none, "hunter2! https://u:***@h"}, "zero": {&jobs.Redactor{}, "hunter2! https://u:***@h"},
		"without secrets": {jobs.NewRedactor(), "hunter2! https://u:***@h"}, "one that is short": {jobs.NewRedactor("hunte"), "hunter2! https://u:***@h"},
		"one": {jobs.NewRedactor("hunter2!"), "*** https://u:***@h"}, "two": {jobs.NewRedactor("https:", "hunter2!"), "*** ***//u:pw@h"},
	} {
		if got := tc.r.String("hunter2! https://u:pw@h"); got != tc.want {
			t.Errorf("%s: String = %q, want %q", name, got, tc.want)
		}
		if diff := cmp.Diff(any([]any{tc.want, 7}), tc.r.Value([]any{"hunter2! https://u:pw@h", 7})); diff != "" {
			t.Errorf("%s: Value (-want +got):\n%s", name, diff)
		}
	}
}

func TestRedactor_KeepsItsPatternsToItself(t *testing.T) {
	r := jobs.NewRedactor("hunter2!")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("start", "redactor", r)
	for _, text := range []string{fmt.Sprint(r), fmt.Sprintf("%v %+v %#v %s %x", r, r, r, r, r), fmt.Sprintf("%+v", *r), log.String()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVy") || strings.Contains(text, fmt.Sprintf("%x", "hunter2!")) {
			t.Errorf("printed: %q", text)
		}
	}
}
