//go:build race

package httpapi_test

// underRace tells that the race detector watches.
const underRace = true
