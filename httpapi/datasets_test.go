package httpapi_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/jobs/jobstest"
)

// datasets is the provider of the tests. Everybody may do all with globex:stock, and read globex:orders; nobody may read globex:hidden.
type datasets struct {
	*provider
	// down: the provider fails.
	down atomic.Bool
}

// provider is another name, because one of its methods is called as it is.
type provider = jobstest.Datasets

func newDatasets() *datasets {
	d := &datasets{provider: &jobstest.Datasets{}}
	d.Fail = func(context.Context, string) error {
		if d.down.Load() {
			return errors.New("the data source is down: " + canary)
		}
		return nil
	}
	refreshed := time.Date(2026, 3, 26, 4, 30, 20, 0, time.UTC)
	d.Put("globex", "globex:stock", "Stock", 412, refreshed, "0f5c1b7e-8d0e-4b57-a1a4-0d2f6f1f3a77")
	d.Put("globex", "globex:orders", "Orders", 7, time.Time{})
	d.Put("globex", "globex:hidden", "Hidden", 1, refreshed)
	d.Put("initech", "initech:secret", "Secret", 1, refreshed)
	d.Grant("initech", "initech:secret", "mara", jobs.AllDatasetRights())
	for _, p := range people {
		if p.Tenant == "globex" {
			d.Grant("globex", "globex:stock", p.User, jobs.AllDatasetRights())
			d.Grant("globex", "globex:orders", p.User, jobs.DatasetRights{Read: true})
		}
	}
	for _, id := range []jobs.DatasetID{"globex:stock", "globex:orders"} {
		d.Grant("globex", id, "team:logistics", jobs.AllDatasetRights())
	}
	return d
}

// rightsOf reads "read,snapshot"; "none" is no right.
func rightsOf(words string) jobs.DatasetRights {
	return jobs.DatasetRights{
		Read: strings.Contains(words, "read"), Refresh: strings.Contains(words, "refresh"), Snapshot: strings.Contains(words, "snapshot"),
	}
}

// reports is a host with one report, which everybody may read.
type reports struct{}

func (reports) SearchReports(_ context.Context, _ jobs.TenantID, _ jobs.PrincipalID, words []string, limit int) ([]jobs.HostThing, error) {
	if slices.ContainsFunc(words, func(w string) bool { return !strings.Contains("stock report", strings.ToLower(w)) }) || limit < 1 {
		return nil, nil
	}
	return []jobs.HostThing{{ID: "globex:stock-report", Name: "Stock report"}}, nil
}
