// Package storagetest is the conformance kit for stores of jobs: every sentence of the contract in jobs.Store is a rule here, and a
// store that keeps all of them can carry the engine.
//
// A store needs one test:
//
//	func TestConformance(t *testing.T) {
//		storagetest.Run(t, func(t testing.TB) jobs.Store { return open(t, t.TempDir()) })
//	}
//
// and one benchmark, Bench, so that all stores are measured with the same code.
//
// Each rule gets an empty store of its own. Everything that passes through the store is witnessed, and after the rule the
// invariants I1 to I8 of the reliability rules are checked on what was seen and on what is stored, as far as they can be seen from outside. A
// store that offers Check(ctx) error is asked for its own invariants too.
//
// The kit never asks which store it tests. What a store can do beyond jobs.Store it declares by a second interface, Reopener or
// Companion; without it the rules that need it are skipped with the reason.
//
// With -short the rules that need more than ten thousand rows are left out.
package storagetest
