// Package jobstest is for those who bring datasets of their own: a conformance suite that holds a provider against the contract of
// jobs.Datasets, and a provider in memory for the tests of programs that use jobs with datasets.
//
//	func TestDatasets(t *testing.T) {
//		jobstest.RunDatasets(t, func(t testing.TB) jobstest.DatasetWorld { return newMyWorld(t) })
//	}
//
// It is imported by tests only.
package jobstest
