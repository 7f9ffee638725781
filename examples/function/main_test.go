package main_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFunction_runs_on_its_schedule builds and runs the program of the README, and ends it with an interrupt.
func TestFunction_runs_on_its_schedule(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "function")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Dir = folder
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }) // it may have ended by itself
	defer limit.Stop()
	said := ""
	for scan := bufio.NewScanner(stderr); scan.Scan(); {
		said += scan.Text() + "\n"
		if strings.Contains(scan.Text(), "hello, world") {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(said, "hello, world") {
		t.Errorf("the program ended with %v and said:\n%s", err, said)
	}
}
