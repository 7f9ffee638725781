package scheduler_test

import (
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

func openStore(t testing.TB, dir string) jobs.Store { return newFakeStore() }
