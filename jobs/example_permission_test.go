package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
)

// Whoever acts is a Principal, which the host makes of its own users. What a client may do with a team's job comes from the role in the team.
func ExampleService_As() {
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
	service := jobs.NewService(store, registry, jobs.ServiceOptions{})
	member := func(user jobs.PrincipalID, role jobs.Role) jobs.Principal {
		return jobs.Principal{
			Tenant: "globex", User: user, Teams: []jobs.Membership{{Team: "team:logistics", Role: role}}, Rights: jobs.Rights{CreateJobs: role == jobs.RoleAdmin},
		}
	}
	mara, kim := service.As(member("mara", jobs.RoleAdmin)), service.As(member("kim", jobs.RoleDesigner))
	stranger := service.As(jobs.Principal{Tenant: "globex", User: "ivan"})

	job, err := mara.CreateJob(ctx, jobs.JobSpec{Type: "count-stock", Name: "Stock count", OwnerID: "team:logistics", Data: json.RawMessage(`{"warehouse": "HAM"}`)})
	if err != nil {
		fmt.Println(err)
		return
	}
	ref := jobs.JobRef{ID: job.ID}
	if _, err := kim.Run(ctx, ref, jobs.RunOptions{}); err == nil {
		fmt.Println("a designer may run it")
	}
	if _, err := kim.UpdateJob(ctx, ref, jobs.JobPatch{Name: jobs.Value("Mine")}, jobs.Precondition{}); errors.Is(err, jobs.ErrForbidden) {
		fmt.Println("but not change it:", err)
	}
	if _, err := stranger.Job(ctx, ref); errors.Is(err, jobs.ErrNotFound) {
		fmt.Println("for others it does not exist:", err)
	}
	// Output:
	// a designer may run it
	// but not change it: job:edit is not allowed
	// for others it does not exist: job not found
}
