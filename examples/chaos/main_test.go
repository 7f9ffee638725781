//go:build unix

package chaos_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
)

var (
	whole  = flag.Bool("whole", false, "all rows; else a sample of the first one")
	report = flag.String("report", "", "write the report to this file too")
)

// patience bounds every wait of these tests; it only passes when something is wrong.
const patience = time.Minute

func TestMain(m *testing.M) {
	if text := os.Getenv(nodeVariable); text != "" {
		if err := runNode(text); err != nil {
			fmt.Fprintln(os.Stderr, "node:", err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	code := postgrestest.Main(m)
	if err := writeReport(code == 0); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		code = 1
	}
	os.Exit(code)
}

// needWhole leaves a row to make chaos: it takes too long for every run of all tests.
func needWhole(t *testing.T) {
	t.Helper()
	if !*whole {
		t.Skip("make chaos runs it")
	}
}
