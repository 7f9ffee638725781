//go:build unix

package chaos_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output is what a process writes to its log.
type output struct {
	mu      sync.Mutex // guards the fields below
	text    bytes.Buffer
	changed chan struct{} // closed and replaced with each write
}

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

func (o *output) has(part string) (found bool, changed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Contains(o.text.String(), part), o.changed
}

// nodeProcess is a node that runs.
type nodeProcess struct {
	t       *testing.T
	cmd     *exec.Cmd
	pid     int // of the node itself, also below a tracer
	in      io.WriteCloser
	orders  *json.Encoder
	answers chan answer
	log     *output
	ended   chan struct{} // closed after the end of the process
}

// start starts a node and waits until it works. Before is a program that runs it, such as a tracer.
func (w *world) start(c nodeConfig, before ...string) *nodeProcess {
	w.t.Helper()
	n := w.launch(c, before...)
	a, ok := n.answer()
	if !ok {
		w.t.Fatalf("the node does not start\n%s", n.log)
	}
	n.pid = int(a.N)
	return n
}

// launch is start without the wait, for a node that may die before it works.
func (w *world) launch(c nodeConfig, before ...string) *nodeProcess {
	w.t.Helper()
	if c.Database == "" {
		c.Database = w.db
	}
	if c.Receiver == "" {
		c.Receiver = w.out.URL
	}
	if c.Free == 0 {
		c.Free = -1
	}
	text, err := json.Marshal(c)
	if err != nil {
		w.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	args := append(before, self)
	n := &nodeProcess{t: w.t, log: &output{changed: make(chan struct{})}, answers: make(chan answer, 1), ended: make(chan struct{})}
	n.cmd = exec.Command(args[0], args[1:]...) //nolint:gosec // the test itself
	n.cmd.Env = append(os.Environ(), nodeVariable+"="+string(text))
	n.cmd.Stderr = n.log
	if n.in, err = n.cmd.StdinPipe(); err != nil {
		w.t.Fatal(err)
	}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	n.orders = json.NewEncoder(n.in)
	if err := n.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		defer close(n.ended)
		n.read(out)
		_ = n.cmd.Wait() // a killed process is an error of Wait; its state says it
	}()
	w.t.Cleanup(func() {
		n.kill()
		if w.t.Failed() {
			text := n.log.String()
			w.t.Logf("log of the node %d:\n%s\n...\n%s", n.pid, text[:min(len(text), 2000)], text[max(0, len(text)-2000):])
		}
	})
	return n
}

func (n *nodeProcess) read(out io.Reader) {
	defer close(n.answers)
	for in := json.NewDecoder(out); ; {
		var a answer
		if err := in.Decode(&a); err != nil {
			return // the node has ended
		}
		n.answers <- a
	}
}

// answer waits for the next answer; false if the node has ended.
func (n *nodeProcess) answer() (answer, bool) {
	n.t.Helper()
	select {
	case a, ok := <-n.answers:
		return a, ok
	case <-time.After(patience):
		n.t.Fatalf("the node does not answer\n%s", n.log)
		return answer{}, false
	}
}

// do gives an order and waits for the answer. That of a node that has died is an error.
func (n *nodeProcess) do(o order) answer {
	n.t.Helper()
	if err := n.orders.Encode(o); err != nil {
		return answer{Error: err.Error()}
	}
	a, ok := n.answer()
	if !ok {
		return answer{Error: "the node has ended"}
	}
	return a
}

// must is do for an order that has to succeed.
func (n *nodeProcess) must(o order) answer {
	n.t.Helper()
	a := n.do(o)
	if a.Error != "" {
		n.t.Fatalf("order %s: %s\n%s", o.Do, a.Error, n.log)
	}
	return a
}

func (n *nodeProcess) signal(s syscall.Signal) {
	n.t.Helper()
	if err := syscall.Kill(n.pid, s); err != nil {
		n.t.Fatalf("signal %s: %v\n%s", s, err, n.log)
	}
}

// kill ends the node as a power cut does.
func (n *nodeProcess) kill() {
	select {
	case <-n.ended:
		return
	default:
	}
	pid := n.pid
	if pid == 0 {
		pid = n.cmd.Process.Pid
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		n.t.Error(err)
	}
	for range n.answers { //nolint:revive // what it had to say is of no interest any more
	}
	<-n.ended
}

func (n *nodeProcess) terminate() { n.signal(syscall.SIGTERM) }

// gone waits for the end of the process.
func (n *nodeProcess) gone() {
	n.t.Helper()
	select {
	case <-n.ended:
	case <-time.After(patience):
		n.t.Fatalf("the node does not end\n%s", n.log)
	}
}

// ends demands that the process ends in order.
func (n *nodeProcess) ends() {
	n.t.Helper()
	n.gone()
	if code := n.cmd.ProcessState.ExitCode(); code != 0 {
		n.t.Errorf("exit code %d\n%s", code, n.log)
	}
}

// dies demands that SIGKILL ended the process.
func (n *nodeProcess) dies(at point) {
	n.t.Helper()
	n.gone()
	if status, ok := n.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		n.t.Fatalf("the node did not die at %s: %v\n%s", at, n.cmd.ProcessState, n.log)
	}
}

// says waits for a part of the log.
func (n *nodeProcess) says(part string) {
	n.t.Helper()
	limit := time.After(patience)
	for {
		found, changed := n.log.has(part)
		if found {
			return
		}
		select {
		case <-changed:
		case <-n.ended:
			if found, _ := n.log.has(part); !found {
				n.t.Fatalf("the node ended and did not say %q\n%s", part, n.log)
			}
			return
		case <-limit:
			n.t.Fatalf("the node does not say %q\n%s", part, n.log)
		}
	}
}
