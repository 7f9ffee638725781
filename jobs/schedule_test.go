package jobs_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

func schedTime(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := jobs.ParseScheduleTime(text, "", false)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// schedOf reads "interval|type|zone|startOn|endOn"; missing parts are empty.
func schedOf(t testing.TB, text string) jobs.Schedule {
	t.Helper()
	part := append(strings.Split(text, "|"), "", "", "", "")
	s := jobs.Schedule{Interval: part[0], IntervalType: jobs.IntervalType(part[1]), Timezone: part[2]}
	for i, at := range []*time.Time{&s.StartOn, &s.EndOn} {
		if part[3+i] == "" {
			continue
		}
		parsed, err := jobs.ParseScheduleTime(part[3+i], s.Timezone, i == 1)
		if err != nil {
			t.Fatal(err)
		}
		*at = parsed
	}
	return s
}

func schedFormat(times []time.Time) []string {
	var out []string
	for _, at := range times {
		out = append(out, at.Format("2006-01-02T15:04:05.000Z07:00"))
	}
	return out
}

// The vectors of contract 19, in its order, and a few of our own.
func TestSchedule_FireTimes(t *testing.T) {
	for _, tt := range []struct {
		name, schedule, from string
		count                int
		want                 string
	}{
		{"cron in a zone", "0 8 * * *||America/New_York", "2024-02-09T20:00:00Z", 2, "2024-02-10T13:00:00.000Z 2024-02-11T13:00:00.000Z"},
		{"clock change between", "30 5 * * 1-5||Europe/Berlin", "2026-03-26T12:00:00Z", 3, "2026-03-27T04:30:00.000Z 2026-03-30T03:30:00.000Z 2026-03-31T03:30:00.000Z"},
		{"gap", "30 2 * * *||America/New_York", "2024-03-09T06:00:00Z", 3, "2024-03-09T07:30:00.000Z 2024-03-10T07:00:00.000Z 2024-03-11T06:30:00.000Z"},
		{"gap with wildcard hour", "*/30 * * * *||America/New_York", "2024-03-10T06:10:00Z", 3, "2024-03-10T06:30:00.000Z 2024-03-10T07:00:00.000Z 2024-03-10T07:30:00.000Z"},
		{"repeated hour, fixed", "30 1 * * *||America/New_York", "2024-11-02T05:00:00Z", 3, "2024-11-02T05:30:00.000Z 2024-11-03T05:30:00.000Z 2024-11-04T06:30:00.000Z"},
		{"repeated hour, wildcard", "*/30 * * * *||America/New_York", "2024-11-03T04:50:00Z", 5, "2024-11-03T05:00:00.000Z 2024-11-03T05:30:00.000Z 2024-11-03T06:00:00.000Z 2024-11-03T06:30:00.000Z 2024-11-03T07:00:00.000Z"},
		{"day or weekday", "0 0 1 * 1||UTC", "2024-02-27T00:00:00Z", 3, "2024-03-01T00:00:00.000Z 2024-03-04T00:00:00.000Z 2024-03-11T00:00:00.000Z"},
		{"Sunday as 7", "0 12 * * 7||UTC", "2024-02-09T00:00:00Z", 1, "2024-02-11T12:00:00.000Z"},
		{"leap day", "0 0 29 2 *||UTC", "2024-03-01T00:00:00Z", 1, "2028-02-29T00:00:00.000Z"},
		{"a step counts as limited", "0 0 */2 * 1||UTC", "2024-02-09T12:00:00Z", 3, "2024-02-11T00:00:00.000Z 2024-02-12T00:00:00.000Z 2024-02-13T00:00:00.000Z"},
		{"days over a clock change", "1 day||Europe/Berlin|2026-03-28T06:00", "2026-03-28T00:00:00Z", 2, "2026-03-28T05:00:00.000Z 2026-03-29T04:00:00.000Z"},
		{"hours over a clock change", "24 hours||Europe/Berlin|2026-03-28T06:00", "2026-03-28T00:00:00Z", 2, "2026-03-28T05:00:00.000Z 2026-03-29T05:00:00.000Z"},
		{"short month", "1 month||UTC|2026-01-31", "2026-01-01T00:00:00Z", 3, "2026-01-31T00:00:00.000Z 2026-02-28T00:00:00.000Z 2026-03-31T00:00:00.000Z"},
		{"simple without startOn", "90 minutes", "2026-01-01T00:00:00Z", 2, "2026-01-01T01:30:00.000Z 2026-01-01T03:00:00.000Z"},
		{"bounds included", "0 0 * * *||UTC|2026-01-01|2026-01-02", "2025-12-01T00:00:00Z", 10, "2026-01-01T00:00:00.000Z 2026-01-02T00:00:00.000Z"},
		{"once", "|once|Europe/Berlin|2026-05-01T09:00", "2026-04-01T00:00:00Z", 10, "2026-05-01T07:00:00.000Z"},

		{"a fire exactly at the moment asked from is past", "0 0 * * *", "2026-01-01T00:00:00Z", 1, "2026-01-02T00:00:00.000Z"},
		{"an end exactly on a fire", "@hourly||||2026-01-01T02:00", "2026-01-01T00:00:00Z", 10, "2026-01-01T01:00:00.000Z 2026-01-01T02:00:00.000Z"},
		{"an end one millisecond before a fire", "@hourly||||2026-01-01T01:59:59.999", "2026-01-01T00:00:00Z", 10, "2026-01-01T01:00:00.000Z"},
		{"simple ends exactly on a fire", "1 hour|||2026-01-01|2026-01-01T01:00", "2025-01-01", 10, "2026-01-01T00:00:00.000Z 2026-01-01T01:00:00.000Z"},
		{"once as a local date-time", "2026-05-01T09:00||Europe/Berlin", "2026-04-01", 10, "2026-05-01T07:00:00.000Z"},
		{"once outside its bounds", "2026-05-01T09:00|||2026-06-01", "2026-04-01", 10, ""},
		{"once in the past", "2026-05-01T09:00", "2026-05-01T09:00", 10, ""},
		{"months without anchor keep the 31st", "1 month", "2026-01-31", 3, "2026-02-28T00:00:00.000Z 2026-03-31T00:00:00.000Z 2026-04-30T00:00:00.000Z"},
		{"a skipped day gives one fire at its end", "0 8 * * *||Pacific/Apia", "2011-12-29T20:00:00Z", 2, "2011-12-30T10:00:00.000Z 2011-12-30T18:00:00.000Z"},
		{"by hand", "|||2026-01-01|", "2030-01-01", 3, ""},
		{"no count", "@hourly", "2026-01-01", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := schedOf(t, tt.schedule)
			got := schedFormat(s.FireTimes(schedTime(t, tt.from), tt.count))
			if diff := cmp.Diff(strings.Fields(tt.want), got, cmp.Transformer("", func(s []string) string { return strings.Join(s, "\n") })); diff != "" {
				t.Errorf("FireTimes of %q from %s (-want +got):\n%s", tt.schedule, tt.from, diff)
			}
		})
	}
}

func TestSchedule_Validate(t *testing.T) {
	for _, tt := range []struct{ schedule, fields string }{
		{"61 * * * *", "interval"},
		{"* * * *", "interval"},
		{"0 0 0 * * *", "interval"},
		{"5-1 * * * *", "interval"},
		{"0 0 * * FRI-MON", "interval"},
		{"1,,2 * * * *", "interval"},
		{"@midnight", "interval"},
		{"0 hours", "interval"},
		{"0 0 30 2 *", "interval"},
		{"tomorrow", "interval"},
		{"2026-13-01", "interval"},
		{"1 fortnight", "interval"},
		{"2200-01-01", "interval"},
		{"1969-12-31T23:59", "interval"},
		{"1 hour|cron", "interval"},
		{"@daily|simple", "interval"},
		{"@daily|once", "interval"},
		{"2026-01-01|cron", "interval"},
		{"|cron", "interval"},
		{"  |simple", "interval"},
		{"|once", "startOn"},
		{"@daily|weekly", "intervalType"},
		{"|Cron", "intervalType"},
		{"@daily||Local", "timezone"},
		{"||Mars/Olympus", "timezone"},
		{"61 * * * *|| x ", "timezone interval"},
		{"@daily|||2026-01-02|2026-01-01", "startOn"},
		{"|||2026-01-02|2026-01-01", "startOn"},
		{"@daily|||1969-12-31", "startOn"},
		{"@daily|||2100-01-01", "startOn"},
		{"@daily||||1960-01-01", "endOn"},

		{"@daily", ""},
		{" 0 5 * * * |cron|Europe/Berlin|2026-01-01|2026-01-01", ""},
		{"1 hour|simple", ""},
		{"|once||2026-01-01", ""},
		{"", ""},
		{"||Europe/Berlin", ""},
		{"@daily||||9999-12-31", ""},
		{"|||2026-01-01", ""},
		{"0 0 29 2 *", ""},
	} {
		s := schedOf(t, strings.Replace(tt.schedule, "| x ", "|", 1))
		if strings.Contains(tt.schedule, "| x ") {
			s.Timezone = "x"
		}
		err := s.Validate()
		var got []string
		var v *jobs.ValidationError
		if errors.As(err, &v) {
			for _, f := range v.Fields {
				got = append(got, f.Path)
				if f.Message == "" {
					t.Errorf("Validate of %q: field %s has no message", tt.schedule, f.Path)
				}
			}
		}
		if strings.Join(got, " ") != tt.fields || (err == nil) != (tt.fields == "") {
			t.Errorf("Validate of %q names %v (%v), want %q", tt.schedule, got, err, tt.fields)
		}
		_, next := s.Next(schedTime(t, "1990-01-01"))
		if err != nil && next {
			t.Errorf("%q is invalid, and fires", tt.schedule)
		}
		if _, nerr := s.Normalize(); s.Timezone != "x" && (nerr == nil) != (err == nil) {
			t.Errorf("Normalize of %q = %v, Validate = %v", tt.schedule, nerr, err)
		}
	}
	if err := (jobs.Schedule{EndOn: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}).Validate(); err == nil {
		t.Error("an end in the year 12000 is valid; JSON cannot hold it")
	}
}

func TestSchedule_Normalize(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, berlin)
	got, err := jobs.Schedule{Interval: "  00 5 * * MON ", Timezone: " Europe/Berlin ", StartOn: start, Anchor: start.Add(time.Hour), Offset: 7}.Normalize()
	want := jobs.Schedule{
		Interval: "00 5 * * MON", IntervalType: jobs.IntervalCron, Timezone: "Europe/Berlin",
		StartOn: time.Date(2026, 3, 1, 11, 0, 0, 123e6, time.UTC), Anchor: time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC), Offset: 7,
	}
	if err != nil || got != want {
		t.Errorf("Normalize = %+v, %v; want %+v", got, err, want)
	}
	for text, want := range map[string]jobs.IntervalType{
		"@Daily": jobs.IntervalCron, "* * * * *": jobs.IntervalCron, "2 Weeks": jobs.IntervalSimple, "2026-01-01T10:00": jobs.IntervalOnce,
		"2026-01-01T10:00:00+02:00": jobs.IntervalOnce, "|||2026-01-01": jobs.IntervalOnce, "": "", "||Europe/Berlin": "",
	} {
		s := schedOf(t, text)
		if got, err := s.Normalize(); err != nil || got.IntervalType != want {
			t.Errorf("Normalize of %q derives %q, %v; want %q", text, got.IntervalType, err, want)
		}
		if got, want := s.IsZero(), want == ""; got != want {
			t.Errorf("IsZero of %q = %v, want %v", text, got, want)
		}
	}
}

func TestSchedule_JSON(t *testing.T) {
	full, err := schedOf(t, "30 5 * * 1-5||Europe/Berlin|2026-03-02|2026-12-31").Normalize()
	if err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]jobs.Schedule{
		`{"interval":null,"intervalType":null,"timezone":null,"startOn":null,"endOn":null}`:                                                                    {},
		`{"interval":"30 5 * * 1-5","intervalType":"cron","timezone":"Europe/Berlin","startOn":"2026-03-01T23:00:00.000Z","endOn":"2026-12-31T22:59:59.999Z"}`: full,
		`{"interval":"1 hour","intervalType":null,"timezone":null,"startOn":null,"endOn":null,"anchor":"2026-03-30T00:00:00.000Z"}`: {
			Interval: "1 hour", Anchor: schedTime(t, "2026-03-30"),
		},
	} {
		got, err := json.Marshal(s)
		if err != nil || string(got) != want {
			t.Errorf("Marshal = %s, %v; want %s", got, err, want)
		}
		var back jobs.Schedule
		if err := json.Unmarshal(got, &back); err != nil || back != s {
			t.Errorf("Unmarshal(%s) = %+v, %v; want %+v", got, back, err, s)
		}
	}
	var local jobs.Schedule
	if err := json.Unmarshal([]byte(`{"timezone":"Europe/Berlin","startOn":"2026-03-02","endOn":"2026-03-02"}`), &local); err != nil ||
		local.StartOn != schedTime(t, "2026-03-01T23:00Z") || local.EndOn != schedTime(t, "2026-03-02T22:59:59.999Z") {
		t.Errorf("Unmarshal of dates = %v to %v, %v", local.StartOn, local.EndOn, err)
	}
	var v *jobs.ValidationError
	if err := json.Unmarshal([]byte(`{"startOn":"soon","endOn":"never"}`), &local); !errors.As(err, &v) || len(v.Fields) != 2 || v.Fields[1].Path != "endOn" {
		t.Errorf("Unmarshal of bad times = %v, want both fields named", err)
	}
	if _, err := json.Marshal(jobs.Schedule{StartOn: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
		t.Error("Marshal of the year 12000 succeeds")
	}
}

func TestScheduleFault(t *testing.T) {
	for text, want := range map[string]string{"0 24 * * *": "24", " 1,,2 * * * *": "1,,2", "10001 hours": "10001", "1 fortnight": "fortnight"} {
		start, end, ok := jobs.ScheduleFault(text, "")
		if !ok || text[start:end] != want {
			t.Errorf("ScheduleFault(%q) = %d, %d, %v; want the place of %q", text, start, end, ok, want)
		}
	}
	for _, text := range []string{"", "@daily", "1 hour", "2026-01-01", "nonsense"} {
		if _, _, ok := jobs.ScheduleFault(text, ""); ok {
			t.Errorf("ScheduleFault(%q) finds a fault", text)
		}
	}
}

func TestSchedule_ShortestGap(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"*/5 * * * *": 5 * time.Minute, "0 0 * * 1": 7 * 24 * time.Hour, "90 minutes": 90 * time.Minute, "2 months": 56 * 24 * time.Hour,
		"2026-01-01": 0, "": 0, "61 * * * *": 0,
	} {
		if got := schedOf(t, text).ShortestGap(); got != want {
			t.Errorf("ShortestGap of %q = %v, want %v", text, got, want)
		}
	}
}

func TestJitterOffset(t *testing.T) {
	var seen []time.Duration
	for _, id := range strings.Split("abcdefghijklmnopqrstuvwxyz0123456789", "") {
		d := jobs.JitterOffset(id, 2)
		if d != jobs.JitterOffset(id, 2) || d%time.Second != 0 || d < 0 || d > 2*time.Second {
			t.Errorf("JitterOffset(%q, 2) = %v", id, d)
		}
		seen = append(seen, d)
	}
	slices.Sort(seen)
	if got := slices.Compact(seen); len(got) != 3 {
		t.Errorf("36 ids have the offsets %v, want 0, 1 and 2 s", got)
	}
	if a, b := jobs.JitterOffset("a", 0), jobs.JitterOffset("a", -5); a != 0 || b != 0 {
		t.Errorf("JitterOffset without jitter = %v, %v", a, b)
	}
	if got, want := jobs.JitterOffset("0198f0a0-7c1e-7000-8000-000000000001", 3600), 423*time.Second; got != want {
		t.Errorf("JitterOffset = %v, want %v as ever: it must not change between versions", got, want)
	}
}
