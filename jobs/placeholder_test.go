package jobs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// Syntax, forms of values and bounds are tested in internal/placeholder.
func TestExpandPlaceholders(t *testing.T) {
	c := contextOf(t, map[string]any{"job.name": "Nightly", "driver.data": map[string]any{"list": []any{1, map[string]any{"b": 2}}}})
	c.SetUnknown("previous")
	at := time.Date(2026, 3, 25, 23, 4, 5, 0, time.UTC)
	in := map[string]any{"a": []any{"${job.name} ${driver.data.list.1.b} $${x}"}, "b": "${date('YYYY-MM-DD')}", "n": 7}
	got, err := jobs.ExpandPlaceholders(in, c, at, time.FixedZone("Europe/Berlin", 3600))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(map[string]any{"a": []any{"Nightly 2 ${x}"}, "b": "2026-03-26", "n": 7}), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err = jobs.ExpandPlaceholders([]any{"${previous.data.x}", "${env.HOME}"}, c, at, nil)
	want := []string{
		"[0]: has no value for ${previous.data.x} yet: it exists only in a run", "[1]: has no value for ${env.HOME}: unknown path",
	}
	if diff := cmp.Diff(want, faultsOf(t, err)); diff != "" || got != nil {
		t.Errorf("without values: %v (-want +got):\n%s", got, diff)
	}
	got, err = jobs.ExpandPlaceholders("x"+strings.Repeat("${job.name}", jobs.MaxPlaceholderResult/len("Nightly")+1), c, at, nil)
	if len(faultsOf(t, err)) != 1 || got != nil {
		t.Errorf("beyond the bound: %v, %v", got, err)
	}
}

func TestCheckPlaceholders(t *testing.T) {
	if err := jobs.CheckPlaceholders([]any{"${a.b} $${", 7}); err != nil {
		t.Errorf("right ones: %v", err)
	}
	got := faultsOf(t, jobs.CheckPlaceholders(map[string]any{"b": "${", "a": []any{"${}"}}))
	want := []string{
		"a[0]: has an empty placeholder ${}; write $${ for a literal ${", "b: has ${ without }; write $${ for a literal ${",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !jobs.HasPlaceholder("a $${") || jobs.HasPlaceholder("a $ {}") {
		t.Error("HasPlaceholder is wrong")
	}
	if !jobs.PlaceholdersInAuthority("https://${a.b}/") || jobs.PlaceholdersInAuthority("https://h/${a.b}") {
		t.Error("PlaceholdersInAuthority is wrong")
	}
}

func TestRewritePlaceholders(t *testing.T) {
	got := jobs.RewritePlaceholders([]any{"${actions.a1.data.x} ${actions[2].status} $${actions.a1}"}, map[string]string{"a1": "b7", "[2]": "c8"})
	if diff := cmp.Diff(any([]any{"${actions.b7.data.x} ${actions.c8.status} $${actions.a1}"}), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
