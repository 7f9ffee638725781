package drivers_test

import (
	"context"
	"fmt"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/drivers/builtin"
	"github.com/carillon-go/carillon/jobs"
)

// A registry of the built-in drivers and a function of the program.
func ExampleNewRegistry() {
	all, err := builtin.Drivers(builtin.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	clean := drivers.Func("clean-up", func(context.Context, struct{}) (any, error) { return nil, nil })
	registry, err := drivers.NewRegistry(append(all, clean)...)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range registry.All(jobs.DriverJob) {
		fmt.Printf("%s: %s\n", d.Info().ID, d.Info().Name)
	}
	fmt.Println(registry.Add(clean))
	// Output:
	// api-call: Call an API
	// clean-up: Clean up
	// email: Mail
	// add driver "clean-up": there is one already of kind job
}
