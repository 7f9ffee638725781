package httpapi_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// A case file is a story of requests in testdata. A case begins with "=== what it shows". Its lines are:
//
//	POST /jobs as mara            method, path below the prefix, caller ("mara" if left out, "-" for nobody)
//	> Name: value                 a header of the request; "> -Name" leaves out one that is set by itself
//	{ "name": "x" }               the body, up to the next line that begins with "---"
//	--- 201                       the expected status
//	< Location: /api/jobs/{{job}} a header that has to match; "< -Name" one that must be absent
//	{ "id": "<$job>" }            what the body has to hold (see match)
//
// or one command: "! await {{run}} success". "%" at the beginning of a file sets how the world is made. {{name}} is what an earlier "<$name>" took
// from an answer; {{a*300}} is a text of 300 letters, {{nest*33}} a value nested that deep, and so on (see expand).
type caseFile struct {
	options []string
	cases   []fileCase
}

type fileCase struct {
	name, command        string
	method, path, caller string
	headers              []string
	body                 string
	status               int
	wantHeaders          []string
	want                 string
	line                 int
}

func readCases(t *testing.T, file string) caseFile {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var f caseFile
	var c *fileCase
	part := 0 // 0 before the request, 1 request, 2 answer
	fail := func(n int, why string) { t.Fatalf("%s:%d: %s", file, n+1, why) }
	for n, line := range strings.Split(string(data), "\n") {
		switch {
		case strings.HasPrefix(line, "# ") || line == "#":
		case strings.HasPrefix(line, "% ") && c == nil:
			f.options = append(f.options, strings.Fields(line[2:])...)
		case strings.HasPrefix(line, "=== "):
			f.cases = append(f.cases, fileCase{name: line[4:], line: n + 1})
			c, part = &f.cases[len(f.cases)-1], 0
		case c == nil:
			if strings.TrimSpace(line) != "" {
				fail(n, "text before the first case")
			}
		case part == 0 && strings.TrimSpace(line) == "":
		case part == 0 && strings.HasPrefix(line, "! "):
			c.command = line[2:]
		case part == 0:
			if !c.request(line) {
				fail(n, "not a request: "+line)
			}
			part = 1
		case strings.HasPrefix(line, "--- "):
			if c.status, err = strconv.Atoi(strings.TrimSpace(line[4:])); err != nil {
				fail(n, "bad status")
			}
			part = 2
		case part == 1 && strings.HasPrefix(line, "> ") && c.body == "":
			c.headers = append(c.headers, line[2:])
		case part == 1:
			c.body += line + "\n"
		case strings.HasPrefix(line, "< ") && strings.TrimSpace(c.want) == "":
			c.wantHeaders = append(c.wantHeaders, line[2:])
		default:
			c.want += line + "\n"
		}
	}
	for i := range f.cases {
		c := &f.cases[i]
		c.body, c.want = strings.TrimSpace(c.body), strings.TrimSpace(c.want)
		if c.command == "" && c.status == 0 {
			fail(c.line-1, "a case without an expected status")
		}
	}
	return f
}

// request reads "POST /jobs as mara".
func (c *fileCase) request(line string) bool {
	words := strings.Fields(line)
	if len(words) < 2 {
		return false
	}
	c.method, c.path, c.caller = words[0], words[1], "mara"
	if len(words) == 4 && words[2] == "as" {
		c.caller = words[3]
		words = words[:2]
	}
	if c.caller == "-" {
		c.caller = ""
	}
	return len(words) == 2
}

// expand replaces {{name}} by what was taken before, and {{what*n}} by made text.
func expand(text string, vars map[string]string) (string, error) {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{{")
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		name, after, ok := strings.Cut(rest, "}}")
		if !ok {
			return "", fmt.Errorf("{{ without }} in %q", text)
		}
		value, err := expandOne(name, vars)
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		text = after
	}
}

func expandOne(name string, vars map[string]string) (string, error) {
	what, count, made := strings.Cut(name, "*")
	if !made {
		value, ok := vars[name]
		if !ok {
			return "", fmt.Errorf("nothing was taken as %q", name)
		}
		return value, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		return "", fmt.Errorf("bad count in {{%s}}", name)
	}
	switch what {
	case "nest": // arrays inside arrays, n levels
		return strings.Repeat("[", n) + strings.Repeat("]", n), nil
	case "keys": // n members of an object
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf(`"k%d":%d`, i, i))
		}
		return strings.Join(members, ","), nil
	case "items": // n entries of an array
		return strings.TrimSuffix(strings.Repeat("0,", n), ","), nil
	case "actions": // n actions
		return strings.TrimSuffix(strings.Repeat(`{"type":"plain","name":"one"},`, n), ","), nil
	case "attached": // n attachments
		return strings.TrimSuffix(strings.Repeat(`{"type":"made","name":"one"},`, n), ","), nil
	case "words":
		return strings.TrimSuffix(strings.Repeat("w+", n), "+"), nil
	case "params":
		return strings.TrimSuffix(strings.Repeat("status=error&", n), "&"), nil
	case "byte": // one byte of that value
		return string([]byte{byte(n)}), nil
	}
	return strings.Repeat(what, n), nil
}
