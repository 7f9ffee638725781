// Command function runs a Go function on a schedule: the smallest program with Carillon.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// Greeting are the settings of the job; its JSON Schema is made from the type.
type Greeting struct {
	Name string `json:"name" desc:"who is greeted"`
}

func greet(ctx context.Context, in Greeting) (string, error) {
	log.Println("hello,", in.Name)
	return "greeted " + in.Name, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	store, err := sqlite.Open(ctx, "function.db", sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	registry, err := drivers.NewRegistry(drivers.Func("greet", greet))
	if err != nil {
		log.Fatal(err)
	}
	client := jobs.NewService(store, registry, jobs.ServiceOptions{}).As(jobs.System("main"))
	if _, err := client.Ensure(ctx, jobs.JobSpec{
		Slug: "greet-the-world", Name: "Greet the world", Type: "greet",
		Schedule: jobs.Every("10 seconds"), Data: []byte(`{"name": "world"}`),
	}, jobs.EnsureOptions{}); err != nil {
		log.Fatal(err)
	}
	engine, err := scheduler.New(store, registry, scheduler.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(engine.Run(ctx), store.Close()); err != nil {
		log.Fatal(err)
	}
}
