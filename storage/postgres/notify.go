package postgres

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/internal/sqlstore"
)

// channel is where nodes tell each other that something has changed.
const channel = "carillon"

// notifyEvery is how often a node tells of news at most. What comes sooner is told of at the end of the pause (trailing edge).
const notifyEvery = 10 * time.Millisecond

// notifier decides when the news of a node's commits are told to others. It is used by the writer alone.
type notifier struct {
	node string
	last time.Time
	held sqlstore.News
	told sqlstore.News
	// timer runs while something is held back.
	timer *time.Timer
}

func newNotifier(node string) *notifier {
	n := &notifier{node: node, timer: time.NewTimer(time.Hour)}
	n.timer.Stop()
	return n
}

// now gives the statement that tells of the news within their own transaction; empty if there are none, or if it is too early.
func (n *notifier) now(news sqlstore.News) string {
	if news.Empty() {
		return ""
	}
	waited := time.Since(n.last)
	if waited >= notifyEvery {
		n.held.Add(news)
		return n.take()
	}
	if n.held.Empty() {
		n.timer.Reset(notifyEvery - waited)
	}
	n.held.Add(news)
	return ""
}

// due gives a value when what is held back may go.
func (n *notifier) due() <-chan time.Time { return n.timer.C }

// late gives the statement that tells of what was held back; empty if nothing was.
func (n *notifier) late() string {
	if n.held.Empty() {
		return ""
	}
	return n.take()
}

func (n *notifier) take() string {
	text := "SELECT pg_notify('" + channel + "', '" + payload(n.node, n.held) + "')"
	n.told, n.held, n.last = n.held, sqlstore.News{}, time.Now()
	n.timer.Stop()
	return text
}

// again holds back what was told last, because it may not have got through.
func (n *notifier) again() {
	n.held.Add(n.told)
	if !n.held.Empty() {
		n.timer.Reset(notifyEvery)
	}
}

func (n *notifier) stop() { n.timer.Stop() }

// payload names the node that tells and what has changed. It carries no ids: it is a hint, and whoever is woken looks for himself (R14).
func payload(node string, news sqlstore.News) string {
	held := ""
	if news.Held {
		held = "+"
	}
	return fmt.Sprintf("%s %d%s", node, news.Topics, held)
}

// parsePayload reads it; false: nobody of ours has written it.
func parsePayload(text string) (node string, news sqlstore.News, ok bool) {
	node, rest, ok := strings.Cut(text, " ")
	rest, news.Held = strings.CutSuffix(rest, "+")
	topics, err := strconv.ParseUint(rest, 10, 32)
	news.Topics = jobs.Topic(topics)
	return node, news, ok && err == nil
}
