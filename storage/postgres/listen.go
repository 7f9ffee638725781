package postgres

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-go/carillon/storage/internal/sqlstore"
)

const (
	// pollEvery is how often watchers are woken while nothing can be heard.
	pollEvery = time.Second
	// helloTimeout is how long a word to ourselves may take before the way is taken for one that passes nothing on.
	helloTimeout = 2 * time.Second
	// silence is after how long without a word the connection is asked whether it lives.
	silence = 15 * time.Second
	// deafFor is how long a way that passes nothing on is not tried again.
	deafFor = time.Minute
	// Pauses between attempts to connect (R22).
	firstPause, longestPause = 100 * time.Millisecond, 10 * time.Second
)

// hearer is told of what other nodes have done; a *sqlstore.Core.
type hearer interface {
	Heard(sqlstore.News)
	Missed()
}

// listener hears what other nodes have committed, on a connection of its own.
type listener struct {
	config *pgx.ConnConfig
	node   string
	hearer hearer
	log    *slog.Logger

	ctx    context.Context //nolint:containedctx // it is the listener's life, which close ends
	cancel context.CancelFunc
	ended  chan struct{}
}

func newListener(config *pgx.ConnConfig, node string, h hearer, log *slog.Logger) *listener {
	ctx, cancel := context.WithCancel(context.Background())
	return &listener{config: config, node: node, hearer: h, log: log, ctx: ctx, cancel: cancel, ended: make(chan struct{})}
}

func (l *listener) close() {
	l.cancel()
	<-l.ended
}

// errDeaf: the way to the database passes no notifications on.
var errDeaf = errors.New("notifications do not get through")

// loop listens, and connects again when the connection has ended. In between, and where notifications do not get through, everybody is woken
// once a second.
func (l *listener) loop() {
	defer close(l.ended)
	pause, told := firstPause, false
	for l.ctx.Err() == nil {
		heard, err := l.listen()
		if l.ctx.Err() != nil {
			return
		}
		if heard {
			pause, told = firstPause, false
		}
		wait := pause/2 + rand.N(pause) //nolint:gosec // jitter
		if errors.Is(err, errDeaf) {
			wait = deafFor
		}
		if !told {
			told = true
			l.log.Warn("other nodes cannot be heard; they are looked after once a second until then", slog.Any("err", err))
		}
		pause = min(2*pause, longestPause)
		l.poll(wait)
	}
}

// poll wakes everybody once a second for a while.
func (l *listener) poll(d time.Duration) {
	over := time.NewTimer(d)
	defer over.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-over.C:
			return
		case <-tick.C:
			l.hearer.Missed()
		}
	}
}

// listen connects, and passes on what it hears until the connection ends. Heard: it got as far as to hear itself.
func (l *listener) listen() (heard bool, err error) {
	conn, err := pgx.ConnectConfig(l.ctx, l.config.Copy())
	if err != nil {
		return false, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), helloTimeout)
		defer cancel()
		// Nothing depends on a connection that only listens.
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(l.ctx, "LISTEN "+channel); err != nil {
		return false, err
	}
	if err := l.hello(conn); err != nil {
		return false, err
	}
	l.hearer.Missed() // what was told before nobody has heard
	for {
		if err := l.next(conn); err != nil {
			return true, err
		}
	}
}

// hello sends a word to ourselves over another connection: behind a pooler by transaction LISTEN succeeds, and then nothing ever comes.
func (l *listener) hello(conn *pgx.Conn) (err error) {
	word := l.node + " hello"
	other, err := pgx.ConnectConfig(l.ctx, l.config.Copy())
	if err != nil {
		return err
	}
	_, err = other.Exec(l.ctx, "SELECT pg_notify('"+channel+"', '"+word+"')")
	if err := errors.Join(err, other.Close(l.ctx)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.ctx, helloTimeout)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(ctx)
		switch {
		case err != nil && ctx.Err() != nil && l.ctx.Err() == nil:
			return errDeaf
		case err != nil:
			return err
		case n.Payload == word:
			return nil
		}
	}
}

// next waits for one notification, and asks after the connection when it is silent.
func (l *listener) next(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(l.ctx, silence)
	defer cancel()
	n, err := conn.WaitForNotification(ctx)
	if err != nil {
		if ctx.Err() == nil || l.ctx.Err() != nil {
			return err
		}
		ask, stop := context.WithTimeout(l.ctx, helloTimeout)
		defer stop()
		return conn.Ping(ask)
	}
	node, news, ok := parsePayload(n.Payload)
	if ok && node != l.node {
		l.hearer.Heard(news)
	}
	return nil
}
