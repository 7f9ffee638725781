package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
)

// patience bounds every wait of these tests; it only passes when something is wrong.
const patience = 2 * time.Minute

// built is where the server was built; empty if no test has needed it.
var built string

// binary is the server, built once for all tests of the package.
var binary = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "carillon-server")
	if err != nil {
		return "", err
	}
	built = folder
	path := filepath.Join(folder, "server")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := postgrestest.Main(m)
	if built != "" {
		if err := os.RemoveAll(built); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

const token = "a-token-for-tests-only-0123456789"

// output is what a process writes, by lines.
type output struct {
	mu      sync.Mutex // guards the fields below
	text    bytes.Buffer
	changed chan struct{} // closed and replaced with each write
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// line is the first whole line with that part in it.
func (o *output) line(part string) (line string, found bool, changed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for line := range strings.Lines(o.text.String()) {
		if strings.Contains(line, part) && strings.HasSuffix(line, "\n") {
			return strings.TrimSuffix(line, "\n"), true, nil
		}
	}
	return "", false, o.changed
}

// process is a running server.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	url            string
	stdout, stderr *output
	ended          chan struct{} // closed after the end of the process and of its output
}

// launch begins a server and waits for nothing. Of the environment it gets what the test gives and no variable of ours.
func launch(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, stdout: newOutput(), stderr: newOutput(), ended: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), path, args...)
	p.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CARILLON_") }), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // a killed process is an error of Wait; the exit code says it
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

// start runs the server on a data folder and waits until it is ready.
func start(t *testing.T, data string, args ...string) *process {
	t.Helper()
	p := launch(t, nil, append([]string{"-addr", "127.0.0.1:0", "-data", data, "-token", token, "-allow-private"}, args...)...)
	ready := "listens on "
	if slices.Contains(args, "worker") {
		ready = "is active"
	}
	_, p.url, _ = strings.Cut(p.awaitLine(p.stdout, ready), ready)
	return p
}

// awaitLine waits for a line of the output.
func (p *process) awaitLine(o *output, part string) string {
	p.t.Helper()
	limit := time.After(patience)
	for {
		line, found, changed := o.line(part)
		if found {
			return line
		}
		select {
		case <-changed:
		case <-p.ended:
			if line, found, _ := o.line(part); found {
				return line
			}
			p.t.Fatalf("the server ended with code %d before it wrote %q\n%s", p.wait(), part, p.stderr)
		case <-limit:
			p.t.Fatalf("the server does not write %q\n%s", part, p.stderr)
		}
	}
}

// kill ends the process as a power cut does.
func (p *process) kill() {
	select {
	case <-p.ended:
		return
	default:
	}
	if err := p.cmd.Process.Kill(); err != nil {
		select {
		case <-p.ended: // it has ended meanwhile
		default:
			p.t.Error(err)
		}
	}
	p.wait()
}

// terminate asks the process to drain.
func (p *process) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
}

// wait waits for the end of the process and gives its exit code.
func (p *process) wait() int {
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// ends demands the exit code.
func (p *process) ends(code int) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("the server does not end\n%s", p.stderr)
	}
	if got := p.wait(); got != code {
		p.t.Errorf("exit code %d, want %d\n%s", got, code, p.stderr)
	}
}

// call sends a request with the token and decodes the answer.
func (p *process) call(method, path string, body any) (int, map[string]any) {
	p.t.Helper()
	status, answer, err := p.try(method, path, body)
	if err != nil {
		p.t.Fatalf("%s %s: %v\n%s", method, path, err, p.stderr)
	}
	return status, answer
}

func (p *process) try(method, path string, body any) (int, map[string]any, error) {
	return p.tryAs(nil, method, path, body)
}

// tryAs is try with the given header in place of the token.
func (p *process) tryAs(header http.Header, method, path string, body any) (int, map[string]any, error) {
	response, err := p.send(method, path, body, header)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, err
	}
	answer := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			return response.StatusCode, nil, fmt.Errorf("%w: %s", err, text)
		}
	}
	return response.StatusCode, answer, nil
}

// send sends a request with the token, or with the given header instead.
func (p *process) send(method, path string, body any, header http.Header) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, reader)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if header != nil {
		r.Header = header.Clone()
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return http.DefaultClient.Do(r)
}

// must is call for a status that the test needs.
func (p *process) must(status int, method, path string, body any) map[string]any {
	p.t.Helper()
	got, answer := p.call(method, path, body)
	if got != status {
		p.t.Fatalf("%s %s: status %d, want %d: %v\n%s", method, path, got, status, answer, p.stderr)
	}
	return answer
}

// id of what was made or read.
func id(answer map[string]any) string { return fmt.Sprint(answer["id"]) }
