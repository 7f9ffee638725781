package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/carillon-go/carillon/jobs/internal/condition"
	"github.com/carillon-go/carillon/jobs/internal/placeholder"
)

// DatasetUser is a driver that names datasets of its job in its settings, or does more with them than read them. A job needs the rights that
// its drivers say (contract 10.7), and an alias that one of them names cannot be removed (contract 10.6). Of a driver that does not say,
// values of the members "dataset", "datasets" and "alias" are taken for names, and reading is all that it does.
type DatasetUser interface {
	// DatasetUses tells what a step with these settings does. Aliases are those of the job. Settings may hold placeholders, also in the place
	// of an alias; that is left out, and the step itself is refused what its owner may not do.
	DatasetUses(data json.RawMessage, aliases []string) []DatasetUse
}

// DatasetUse is what a step does with one dataset of its job.
type DatasetUse struct {
	Alias string
	// Path is where the settings name the alias: "datasets[0]"; empty if they do not, as with a driver that takes all datasets of the job.
	Path string
	// Rights are those that it needs beside reading.
	Rights DatasetRights
}

// DatasetCheck is whether a principal has the rights on one dataset that a job needs (contract 10.7).
type DatasetCheck struct {
	Alias     string
	DatasetID DatasetID
	Exists    bool
	// Needs are the rights that the job needs, Rights those that the principal has.
	Needs  DatasetRights
	Rights DatasetRights
	// Reason says what is missing; empty if nothing is.
	Reason string
}

// Allowed reports whether nothing is missing.
func (c DatasetCheck) Allowed() bool { return c.Reason == "" }

// CheckDatasets compares what a job does with its datasets with what a principal may do: an entry for each association, and one more for each
// other dataset that it takes snapshots of. A nil provider has no datasets.
func CheckDatasets(
	ctx context.Context, provider Datasets, drivers Drivers, tenant TenantID, who PrincipalID, d *Definition,
) ([]DatasetCheck, error) {
	needs := datasetNeeds(d, drivers)
	found := map[DatasetID]Dataset{}
	if provider != nil {
		ids := make([]DatasetID, len(needs))
		for i, n := range needs {
			ids[i] = n.id
		}
		var err error
		if found, err = askDatasets(ctx, provider, tenant, who, ids); err != nil {
			return nil, err
		}
	}
	checks := make([]DatasetCheck, len(needs))
	for i, n := range needs {
		dataset, exists := found[n.id]
		checks[i] = DatasetCheck{Alias: n.alias, DatasetID: n.id, Exists: exists, Needs: n.rights, Rights: dataset.Rights}
		checks[i].Reason = checks[i].missing()
	}
	return checks, nil
}

// missing says what keeps the principal from the dataset.
func (c DatasetCheck) missing() string {
	lack := c.Needs.Without(c.Rights)
	switch {
	case !c.Exists:
		return "the dataset does not exist"
	case lack.Read:
		return "reading this dataset is not allowed"
	case lack.Refresh && lack.Snapshot:
		return "the job refreshes this dataset and takes snapshots of it; neither is allowed"
	case lack.Refresh:
		return "the job refreshes this dataset; refresh is not allowed"
	case lack.Snapshot:
		return "the job takes snapshots of this dataset; snapshot is not allowed"
	}
	return ""
}

// datasetNeed is a dataset of a job with the rights that the job needs on it.
type datasetNeed struct {
	alias string
	id    DatasetID
	// index is that of the association, path where it names the dataset.
	index  int
	path   string
	rights DatasetRights
}

// datasetNeeds are what a job does with its datasets.
func datasetNeeds(d *Definition, drivers Drivers) []datasetNeed {
	if len(d.Datasets) == 0 {
		return nil
	}
	used := map[string]DatasetRights{}
	for _, part := range settingsOf(d) {
		uses, _ := datasetUses(drivers, part, d.Aliases())
		for _, use := range uses {
			used[use.Alias] = used[use.Alias].And(use.Rights)
		}
	}
	needs := make([]datasetNeed, 0, len(d.Datasets))
	for i := range d.Datasets {
		a := &d.Datasets[i]
		own := datasetNeed{a.Alias, a.DatasetID, i, "datasetId", used[a.Alias].And(DatasetRights{Read: true})}
		var others []datasetNeed
		for k, id := range a.SnapshotDatasets() {
			if id == a.DatasetID {
				own.rights.Snapshot = true
				continue
			}
			path := fmt.Sprintf("snapshots.snapshotDatasets[%d]", k)
			others = append(others, datasetNeed{a.Alias, id, i, path, DatasetRights{Read: true, Snapshot: true}})
		}
		needs = append(append(needs, own), others...)
	}
	return needs
}

// newDatasetNeeds are the needs of after that before does not have.
func newDatasetNeeds(before, after *Definition, drivers Drivers) []datasetNeed {
	have := map[DatasetID]DatasetRights{}
	if before != nil {
		for _, n := range datasetNeeds(before, drivers) {
			have[n.id] = have[n.id].And(n.rights)
		}
	}
	var needs []datasetNeed
	for _, n := range datasetNeeds(after, drivers) {
		if n.rights = n.rights.Without(have[n.id]); !n.rights.None() {
			needs = append(needs, n)
		}
	}
	return needs
}

// settingsPart is the settings of one driver in a definition, and where they are.
type settingsPart struct {
	kind   DriverKind
	driver string
	path   string
	data   json.RawMessage
}

func settingsOf(d *Definition) []settingsPart {
	parts := []settingsPart{{DriverJob, d.Type, "data", d.Data}}
	for i := range d.Actions {
		a, path := &d.Actions[i], indexPath("actions", i)
		parts = append(parts, settingsPart{DriverAction, a.Type, path + ".data", a.Data})
		for k := range a.Attachments {
			at := &a.Attachments[k]
			parts = append(parts, settingsPart{DriverAttachment, at.Type, path + "." + indexPath("attachments", k) + ".data", at.Data})
		}
	}
	return parts
}

// datasetUses asks the driver of a part; false if it does not say.
func datasetUses(drivers Drivers, part settingsPart, aliases []string) ([]DatasetUse, bool) {
	driver, ok := drivers.Driver(part.kind, part.driver)
	if !ok {
		return nil, false
	}
	user, ok := driver.(DatasetUser)
	if !ok {
		return nil, false
	}
	return user.DatasetUses(part.data, aliases), true
}

// aliasUsers are the places in a definition that name an alias: conditions, settings of job, actions and attachments, and placeholders in them.
func aliasUsers(d *Definition, drivers Drivers, alias string) ([]string, error) {
	var users []string
	for i := range d.Actions {
		if c := d.Actions[i].Condition; !c.none() {
			c.group.Walk(func(path string, r *condition.Rule) {
				if r.Field.Alias == alias {
					users = append(users, JoinPath(conditionPath(i), JoinPath(path, "field")))
				}
			})
		}
	}
	for _, part := range settingsOf(d) {
		value, err := decodeJSON(part.data)
		if err != nil {
			return nil, err
		}
		uses, says := datasetUses(drivers, part, []string{alias})
		for _, use := range uses {
			if use.Alias == alias && use.Path != "" {
				users = append(users, JoinPath(part.path, use.Path))
			}
		}
		if !says {
			users = append(users, aliasesNamed(part.path, value, alias, false)...)
		}
		for _, path := range placeholder.Find(value, "datasets."+alias) {
			users = append(users, JoinPath(part.path, path))
		}
	}
	return users, nil
}

// aliasesNamed finds an alias as the value of members that are called as such values are; below says that the member was one.
func aliasesNamed(path string, value any, alias string, below bool) []string {
	var found []string
	switch x := value.(type) {
	case string:
		if below && x == alias {
			found = append(found, path)
		}
	case []any:
		for i, item := range x {
			found = append(found, aliasesNamed(fmt.Sprintf("%s[%d]", path, i), item, alias, below)...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(x)) {
			named := strings.EqualFold(name, "dataset") || strings.EqualFold(name, "datasets") || strings.EqualFold(name, "alias")
			found = append(found, aliasesNamed(JoinPath(path, name), x[name], alias, named)...)
		}
	}
	return found
}
