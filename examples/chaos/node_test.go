//go:build unix

package chaos_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

// nodeVariable makes the test binary a node; its value is a nodeConfig.
const nodeVariable = "CARILLON_CHAOS_NODE"

const tenant = jobs.TenantID("chaos")

// nodeConfig is what a node is told when it starts.
type nodeConfig struct {
	Database database
	// Receiver is the address to which the drivers send.
	Receiver string
	// Point is where the node sends itself a signal.
	Point point
	// Concurrency is that of the scheduler.
	Concurrency int
	// Free is the floor of free space of SQLite; -1 for none.
	Free int64
}

// order is a line that a node reads; answer is the line that it writes then. The first answer of a node is without an order.
type order struct {
	Do    string
	Job   jobs.ID
	Run   jobs.RunID
	Key   string
	Value int64
}

type answer struct {
	Run   jobs.RunID
	N     int64
	Error string
}

// runNode is a whole program: a worker on the database, which takes orders from its input until SIGTERM.
func runNode(text string) error {
	var c nodeConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ) // a write beyond the limit of a file is an error, not the end
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	store, err := c.Database.open(ctx, c.Free)
	if err != nil {
		return err
	}
	faulty := &faultyStore{Store: store, point: c.Point}
	registry, err := newRegistry(c.Receiver)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	engine, err := scheduler.New(faulty, registry, scheduler.Options{Concurrency: c.Concurrency, Logger: slog.Default()})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	n := &node{store: faulty, client: jobs.NewService(faulty, registry, jobs.ServiceOptions{}).As(jobs.System(tenant)), out: json.NewEncoder(os.Stdout)}
	go n.obey(ctx) // ends with the process: a read of the input cannot be interrupted
	return errors.Join(engine.Run(ctx), store.Close())
}

type node struct {
	store  *faultyStore
	client *jobs.Client
	out    *json.Encoder
}

// obey carries out one order after another.
func (n *node) obey(ctx context.Context) {
	if err := n.out.Encode(answer{N: int64(os.Getpid())}); err != nil {
		return // who started us is gone
	}
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			os.Exit(4) // who started us is gone: nothing is left behind
		}
		a, err := n.carryOut(ctx, o)
		if err != nil {
			a.Error = err.Error()
		}
		if err := n.out.Encode(a); err != nil {
			return // as above
		}
	}
}

func (n *node) carryOut(ctx context.Context, o order) (answer, error) {
	ref := jobs.JobRef{ID: o.Job}
	switch o.Do {
	case "run":
		run, err := n.client.Run(ctx, ref, jobs.RunOptions{Key: o.Key})
		if err != nil {
			return answer{}, err
		}
		return answer{Run: run.ID}, nil
	case "cancel":
		_, err := n.client.CancelRun(ctx, ref, o.Run)
		return answer{}, err
	case "edit":
		_, err := n.client.UpdateJob(ctx, ref, jobs.JobPatch{Description: jobs.Value(o.Key)}, jobs.Precondition{})
		return answer{}, err
	case "prune":
		removed, err := n.store.Prune(ctx, time.Now().UTC(), jobs.Retention{KeepRuns: 1}, 500)
		return answer{N: int64(removed)}, err
	case "arm":
		n.store.armed.Store(true)
		return answer{}, nil
	case "limit":
		// The hard limit stays, so that an ordinary user can lift the soft one again.
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return answer{}, err
		}
		limit.Cur = limit.Max
		if o.Value > 0 {
			limit.Cur = uint64(o.Value)
		}
		return answer{}, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
	case "memory":
		var usage syscall.Rusage
		err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
		return answer{N: usage.Maxrss}, err // KiB on Linux
	}
	return answer{}, fmt.Errorf("order %q is unknown", o.Do)
}

// call is a driver that tells a receiver outside of the process of each attempt.
type call struct {
	id         string
	kind       jobs.DriverKind
	to         string
	idempotent bool
}

// newRegistry has a job driver that may be repeated and an action that may not, which call the receiver, and one that does nothing.
func newRegistry(receiver string) (*drivers.Registry, error) {
	return drivers.NewRegistry(&call{id: "call", kind: jobs.DriverJob, to: receiver, idempotent: true},
		&call{id: "tell", kind: jobs.DriverAction, to: receiver}, &call{id: "nothing", kind: jobs.DriverJob, idempotent: true})
}

// arrival is what the receiver is told.
type arrival struct {
	Job     jobs.ID
	Run     jobs.RunID
	Action  jobs.ActionID
	Key     string
	Attempt int
	FireAt  time.Time
}

func (c *call) Info() jobs.DriverInfo {
	return jobs.DriverInfo{
		ID: c.id, Name: c.id, Kind: c.kind, Source: jobs.SourceHost, Idempotent: c.idempotent, Schema: json.RawMessage(`{"type":"object"}`),
	}
}

func (c *call) Run(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
	if c.to == "" {
		return jobs.Output{}, nil
	}
	text, err := json.Marshal(arrival{task.JobID, task.RunID, task.ActionID, task.Key, task.Attempt, task.FireAt})
	if err != nil {
		return jobs.Output{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.to, bytes.NewReader(text))
	if err != nil {
		return jobs.Output{}, err
	}
	r.GetBody = nil // never sent twice by the client itself
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return jobs.Output{}, jobs.Unclear(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return jobs.Output{}, jobs.Unclear(err)
	}
	if response.StatusCode != http.StatusOK {
		return jobs.Output{}, fmt.Errorf("the receiver answers %s", response.Status)
	}
	return jobs.Output{}, nil
}
