package jobs

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs/internal/cron"
)

// IntervalType says how Schedule.Interval is read (contract 11.2).
type IntervalType string

// Interval types. The empty one is derived from the interval (contract 11.3); without interval and start it means "by hand".
const (
	// IntervalCron: five fields, minute hour day month weekday, or a shorthand such as @daily.
	IntervalCron IntervalType = "cron"
	// IntervalSimple: "<number> <unit>", such as "90 minutes".
	IntervalSimple IntervalType = "simple"
	// IntervalOnce: a date-time, or nothing; then the schedule fires at StartOn.
	IntervalOnce IntervalType = "once"
)

// Schedule says when a job fires. It is a value: two normalized schedules are the same if == says so. The zero value never
// fires; such a job is run by hand. Fires exist in the years 1970 to 2099.
//
// It marshals itself, as the contract writes it. Do not embed it in a struct: the methods would marshal the whole struct.
type Schedule struct {
	// Interval is the text that a person wrote; IntervalType says how it is read.
	Interval     string
	IntervalType IntervalType
	// Timezone is the IANA zone in which Interval is read; "" is UTC.
	Timezone string
	// StartOn and EndOn bound the fires; a fire exactly on them counts. Zero is no bound.
	StartOn, EndOn time.Time
	// Anchor is the moment from which a simple interval without StartOn counts: when the schedule was last set. Zero: each
	// question to Next counts from the moment that it asks from.
	Anchor time.Time
	// Offset is added to every fire (jitter, contract 20.1). StartOn and EndOn bound the fires before it is added. It is
	// derived from the job, and so not part of the JSON.
	Offset time.Duration
}

// schedPlan is what the texts of a schedule mean. It is immutable and shared.
type schedPlan struct {
	kind  IntervalType // "" if the schedule never fires by itself
	zone  *cron.Zone
	cron  *cron.Expression
	every cron.Every
	// once is zero if the schedule fires at StartOn; moved: the clock jumps over the local time that was written.
	once  time.Time
	moved bool
}

type schedKey struct {
	interval string
	kind     IntervalType
	timezone string
}

var schedPlans = cron.NewCache[schedKey, *schedPlan](4096)

func (s *Schedule) key() schedKey {
	k := schedKey{s.Interval, s.IntervalType, s.Timezone}
	if k.kind == "" && !s.StartOn.IsZero() && strings.TrimSpace(s.Interval) == "" {
		k.kind = IntervalOnce
	}
	return k
}

// plan is nil if the schedule is invalid or never fires by itself.
func (s *Schedule) plan() *schedPlan {
	if s.IsZero() || !s.boundsValid() {
		return nil
	}
	key := s.key()
	p, ok := schedPlans.Get(key)
	if !ok {
		var faults Faults
		if p = key.compile(&faults); !faults.Empty() {
			return nil
		}
		key.interval, key.timezone = strings.Clone(key.interval), strings.Clone(key.timezone)
		schedPlans.Put(key, p)
	}
	if p.kind == IntervalOnce && p.once.IsZero() && s.StartOn.IsZero() {
		return nil
	}
	return p
}

// compile reads the texts and notes what is wrong with them.
func (k schedKey) compile(faults *Faults) *schedPlan {
	zone, err := cron.LoadZone(k.timezone)
	if err != nil {
		faults.Add("timezone", "%v", err)
		zone = cron.UTC
	}
	p := &schedPlan{zone: zone}
	text := strings.TrimSpace(k.interval)
	if p.kind = k.kind; p.kind == "" && text != "" {
		if p.kind = schedDerive(text); p.kind == "" {
			faults.AddPart("interval", 0, utf8.RuneCountInString(k.interval), "%q is neither a cron expression of five fields, nor \"<number> <unit>\", nor a date-time", schedClip(text))
		}
	}
	switch p.kind {
	case "":
	case IntervalCron, IntervalSimple:
		if text == "" {
			faults.Add("interval", "is required for the interval type %q", p.kind)
			break
		}
		// The untrimmed text: places in errors are those of what was written.
		if p.kind == IntervalCron {
			p.cron, err = cron.Parse(k.interval)
		} else {
			p.every, err = cron.ParseEvery(k.interval)
		}
		addIntervalFault(faults, k.interval, err)
	case IntervalOnce:
		if text == "" {
			break
		}
		if p.once, p.moved, err = schedParseTime(text, zone, false); err != nil {
			faults.AddPart("interval", 0, utf8.RuneCountInString(k.interval), "%v", err)
		} else if !schedInYears(p.once) {
			faults.AddPart("interval", 0, utf8.RuneCountInString(k.interval), "%q is not in the years %d to %d", text, cron.FirstYear, cron.LastYear)
		}
	default:
		faults.Add("intervalType", "%q is not cron, simple or once", schedClip(string(p.kind)))
	}
	return p
}

// addIntervalFault notes an error of the expression, with the wrong part of it in characters.
func addIntervalFault(faults *Faults, text string, err error) {
	if err == nil {
		return
	}
	var fault *cron.Error
	if !errors.As(err, &fault) {
		faults.Add("interval", "%v", err)
		return
	}
	start := utf8.RuneCountInString(text[:fault.Start])
	faults.AddPart("interval", start, start+utf8.RuneCountInString(text[fault.Start:fault.End]), "%v", err)
}

// schedDerive guesses the type from the shape of the text (contract 11.3); "" if nothing fits. The count of fields alone decides
// between cron and simple, so that "0 hours" and "* * * *" get the error that helps.
func schedDerive(text string) IntervalType {
	fields := len(strings.Fields(text))
	switch {
	case text[0] == '@' || fields > 2:
		return IntervalCron
	case fields == 2:
		return IntervalSimple
	}
	if _, _, err := schedParseTime(text, cron.UTC, false); err == nil {
		return IntervalOnce
	}
	return ""
}

func schedInYears(t time.Time) bool {
	y := t.UTC().Year()
	return y >= cron.FirstYear && y <= cron.LastYear
}

func (s *Schedule) boundsValid() bool {
	return (s.StartOn.IsZero() || schedInYears(s.StartOn)) &&
		(s.EndOn.IsZero() || s.EndOn.UTC().Year() >= cron.FirstYear && s.EndOn.UTC().Year() <= 9999 && !s.StartOn.After(s.EndOn))
}

// IsZero reports whether the schedule never fires by itself: no interval, and not once.
func (s Schedule) IsZero() bool {
	return strings.TrimSpace(s.Interval) == "" && s.key().kind != IntervalOnce
}

// Validate checks the schedule as it stands (contract 11). The error is a *ValidationError that names interval, intervalType,
// timezone, startOn or endOn.
func (s Schedule) Validate() error {
	var faults Faults
	key := s.key()
	p := key.compile(&faults)
	if p.kind == IntervalOnce && strings.TrimSpace(s.Interval) == "" && s.StartOn.IsZero() {
		faults.Add("startOn", "is required for the interval type \"once\" without interval")
	}
	if !s.StartOn.IsZero() && !schedInYears(s.StartOn) {
		faults.Add("startOn", "is not in the years %d to %d", cron.FirstYear, cron.LastYear)
	}
	if y := s.EndOn.UTC().Year(); !s.EndOn.IsZero() && (y < cron.FirstYear || y > 9999) {
		faults.Add("endOn", "is not in the years %d to 9999", cron.FirstYear)
	} else if !s.EndOn.IsZero() && s.StartOn.After(s.EndOn) {
		faults.Add("startOn", "is after endOn")
	}
	return faults.Err()
}

// Normalize gives the schedule as it is stored: type derived, blanks around the texts gone, times in UTC and milliseconds; the
// text of the interval otherwise stays as it was written. The error is that of Validate.
func (s Schedule) Normalize() (Schedule, error) {
	written := s.Interval
	s.Interval = strings.TrimSpace(s.Interval)
	s.IntervalType = IntervalType(strings.TrimSpace(string(s.IntervalType)))
	s.Timezone = strings.TrimSpace(s.Timezone)
	for _, t := range []*time.Time{&s.StartOn, &s.EndOn, &s.Anchor} {
		if !t.IsZero() {
			*t = t.UTC().Truncate(time.Millisecond)
		}
	}
	if err := s.Validate(); err != nil {
		return Schedule{}, shiftFaults(err, utf8.RuneCountInString(written)-utf8.RuneCountInString(strings.TrimLeftFunc(written, unicode.IsSpace)))
	}
	if s.IntervalType == "" {
		s.IntervalType = s.key().kind
		if s.Interval != "" {
			s.IntervalType = schedDerive(s.Interval)
		}
	}
	return s, nil
}

// shiftFaults moves the places of faults in the interval from the trimmed text to the one that was written.
func shiftFaults(err error, by int) error {
	var invalid *ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	for i := range invalid.Fields {
		if f := &invalid.Fields[i]; f.Path == "interval" && f.End > 0 {
			f.Start, f.End = f.Start+by, f.End+by
		}
	}
	return err
}

// ScheduleFault finds the wrong part of an interval of that type ("" is derived): bytes start to end of the text. It is false if
// the text is right, or wrong as a whole.
func ScheduleFault(interval string, kind IntervalType) (start, end int, found bool) {
	if kind == "" && strings.TrimSpace(interval) != "" {
		kind = schedDerive(strings.TrimSpace(interval))
	}
	var err error
	switch kind {
	case IntervalCron:
		_, err = cron.Parse(interval)
	case IntervalSimple:
		_, err = cron.ParseEvery(interval)
	case IntervalOnce:
	}
	var fault *cron.Error
	if !errors.As(err, &fault) {
		return 0, 0, false
	}
	return fault.Start, fault.End, true
}

func schedClip(text string) string {
	if len(text) > 64 {
		return text[:64] + "..."
	}
	return text
}
