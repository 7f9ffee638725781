package jobs_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
)

// A program says at each start which jobs it needs. What operators have changed in the meantime stays, until the code changes that part.
func ExampleClient_Ensure() {
	ctx := context.Background()
	store, closeAll, err := openExample(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closeAll()
	registry, err := drivers.NewRegistry(drivers.Func("count-stock", func(context.Context, stock) (any, error) { return nil, nil }))
	if err != nil {
		fmt.Println(err)
		return
	}
	client := jobs.NewService(store, registry, jobs.ServiceOptions{}).As(jobs.System("globex"))
	start := func(name, interval string) {
		job, err := client.Ensure(ctx, jobs.JobSpec{
			Slug: "stock-count", Type: "count-stock", Name: name, Schedule: jobs.Every(interval), Data: json.RawMessage(`{"warehouse": "HAM"}`),
		}, jobs.EnsureOptions{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("revision %d: %q every %s\n", job.Revision, job.Name, job.Schedule.Interval)
	}
	start("Stock count", "1 day")
	start("Stock count", "1 day") // nothing has changed

	ref := jobs.JobRef{Prefix: "globex", Slug: "stock-count"}
	if _, err := client.UpdateJob(ctx, ref, jobs.JobPatch{Interval: jobs.Value("12 hours")}, jobs.Precondition{}); err != nil {
		fmt.Println(err)
		return
	}
	start("Count of the stock", "1 day")   // a new name; the operator's interval stays
	start("Count of the stock", "6 hours") // the code has changed the interval
	// Output:
	// revision 1: "Stock count" every 1 day
	// revision 1: "Stock count" every 1 day
	// revision 3: "Count of the stock" every 12 hours
	// revision 4: "Count of the stock" every 6 hours
}
