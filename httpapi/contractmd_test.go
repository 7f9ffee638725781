package httpapi_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/httpapi"
)

// paragraphs is how many numbered paragraphs each chapter of the contract has; zero for a chapter that is one.
var paragraphs = map[int]int{
	1: 10, 2: 7, 3: 3, 4: 2, 5: 6, 6: 8, 7: 5, 8: 8, 9: 9, 10: 9, 11: 4, 12: 4, 13: 3, 14: 6, 15: 1, 16: 2, 17: 0, 18: 0, 19: 0, 20: 9,
}

// TestContractDocument compares CONTRACT.md with the contract's numbers, the route table and the tests that exist.
func TestContractDocument(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("CONTRACT.md")
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	for _, route := range httpapi.RouteTable() {
		exists[route.Method+" "+route.Path] = true
	}
	tests, listed, named := testNames(t), map[string]bool{}, map[string]bool{}
	quoted := regexp.MustCompile("`([^`]+)`")
	for line := range strings.SplitSeq(string(data), "\n") {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 4 || cells[0] == "| paragraph" {
			continue
		}
		number := strings.TrimPrefix(cells[0], "| ")
		if listed[number] || cells[1] == "" {
			t.Errorf("paragraph %s is listed twice or has no heading", number)
		}
		listed[number] = true
		shown := quoted.FindAllStringSubmatch(cells[3], -1)
		for _, route := range quoted.FindAllStringSubmatch(cells[2], -1) {
			named[route[1]] = true
			if exists[route[1]] && len(shown) == 0 {
				t.Errorf("paragraph %s: the route %s exists, and no test is named", number, route[1])
			}
		}
		for _, test := range shown {
			if !tests[test[1]] {
				t.Errorf("paragraph %s names the test %s, which does not exist", number, test[1])
			}
		}
	}
	for route := range exists {
		if !named[route] {
			t.Errorf("no paragraph has the route %s", route)
		}
	}
	for chapter, n := range paragraphs {
		for i := range max(n, 1) {
			number := fmt.Sprint(chapter, ".", i+1)
			if n == 0 {
				number = fmt.Sprint(chapter)
			}
			if number = strings.ReplaceAll(number, " ", ""); !listed[number] {
				t.Errorf("paragraph %s of the contract is not listed", number)
			}
		}
	}
}

// testNames are the Go tests of the module and the stories.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	stories, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range stories {
		names[filepath.Base(story)] = true
	}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		for _, match := range function.FindAllStringSubmatch(string(src), -1) {
			names[match[1]] = true
		}
		return err
	})
	if err != nil || len(names) < 100 {
		t.Fatalf("%d tests found: %v", len(names), err)
	}
	return names
}
