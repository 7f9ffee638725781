//go:build unix

package chaos_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// insideVariable is set for a test that runs in a namespace of its own: what it mounts or cuts goes with its processes, whatever happens.
const insideVariable = "CARILLON_CHAOS_INSIDE"

// insideMounts is inside for a namespace of mounts, which any user has where the system allows namespaces of users.
func insideMounts(t *testing.T, row int) bool {
	t.Helper()
	args := []string{"--mount"}
	if os.Geteuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	return inside(t, row, args, "mount", "-t", "tmpfs", "none", t.TempDir())
}

// inside runs the present test once more in a namespace of its own, and tells whether this is that run. Where the trial fails in such a namespace
// the test is left out.
func inside(t *testing.T, row int, args []string, trial ...string) bool {
	t.Helper()
	if os.Getenv(insideVariable) != "" {
		return true
	}
	if out, err := exec.CommandContext(t.Context(), "unshare", append(args[:len(args):len(args)], trial...)...).CombinedOutput(); err != nil {
		leaveOut(t, row, "%s in a namespace: %v %s", trial[0], err, strings.TrimSpace(string(out)))
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", append(args, self, "-whole", "-test.run", "^"+t.Name()+"$")...)
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "no tests to run") {
		t.Errorf("in a namespace of its own: %v\n%s", err, out)
	}
	return false
}

// mount mounts something for the namespace.
func mount(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "mount", args...).CombinedOutput(); err != nil {
		t.Fatalf("mount %v: %v %s", args, err, out)
	}
}

// TestChaos_full_disk fills the disk below a node, and frees it.
func TestChaos_full_disk(t *testing.T) {
	needWhole(t)
	t.Parallel()
	begin(t, rowDisk, 1, checkAll+"; the node goes on by itself when there is room again")
	if !insideMounts(t, rowDisk) {
		return
	}
	disk := t.TempDir()
	mount(t, "-t", "tmpfs", "-o", "size=64m", "none", disk)
	w := newWorld(t, database(filepath.Join(disk, "jobs.db")))
	t.Cleanup(func() { _ = exec.Command("umount", "-l", disk).Run() }) // the namespace ends anyway
	for range 3 {
		w.newJob("1 second")
	}
	n := w.start(nodeConfig{})
	w.moves(1)
	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	n.says("trying again")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	w.moves(2)
	w.over(n)
}

// fill writes until nothing more fits.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path) //nolint:gosec // of a folder of the test
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestChaos_read_only: a node does not start on files that cannot be written, and says so.
func TestChaos_read_only(t *testing.T) {
	needWhole(t)
	t.Parallel()
	begin(t, rowDisk, 1, "the node refuses to start and says why")
	if !insideMounts(t, rowDisk) {
		return
	}
	folder, frozen := t.TempDir(), t.TempDir()
	w := newWorld(t, database(filepath.Join(folder, "jobs.db")))
	if err := w.store.Close(); err != nil { // the last one leaves the file alone
		t.Fatal(err)
	}
	mount(t, "--bind", folder, frozen)
	t.Cleanup(func() { _ = exec.Command("umount", "-l", frozen).Run() }) // the namespace ends anyway
	mount(t, "-o", "remount,bind,ro", frozen)
	n := w.launch(nodeConfig{Database: database(filepath.Join(frozen, "jobs.db"))})
	n.gone()
	if code := n.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(n.log.String(), "read") {
		t.Errorf("exit code %d\n%s", code, n.log)
	}
}

// TestChaos_small_file bounds the size of files of a node (RLIMIT_FSIZE), which any user can, and lifts the bound.
func TestChaos_small_file(t *testing.T) {
	needWhole(t)
	t.Parallel()
	begin(t, rowDisk, 1, checkAll+"; the next start takes up the work")
	w := newWorld(t, onSQLite.make(t))
	for range 3 {
		w.newJob("1 second")
	}
	n := w.start(nodeConfig{})
	w.moves(1)
	n.must(order{Do: "limit", Value: 4096})
	n.says("trying again")
	n.must(order{Do: "limit"})
	n.kill()
	n = w.start(nodeConfig{})
	w.moves(1)
	w.over(n)
}

// TestChaos_input_output_errors lets a system call of a node fail with EIO: what is on the disk is unknown then, the handle is given up (R27), and the
// next start goes on from what was committed.
func TestChaos_input_output_errors(t *testing.T) {
	needWhole(t)
	t.Parallel()
	tracer, err := exec.LookPath("strace")
	if err != nil {
		leaveOut(t, rowEIO, "strace is not installed")
	}
	if out, err := exec.CommandContext(t.Context(), tracer, "-f", "-e", "inject=fsync:error=EIO", "true").CombinedOutput(); err != nil {
		leaveOut(t, rowEIO, "system calls cannot be traced here: %v %s", err, strings.TrimSpace(string(out)))
	}
	for _, call := range []string{"fsync,fdatasync", "pwrite64", "pread64"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			begin(t, rowEIO, 1, checkAll+"; the failed handle is not used again")
			w := newWorld(t, onSQLite.make(t))
			for range 3 {
				w.newJob("1 second")
			}
			n := w.start(nodeConfig{}, tracer, "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace="+call, "-e", "inject="+call+":error=EIO:when=60")
			n.says("the database has failed and is not used any more")
			n.kill()
			n = w.start(nodeConfig{})
			w.moves(1)
			w.over(n)
		})
	}
}
