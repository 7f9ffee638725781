package jobs

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Association is a dataset of a job under a short name of its own (contract 10.1). The alias is its key and never changes, because conditions,
// placeholders and settings name it.
type Association struct {
	Alias     string    `json:"alias"`
	DatasetID DatasetID `json:"datasetId"`
	// Snapshots says which snapshots the job's runs take; nil: none.
	Snapshots *SnapshotPolicy `json:"snapshots,omitempty"`
	CreatedAt time.Time       `json:"createdAt"`
	UpdatedAt time.Time       `json:"updatedAt"`
}

// SnapshotPolicy says which snapshots the runs of a job take through one association. It is not changed once it is stored.
type SnapshotPolicy struct {
	When SnapshotWhen `json:"when"`
	// Datasets are those that snapshots are taken of; nil: the one of the association.
	Datasets []DatasetID `json:"datasets,omitempty"`
	// Keep bounds the snapshots that this association has made, of all its datasets together; older ones are removed after a successful run.
	// Zero keeps all.
	Keep int `json:"keep,omitempty"`
}

// Limits of associations (reliability section 13).
const (
	// MaxDatasets is how many datasets a job may have.
	MaxDatasets = 50
	// MaxSnapshotDatasets is how many datasets one association may take snapshots of.
	MaxSnapshotDatasets = 50
	// MaxAlias and MaxDatasetID are lengths in characters.
	MaxAlias     = 63
	MaxDatasetID = 255
	// MaxSnapshotsKept is the largest Keep.
	MaxSnapshotsKept = 10_000
)

// Association gives the association with that alias and its index; false if the definition has none.
func (d *Definition) Association(alias string) (*Association, int, bool) {
	for i := range d.Datasets {
		if d.Datasets[i].Alias == alias {
			return &d.Datasets[i], i, true
		}
	}
	return nil, 0, false
}

// Aliases are the names of the job's datasets in their order.
func (d *Definition) Aliases() []string {
	names := make([]string, len(d.Datasets))
	for i := range d.Datasets {
		names[i] = d.Datasets[i].Alias
	}
	return names
}

// SnapshotDatasets are the datasets that the association takes snapshots of; nil if it takes none.
func (a *Association) SnapshotDatasets() []DatasetID {
	switch {
	case a.Snapshots == nil:
		return nil
	case a.Snapshots.Datasets == nil:
		return []DatasetID{a.DatasetID}
	}
	return a.Snapshots.Datasets
}

// ValidAlias reports whether s is ^[A-Za-z_][A-Za-z0-9_-]{0,62}$ (contract 10.1).
func ValidAlias(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= MaxAlias
}

// AssociationSpec is what a caller says of a new association (contract 10.3).
type AssociationSpec struct {
	Alias     string
	DatasetID DatasetID
	// Index is the position; nil is the end.
	Index *int
	// Snapshots nil takes none. Its Datasets nil are the dataset of the association.
	Snapshots *SnapshotPolicy
}

// AssociationPatch is a partial update of an association (contract 10.5).
type AssociationPatch struct {
	// Alias can only be repeated as it is stored.
	Alias     Field[string]
	DatasetID Field[DatasetID]
	Index     Field[int]
	// Snapshots is merged at its first level: a field that is left out stays, null takes a field away. Null turns snapshots off.
	Snapshots Field[SnapshotPatch]
}

// SnapshotPatch is a partial update of a SnapshotPolicy.
type SnapshotPatch struct {
	When     Field[SnapshotWhen]
	Datasets Field[[]DatasetID]
	Keep     Field[int]
}

// build makes an association of a spec; paths of faults are relative to it.
func (s AssociationSpec) build(f *Faults, at time.Time) Association {
	a := Association{Alias: s.Alias, DatasetID: s.DatasetID, CreatedAt: at, UpdatedAt: at}
	switch {
	case s.Alias == "":
		f.Add("alias", "is required")
	case !ValidAlias(s.Alias):
		f.Add("alias", "is %.80q; a letter or _, then up to %d letters, digits, _ and -", s.Alias, MaxAlias-1)
	}
	checkDatasetID(f, "datasetId", s.DatasetID)
	if s.Snapshots != nil {
		policy := *s.Snapshots
		policy.Datasets = slices.Clone(policy.Datasets)
		a.Snapshots = policy.checked(f, a.DatasetID)
	}
	return a
}

// patched applies a patch.
func (a Association) patched(f *Faults, p AssociationPatch) Association {
	if p.Alias.Set && (p.Alias.Null || p.Alias.Value != a.Alias) {
		f.Add("alias", "cannot be changed; it is %q", a.Alias)
	}
	a.DatasetID = required(f, "datasetId", p.DatasetID, a.DatasetID)
	if p.DatasetID.Set && !p.DatasetID.Null {
		checkDatasetID(f, "datasetId", a.DatasetID)
	}
	switch {
	case !p.Snapshots.Set:
	case p.Snapshots.Null:
		a.Snapshots = nil
	default:
		var policy SnapshotPolicy
		if a.Snapshots != nil {
			policy = *a.Snapshots
		}
		s := p.Snapshots.Value
		policy.When = optional(s.When, policy.When)
		policy.Datasets = optional(s.Datasets, policy.Datasets)
		policy.Keep = optional(s.Keep, policy.Keep)
		if s.Keep.Set && !s.Keep.Null && s.Keep.Value == 0 {
			f.Add("snapshots.keep", "is 0; 1 to %d, or null", MaxSnapshotsKept)
		}
		a.Snapshots = policy.checked(f, a.DatasetID)
	}
	if a.Snapshots != nil && p.DatasetID.Set && !p.Snapshots.Set {
		policy := *a.Snapshots
		a.Snapshots = policy.checked(f, a.DatasetID)
	}
	return a
}

// checked gives the policy in its stored form: the association's own dataset alone is not written out, so that it follows a change.
func (p SnapshotPolicy) checked(f *Faults, own DatasetID) *SnapshotPolicy {
	switch p.When {
	case SnapshotBefore, SnapshotAfter, SnapshotBoth:
	case "":
		f.Add("snapshots.when", "is required")
	default:
		f.Add("snapshots.when", "is %.80q; \"before\", \"after\" or \"both\"", p.When)
	}
	if p.Keep < 0 || p.Keep > MaxSnapshotsKept {
		f.Add("snapshots.keep", "is %d; 1 to %d, or null", p.Keep, MaxSnapshotsKept)
	}
	const path = "snapshots.snapshotDatasets"
	switch {
	case p.Datasets == nil:
	case len(p.Datasets) == 0:
		f.Add(path, "needs at least one dataset")
	case len(p.Datasets) > MaxSnapshotDatasets:
		f.Add(path, "has %d entries; at most %d", len(p.Datasets), MaxSnapshotDatasets)
	default:
		for i, id := range p.Datasets {
			at := fmt.Sprintf("%s[%d]", path, i)
			checkDatasetID(f, at, id)
			if slices.Contains(p.Datasets[:i], id) {
				f.Add(at, "is there twice: %.80q", id)
			}
		}
	}
	if len(p.Datasets) == 1 && p.Datasets[0] == own {
		p.Datasets = nil
	}
	return &p
}

func checkDatasetID(f *Faults, path string, id DatasetID) {
	text := string(id)
	switch {
	case strings.TrimSpace(text) == "":
		f.Add(path, "is required")
	case !utf8.ValidString(text), strings.ContainsFunc(text, unicode.IsControl):
		f.Add(path, "holds a control character or is not valid UTF-8")
	case utf8.RuneCountInString(text) > MaxDatasetID:
		f.Add(path, "has %d characters; at most %d", utf8.RuneCountInString(text), MaxDatasetID)
	}
}

// copyAssociations makes those of another job; at is when they were made, zero keeps the times that they have.
func copyAssociations(list []Association, at time.Time) []Association {
	out := slices.Clone(list)
	for i := range out {
		if p := out[i].Snapshots; p != nil {
			policy := *p
			policy.Datasets = slices.Clone(p.Datasets)
			out[i].Snapshots = &policy
		}
		if !at.IsZero() {
			out[i].CreatedAt, out[i].UpdatedAt = at, at
		}
	}
	return out
}
