package jobs_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

type stock struct {
	Warehouse string `json:"warehouse"`
}

type shortages struct {
	Missing int `json:"missing"`
}

type mail struct {
	To   string `json:"to"`
	Text string `json:"text"`
}

// A job counts the stock. Its action mails the result if something is missing.
func ExampleClient_Run() {
	ctx := context.Background()
	store, closeAll, err := openExample(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closeAll()

	registry, err := drivers.NewRegistry(
		drivers.Func("count-stock", func(context.Context, stock) (shortages, error) { return shortages{Missing: 3}, nil }),
		drivers.Func("mail", func(_ context.Context, m mail) (jobs.Output, error) {
			return jobs.Output{Message: "to " + m.To + ": " + m.Text}, nil
		}).With(drivers.FuncOptions{Kind: jobs.DriverAction}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	service := jobs.NewService(store, registry, jobs.ServiceOptions{})

	// The engine works in the background until the context ends.
	engine, err := scheduler.New(store, registry, scheduler.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	working, stop := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- engine.Run(working) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			fmt.Println(err)
		}
	}()

	client := service.As(jobs.System("globex"))
	job, err := client.CreateJob(ctx, jobs.JobSpec{
		Type: "count-stock", Name: "Stock count", Schedule: jobs.Cron("30 5 * * 1-5", "Europe/Berlin"),
		Data: json.RawMessage(`{"warehouse": "HAM"}`),
		Actions: []jobs.ActionSpec{{
			Type: "mail", Name: "Mail the shortages",
			Data:          json.RawMessage(`{"to": "stock@globex.example", "text": "${driver.data.missing} missing in ${job.data.warehouse}"}`),
			RunConditions: json.RawMessage(`{"match": "all", "rules": [{"field": "driver.data.missing", "operator": "gt", "value": 0}]}`),
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ref := jobs.JobRef{ID: job.ID}
	run, err := client.Run(ctx, ref, jobs.RunOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if run, err = client.Wait(ctx, ref, run.ID); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(job.NaturalID(), run.Status)
	for _, step := range run.Steps {
		fmt.Printf("%s: %s\n", step.Label(), step.State)
	}
	fmt.Println(run.Steps[1].Message)
	// Output:
	// globex:stock-count success
	// count-stock: success
	// Mail the shortages: success
	// to stock@globex.example: 3 missing in HAM
}
