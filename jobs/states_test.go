package jobs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// constants reads the values of all constants of a type from the source of this package, so that a new one is never overlooked.
func constants[T ~string](t *testing.T, name string) []T {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var values []T
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if of, ok := spec.Type.(*ast.Ident); !ok || of.Name != name || len(spec.Values) != 1 {
				return true
			}
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, T(text))
			}
			return true
		})
	}
	if len(values) == 0 {
		t.Fatalf("no constants of type %s", name)
	}
	slices.Sort(values)
	return values
}

// checked reads the values that the schema allows in a column: CHECK (column IN (...)).
func checked(t *testing.T, schema, table, column string) []string {
	t.Helper()
	_, body, ok := strings.Cut(schema, "CREATE TABLE "+table+" (")
	if !ok {
		t.Fatalf("the schema has no table %s", table)
	}
	body, _, _ = strings.Cut(body, "STRICT")
	found := regexp.MustCompile(`CHECK \(` + column + ` IN \(([^)]*)\)\)`).FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("the schema does not check %s.%s", table, column)
	}
	var values []string
	for value := range strings.SplitSeq(found[1], ",") {
		values = append(values, strings.Trim(value, " '"))
	}
	slices.Sort(values)
	return values
}

// TestStates_are_those_of_the_schema compares the constants with the CHECKs of the migrations: a state that only one side knows would be
// an error at run time.
func TestStates_are_those_of_the_schema(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../storage/sqlite/migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("migrations: %v, %v", files, err)
	}
	var schema strings.Builder
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		schema.Write(text)
	}
	var live, ended []string
	for _, s := range constants[jobs.RunStatus](t, "RunStatus") {
		if s.Terminal() {
			ended = append(ended, string(s))
		} else {
			live = append(live, string(s))
		}
	}
	for _, c := range []struct {
		table, column string
		want          []string
	}{
		{"runs", "status", live},
		{"run_history", "status", ended},
		{"runs", "trigger_kind", words(constants[jobs.Trigger](t, "Trigger"))},
		{"fires", "outcome", words(constants[jobs.FireOutcome](t, "FireOutcome"))},
		{"job_workers", "status", words(constants[jobs.WorkerStatus](t, "WorkerStatus"))},
		{"jobs", "overlap", words(constants[jobs.Overlap](t, "Overlap"))},
		{"job_shares", "level", []string{"1", "10", "2", "3", "5"}},
	} {
		if diff := cmp.Diff(c.want, checked(t, schema.String(), c.table, c.column)); diff != "" {
			t.Errorf("%s.%s (-Go +schema):\n%s", c.table, c.column, diff)
		}
	}
}

func words[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// TestRunStatus_CanBecome is the table of reliability section 2, every pair of states.
func TestRunStatus_CanBecome(t *testing.T) {
	t.Parallel()
	allowed := map[[2]jobs.RunStatus]bool{
		{"queued", "running"}: true, {"queued", "canceled"}: true,
		{"running", "queued"}: true, {"running", "success"}: true, {"running", "warning"}: true, {"running", "error"}: true, {"running", "canceled"}: true,
	}
	all := append(constants[jobs.RunStatus](t, "RunStatus"), "unknown", "")
	for _, from := range all {
		leaves := false
		for _, to := range all {
			leaves = leaves || from.CanBecome(to)
			if got := from.CanBecome(to); got != allowed[[2]jobs.RunStatus{from, to}] {
				t.Errorf("%q can become %q: %v", from, to, got)
			}
		}
		if from.Valid() && leaves == from.Terminal() {
			t.Errorf("%q: terminal %v, and something follows: %v", from, from.Terminal(), leaves)
		}
		if valid := from != "unknown" && from != ""; from.Valid() != valid {
			t.Errorf("%q is valid: %v", from, from.Valid())
		}
	}
}

func TestStepState_Done(t *testing.T) {
	t.Parallel()
	done := []jobs.StepState{jobs.StepError, jobs.StepSkipped, jobs.StepSuccess, jobs.StepWarning}
	for _, s := range constants[jobs.StepState](t, "StepState") {
		if got := s.Done(); got != slices.Contains(done, s) {
			t.Errorf("%s is done: %v", s, got)
		}
	}
}

func TestFireOutcome_Valid(t *testing.T) {
	t.Parallel()
	for _, o := range constants[jobs.FireOutcome](t, "FireOutcome") {
		if !o.Valid() {
			t.Errorf("%s is not valid", o)
		}
	}
	if jobs.FireOutcome("lost").Valid() || jobs.FireOutcome("").Valid() {
		t.Error("any word is an outcome")
	}
}

func TestLogLevel(t *testing.T) {
	t.Parallel()
	for l, want := range map[jobs.LogLevel]string{jobs.LogDebug: "debug", jobs.LogInfo: "info", jobs.LogWarn: "warn", jobs.LogError: "error", 9: "unknown", -1: "unknown"} {
		if l.String() != want {
			t.Errorf("level %d is %q, want %q", l, l, want)
		}
		if got, ok := jobs.ParseLogLevel(want); ok != (want != "unknown") || ok && got != l {
			t.Errorf("%q is read as %d, %v", want, got, ok)
		}
	}
}
