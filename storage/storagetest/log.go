package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func logRules() []rule {
	return []rule{
		{"an entry is read back as it was written, oldest first", logRoundTrip},
		{"each entry has an id of its own that stays the same", logIDs},
		{"a log stays when its run has ended", logAfterEnd},
		{"a log is filtered by level and above", logLevels},
		{"a log is filtered by action and words", logFilters},
		{"a page is a part of the log, in both directions", logPages},
		{"a log of another tenant is not read", logForeign},
		{"entries of a fenced outcome are not written", logFenced},
		{"entries of many exchanges are one log", logAppended},
		{"an entry may be as long as its limit", logLong},
	}
}

func logLines(ctx context.Context, s jobs.Store, q jobs.LogQuery) string {
	q.Tenant = tenant
	var lines []string
	for _, e := range must(s.Logs(ctx, q)).Items {
		lines = append(lines, e.Message)
	}
	return strings.Join(lines, "|")
}

// givenLog is a running run with five entries.
func givenLog(ctx context.Context, s jobs.Store) (jobs.Claim, *hand, []jobs.LogEntry) {
	j := givenJob(ctx, s, "stock", acting("webhook"))
	givenRun(ctx, s, j, t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	action := j.Actions[0].ID
	entries := []jobs.LogEntry{
		{Level: jobs.LogDebug, Message: "Connecting"},
		{Level: jobs.LogInfo, Message: "loaded 100% of ÄPFEL", Data: json.RawMessage(`{"rows":3,"deep":{"a":[1,null]}}`)},
		{Level: jobs.LogWarn, Message: "slow_answer", ActionID: action},
		{Level: jobs.LogError, Message: "it's broken", ActionID: action, Data: json.RawMessage(`{}`)},
		{Level: jobs.LogInfo, Message: ""},
	}
	o := outcome(c)
	for i := range entries {
		o.Seq++
		entries[i].Index, entries[i].Seq, entries[i].CreatedAt = int64(i), o.Seq, at(i)
	}
	o.Logs = append([]jobs.LogEntry(nil), entries...)
	h.turn(ctx, s, at(5), 0, o)
	for i := range entries {
		entries[i].RunID = c.Run.ID
	}
	c.Run.Seq = o.Seq
	return c, h, entries
}

func withoutIDs(entries []jobs.LogEntry) []jobs.LogEntry {
	list := append([]jobs.LogEntry(nil), entries...)
	for i := range list {
		list[i].ID = ""
	}
	return list
}

func logRoundTrip(ctx context.Context, s jobs.Store) error {
	c, _, entries := givenLog(ctx, s)
	page := must(s.Logs(ctx, jobs.LogQuery{Tenant: tenant, RunID: c.Run.ID}))
	return errors.Join(same("Total", page.Total, 5), same("the log", withoutIDs(page.Items), entries),
		instant("CreatedAt", page.Items[1].CreatedAt, at(1)), same("Seq of the run", must(s.Run(ctx, tenant, c.Run.ID)).Seq, entries[4].Seq))
}

func logIDs(ctx context.Context, s jobs.Store) error {
	c, h, _ := givenLog(ctx, s)
	read := func() (list []string) {
		for _, e := range must(s.Logs(ctx, jobs.LogQuery{Tenant: tenant, RunID: c.Run.ID})).Items {
			list = append(list, e.ID)
		}
		return list
	}
	live := read()
	h.turn(ctx, s, at(6), 0, ends(c, jobs.RunSuccess, at(6)))
	seen := map[string]bool{}
	for _, id := range live {
		seen[id] = true
		if !jobs.ValidUUID(id) {
			return fmt.Errorf("the id of a log entry is %q, no UUID", id)
		}
	}
	return errors.Join(same("ids that differ", len(seen), 5), same("ids after the end", read(), live))
}

func logAfterEnd(ctx context.Context, s jobs.Store) error {
	c, h, _ := givenLog(ctx, s)
	o := ends(c, jobs.RunSuccess, at(6))
	o.Seq++
	o.Logs = []jobs.LogEntry{{Index: 5, Seq: o.Seq, Level: jobs.LogInfo, Message: "bye", CreatedAt: at(6)}}
	h.turn(ctx, s, at(6), 0, o)
	return same("messages", logLines(ctx, s, jobs.LogQuery{RunID: c.Run.ID}), "Connecting|loaded 100% of ÄPFEL|slow_answer|it's broken||bye")
}

func logLevels(ctx context.Context, s jobs.Store) error {
	c, _, _ := givenLog(ctx, s)
	return errors.Join(
		same("info and above", logLines(ctx, s, jobs.LogQuery{RunID: c.Run.ID, Level: jobs.LogInfo}), "loaded 100% of ÄPFEL|slow_answer|it's broken|"),
		same("warn and above", logLines(ctx, s, jobs.LogQuery{RunID: c.Run.ID, Level: jobs.LogWarn}), "slow_answer|it's broken"),
		same("error", logLines(ctx, s, jobs.LogQuery{RunID: c.Run.ID, Level: jobs.LogError}), "it's broken"),
	)
}

func logFilters(ctx context.Context, s jobs.Store) error {
	c, _, entries := givenLog(ctx, s)
	id := c.Run.ID
	return errors.Join(
		same("by action", logLines(ctx, s, jobs.LogQuery{RunID: id, ActionID: entries[2].ActionID}), "slow_answer|it's broken"),
		same("by a word in another case", logLines(ctx, s, jobs.LogQuery{RunID: id, Words: []string{"äpfel"}}), "loaded 100% of ÄPFEL"),
		same("by two words", logLines(ctx, s, jobs.LogQuery{RunID: id, Words: []string{"LOADED", "100%"}}), "loaded 100% of ÄPFEL"),
		same("by words of two entries", logLines(ctx, s, jobs.LogQuery{RunID: id, Words: []string{"loaded", "slow"}}), ""),
		same("by %", logLines(ctx, s, jobs.LogQuery{RunID: id, Words: []string{"1%0"}}), ""),
		same("by _", logLines(ctx, s, jobs.LogQuery{RunID: id, Words: []string{"_"}}), "slow_answer"),
		same("by a quote", logLines(ctx, s, jobs.LogQuery{RunID: id, Words: []string{"'"}, Level: jobs.LogWarn}), "it's broken"),
	)
}

func logPages(ctx context.Context, s jobs.Store) error {
	c, _, _ := givenLog(ctx, s)
	first := must(s.Logs(ctx, jobs.LogQuery{Tenant: tenant, RunID: c.Run.ID, Start: 1, Limit: 2, Level: jobs.LogInfo}))
	return errors.Join(same("Total", first.Total, 4), same("entries", len(first.Items), 2),
		same("second and third", logLines(ctx, s, jobs.LogQuery{RunID: c.Run.ID, Start: 1, Limit: 2}), "loaded 100% of ÄPFEL|slow_answer"),
		same("second and third newest", logLines(ctx, s, jobs.LogQuery{RunID: c.Run.ID, Start: 1, Limit: 2, Descending: true}), "it's broken|slow_answer"),
		same("the rest", logLines(ctx, s, jobs.LogQuery{RunID: c.Run.ID, Start: 3}), "it's broken|"))
}

func logForeign(ctx context.Context, s jobs.Store) error {
	c, _, _ := givenLog(ctx, s)
	page, err := s.Logs(ctx, jobs.LogQuery{Tenant: foreign, RunID: c.Run.ID})
	return holds(errors.Is(err, jobs.ErrNotFound) || err == nil && page.Total == 0 && len(page.Items) == 0,
		"another tenant reads %d of %d entries (%v)", len(page.Items), page.Total, err)
}

func logFenced(ctx context.Context, s jobs.Store) error {
	c, h, _ := givenLog(ctx, s)
	o := outcome(c)
	o.Fence--
	o.Logs = []jobs.LogEntry{{Index: 5, Seq: 9, Level: jobs.LogInfo, Message: "late", CreatedAt: at(6)}}
	r := h.turn(ctx, s, at(6), 0, o)
	return errors.Join(same("Fenced", r.Fenced, []jobs.RunID{c.Run.ID}),
		same("entries", must(s.Logs(ctx, jobs.LogQuery{Tenant: tenant, RunID: c.Run.ID})).Total, 5))
}

func logAppended(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	var want []string
	for i := range 12 {
		o := outcome(c)
		o.Seq += int64(i) + 1
		want = append(want, fmt.Sprint("entry ", i))
		o.Logs = []jobs.LogEntry{{Index: int64(i), Seq: o.Seq, Level: jobs.LogInfo, Message: want[i], CreatedAt: t0.Add(-time.Duration(i) * time.Minute)}}
		h.turn(ctx, s, at(i), 0, o)
	}
	return same("messages", logLines(ctx, s, jobs.LogQuery{RunID: c.Run.ID}), strings.Join(want, "|"))
}

func logLong(ctx context.Context, s jobs.Store) error {
	givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, t0)
	long := strings.Repeat("é🎉", jobs.MaxLogMessage/2)
	h.turn(ctx, s, t0, 0, withLog(outcome(c), long))
	return same("the message", logLines(ctx, s, jobs.LogQuery{RunID: c.Run.ID}), long)
}
