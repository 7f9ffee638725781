//go:build unix

package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// errAbsent: there are no binaries of PostgreSQL on the machine.
var errAbsent = errors.New("initdb and postgres are neither in PATH nor where distributions put them; install the package postgresql")

// server is a process of postgres with a cluster of databases of its own, on a socket in a temporary folder.
type server struct {
	folder string
	who    *syscall.Credential // nil: our own user
	args   []string            // of the process
	cmd    *exec.Cmd
	// ended is closed when the process has; fault is how, to be read after that.
	ended  chan struct{}
	fault  error
	output bytes.Buffer
}

// binary finds a program of the server, the newest version where there are several.
func binary(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, err := filepath.Glob(filepath.Join("/usr/lib/postgresql/*/bin", name))
	if err != nil || len(found) == 0 {
		return "", errors.Join(errAbsent, err)
	}
	major := func(path string) int {
		n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if err != nil {
			return 0 // not a version
		}
		return n
	}
	return slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) }), nil
}

// Unprivileged gives the user under which the server runs: it refuses root. Nil is our own.
func Unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("the server refuses root, and there is no user postgres or nobody")
}

// start makes a cluster and its server. Commits are not synced: it is for what is stored, not for what survives a power cut.
func start(settings ...string) (*server, error) {
	s, err := prepare(settings)
	if err != nil {
		return nil, err
	}
	err = s.tool("initdb", "-D", s.data(), "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.folder))
	}
	return s.serve()
}

// prepare makes the folder of a server that has no data yet.
func prepare(settings []string) (*server, error) {
	if _, err := binary("initdb"); err != nil {
		return nil, err
	}
	who, err := Unprivileged()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "pg") // short: the path of a socket has at most 107 bytes
	if err != nil {
		return nil, err
	}
	if who != nil {
		if err := os.Chown(folder, int(who.Uid), int(who.Gid)); err != nil {
			return nil, errors.Join(err, os.RemoveAll(folder))
		}
	}
	s := &server{folder: folder, who: who}
	s.args = []string{"-D", s.data(), "-k", folder, "-h", ""}
	for _, setting := range append([]string{
		"fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB", "autovacuum=off", "max_wal_size=4GB", "jit=off",
	}, settings...) {
		s.args = append(s.args, "-c", setting)
	}
	return s, nil
}

func (s *server) data() string { return filepath.Join(s.folder, "data") }

// tool runs a program of PostgreSQL as the user of the server.
func (s *server) tool(name string, args ...string) error {
	path, err := binary(name)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.SysProcAttr = s.folder, &syscall.SysProcAttr{Credential: s.who}
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, output)
	}
	return nil
}

// serve starts the process on data that are there. Without success nothing is left of the server.
func (s *server) serve() (*server, error) {
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.folder))
	}
	if err := s.ready(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// begin starts the process and waits for nothing.
func (s *server) begin() error {
	postgres, err := binary("postgres")
	if err != nil {
		return err
	}
	s.ended = make(chan struct{})
	s.cmd = exec.Command(postgres, s.args...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.folder, &s.output, &s.output
	s.cmd.SysProcAttr = attributes(s.who)
	return s.launch()
}

// launch starts the process from a thread that lives as long as it does: the server ends with the thread that started it.
func (s *server) launch() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			s.fault = s.cmd.Wait()
			close(s.ended)
		}
	}()
	return <-started
}

// dsn names a database of the server.
func (s *server) dsn(database string) string {
	return "postgres://test@/" + database + "?host=" + url.QueryEscape(s.folder)
}

// ready waits until the server answers.
func (s *server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.dsn("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return fmt.Errorf("the server has ended: %w: %s", s.fault, strings.TrimSpace(s.output.String()))
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		}
	}
}

// crash ends the process at once and leaves the folder: what a power cut leaves, but for what the operating system has not written.
func (s *server) crash() error {
	err := s.cmd.Process.Signal(syscall.SIGQUIT)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-s.ended: // an immediate shutdown is no success, and none is needed
	case <-time.After(10 * time.Second):
		err = errors.Join(err, s.cmd.Process.Kill())
		<-s.ended
	}
	return err
}

// stop ends the server, whatever still talks to it, and removes its folder.
func (s *server) stop() error { return errors.Join(s.crash(), os.RemoveAll(s.folder)) }
