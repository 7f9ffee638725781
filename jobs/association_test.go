package jobs_test

import (
	"strings"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

func TestValidAlias(t *testing.T) {
	t.Parallel()
	for alias, want := range map[string]bool{
		"stock": true, "_": true, "A1_-": true, strings.Repeat("a", 63): true,
		"": false, strings.Repeat("a", 64): false, "1a": false, "-a": false, "a.b": false, "a b": false, "ä": false, "a\n": false, "a/b": false,
	} {
		if got := jobs.ValidAlias(alias); got != want {
			t.Errorf("ValidAlias(%q) = %v, want %v", alias, got, want)
		}
	}
}

func TestAssociation_SnapshotDatasets(t *testing.T) {
	t.Parallel()
	own := jobs.Association{DatasetID: "a"}
	if got := own.SnapshotDatasets(); got != nil {
		t.Errorf("without a policy: %v", got)
	}
	own.Snapshots = &jobs.SnapshotPolicy{When: jobs.SnapshotAfter}
	if got := own.SnapshotDatasets(); len(got) != 1 || got[0] != "a" {
		t.Errorf("without a list: %v", got)
	}
	own.Snapshots.Datasets = []jobs.DatasetID{"b", "c"}
	if got := own.SnapshotDatasets(); len(got) != 2 || got[1] != "c" {
		t.Errorf("with a list: %v", got)
	}
}

func TestSnapshotWhen_Has(t *testing.T) {
	t.Parallel()
	for when, want := range map[jobs.SnapshotWhen][2]bool{
		jobs.SnapshotBefore: {true, false}, jobs.SnapshotAfter: {false, true}, jobs.SnapshotBoth: {true, true}, "": {false, false},
	} {
		if got := [2]bool{when.Has(jobs.SnapshotBefore), when.Has(jobs.SnapshotAfter)}; got != want {
			t.Errorf("%q: before and after are %v, want %v", when, got, want)
		}
	}
}
