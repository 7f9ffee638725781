//go:build unix

package chaos_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// rows of the report, in the order of the table in the paper.
const (
	rowKill = iota
	rowRandom
	rowPause
	rowDrain
	rowTwo
	rowRestart
	rowTerminate
	rowAnswer
	rowPromote
	rowNetwork
	rowNamespace
	rowDisk
	rowEIO
	rowDue
	rowFlood
	rows
)

var titles = [rows]string{
	rowKill:      "kill -9 before and after the commit of T1 to T9",
	rowRandom:    "kill -9 at a random call of the store",
	rowPause:     "SIGSTOP past the time-out, and the wake",
	rowDrain:     "SIGTERM: three nodes are replaced one by one",
	rowTwo:       "two processes on one SQLite file, one is killed",
	rowRestart:   "PostgreSQL: immediate restarts",
	rowTerminate: "PostgreSQL: all sessions are terminated",
	rowAnswer:    "PostgreSQL: the answer of a commit is lost",
	rowPromote:   "PostgreSQL: a replica that lags is promoted",
	rowNetwork:   "network: cut, half-open, delayed, reset",
	rowNamespace: "network: packets of a node go nowhere, in a namespace",
	rowDisk:      "disk: full and freed, too small a file, read-only",
	rowEIO:       "disk: EIO on sync, write and read",
	rowDue:       "100,000 jobs are due after a pause",
	rowFlood:     "a tenant floods the queue",
}

// elsewhere are rows of the paper's table that other tests are.
var elsewhere = [][2]string{
	{"the engine under virtual time, on a store that fails before and after a commit", "`go test ./scheduler`"},
	{"authorisation matrix, limits, canary", "`go test ./httpapi -run 'TestAuthorization\\|TestBadInput\\|TestModel'`, `go test ./storage/sqlite -run TestConformance/size`"},
	{"addresses that must not be called", "`go test ./drivers/safehttp`"},
}

// record is a row of the report.
type record struct {
	done    int
	checks  []string
	notes   []string
	skipped []string
	failed  bool
	spent   time.Duration
}

var results struct {
	mu      sync.Mutex // guards the fields below
	rows    [rows]record
	started time.Time
}

// change changes a row of the report.
func change(row int, do func(*record)) {
	results.mu.Lock()
	defer results.mu.Unlock()
	do(&results.rows[row])
}

// begin takes the test into a row of the report, as n times what the row says; the check is what was looked at afterwards.
func begin(t *testing.T, row, n int, check string) {
	t.Helper()
	start := time.Now()
	t.Cleanup(func() {
		change(row, func(r *record) {
			r.spent += time.Since(start)
			if t.Failed() {
				r.failed = true
				return
			}
			if t.Skipped() {
				return
			}
			r.done += n
			if !slices.Contains(r.checks, check) {
				r.checks = append(r.checks, check)
			}
		})
	})
}

// note adds a fact to a row.
func note(row int, format string, args ...any) {
	change(row, func(r *record) { r.notes = append(r.notes, fmt.Sprintf(format, args...)) })
}

// leaveOut skips a test and says why in the report.
func leaveOut(t *testing.T, row int, format string, args ...any) {
	t.Helper()
	why := fmt.Sprintf(format, args...)
	change(row, func(r *record) { r.skipped = append(r.skipped, why) })
	t.Skip(why)
}

// writeReport prints the table, and writes it to the file of the flag.
func writeReport(good bool) error {
	if !*whole || os.Getenv(insideVariable) != "" {
		return nil
	}
	text := table(good)
	fmt.Print(text)
	if *report == "" {
		return nil
	}
	return os.WriteFile(*report, []byte(text), 0o644) //nolint:gosec // a report for everybody
}

func table(good bool) string {
	results.mu.Lock()
	defer results.mu.Unlock()
	var b strings.Builder
	outcome := "every row that ran is green"
	if !good {
		outcome = "**some rows failed**"
	}
	fmt.Fprintf(&b, "# Chaos report\n\nWritten by `make chaos` on %s; %s/%s, %d cores: %s.\nRows run beside each other; seconds are the sum over the cases of a row.\n\n",
		time.Now().UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), outcome)
	b.WriteString("| row | how often | what was checked | seconds | skipped, noted |\n|---|---|---|---|---|\n")
	skips := 0
	for i, r := range results.rows {
		state := fmt.Sprint(r.done)
		if r.failed {
			state += ", **failed**"
		}
		remarks := slices.Concat(prefixed("skipped: ", r.skipped), r.notes)
		skips += len(r.skipped)
		slices.Sort(r.checks)
		fmt.Fprintf(&b, "| %s | %s | %s | %.0f | %s |\n", titles[i], state, strings.Join(r.checks, "; "), r.spent.Seconds(), strings.Join(remarks, "; "))
	}
	for _, e := range elsewhere {
		fmt.Fprintf(&b, "| %s | elsewhere | %s | | |\n", e[0], e[1])
	}
	fmt.Fprintf(&b, "\nSkipped: %d.\n\n%s", skips, promises)
	return b.String()
}

const promises = `"All" in the third column: every run has ended (P1) and each acknowledged one is there; every due moment has one line in the ledger and at most
one run (P2); a step that may not be repeated arrived at the receiver at most once, and once if the history says success; no attempt arrived
twice, nor more attempts than the history has, all under the key of the step (P3, P4); steps of two runs of a job did not mix (P6); no run began
before its fire (P7); the store's own check is green.
`

func prefixed(prefix string, list []string) []string {
	out := make([]string, len(list))
	for i, text := range list {
		out[i] = prefix + text
	}
	return out
}
