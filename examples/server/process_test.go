package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the server, built once for all tests of the package.
var binary = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "carillon-server")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "server")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput() //nolint:noctx // a build has no deadline
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

const token = "a-token-for-tests-only-0123456789"

// process is a running server.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	lines  []string
	stderr *bytes.Buffer
	ended  chan struct{}
}

// start runs the server on a data folder and waits until it listens.
func start(t *testing.T, data string, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, stderr: &bytes.Buffer{}, ended: make(chan struct{})}
	args = append([]string{"-addr", "127.0.0.1:0", "-data", data, "-token", token, "-allow-private"}, args...)
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), path, args...)
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listens := make(chan string, 1)
	go func() {
		defer close(p.ended)
		for scan := bufio.NewScanner(stdout); scan.Scan(); {
			p.lines = append(p.lines, scan.Text())
			if _, url, ok := strings.Cut(scan.Text(), "listens on "); ok {
				listens <- url
			}
		}
	}()
	select {
	case p.url = <-listens:
	case <-p.ended:
		err := p.cmd.Wait()
		t.Fatalf("the server ended before it listened: %v\n%s", err, p.stderr)
	case <-time.After(time.Minute):
		p.kill()
		t.Fatal("the server does not listen after a minute")
	}
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as a power cut does.
func (p *process) kill() {
	if p.cmd.ProcessState != nil {
		return
	}
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Error(err)
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
	_ = p.cmd.Wait() // a killed process is an error of Wait; the exit code says it
	return p.cmd.ProcessState.ExitCode()
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
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, reader)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
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

// must is call for a status that the test needs.
func (p *process) must(status int, method, path string, body any) map[string]any {
	p.t.Helper()
	got, answer := p.call(method, path, body)
	if got != status {
		p.t.Fatalf("%s %s: status %d, want %d: %v", method, path, got, status, answer)
	}
	return answer
}
