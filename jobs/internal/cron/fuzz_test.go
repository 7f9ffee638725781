package cron_test

import (
	"errors"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/cron"
)

func FuzzParse(f *testing.F) {
	for _, c := range oracleCases {
		f.Add(c.text, int64(1_700_000_000), "Europe/Berlin")
	}
	for _, text := range []string{"0 0 LW,15W * 5#2,1L", "@daily", "5-1 * * * *", "0 0 01 01 07", "1,,2 * * * *", "0 0 30 2 *", "* * * * 7/2", "0 0 * nov-feb fri-mon"} {
		f.Add(text, int64(1_325_203_200), "Pacific/Apia")
		f.Add(text, int64(-3_000_000_000), "America/New_York")
		f.Add(text, int64(4_102_444_799), "Africa/Casablanca")
	}
	f.Fuzz(func(t *testing.T, text string, unix int64, zone string) {
		z, err := cron.LoadZone(zone)
		if err != nil {
			z = cron.UTC
		}
		x, err := cron.Parse(text)
		if err != nil {
			var fault *cron.Error
			if !errors.As(err, &fault) || fault.Start < 0 || fault.Start > fault.End || fault.End > len(text) || fault.Message == "" {
				t.Fatalf("Parse(%q) = %#v, want an *Error inside the text", text, err)
			}
			return
		}
		if x.Words() == "" || x.Shortest() < 0 {
			t.Fatalf("%q: words %q, shortest %v", text, x.Words(), x.Shortest())
		}
		at := time.Unix(unix, unix%1e9)
		for range 20 {
			next, ok := x.Next(at, z)
			if !ok {
				break
			}
			if !next.After(at) {
				t.Fatalf("%q in %s: Next(%v) = %v, not later", text, zone, at, next)
			}
			// Nothing lies between the two: asked from just before, the answer is the same.
			if again, ok := x.Next(next.Add(-1), z); !ok || !again.Equal(next) {
				t.Fatalf("%q in %s: Next just before %v = %v", text, zone, next, again)
			}
			at = next
		}
	})
}

func FuzzParseEvery(f *testing.F) {
	for _, text := range []string{"1 hour", "30 minutes", "10000 MONTHS", "0 hours", "01 day", "2  weeks", "1 fortnight", "١ day"} {
		f.Add(text, int64(1_700_000_000_123), int64(90_000_000), "Europe/Berlin")
		f.Add(text, int64(-10_000_000_000), int64(4_000_000_000_000), "Pacific/Apia")
	}
	f.Fuzz(func(t *testing.T, text string, anchorMs, aheadMs int64, zone string) {
		z, err := cron.LoadZone(zone)
		if err != nil {
			z = cron.UTC
		}
		e, err := cron.ParseEvery(text)
		if err != nil {
			return
		}
		if again, err := cron.ParseEvery("1 " + e.String()); e.N == 1 && (err != nil || again != e) {
			t.Fatalf("ParseEvery(%q) of %q = %v, %v", e.String(), text, again, err)
		}
		anchor := time.UnixMilli(anchorMs)
		at := anchor.Add(time.Duration(aheadMs % 5e12 * 1e6))
		for range 20 {
			next, ok := e.Next(anchor, at, z)
			if !ok {
				break
			}
			if !next.After(at) || !next.After(anchor) {
				t.Fatalf("%q from %v in %s: Next(%v) = %v, not later", text, anchor, zone, at, next)
			}
			if last, ok := e.Latest(anchor, next, z); !ok || !last.Equal(next) {
				t.Fatalf("%q from %v in %s: Latest(%v) = %v, %v", text, anchor, zone, next, last, ok)
			}
			if n := e.Count(anchor, at, next, z); n != 1 && at.After(time.Unix(0, 0)) && anchor.After(time.Unix(0, 0)) {
				t.Fatalf("%q from %v in %s: Count(%v, %v) = %d, want 1", text, anchor, zone, at, next, n)
			}
			at = next
		}
	})
}
