package jobs_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

func TestParseScheduleTime(t *testing.T) {
	for _, tt := range []struct {
		text, zone string
		end        bool
		want       string
	}{
		{"2026-03-30T05:30:00Z", "Europe/Berlin", false, "2026-03-30T05:30:00.000Z"},
		{"2026-03-30t05:30:00z", "", true, "2026-03-30T05:30:00.000Z"},
		{"2026-03-30T05:30:00.1239+02:00", "", false, "2026-03-30T03:30:00.123Z"},
		{"2026-03-30T05:30-03:30", "", false, "2026-03-30T09:00:00.000Z"},
		{" 2026-03-28T06:00 ", "Europe/Berlin", false, "2026-03-28T05:00:00.000Z"},
		{"2026-03-28T06:00:07.5", "Europe/Berlin", false, "2026-03-28T05:00:07.500Z"},
		{"2026-03-30", "", false, "2026-03-30T00:00:00.000Z"},
		{"2026-03-30", "Europe/Berlin", false, "2026-03-29T22:00:00.000Z"},
		{"2026-03-30", "Europe/Berlin", true, "2026-03-30T21:59:59.999Z"},
		{"2026-03-29", "Europe/Berlin", true, "2026-03-29T21:59:59.999Z"},
		{"9999-12-31", "Europe/Berlin", true, "9999-12-31T22:59:59.999Z"},
		{"1850-01-01T12:00", "UTC", false, "1850-01-01T12:00:00.000Z"},
		// A gap, a repeated hour, days that begin or end in one.
		{"2024-03-10T02:30", "America/New_York", false, "2024-03-10T07:00:00.000Z"},
		{"2024-11-03T01:30", "America/New_York", false, "2024-11-03T05:30:00.000Z"},
		{"2018-11-04", "America/Sao_Paulo", false, "2018-11-04T03:00:00.000Z"},
		{"2018-02-17", "America/Sao_Paulo", true, "2018-02-18T02:59:59.999Z"},
		{"2007-11-03", "America/St_Johns", true, "2007-11-04T03:29:59.999Z"},
		{"2018-11-03", "America/Sao_Paulo", true, "2018-11-04T02:59:59.999Z"},
		{"2011-12-30", "Pacific/Apia", false, "2011-12-30T10:00:00.000Z"},
		{"2011-12-29", "Pacific/Apia", true, "2011-12-30T09:59:59.999Z"},
		{"2011-12-30", "Pacific/Apia", true, "2011-12-30T09:59:59.999Z"},
	} {
		got, err := jobs.ParseScheduleTime(tt.text, tt.zone, tt.end)
		if text := schedFormat([]time.Time{got})[0]; err != nil || text != tt.want {
			t.Errorf("ParseScheduleTime(%q, %q, %v) = %s, %v; want %s", tt.text, tt.zone, tt.end, text, err, tt.want)
		}
	}
	for _, text := range []string{
		"", "now", "2026-3-1", "2026-02-29", "2026-13-01", "2026-00-01", "0000-01-01", "2026-01-01T24:00", "2026-01-01T12:60",
		"2026-01-01T12:00:60Z", "2026-01-01 12:00", "2026-01-01T1:00", "2026-01-01T12:00:00,5Z", "2026-01-01T12:00+24:00", "2026-01-01T12:00+01:60",
		"2026-01-01T12:00+0100", "2026-01-01T12", "2026-01-01Z", "20260101", "2026-01-01T12:00:00.1234567890Z", "+2026-01-01", "２026-01-01",
	} {
		if got, err := jobs.ParseScheduleTime(text, "", false); err == nil {
			t.Errorf("ParseScheduleTime(%q) = %v, want an error", text, got)
		}
	}
	if _, err := jobs.ParseScheduleTime("2026-01-01", "Local", false); err == nil {
		t.Error("ParseScheduleTime in zone Local succeeds")
	}
}

func FuzzParseScheduleTime(f *testing.F) {
	for _, text := range []string{"2026-03-30T05:30:00.123Z", "2026-03-30T05:30+02:00", "2026-03-30", "2024-02-30", "0001-01-01", "9999-12-31T23:59:59.999-23:59"} {
		f.Add(text, "Europe/Berlin")
		f.Add(text, "Pacific/Apia")
	}
	f.Fuzz(func(t *testing.T, text, zone string) {
		first, err := jobs.ParseScheduleTime(text, zone, false)
		last, errLast := jobs.ParseScheduleTime(text, zone, true)
		if (err == nil) != (errLast == nil) {
			t.Fatalf("ParseScheduleTime(%q, %q): start %v, end %v", text, zone, err, errLast)
		}
		if err != nil {
			return
		}
		if last.Before(first.Add(-time.Millisecond)) || last.Sub(first) > 50*time.Hour {
			t.Fatalf("ParseScheduleTime(%q, %q): from %v to %v", text, zone, first, last)
		}
		if y := first.Year(); y < 1 || y > 9999 {
			return // an offset moved it out of the years that the form can hold
		}
		again, err := jobs.ParseScheduleTime(first.Format("2006-01-02T15:04:05.000Z"), zone, false)
		if err != nil || !again.Equal(first) {
			t.Fatalf("ParseScheduleTime(%q, %q) = %v, which reads back as %v, %v", text, zone, first, again, err)
		}
	})
}

func TestSchedule_Explain(t *testing.T) {
	for _, tt := range []struct {
		name, schedule, from string
		count                int
		want                 []string // local and change
	}{
		{
			"gap", "30 2 * * *||America/New_York", "2024-03-09T06:00:00Z", 3,
			[]string{"2024-03-09T02:30:00-05:00 ", "2024-03-10T03:00:00-04:00 gap", "2024-03-11T02:30:00-04:00 "},
		},
		{"a regular fire at the end of a gap is no gap", "0 3 * * *||America/New_York", "2024-03-10T00:00:00Z", 1, []string{"2024-03-10T03:00:00-04:00 "}},
		{"a wildcard hour has no gap", "0 * * * *||America/New_York", "2024-03-10T06:10:00Z", 1, []string{"2024-03-10T03:00:00-04:00 "}},
		{"overlap, fixed", "30 1 * * *||America/New_York", "2024-11-03T00:00:00Z", 2, []string{"2024-11-03T01:30:00-04:00 overlap", "2024-11-04T01:30:00-05:00 "}},
		{
			"overlap, wildcard", "0 * * * *||America/New_York", "2024-11-03T04:30:00Z", 3,
			[]string{"2024-11-03T01:00:00-04:00 overlap", "2024-11-03T01:00:00-05:00 overlap", "2024-11-03T02:00:00-05:00 "},
		},
		{
			"simple in a gap", "1 day||America/New_York|2024-03-09T02:30", "2024-03-09T00:00:00Z", 3,
			[]string{"2024-03-09T02:30:00-05:00 ", "2024-03-10T03:00:00-04:00 gap", "2024-03-11T02:30:00-04:00 "},
		},
		{"hours have no gap", "1 hour||America/New_York|2024-03-10T01:00", "2024-03-10T06:30:00Z", 1, []string{"2024-03-10T03:00:00-04:00 "}},
		{"a skipped day meets the next", "1 day||Pacific/Apia|2011-12-29", "2011-12-29T12:00:00Z", 2, []string{"2011-12-31T00:00:00+14:00 gap", "2012-01-01T00:00:00+14:00 "}},
		{"once in a gap", "2024-03-10T02:30||America/New_York", "2024-01-01", 1, []string{"2024-03-10T03:00:00-04:00 gap"}},
		{"UTC", "@daily", "2024-01-01", 1, []string{"2024-01-02T00:00:00Z "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := schedOf(t, tt.schedule)
			for _, offset := range []time.Duration{0, 90 * time.Minute} {
				s.Offset = offset
				var got []string
				for _, e := range s.Explain(s.FireTimes(schedTime(t, tt.from).Add(offset), tt.count)) {
					if offset == 0 {
						got = append(got, e.Local+" "+e.Change)
						continue
					}
					got = append(got, e.Change)
				}
				want := tt.want
				if offset != 0 {
					want = nil
					for _, w := range tt.want {
						change := ""
						if i := len("2024-03-10T03:00:00-04:00 "); len(w) > i {
							change = w[i:]
						}
						want = append(want, change)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("Explain of %q with offset %v (-want +got):\n%s", tt.schedule, offset, diff)
				}
			}
		})
	}
	odd := jobs.Schedule{Interval: "nonsense"}.Explain([]time.Time{schedTime(t, "2026-01-01")})
	if len(odd) != 1 || odd[0].Local != "2026-01-01T00:00:00Z" || odd[0].Change != "" {
		t.Errorf("Explain of an invalid schedule = %+v, want UTC", odd)
	}
}

func TestSchedule_Words(t *testing.T) {
	for schedule, want := range map[string]string{
		"30 5 * * 1-5||Europe/Berlin":             "every weekday at 05:30 Europe/Berlin",
		"@daily|||2026-01-01|2026-12-31":          "every day at 00:00 UTC, from 2026-01-01 00:00, until 2026-12-31 23:59:59",
		"90 minutes":                              "every 90 minutes",
		"1 month||Europe/Berlin|2026-01-31T06:00": "every month from 2026-01-31 06:00 Europe/Berlin",
		"|once|Europe/Berlin|2026-05-01T09:00":    "once at 2026-05-01 09:00 Europe/Berlin",
		"2026-05-01T09:00:05":                     "once at 2026-05-01 09:00:05 UTC",
		"1 day||Europe/Berlin":                    "every day Europe/Berlin",
		"2 weeks||Asia/Tokyo||2026-01-31":         "every 2 weeks Asia/Tokyo, until 2026-01-31 23:59:59",
		"90 minutes||Asia/Tokyo":                  "every 90 minutes",
		"":                                        "by hand only",
		" 61 * * * * ":                            "61 * * * *",
	} {
		if got := schedOf(t, schedule).Words(); got != want {
			t.Errorf("Words of %q = %q, want %q", schedule, got, want)
		}
	}
}
