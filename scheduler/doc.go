// Package scheduler is the engine: it turns due fires into runs, claims runs, executes their steps, records the results, and takes
// over the runs of workers that were lost.
//
//	s, err := scheduler.New(store, drivers, scheduler.Options{Concurrency: 8})
//	if err != nil {
//		return err
//	}
//	return s.Run(ctx) // until ctx ends and everything that it started has ended
//
// Guarantees, as far as the store keeps its own:
//
//   - A run that is queued ends in exactly one of success, warning, error, canceled. A step whose result is recorded is never executed
//     again; an interrupted one only if it may be repeated.
//   - No driver is called before the start of its step is committed, and no step starts after a cancel was committed.
//   - A run never starts before its fire. However many schedulers share a store, a fire starts one run.
//   - A worker that was cut off from the store stops its work before others take it over, and writes nothing afterwards.
//
// It does not call drivers exactly once: a step that may be repeated can be called again after a crash, with the same effect key. It
// does not kill a driver of this process that ignores its context; such a driver keeps its slot until it returns (see Health).
//
// One loop talks to the store for all runs (loop.go). Each run has one goroutine (executor.go) that tells the loop what happened
// through the outbox. Planner, observer and pruner are loops of their own. There is no leader.
package scheduler
