// Package carillon_test holds the rules of the house: import arrows with their reasons, weight, file length, package comments.
package carillon_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/carillon-go/carillon"

// forbidden names imports that programs must not have: [importing folder, imported path] → why. A folder stands for all below it.
var forbidden = map[[2]string]string{
	{"jobs", "net/http"}:                       "rules must be readable, and testable, without a server",
	{"jobs", "database/sql"}:                   "the model knows no database; stores are written against it",
	{"jobs", module + "/scheduler"}:            "arrows point at jobs",
	{"jobs", module + "/drivers"}:              "arrows point at jobs",
	{"jobs", module + "/storage"}:              "arrows point at jobs",
	{"jobs", module + "/httpapi"}:              "arrows point at jobs",
	{"scheduler", module + "/drivers"}:         "the engine takes any set of drivers",
	{"scheduler", module + "/storage"}:         "the engine takes any store",
	{"scheduler", module + "/httpapi"}:         "a worker need not serve HTTP",
	{"scheduler", "net/http"}:                  "a worker need not serve HTTP",
	{"drivers", module + "/scheduler"}:         "a driver runs below any engine",
	{"drivers", module + "/storage"}:           "a driver gets what it needs from its task",
	{"drivers", module + "/httpapi"}:           "a driver gets what it needs from its task",
	{"storage", module + "/scheduler"}:         "a store serves any engine",
	{"storage", module + "/drivers"}:           "a store knows drivers by id only",
	{"storage", module + "/httpapi"}:           "a store serves any front",
	{"storage", "net/http"}:                    "a store serves any front",
	{"storage/sqlite", "github.com/jackc/pgx"}: "who wants SQLite does not pay for PostgreSQL",
	{"httpapi", module + "/scheduler"}:         "a web node need not run jobs",
	{"httpapi", module + "/drivers"}:           "drivers reach it through the service",
	{"httpapi", module + "/storage"}:           "the front takes any store",
	{"httpapi", "database/sql"}:                "the front takes any store",
}

// jobsMayImport is all that the model may import from outside the standard library.
var jobsMayImport = []string{module + "/jobs", "github.com/google/uuid", "github.com/santhosh-tekuri/jsonschema", "github.com/gorhill/cronexpr"}

// onlyIn names imports that have one place among programs: imported path → folder and why.
var onlyIn = map[string][2]string{
	"github.com/gorhill/cronexpr":           {"jobs/internal/cron", "it is right only where clocks never change; the package adds the rest"},
	"github.com/santhosh-tekuri/jsonschema": {"jobs/internal/settings", "it echoes values, secrets too; the package puts faults in words of its own"},
}

// jobsInternal are the arrows between the packages below the model; one that is not here may import none of the others.
var jobsInternal = map[string][]string{
	"jobs/internal/changes":     {"jobs/internal/jsontext"},
	"jobs/internal/condition":   {"jobs/internal/jsontext"},
	"jobs/internal/placeholder": {"jobs/internal/jsontext"},
	"jobs/internal/redact":      {"jobs/internal/jsontext"},
	"jobs/internal/settings":    {"jobs/internal/jsontext", "jobs/internal/placeholder"},
	"jobs/internal/template":    {"jobs/internal/jsontext", "jobs/internal/placeholder"},
}

// tooHeavy must not be linked into a program that wants the model, the engine and SQLite only.
var tooHeavy = []string{
	"google.golang.org/grpc", "google.golang.org/protobuf", "github.com/hashicorp/go-plugin", "github.com/aws", "cloud.google.com", "gocloud.dev",
	"github.com/minio", "github.com/jackc/pgx", "github.com/prometheus", module + "/httpapi", "github.com/julienschmidt/httprouter",
}

// maxLines is the longest file that a person writes here.
const maxLines = 600

// goFile is a Go file of the tree.
type goFile struct {
	path, folder string
	test         bool
	imports      []string
	doc, name    string
	lines        int
	generated    bool
}

func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".go") {
			files = append(files, readGo(t, name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("only %d Go files found: the walk is wrong", len(files))
	}
	return files
}

func readGo(t *testing.T, name string) goFile {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	slash := filepath.ToSlash(name)
	f := goFile{
		path: slash, folder: path.Dir(slash), test: strings.HasSuffix(name, "_test.go"), name: parsed.Name.Name,
		lines: bytes.Count(src, []byte("\n")), generated: bytes.Contains(src[:min(len(src), 400)], []byte("DO NOT EDIT")),
	}
	if parsed.Doc != nil {
		f.doc = parsed.Doc.Text()
	}
	for _, i := range parsed.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		f.imports = append(f.imports, p)
	}
	return f
}

func below(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

func TestImports_follow_the_arrows(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		for _, imported := range f.imports {
			for arrow, why := range forbidden {
				if below(f.folder, arrow[0]) && below(imported, arrow[1]) {
					t.Errorf("%s imports %s: %s", f.path, imported, why)
				}
			}
			for path, place := range onlyIn {
				if below(imported, path) && !below(f.folder, place[0]) {
					t.Errorf("%s imports %s, which only %s may: %s", f.path, imported, place[0], place[1])
				}
			}
			if ours, ok := strings.CutPrefix(imported, module+"/"); ok && below(f.folder, "jobs/internal") && !slices.Contains(jobsInternal[f.folder], ours) {
				t.Errorf("%s imports %s: packages below the model stand alone but for %v", f.path, ours, jobsInternal[f.folder])
			}
			if below(imported, module+"/examples") {
				t.Errorf("%s imports %s: nothing imports a program", f.path, imported)
			}
			if below(f.folder, "jobs") && strings.Contains(strings.Split(imported, "/")[0], ".") &&
				!slices.ContainsFunc(jobsMayImport, func(ok string) bool { return below(imported, ok) }) {
				t.Errorf("%s imports %s: the model stays small enough for everybody", f.path, imported)
			}
		}
	}
}

func TestPrograms_do_not_import_testing(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		if !f.test && !strings.HasSuffix(f.name, "test") && slices.Contains(f.imports, "testing") {
			t.Errorf("%s imports testing: it would be linked into programs", f.path)
		}
	}
}

// TestKits_serve_tests_only: a conformance kit, and what it brings to tests, is in no program.
func TestKits_serve_tests_only(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		for _, imported := range f.imports {
			if below(imported, module) && strings.HasSuffix(imported, "test") && !f.test && !strings.HasSuffix(f.name, "test") {
				t.Errorf("%s imports %s, which is for tests", f.path, imported)
			}
		}
	}
}

func TestFiles_are_short(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		if !f.generated && f.lines > maxLines {
			t.Errorf("%s has %d lines, at most %d: which second subject has moved in?", f.path, f.lines, maxLines)
		}
	}
}

func TestPackages_have_a_comment(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		documented[f.folder] = documented[f.folder] || f.doc != ""
	}
	for folder, ok := range documented {
		if !ok {
			t.Errorf("package in %s has no comment", folder)
		}
	}
}

func TestTopLevel_has_six_folders(t *testing.T) {
	t.Parallel()
	want := []string{"drivers", "examples", "httpapi", "jobs", "scheduler", "storage"}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(want, e.Name()) && e.Name() != "carillon-data" && e.Name() != "bin" {
			t.Errorf("folder %s at the top: the house has %v", e.Name(), want)
		}
	}
}

func TestModule_has_no_replace(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(src, []byte("replace ")) {
		t.Error("go.mod has a replace directive: those who import us do not get it")
	}
}

func TestWeight_of_the_core(t *testing.T) {
	t.Parallel()
	args := []string{"list", "-deps", "-json=ImportPath", "./jobs", "./scheduler", "./storage/sqlite"}
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	n := 0
	for d := json.NewDecoder(bytes.NewReader(out)); ; n++ {
		var p struct{ ImportPath string }
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, heavy := range tooHeavy {
			if below(p.ImportPath, heavy) {
				t.Errorf("jobs + scheduler + storage/sqlite pull %s", p.ImportPath)
			}
		}
	}
	if n < 50 {
		t.Fatalf("go list named %d packages only: the list is wrong", n)
	}
}

// TestReadme_has_the_smallest_program keeps the program of the README the one that is compiled and run.
func TestReadme_has_the_smallest_program(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("examples/function/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(readme, append([]byte("```go\n"), program...)) {
		t.Error("the program in README.md is not examples/function/main.go")
	}
}
