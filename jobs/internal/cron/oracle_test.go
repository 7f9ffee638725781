package cron_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/carillon-go/carillon/jobs/internal/cron"
)

// oracleCase is an expression with an independent reading of it.
type oracleCase struct {
	text  string
	wild  bool
	match func(w time.Time) bool
}

func at(h, m int) func(time.Time) bool {
	return func(w time.Time) bool { return w.Hour() == h && w.Minute() == m }
}

var oracleCases = []oracleCase{
	{"* * * * *", true, func(time.Time) bool { return true }},
	{"*/30 * * * *", true, func(w time.Time) bool { return w.Minute()%30 == 0 }},
	{"7,41 */2 * * *", true, func(w time.Time) bool { return (w.Minute() == 7 || w.Minute() == 41) && w.Hour()%2 == 0 }},
	{"0 * * * 0", true, func(w time.Time) bool { return w.Minute() == 0 && w.Weekday() == 0 }},
	{"15 * 1-15 * *", true, func(w time.Time) bool { return w.Minute() == 15 && w.Day() <= 15 }},
	{"0 0 * * *", false, at(0, 0)},
	{"30 0 * * *", false, at(0, 30)},
	{"59 23 * * *", false, at(23, 59)},
	{"0 1 * * *", false, at(1, 0)},
	{"30 1 * * *", false, at(1, 30)},
	{"0 2 * * *", false, at(2, 0)},
	{"30 2 * * *", false, at(2, 30)},
	{"0 3 * * *", false, at(3, 0)},
	{"* 0-4 * * *", false, func(w time.Time) bool { return w.Hour() <= 4 }},
	{"*/15 0-23 * * *", false, func(w time.Time) bool { return w.Minute()%15 == 0 }},
	{"1/20 1-3,23 * * 0,6", false, func(w time.Time) bool {
		h := w.Hour()
		return w.Minute()%20 == 1 && (h >= 1 && h <= 3 || h == 23) && (w.Weekday() == 0 || w.Weekday() == 6)
	}},
	{"10 0,2 1-7 * 0", false, func(w time.Time) bool {
		return w.Minute() == 10 && (w.Hour() == 0 || w.Hour() == 2) && (w.Day() <= 7 || w.Weekday() == 0)
	}},
}

// transitions finds the changes of offset by sampling days and halving, without ZoneBounds.
func transitions(loc *time.Location, from, to time.Time) []time.Time {
	offset := func(t time.Time) int { _, o := t.In(loc).Zone(); return o }
	var out []time.Time
	for day, before := from, offset(from); day.Before(to); {
		next := day.Add(24 * time.Hour)
		after := offset(next)
		if after == before {
			day = next
			continue
		}
		low, high := day, next
		for high.Sub(low) > time.Second {
			middle := low.Add(high.Sub(low) / 2).Truncate(time.Second)
			if offset(middle) == before {
				low = middle
				continue
			}
			high = middle
		}
		out = append(out, high)
		day, before = high, offset(high)
	}
	return out
}

// wallOf is the local time, carried in UTC.
func wallOf(t time.Time, loc *time.Location) time.Time {
	_, offset := t.In(loc).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// window is every minute of (from, to] with its local time. Nothing changes near from and to.
type window struct {
	from, to        time.Time
	instants, walls []time.Time
	first           map[int64]int // wall time in Unix seconds → index of its first instant
}

func newWindow(loc *time.Location, from, to time.Time) *window {
	w := &window{from: from, to: to, first: map[int64]int{}}
	for t := from.Add(time.Minute); !t.After(to); t = t.Add(time.Minute) {
		wall := wallOf(t, loc)
		if _, seen := w.first[wall.Unix()]; !seen {
			w.first[wall.Unix()] = len(w.instants)
		}
		w.instants, w.walls = append(w.instants, t), append(w.walls, wall)
	}
	return w
}

// oracle lists the fires of the window as contract 11.4 words it, minute by minute.
func (w *window) oracle(c oracleCase) []time.Time {
	fires := make([]bool, len(w.instants))
	if c.wild {
		for i, wall := range w.walls {
			fires[i] = c.match(wall)
		}
	} else {
		for wall := w.walls[0]; !wall.After(w.walls[len(w.walls)-1]); wall = wall.Add(time.Minute) {
			if !c.match(wall) {
				continue
			}
			if i, ok := w.first[wall.Unix()]; ok {
				fires[i] = true
				continue
			}
			// The first moment after the gap.
			fires[slices.IndexFunc(w.walls, func(other time.Time) bool { return other.After(wall) })] = true
		}
	}
	var out []time.Time
	for i, t := range w.instants {
		if fires[i] {
			out = append(out, t)
		}
	}
	return out
}

func zoneNames(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(data))
	if len(names) < 500 {
		t.Fatalf("testdata/zones.txt has %d zones, want all of them", len(names))
	}
	return names
}

func TestExpression_Next_EveryZone(t *testing.T) {
	from, to := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2041, 1, 1, 0, 0, 0, 0, time.UTC)
	known := map[string]bool{}
	random := rand.New(rand.NewPCG(1, 2))
	changes, checked := 0, 0
	for _, name := range zoneNames(t) {
		z, err := cron.LoadZone(name)
		if err != nil {
			t.Errorf("LoadZone(%q) = %v", name, err)
			continue
		}
		loc := z.Location()
		var key strings.Builder
		list := transitions(loc, from, to)
		for _, tr := range list {
			key.WriteString(tr.Format("060102T1504Z"))
			key.WriteString(tr.In(loc).Format("-0700 "))
		}
		if known[key.String()] || len(list) == 0 {
			continue // another name of a zone that was checked
		}
		known[key.String()] = true
		for _, tr := range list {
			changes++
			if testing.Short() && changes%10 != 0 {
				continue
			}
			jump := wallOf(tr, loc).Sub(wallOf(tr.Add(-time.Second), loc)).Abs()
			start, end := tr.Add(-jump-3*time.Hour).Truncate(time.Minute), tr.Add(jump+3*time.Hour).Truncate(time.Minute)
			w := newWindow(loc, start, end)
			for _, i := range random.Perm(len(oracleCases))[:3] {
				compare(t, oracleCases[i], z, name, w)
				checked++
			}
		}
	}
	if changes < 3000 {
		t.Errorf("found %d changes of clocks, want thousands", changes)
	}
	t.Logf("%d changes of clocks in %d different zones, %d comparisons", changes, len(known), checked)
}

// TestExpression_Next_SkippedDay checks every expression at the days that vanished, where the random choice above may miss one.
func TestExpression_Next_SkippedDay(t *testing.T) {
	for name, tr := range map[string]time.Time{
		"Pacific/Apia":        time.Date(2011, 12, 30, 10, 0, 0, 0, time.UTC),
		"Pacific/Kwajalein":   time.Date(1993, 8, 21, 12, 0, 0, 0, time.UTC),
		"Pacific/Fakaofo":     time.Date(2011, 12, 30, 11, 0, 0, 0, time.UTC),
		"Australia/Lord_Howe": time.Date(2024, 10, 5, 15, 30, 0, 0, time.UTC),
		"Africa/Casablanca":   time.Date(2024, 3, 10, 2, 0, 0, 0, time.UTC),
		"America/New_York":    time.Date(2024, 11, 3, 6, 0, 0, 0, time.UTC),
		"America/St_Johns":    time.Date(2007, 10, 28, 2, 31, 0, 0, time.UTC),
		"America/Sao_Paulo":   time.Date(2018, 11, 4, 3, 0, 0, 0, time.UTC),
	} {
		z, err := cron.LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		w := newWindow(z.Location(), tr.Add(-50*time.Hour), tr.Add(50*time.Hour))
		for _, c := range oracleCases {
			compare(t, c, z, name, w)
		}
	}
}

func compare(t *testing.T, c oracleCase, z *cron.Zone, name string, w *window) {
	t.Helper()
	x, err := cron.Parse(c.text)
	if err != nil {
		t.Fatal(err)
	}
	from, to, want := w.from, w.to, w.oracle(c)
	// From any moment of the window, the middle of minutes, gaps and repeated hours included.
	random := rand.New(rand.NewPCG(uint64(from.Unix()), uint64(len(c.text))))
	for range 8 {
		asked := from.Add(time.Duration(random.Int64N(int64(to.Sub(from)))))
		i, _ := slices.BinarySearchFunc(want, asked, func(w, a time.Time) int {
			if w.After(a) {
				return 1
			}
			return -1
		})
		got, ok := x.Next(asked, z)
		switch {
		case i < len(want) && (!ok || !got.Equal(want[i])):
			t.Fatalf("%q in %s: Next(%v) = %v, %v; want %v", c.text, name, asked, got, ok, want[i])
		case i == len(want) && ok && !got.After(to):
			t.Fatalf("%q in %s: Next(%v) = %v, want none until %v", c.text, name, asked, got, to)
		}
	}
	last := from
	for i := 0; ; i++ {
		got, ok := x.Next(last, z)
		if ok && !got.After(last) {
			t.Fatalf("%q in %s: Next(%v) = %v, not later", c.text, name, last, got)
		}
		if !ok || got.After(to) {
			if i != len(want) {
				t.Fatalf("%q in %s after %v: no fire until %v, want %v", c.text, name, last, to, want[i])
			}
			return
		}
		if i == len(want) || !got.Equal(want[i]) {
			t.Fatalf("%q in %s: Next(%v) = %v, want fires %v", c.text, name, last, got, want[min(i, len(want)):])
		}
		last = got
	}
}

func TestZone_TableAgreesWithLocation(t *testing.T) {
	for i, name := range zoneNames(t) {
		if testing.Short() && i%10 != 0 {
			continue
		}
		z, err := cron.LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		// A step that is no multiple of a day visits all hours; the end covers the leap years in which ZoneBounds errs.
		for at := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2100; at = at.Add(157*time.Hour + 7*time.Minute) {
			_, want := at.In(z.Location()).Zone()
			if got := z.OffsetSeconds(at); got != want {
				t.Fatalf("%s: offset at %v is %d s, want %d s", name, at, got, want)
			}
		}
	}
}
