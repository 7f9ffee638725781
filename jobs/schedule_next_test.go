package jobs_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

var schedSamples = []string{
	"30 5 * * 1-5||Europe/Berlin", "*/30 * * * *||America/New_York", "* * 1 1 *||Asia/Tokyo", "0 0 29 2 *", "0 8 * * *||Pacific/Apia|2011-12-01|2012-01-15",
	"30 1 * * *||America/New_York|2024-10-01", "0 0 L * *||America/Sao_Paulo", "1 day||Pacific/Apia|2011-12-01", "1 day||Pacific/Apia|2011-12-01T08:00",
	"7 seconds", "90 minutes||Europe/Berlin|2024-03-30T01:15|2025-01-01", "1 month||Europe/Berlin|2011-10-31T02:30", "2 weeks||Australia/Lord_Howe",
	"2024-06-01T12:00||Europe/Berlin", "|once||2011-12-30T10:00", "61 * * * *", "", "1 hour||||2011-12-30",
}

// Latest and Count must say what walking with Next says, for windows of every size and with an offset.
func TestSchedule_LatestAndCountAgreeWithNext(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, text := range schedSamples {
		s := schedOf(t, text)
		checked := 0
		for round := range 120 {
			s.Offset = time.Duration(random.IntN(3)) * 1800 * time.Second
			s.Anchor = time.Time{}
			if round%2 == 0 {
				s.Anchor = time.Date(2011, 12, 1, 3, 0, 0, 5e6, time.UTC)
			}
			center := []time.Time{
				time.Date(2011, 12, 30, 10, 0, 0, 0, time.UTC), time.Date(2024, 3, 31, 1, 0, 0, 0, time.UTC),
				time.Date(2024, 11, 3, 6, 0, 0, 0, time.UTC),
			}[random.IntN(3)]
			span := []time.Duration{time.Minute, 26 * time.Hour, 40 * 24 * time.Hour, 3 * 365 * 24 * time.Hour}[random.IntN(4)]
			after := center.Add(-time.Duration(random.Int64N(int64(span)))).Truncate([]time.Duration{time.Nanosecond, time.Minute}[random.IntN(2)])
			notAfter := after.Add(time.Duration(random.Int64N(int64(2 * span))))
			if next, ok := s.Next(after); ok && random.IntN(3) == 0 {
				after = next // a bound exactly on a fire
			}
			if next, ok := s.Next(notAfter); ok && random.IntN(3) == 0 {
				notAfter = next
			}
			anchored := s
			if s.Anchor.IsZero() {
				anchored.Anchor = after.Add(-s.Offset).Truncate(time.Millisecond) // what the question counts from
			}
			var last time.Time
			n := 0
			for at := after; n < 3000; n++ {
				next, ok := anchored.Next(at)
				if !ok || next.After(notAfter) {
					break
				}
				at, last = next, next
			}
			if n == 3000 {
				continue
			}
			checked++
			got, ok := s.Latest(after, notAfter)
			if ok != (n > 0) || ok && !got.Equal(last) {
				t.Fatalf("%q offset %v: Latest(%v, %v) = %v, %v; want %v", text, s.Offset, after, notAfter, got, ok, last)
			}
			if got, exact := s.Count(after, notAfter, 3000); got != n || !exact {
				t.Fatalf("%q offset %v anchor %v: Count(%v, %v) = %d, %v; want %d", text, s.Offset, s.Anchor, after, notAfter, got, exact, n)
			}
		}
		if checked < 25 {
			t.Errorf("%q: only %d windows could be walked", text, checked)
		}
	}
}

func TestSchedule_Count_Limit(t *testing.T) {
	from, to := schedTime(t, "2026-01-01"), schedTime(t, "2026-01-02")
	minutely := schedOf(t, "* * * * *")
	for _, tt := range []struct {
		limit, want int
		exact       bool
	}{{1440, 1440, true}, {1439, 1439, false}, {0, 0, false}, {-1, 0, false}} {
		if n, exact := minutely.Count(from, to, tt.limit); n != tt.want || exact != tt.exact {
			t.Errorf("Count with limit %d = %d, %v; want %d, %v", tt.limit, n, exact, tt.want, tt.exact)
		}
	}
	if n, exact := schedOf(t, "1 second|||1970-01-01").Count(time.Time{}, schedTime(t, "2026-01-01"), 1); n != 1767225601 || !exact {
		t.Errorf("Count of seconds since 1970 = %d, %v", n, exact)
	}
}

func TestSchedule_Latest(t *testing.T) {
	for _, tt := range []struct{ name, schedule, after, notAfter, want string }{
		{"over a century", "0 0 29 2 *", "1970-01-01", "9999-01-01", "2096-02-29T00:00:00.000Z"},
		{"rare and far back", "0 0 29 2 *", "1970-01-01", "2027-01-01", "2024-02-29T00:00:00.000Z"},
		{"only the start", "1 week|||2026-01-01", "2025-12-01", "2026-01-03", "2026-01-01T00:00:00.000Z"},
		{"the start is the lower bound", "1 week|||2026-01-01", "2026-01-01", "2026-01-03", ""},
		{"an ended schedule", "@daily||||2026-01-05T12:00", "2026-01-01", "2027-01-01", "2026-01-05T00:00:00.000Z"},
		{"an empty window", "@daily", "2026-01-05", "2026-01-05", ""},
		{"a window the wrong way round", "@daily", "2026-01-05", "2026-01-01", ""},
	} {
		got, ok := schedOf(t, tt.schedule).Latest(schedTime(t, tt.after), schedTime(t, tt.notAfter))
		if text := append(schedFormat([]time.Time{got}), "")[0]; ok != (tt.want != "") || ok && text != tt.want {
			t.Errorf("%s: Latest = %s, %v; want %q", tt.name, text, ok, tt.want)
		}
	}
}

func TestSchedule_Next_Offset(t *testing.T) {
	s := schedOf(t, "0 0 * * *|||2026-01-01|2026-01-02")
	s.Offset = 10 * time.Minute
	got := schedFormat(s.FireTimes(schedTime(t, "2025-12-01"), 10))
	if want := "2026-01-01T00:10:00.000Z 2026-01-02T00:10:00.000Z"; len(got) != 2 || got[0]+" "+got[1] != want {
		t.Errorf("fires with an offset = %v, want %s: bounds are those of the fires before it is added", got, want)
	}
	if next, ok := s.Next(schedTime(t, "2026-01-01T00:05")); !ok || next != schedTime(t, "2026-01-01T00:10") {
		t.Errorf("Next between a moment and its offset = %v, %v", next, ok)
	}
}

// What nobody validated must neither panic nor hang nor go backwards.
func FuzzSchedule_Next(f *testing.F) {
	for _, text := range schedSamples {
		s := schedOf(f, text)
		f.Add(s.Interval, string(s.IntervalType), s.Timezone, s.StartOn.Unix(), s.EndOn.Unix(), int64(0), int64(0), int64(1_325_239_200))
		f.Add(s.Interval, "", s.Timezone, int64(1_711_846_800), int64(1<<40), int64(5e12), int64(1_700_000_000), int64(1_730_613_600))
	}
	f.Fuzz(func(t *testing.T, interval, kind, zone string, start, end, offset, anchor, from int64) {
		s := jobs.Schedule{Interval: interval, IntervalType: jobs.IntervalType(kind), Timezone: zone, Offset: time.Duration(offset)}
		for i, at := range []*time.Time{&s.StartOn, &s.EndOn, &s.Anchor} {
			if unix := []int64{start, end, anchor}[i]; unix != 0 {
				*at = time.Unix(unix, unix%1e9)
			}
		}
		valid := s.Validate() == nil
		if n, err := s.Normalize(); err == nil {
			if again, err := n.Normalize(); err != nil || again != n {
				t.Fatalf("Normalize of the normalized %+v = %+v, %v", n, again, err)
			}
		}
		_ = s.ShortestGap()
		if words := s.Words(); valid && words == "" {
			t.Fatalf("%+v is valid and has no words", s)
		}
		at := time.Unix(from, 0)
		for range 10 {
			next, ok := s.Next(at)
			if !ok {
				break
			}
			if !next.After(at) {
				t.Fatalf("%+v: Next(%v) = %v, not later", s, at, next)
			}
			if !valid {
				t.Fatalf("%+v is invalid (%v), and fires at %v", s, s.Validate(), next)
			}
			base := next.Add(-s.Offset)
			if base.Before(s.StartOn) || !s.EndOn.IsZero() && base.After(s.EndOn) {
				t.Fatalf("%+v: %v is out of bounds", s, next)
			}
			if last, ok := s.Latest(at, next); !ok || !last.Equal(next) {
				t.Fatalf("%+v: Latest(%v, %v) = %v, %v", s, at, next, last, ok)
			}
			s.Explain([]time.Time{next})
			at = next
		}
	})
}

func BenchmarkSchedule_Next(b *testing.B) {
	from := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{"30 5 * * *||America/New_York", "30 5 * * 1-5||Europe/Berlin", "90 minutes|||2026-01-01", "1 month||Europe/Berlin|2026-01-31"} {
		s := schedOf(b, text)
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := s.Next(from); !ok {
					b.Fatal("no fire")
				}
			}
		})
	}
}

func BenchmarkSchedule_Latest(b *testing.B) {
	from, to := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{"* * * * *||America/New_York", "30 5 * * 1-5||Europe/Berlin", "0 0 29 2 *", "1 second|||2000-01-01"} {
		s := schedOf(b, text)
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				if _, ok := s.Latest(from, to); !ok {
					b.Fatal("no fire")
				}
			}
		})
	}
}
