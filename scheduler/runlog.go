package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// cutMark ends every text that was longer than its limit (R65).
	cutMark = " … [cut]"
	// maxLogData bounds the structured facts of one entry, in bytes of JSON.
	maxLogData = 8 << 10
	// maxLateWarnings bounds the entries of level warn and above that a run may still write beyond its limit.
	maxLateWarnings = 1000
)

// logState tells how far a run is beyond its limit of log entries.
type logState struct {
	full bool
	late int
}

// note appends a log entry to the run. Message and data have been redacted.
func (r *run) note(level jobs.LogLevel, message string, action jobs.ActionID, data json.RawMessage) {
	entry := jobs.LogEntry{
		RunID: r.info.ID, Level: level, Message: cutRunes(clean(message), jobs.MaxLogMessage), ActionID: action, Data: data,
		CreatedAt: r.s.clock.now(),
	}
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	if r.shut {
		return
	}
	if !r.logState.full {
		size := int64(len(entry.Message) + len(entry.Data))
		if r.logCount < jobs.MaxLogEntries && r.logBytes+size <= jobs.MaxLogBytes {
			r.logBytes += size
			r.addEntry(entry)
			return
		}
		r.logState.full = true
		r.warnings = true
		r.addEntry(jobs.LogEntry{
			RunID: r.info.ID, Level: jobs.LogWarn, CreatedAt: entry.CreatedAt,
			Message: fmt.Sprintf("the log is full (%d entries or %d bytes): from here only warnings and errors are kept, %d at most",
				jobs.MaxLogEntries, jobs.MaxLogBytes, maxLateWarnings),
		})
	}
	if level >= jobs.LogWarn && r.logState.late < maxLateWarnings {
		r.logState.late++
		r.addEntry(entry)
	}
}

// addEntry numbers an entry. The caller holds the lock.
func (r *run) addEntry(entry jobs.LogEntry) {
	r.seq++
	entry.Seq, entry.Index = r.seq, r.logIndex
	r.logIndex++
	r.logCount++
	r.logs = append(r.logs, entry)
	r.out.mark(r, false)
}

// warn notes that the run has a warning.
func (r *run) warn() {
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	r.warnings = true
}

// logHandler writes what a driver logs to the log of its run.
type logHandler struct {
	run    *run
	action jobs.ActionID
	// attrs are those of WithAttrs, each below the groups that were open then; groups are open now.
	attrs  []groupedAttr
	groups []string
}

type groupedAttr struct {
	groups []string
	attr   slog.Attr
}

// Enabled keeps all levels: readers choose.
func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle never fails: the log of a run is bounded memory until the next exchange.
func (h *logHandler) Handle(_ context.Context, record slog.Record) error {
	redact := h.run.redactor.Load()
	level := levelOf(record.Level)
	if level >= jobs.LogWarn {
		h.run.warn()
	}
	h.run.note(level, redact.String(record.Message), h.action, h.data(record, redact))
	return nil
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := *h
	out.attrs = h.attrs[:len(h.attrs):len(h.attrs)]
	for _, a := range attrs {
		out.attrs = append(out.attrs, groupedAttr{h.groups, a})
	}
	return &out
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	out := *h
	out.groups = append(h.groups[:len(h.groups):len(h.groups)], name)
	return &out
}

// data makes the facts of an entry; nil if there are none.
func (h *logHandler) data(record slog.Record, redact *jobs.Redactor) json.RawMessage {
	if len(h.attrs) == 0 && record.NumAttrs() == 0 {
		return nil
	}
	facts := map[string]any{}
	for _, a := range h.attrs {
		putAttr(facts, a.groups, a.attr)
	}
	record.Attrs(func(a slog.Attr) bool {
		putAttr(facts, h.groups, a)
		return true
	})
	if len(facts) == 0 {
		return nil
	}
	text, err := json.Marshal(redact.Value(facts))
	if err != nil { // what does not marshal was made Redacted
		text = nil
	}
	text = cleanJSON(text)
	if len(text) > maxLogData || text == nil {
		return json.RawMessage(fmt.Sprintf(`{"dropped":"the data has %d bytes; at most %d"}`, len(text), maxLogData))
	}
	return text
}

func putAttr(facts map[string]any, groups []string, a slog.Attr) {
	for _, name := range groups {
		below, ok := facts[name].(map[string]any)
		if !ok {
			below = map[string]any{}
			facts[name] = below
		}
		facts = below
	}
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		var inner []string
		if a.Key != "" {
			inner = []string{a.Key}
		}
		for _, member := range value.Group() {
			putAttr(facts, inner, member)
		}
		return
	}
	if a.Key == "" {
		return
	}
	facts[a.Key] = plain(value)
}

// plain makes a value that JSON can show.
func plain(v slog.Value) any {
	switch v.Kind() {
	case slog.KindDuration:
		return v.Duration().String()
	case slog.KindTime:
		return jobs.FormatTime(v.Time())
	case slog.KindAny:
		switch x := v.Any().(type) {
		case error:
			return said(x.Error)
		case fmt.Stringer:
			return said(x.String)
		case json.RawMessage:
			return x
		default:
			text, err := json.Marshal(x)
			if err != nil { // it is not printed in another way: a value that contains itself has no end
				return fmt.Sprintf("%T: %v", x, err)
			}
			return json.RawMessage(text)
		}
	}
	if f, ok := v.Any().(float64); ok && (f != f || f > 1e308 || f < -1e308) {
		return fmt.Sprint(f) // JSON has no such number
	}
	return v.Any()
}

// said is what a value says of itself. Nil pointers that are errors come up in logs; they are no reason to fail a step.
func said(say func() string) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprintf("(panic: %v)", v)
		}
	}()
	return say()
}

func levelOf(l slog.Level) jobs.LogLevel {
	switch {
	case l < slog.LevelInfo:
		return jobs.LogDebug
	case l < slog.LevelWarn:
		return jobs.LogInfo
	case l < slog.LevelError:
		return jobs.LogWarn
	}
	return jobs.LogError
}

// progress notes what the driver of a step reports; the latest wins.
func (r *run) report(i, attempt int, percent float64, message string) {
	if percent != percent {
		return // not a number
	}
	percent = min(max(percent, 0), 100)
	message = cutBytes(clean(r.redactor.Load().String(message)), jobs.MaxErrorText)
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	step := &r.steps[i]
	if r.shut || step.State != jobs.StepStarted || step.Attempt != attempt {
		return // the attempt is over
	}
	step.Percent, step.Message = &percent, message
	if !r.progress {
		r.progress = true
		r.seq++
		step.Seq = r.seq
		r.out.mark(r, false)
	}
}

// clean makes text that every database keeps: valid UTF-8 without NUL.
func clean(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

// cleanJSON is clean for JSON text, where a NUL is written with an escape: \u0000 becomes \ufffd.
func cleanJSON(text []byte) []byte {
	const null = `\u0000`
	if !strings.Contains(string(text), null) {
		return text
	}
	out := append([]byte(nil), text...)
	for i := 0; i+1 < len(out); i++ {
		if out[i] != '\\' {
			continue
		}
		if i+len(null) <= len(out) && string(out[i:i+len(null)]) == null {
			copy(out[i+2:], "fffd")
		}
		i++ // the character after a backslash is no backslash of its own
	}
	return out
}

// cutRunes cuts after n characters, the mark included.
func cutRunes(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	keep := n - utf8.RuneCountInString(cutMark)
	for at := range s {
		if keep == 0 {
			return s[:at] + cutMark
		}
		keep--
	}
	return s
}

// cutBytes cuts after n bytes, the mark included, between two characters.
func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	at := n - len(cutMark)
	for at > 0 && !utf8.RuneStart(s[at]) {
		at--
	}
	return s[:at] + cutMark
}

// logger makes the logger of one attempt.
func (r *run) logger(action jobs.ActionID) *slog.Logger {
	return slog.New(&logHandler{run: r, action: action})
}

// timeText writes a duration as people do: "30 s", "2 min", "1 h 30 min".
func timeText(d time.Duration) string {
	d = d.Round(time.Second)
	switch h, m, s := int(d/time.Hour), int(d/time.Minute%60), int(d/time.Second%60); {
	case h > 0 && m == 0 && s == 0:
		return fmt.Sprintf("%d h", h)
	case h > 0:
		return fmt.Sprintf("%d h %d min", h, m)
	case m > 0 && s == 0:
		return fmt.Sprintf("%d min", m)
	case m > 0:
		return fmt.Sprintf("%d min %d s", m, s)
	default:
		return fmt.Sprintf("%d s", s)
	}
}
