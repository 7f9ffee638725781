package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
)

// A template is a job with blanks. Whoever uses it gives the inputs; in Go the spec can be changed before the job is made of it.
func ExampleClient_TemplateSpec() {
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
	templates, err := jobs.NewTemplates(registry, jobs.TemplateSource{Name: "host", Templates: []jobs.Template{{
		ID: "nightly-count", Name: "Nightly count of a warehouse", Type: "count-stock",
		Inputs: []jobs.TemplateInput{
			{Name: "warehouse", Label: "Warehouse", Type: jobs.InputString, Required: true},
			{Name: "days", Label: "Days to keep runs", Type: jobs.InputNumber, Default: 30},
		},
		Job: json.RawMessage(`{"name": "Count ${inputs.warehouse}", "interval": "30 5 * * *", "timezone": "Europe/Berlin",
			"data": {"warehouse": "${inputs.warehouse}"}, "policies": {"keepDays": "${inputs.days}"}}`),
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	service := jobs.NewService(store, registry, jobs.ServiceOptions{Templates: templates})
	client := service.As(jobs.System("globex"))

	if _, err := client.TemplateSpec(ctx, "nightly-count", map[string]any{"days": "many"}); errors.Is(err, jobs.ErrInvalid) {
		fmt.Println("refused:", err)
	}
	spec, err := client.TemplateSpec(ctx, "nightly-count", map[string]any{"warehouse": "HAM"})
	if err != nil {
		fmt.Println(err)
		return
	}
	spec.Disabled = true
	job, err := client.CreateJob(ctx, spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(job.Slug, job.Schedule.Interval, string(job.Data), job.Policies.KeepDays)
	// Output:
	// refused: "inputs.warehouse" is required; "inputs.days" has to be a number
	// count-ham 30 5 * * * {"warehouse":"HAM"} 30
}
