package cron_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/cron"
)

func TestParseEvery(t *testing.T) {
	for text, want := range map[string]cron.Every{
		"1 hour":       {1, cron.Hour},
		"30 minutes":   {30, cron.Minute},
		" 1 \t DAYS ":  {1, cron.Day},
		"10000 Second": {10000, cron.Second},
		"02 weeks":     {2, cron.Week},
		"12   mOnThS":  {12, cron.Month},
	} {
		if got, err := cron.ParseEvery(text); err != nil || got != want {
			t.Errorf("ParseEvery(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "hour", "1", "1hour", "0 hours", "10001 hours", "-1 hours", "+1 hours", "1.5 hours", "1 hourss",
		"1 fortnight", "1 h", "1 year", "1 hour 2", "１ hour", "1 wee\u212a", "1\u00a0hour", "18446744073709551617 hours", "0000000001 hour",
	} {
		if got, err := cron.ParseEvery(text); err == nil {
			t.Errorf("ParseEvery(%q) = %v, want an error", text, got)
		}
	}
}

// plainEvery lists the fires 1, 2, ... the slow way: local dates counted with AddDate, each mapped to an instant by looking
// at the zone minute by minute near it.
func plainEvery(e cron.Every, anchor time.Time, loc *time.Location, until time.Time) []time.Time {
	origin := wallOf(anchor, loc)
	var out []time.Time
	for n := 1; ; n++ {
		var at time.Time
		switch e.Unit {
		case cron.Second, cron.Minute, cron.Hour:
			at = anchor.Add(time.Duration(n) * e.Shortest())
		case cron.Day:
			at = plainFirst(origin.AddDate(0, 0, n*e.N), loc)
		case cron.Week:
			at = plainFirst(origin.AddDate(0, 0, 7*n*e.N), loc)
		case cron.Month:
			y, m, d := origin.Date()
			total := y*12 + int(m) - 1 + n*e.N
			month := time.Date(total/12, time.Month(total%12+1), 1, 0, 0, 0, 0, time.UTC)
			days := 31
			for month.AddDate(0, 0, days-1).Month() != month.Month() {
				days--
			}
			clock := origin.Sub(origin.Truncate(24 * time.Hour))
			at = plainFirst(month.AddDate(0, 0, min(d, days)-1).Add(clock), loc)
		}
		if at.After(until) {
			return out
		}
		if at.After(anchor) && (len(out) == 0 || at.After(out[len(out)-1])) {
			out = append(out, at)
		}
	}
}

func plainFirst(wall time.Time, loc *time.Location) time.Time {
	for t := wall.Add(-30 * time.Hour); ; t = t.Add(time.Minute) {
		switch d := wallOf(t, loc).Sub(wall); {
		case d == 0:
			return t
		case d > 0 && d < 26*time.Hour && wallOf(t.Add(-time.Minute), loc).Before(wall):
			// In a gap of whole minutes: its end is a whole minute, whatever the seconds of the wall time.
			return t.Truncate(time.Minute)
		}
	}
}

func TestEvery_AgainstCounting(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	units := []cron.Unit{cron.Second, cron.Minute, cron.Hour, cron.Day, cron.Day, cron.Week, cron.Month, cron.Month}
	for _, name := range []string{
		"UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Pacific/Kwajalein", "Australia/Lord_Howe", "America/Sao_Paulo",
		"Africa/Casablanca", "Asia/Kathmandu",
	} {
		z := mustZone(t, name)
		for range 30 {
			e := cron.Every{N: 1 + random.IntN(3), Unit: units[random.IntN(len(units))]}
			anchor := time.Date(2011, 12, random.IntN(30), random.IntN(4), 30*random.IntN(2), 0, 0, z.Location())
			if name == "Pacific/Kwajalein" {
				anchor = anchor.AddDate(-18, -4, -10)
			}
			span := min(60*e.Shortest(), 400*24*time.Hour)
			until := anchor.Add(span)
			want := plainEvery(e, anchor, z.Location(), until)
			at := anchor.Add(-time.Hour)
			for i := 0; ; i++ {
				next, ok := e.Next(anchor, at, z)
				if !ok || next.After(until) {
					if i != len(want) {
						t.Fatalf("%v from %v: %d fires, want %d", e, anchor, i, len(want))
					}
					break
				}
				if i >= len(want) || !next.Equal(want[i]) {
					t.Fatalf("%v from %v: Next(%v) = %v, want %v", e, anchor, at, next, want[min(i, len(want)):])
				}
				at = next
			}
			for range 20 {
				from := anchor.Add(time.Duration(random.Int64N(int64(span))))
				to := anchor.Add(time.Duration(random.Int64N(int64(span))))
				if random.IntN(2) == 0 && len(want) > 0 {
					from = want[random.IntN(len(want))] // a bound exactly on a fire
				}
				inside := slices.DeleteFunc(slices.Clone(want), func(t time.Time) bool { return !t.After(from) || t.After(to) })
				if got := e.Count(anchor, from, to, z); got != int64(len(inside)) {
					t.Fatalf("%v from %v: Count(%v, %v) = %d, want %v", e, anchor, from, to, got, inside)
				}
				upTo := slices.DeleteFunc(slices.Clone(want), func(t time.Time) bool { return t.After(to) })
				got, ok := e.Latest(anchor, to, z)
				if ok != (len(upTo) > 0) || ok && !got.Equal(upTo[len(upTo)-1]) {
					t.Fatalf("%v from %v: Latest(%v) = %v, %v; want the last of %v", e, anchor, to, got, ok, upTo)
				}
			}
		}
	}
}

func TestEvery_Next(t *testing.T) {
	for _, tt := range []struct{ name, text, zone, anchor, after, want string }{
		{"days keep the local time over a spring change", "1 day", "Europe/Berlin", "2026-03-28T05:00:00Z", "2026-03-28T05:00:00Z", "2026-03-29T04:00:00Z"},
		{"a day in a gap fires at its end", "1 day", "America/New_York", "2024-03-09T07:30:00Z", "2024-03-09T08:00:00Z", "2024-03-10T07:00:00Z 2024-03-11T06:30:00Z"},
		{"a skipped day meets the next one", "1 day", "Pacific/Apia", "2011-12-29T10:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z 2011-12-31T10:00:00Z"},
		{"an anchor in the second pass of a repeated hour", "1 day", "America/New_York", "2024-11-03T06:30:00Z", "2024-11-03T06:00:00Z", "2024-11-04T06:30:00Z"},
		{"short months", "1 month", "UTC", "2026-01-31T00:00:00Z", "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z 2026-03-31T00:00:00Z 2026-04-30T00:00:00Z"},
		{"leap days", "12 months", "UTC", "2024-02-29T12:00:00Z", "2026-06-01T00:00:00Z", "2027-02-28T12:00:00Z 2028-02-29T12:00:00Z"},
		{"a question before the anchor", "2 hours", "UTC", "2026-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "2026-01-01T02:00:00Z"},
		{"beyond the years of fires", "10000 months", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "never"},
		{"weeks beyond the years of fires", "10000 weeks", "America/New_York", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "never"},
		{"the last second of 2099", "1 second", "UTC", "2099-12-31T23:59:57Z", "2099-12-31T23:59:58Z", "2099-12-31T23:59:59Z never"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := cron.ParseEvery(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			at := moment(t, tt.after)
			for _, want := range strings.Fields(tt.want) {
				next, ok := e.Next(moment(t, tt.anchor), at, mustZone(t, tt.zone))
				got := "never"
				if ok {
					got = next.Format(time.RFC3339)
				}
				if got != want {
					t.Fatalf("%q from %s after %v = %s, want %s", tt.text, tt.anchor, at, got, want)
				}
				at = next
			}
		})
	}
}
