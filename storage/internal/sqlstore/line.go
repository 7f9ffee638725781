package sqlstore

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/carillon-go/carillon/jobs"
)

// Line is where the writes of a process wait for the one connection that writes. While one commit is on its way to the disk the next
// group gathers, so that a lone write goes at once and no timer is in its way.
type Line struct {
	queue chan *Request

	mu     sync.RWMutex // guards the field below, and the queue against being closed under a sender
	closed bool
}

// Request is a write that waits for its turn.
type Request struct {
	ctx   context.Context
	do    func(*Tx) error
	state atomic.Int32 // waiting, then begun by the writer or givenUp by the caller
	err   error
	done  chan struct{}
}

const (
	waits int32 = iota
	begun
	givenUp
)

// NewLine makes a line in which n writes wait; more callers wait for a place in it.
func NewLine(n int) *Line { return &Line{queue: make(chan *Request, n)} }

// Submit waits until the write is committed. The caller's context ends the wait only before the write has begun: a write that
// was cancelled in the middle would take the other writes of its group with it.
func (l *Line) Submit(ctx context.Context, do func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &Request{ctx: context.WithoutCancel(ctx), do: do, done: make(chan struct{})}
	l.mu.RLock()
	if l.closed {
		l.mu.RUnlock()
		return &jobs.UnavailableError{Reason: "the store is closed"}
	}
	l.queue <- r
	l.mu.RUnlock()
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.state.CompareAndSwap(waits, givenUp) {
			return ctx.Err()
		}
		<-r.done
	}
	if p, ok := r.err.(*panicError); ok { //nolint:errorlint // made below, never wrapped
		panic(p.String())
	}
	return r.err
}

// Close lets nobody in any more. Who empties the line sees it closed after the last write.
func (l *Line) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.queue)
	}
}

// Queue gives the writes in their order; it is closed after the last one.
func (l *Line) Queue() <-chan *Request { return l.queue }

// Waiting is how many writes wait.
func (l *Line) Waiting() int { return len(l.queue) }

// Room is how many writes can wait.
func (l *Line) Room() int { return cap(l.queue) }

// Next takes a write that waits already; nil if there is none or no more are wanted.
func (l *Line) Next(wanted int) *Request {
	if wanted <= 0 {
		return nil
	}
	select {
	case r := <-l.queue: // nil if the queue was closed
		return r
	default:
		return nil
	}
}

// Refuse answers the first write and all that wait with an error: of a transaction that could not begin, for which each of them
// would else wait once more. At most a full line is answered, so that callers who try again at once cannot keep the writer here.
func (l *Line) Refuse(first *Request, err error) {
	n := 0
	for r := first; r != nil; r = l.Next(l.Room() - n) {
		if r.Begin() {
			r.Answer(err)
		}
		n++
	}
}

// Begin takes the write out of its caller's hands; false: the caller has given up.
func (r *Request) Begin() bool { return r.state.CompareAndSwap(waits, begun) }

// Context is that of the caller, without its end.
func (r *Request) Context() context.Context { return r.ctx }

// Run does the write in a transaction. A panic becomes an error, which is a panic again for the caller: a fault of ours must not end
// the goroutine that others depend on.
func (r *Request) Run(tx *Tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v, debug.Stack()}
		}
	}()
	return r.do(tx)
}

// Answer tells the caller what has become of the write.
func (r *Request) Answer(err error) {
	r.err = err
	close(r.done)
}

// panicError carries a panic of a write to its caller.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string  { return fmt.Sprintf("panic in a write: %v", p.value) }
func (p *panicError) String() string { return fmt.Sprintf("%v\n%s", p.value, p.stack) }
