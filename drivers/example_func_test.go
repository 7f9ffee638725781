package drivers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
)

// A Go function becomes a job type: its settings are the struct that it takes, its output what it returns.
func ExampleFunc() {
	type Settings struct {
		Region string `json:"region" desc:"Where to count" enum:"eu,us"`
		Limit  int    `json:"limit,omitempty"`
	}
	type Result struct {
		Orders int `json:"orders"`
	}
	count := drivers.Func("count-orders", func(ctx context.Context, s Settings) (Result, error) {
		task := drivers.TaskFrom(ctx)
		task.Progress(50, "counting")
		if s.Region == "us" {
			return Result{}, drivers.Permanent(errors.New("there are no orders in this region"))
		}
		return Result{Orders: 42}, nil
	}).With(drivers.FuncOptions{Description: "Counts the orders of a region", Idempotent: true})

	output, err := count.Run(context.Background(), &jobs.Task{Data: json.RawMessage(`{"region":"eu"}`)})
	fmt.Printf("%+v %v\n", output.Data, err)
	_, err = count.Run(context.Background(), &jobs.Task{Data: json.RawMessage(`{"region":"eu","speed":9}`)})
	fmt.Println(err)
	fmt.Println(string(count.Info().Schema))
	// Output:
	// {Orders:42} <nil>
	// "speed" is an unknown property
	// {"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"region":{"type":"string","description":"Where to count","enum":["eu","us"]},"limit":{"type":"integer"}},"required":["region"],"additionalProperties":false}
}
