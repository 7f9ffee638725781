// Package drivers holds the code behind job types and actions: a registry, and Func, which makes a driver of a Go function.
//
//	type Settings struct {
//		Region string `json:"region"`
//	}
//
//	report := drivers.Func("nightly-report", func(ctx context.Context, s Settings) (Result, error) {
//		drivers.TaskFrom(ctx).Progress(10, "reading")
//		...
//	})
//	registry, err := drivers.NewRegistry(report)
//
// The registry goes to the engine, which runs drivers, and to the service, which checks settings by their schema. What a
// driver may do, and must, is the contract of jobs.Driver; a driver that is more than a function implements that interface.
// The kit in package drivertest tells whether it keeps the contract.
//
// The built-in drivers are in a package each, and package builtin makes all of them: api-call, email and webhook. They go
// out through safehttp and mail, which other drivers may use as well.
//
// A driver runs at least once for each step that may be repeated, and at most once for others; never exactly once. What it
// gets as Task.Key is the same for every attempt of a step, so that a receiver can recognise a repetition. The errors of a
// driver say whether another try makes sense: see Permanent, RetryAfter and Unclear.
//
// This package does not find drivers, load code or start processes: see package plugin for drivers in other programs.
package drivers
