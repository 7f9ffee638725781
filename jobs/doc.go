// Package jobs is the model of Carillon, its rules and its use cases: scheduled jobs made of steps that run one after another.
//
// # Words
//
// A job is a definition of work: a driver with settings, a schedule, actions that follow the driver step, policies. Every change of it makes
// a revision; a run executes exactly one revision. A fire is a moment at which a schedule is due; the ledger of fires says what became of
// each. A run has steps, a step has attempts. A driver is the code behind a job type or an action. A worker is one engine
// instance in one process; it holds the runs that it has claimed as long as its beat moves, and the fence makes writes of
// a former holder void. An effect key names one step of one run to the outside world, the same for every attempt.
//
// # The smallest program
//
//	store, err := sqlite.Open(ctx, "jobs.db", sqlite.Options{})
//	registry, err := drivers.NewRegistry(drivers.Func("greet", greet))
//	service := jobs.NewService(store, registry, jobs.ServiceOptions{})
//	client := service.As(jobs.System("main"))
//	_, err = client.Ensure(ctx, jobs.JobSpec{Slug: "greet", Name: "Greet", Type: "greet", Schedule: jobs.Every("10 seconds")}, jobs.EnsureOptions{})
//	engine, err := scheduler.New(store, registry, scheduler.Options{})
//	err = engine.Run(ctx)
//
// The folder examples/function has it whole.
//
// # Where rules live
//
// Service.As gives the Client of one principal. Go programs and HTTP handlers use the same client, and each of its methods checks what the
// principal may do; there is no other way in. Errors match ErrNotFound, ErrForbidden, ErrConflict, ErrInvalid, ErrPrecondition or
// ErrUnavailable; typed errors carry the data.
//
// # For implementers
//
// A database implements Store, the sum of narrow roles; package storage/storagetest proves it. A driver implements Driver, and as far as it
// is able Previewer, Validator, StepIdempotence, SecretTargets, Availability; package drivers/drivertest proves it. A host may implement
// Directory and KeyWrapper.
//
// # What this package does not do
//
// It knows no SQL, no HTTP and no plugin protocol, starts no goroutine, and runs nothing: the engine is package scheduler.
package jobs
