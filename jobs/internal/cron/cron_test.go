package cron_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/cron"
)

func mustParse(t testing.TB, text string) *cron.Expression {
	t.Helper()
	x, err := cron.Parse(text)
	if err != nil {
		t.Fatalf("Parse(%q) = %v", text, err)
	}
	return x
}

func mustZone(t testing.TB, name string) *cron.Zone {
	t.Helper()
	z, err := cron.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestParse_Refuses(t *testing.T) {
	for _, tt := range []struct{ text, wrong, message string }{
		{"", "", "needs five fields"},
		{"* * * *", "* * * *", "has 4"},
		{"0 0 0 * * *", "*", "has 6 fields"},
		{"0 0 0 * * * 2026", "*", "has 7 fields"},
		{"0 0 1 1 1 1 1 1", "0 0 1 1 1 1 1 1", "has 8"},
		{"61 * * * *", "61", "minute 61 is out of range 0 to 59"},
		{"0 24 * * *", "24", "hour 24 is out of range 0 to 23"},
		{"0 0 0 * *", "0", "day 0 is out of range 1 to 31"},
		{"0 0 32 * *", "32", "day 32 is out of range 1 to 31"},
		{"0 0 * 13 *", "13", "month 13 is out of range 1 to 12"},
		{"0 0 * * 8", "8", "weekday 8 is out of range 0 to 7"},
		{"99999999999999999999 * * * *", "99999999999999999999", "out of range"},
		{"5-1 * * * *", "5-1", "minute range \"5-1\" runs backwards"},
		{"0 22-2 * * *", "22-2", "runs backwards"},
		{"0 0 28-5 * *", "28-5", "runs backwards"},
		{"0 0 * nov-feb *", "nov-feb", "runs backwards"},
		{"0 0 * * FRI-MON", "FRI-MON", "runs backwards"},
		{"0 0 * * 5-0", "5-0", "runs backwards"},
		{"1,,2 * * * *", "1,,2", "empty list member"},
		{",1 * * * *", ",1", "empty list member"},
		{"1, * * * *", "1,", "empty list member"},
		{"*,5 * * * *", "*", "cannot be a member"},
		{"*/0 * * * *", "*/0", "step \"0\" is not a number from 1 to 59"},
		{"*/60 * * * *", "*/60", "step"},
		{"0 */24 * * *", "*/24", "step"},
		{"*/ * * * *", "*/", "step"},
		{"/5 * * * *", "", "is not a number"},
		{"1/2/3 * * * *", "1/2/3", "step"},
		{"+1 * * * *", "+1", "not a number"},
		{"-1 * * * *", "", "not a number"},
		{"1.5 * * * *", "1.5", "not a number"},
		{"１ * * * *", "１", "not a number"},
		{"0\u00a00 * * *", "0\u00a00 * * *", "has 4"},
		{"0 0 * * *\n", "*\n", "weekday"},
		{"? * * * *", "?", "not a number"},
		{"0 0 L-3 * *", "L", "not a number"},
		{"0 0 32W * *", "32", "out of range"},
		{"0 0 0W * *", "0", "out of range"},
		{"0 0 W * *", "W", "not a number"},
		{"0 0 1-5W * *", "5W", "not a number"},
		{"0 0 * * L", "L", "neither a number"},
		{"0 0 * * 8L", "8", "out of range"},
		{"0 0 * * 5#6", "5#6", "must be 1 to 5"},
		{"0 0 * * 5#0", "5#0", "must be 1 to 5"},
		{"0 0 * * #1", "", "neither a number"},
		{"0 0 * * 5W", "5W", "neither a number"},
		{"L * * * *", "L", "not a number"},
		{"0 0 * * MONTAG", "MONTAG", "neither a number from 0 to 7 nor a name (SUN to SAT)"},
		{"0 0 * J *", "J", "nor a name (JAN to DEC)"},
		{"0 0 1 1 \xa3L", "\xa3", "neither a number"},
		{"0 0 30 2 *", "30 2 *", "never fires"},
		{"0 0 31 4,6,9,11 *", "31 4,6,9,11 *", "never fires"},
		{"0 0 31W 2 *", "31W 2 *", "never fires"},
		{"@midnight", "@midnight", "not a shorthand"},
		{"@daily 5 5 5", "@daily 5 5 5", "not a shorthand"},
		{"@every 1h", "@every 1h", "not a shorthand"},
		{"@reboot", "@reboot", "not a shorthand"},
		{"TZ=UTC 0 0 * * *", "*", "has 6"},
	} {
		_, err := cron.Parse(tt.text)
		var fault *cron.Error
		if !errors.As(err, &fault) {
			t.Errorf("Parse(%q) = %v, want an *Error", tt.text, err)
			continue
		}
		if got := tt.text[fault.Start:fault.End]; got != tt.wrong {
			t.Errorf("Parse(%q) marks %q, want %q", tt.text, got, tt.wrong)
		}
		if !strings.Contains(err.Error(), tt.message) {
			t.Errorf("Parse(%q) = %q, want %q in it", tt.text, err, tt.message)
		}
	}
	if _, err := cron.Parse(strings.Repeat("1,", 150) + "1 * * * *"); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("Parse of a long text = %v, want an error", err)
	}
}

func TestExpression_Next_UTC(t *testing.T) {
	for _, tt := range []struct{ name, text, from, want string }{
		{"leading zeros of a month", "00 00 01 01 *", "2026-03-01T00:00:00Z", "2027-01-01T00:00:00Z 2028-01-01T00:00:00Z"},
		{"leading zeros of a weekday", "0 0 * * 05", "2026-11-24T00:00:00Z", "2026-11-27T00:00:00Z 2026-12-04T00:00:00Z"},
		{"names in any case", "0 0 * jAn,DECEMBER Mon-wednesday", "2026-12-29T00:00:00Z", "2026-12-30T00:00:00Z 2027-01-04T00:00:00Z"},
		{"weekday 7 is Sunday", "0 12 * * 7", "2024-02-09T00:00:00Z", "2024-02-11T12:00:00Z"},
		{"range to weekday 7", "0 0 * * 5-7", "2026-11-24T00:00:00Z", "2026-11-27T00:00:00Z 2026-11-28T00:00:00Z 2026-11-29T00:00:00Z 2026-12-04T00:00:00Z"},
		{"range to the name of Sunday", "0 0 * * fri-sun", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z 2026-12-04T00:00:00Z"},
		{"step over weekdays from 7", "0 0 * * 7/3", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z 2026-11-28T00:00:00Z 2026-11-29T00:00:00Z"},
		{"value with step goes to the end", "50/5 3 * * *", "2026-11-24T00:00:00Z", "2026-11-24T03:50:00Z 2026-11-24T03:55:00Z 2026-11-25T03:50:00Z"},
		{"range with step", "10-30/10 3 * * *", "2026-11-24T03:10:00Z", "2026-11-24T03:20:00Z 2026-11-24T03:30:00Z 2026-11-25T03:10:00Z"},
		{"step of one limits the day", "0 0 */1 * 1", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z 2026-11-26T00:00:00Z"},
		{"a question mark is a bare star", "0 0 ? * 1", "2026-11-24T00:00:00Z", "2026-11-30T00:00:00Z 2026-12-07T00:00:00Z"},
		{"last day", "0 0 L * *", "2024-02-01T00:00:00Z", "2024-02-29T00:00:00Z 2024-03-31T00:00:00Z"},
		{"last weekday of the month", "0 0 LW * *", "2026-02-01T00:00:00Z", "2026-02-27T00:00:00Z 2026-03-31T00:00:00Z"},
		{"weekday nearest to the first", "0 0 1W * *", "2026-07-15T00:00:00Z", "2026-08-03T00:00:00Z 2026-09-01T00:00:00Z"},
		{"last Friday", "0 0 * * friL", "2026-11-01T00:00:00Z", "2026-11-27T00:00:00Z 2026-12-25T00:00:00Z"},
		{"last Sunday as 7L", "0 0 * * 7L", "2026-11-01T00:00:00Z", "2026-11-29T00:00:00Z 2026-12-27T00:00:00Z"},
		{"second Sunday as 07#02", "0 0 * * 07#02", "2026-11-01T00:00:00Z", "2026-11-08T00:00:00Z 2026-12-13T00:00:00Z"},
		{"fifth Friday", "0 0 * * 5#5", "2026-02-01T00:00:00Z", "2026-05-29T00:00:00Z 2026-07-31T00:00:00Z"},
		{"day list with a last day", "0 0 15,L 2 *", "2026-02-01T00:00:00Z", "2026-02-15T00:00:00Z 2026-02-28T00:00:00Z 2027-02-15T00:00:00Z"},
		{"a leap day over 2100", "0 0 29 2 *", "2092-03-01T00:00:00Z", "2096-02-29T00:00:00Z never"},
		{"the last minute of 2099", "* * * * *", "2099-12-31T23:58:00Z", "2099-12-31T23:59:00Z never"},
		{"moments long ago", "0 0 1 1 *", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z 1971-01-01T00:00:00Z"},
		{"moments far ahead", "0 0 1 1 *", "9999-01-01T00:00:00Z", "never"},
		{"blanks and tabs", " \t0  0\t*  * * ", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"},
		{"hourly", "@hourly", "2026-11-24T00:10:00Z", "2026-11-24T01:00:00Z"},
		{"weekly, in capitals", " @WEEKLY ", "2026-11-24T00:10:00Z", "2026-11-29T00:00:00Z"},
		{"monthly", "@monthly", "2026-11-24T00:10:00Z", "2026-12-01T00:00:00Z"},
		{"annually", "@annually", "2026-11-24T00:10:00Z", "2027-01-01T00:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, at := mustParse(t, tt.text), moment(t, tt.from)
			for _, want := range strings.Fields(tt.want) {
				next, ok := x.Next(at, cron.UTC)
				got := "never"
				if ok {
					got = next.Format(time.RFC3339)
				}
				if got != want {
					t.Fatalf("%q after %v = %s, want %s", tt.text, at, got, want)
				}
				at = next
			}
		})
	}
}

// Hours that start with "*" are looked for period by period; these need the second or a later one.
func TestExpression_Next_LaterPeriods(t *testing.T) {
	for _, tt := range []struct{ name, text, zone, from, want string }{
		{"in the last hours of a later period", "30 * 29 3 *", "Europe/Berlin", "2025-05-01T00:00:00Z", "2026-03-28T23:30:00Z"},
		{"only in the second pass of a repeated hour", "15 */23 17 2 *", "America/Sao_Paulo", "2018-02-18T01:30:00Z", "2018-02-18T02:15:00Z"},
		{"at the first moment of a later period", "0 * 29 3 *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"},
		{"years ahead", "30 * 29 2 *", "America/New_York", "2024-03-01T06:00:00Z", "2028-02-29T05:30:00Z"},
	} {
		got, ok := mustParse(t, tt.text).Next(moment(t, tt.from), mustZone(t, tt.zone))
		if !ok || got.Format(time.RFC3339) != tt.want {
			t.Errorf("%s: %q in %s after %s = %v, %v; want %s", tt.name, tt.text, tt.zone, tt.from, got, ok, tt.want)
		}
	}
}

// The library writes into an expression while it computes: shared ones must not notice.
func TestExpression_Next_Concurrently(t *testing.T) {
	x, z := mustParse(t, "0 0 13 * 5"), mustZone(t, "Europe/Berlin")
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			from := time.Date(2026, time.Month(1+3*g), 1, 0, 0, 0, 0, time.UTC)
			want, _ := x.Next(from, z)
			for range 500 {
				if got, ok := x.Next(from, z); !ok || !got.Equal(want) {
					t.Errorf("Next(%v) = %v, want %v", from, got, want)
					return
				}
			}
		})
	}
	wait.Wait()
}

// TestExpression_Words reads the table of testdata/words.txt: expression | words.
func TestExpression_Words(t *testing.T) {
	table, err := os.ReadFile("testdata/words.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(table)), "\n")
	if len(lines) < 60 {
		t.Errorf("the table has %d lines", len(lines))
	}
	for _, line := range lines {
		text, want, ok := strings.Cut(line, " | ")
		if !ok {
			t.Fatalf("a line without a bar: %q", line)
		}
		if got := mustParse(t, text).Words(); got != want {
			t.Errorf("Words of %q = %q, want %q", text, got, want)
		}
	}
}

func TestExpression_Shortest(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"* * * * *":         time.Minute,
		"*/15 * * * *":      15 * time.Minute,
		"0,50 * * * *":      10 * time.Minute,
		"0 0,23 * * *":      time.Hour,
		"0 0,23 * * 1,3":    23 * time.Hour,
		"30 5 * * *":        24 * time.Hour,
		"30 5 * * 1":        7 * 24 * time.Hour,
		"30 5 1 * *":        28 * 24 * time.Hour,
		"0 0 29 2 *":        (4*365 + 1) * 24 * time.Hour,
		"0 0 1 1 *":         365 * 24 * time.Hour,
		"58 23 31 12 *":     365 * 24 * time.Hour,
		"0,59 0,23 1,2 * *": time.Minute,
	} {
		if got := mustParse(t, text).Shortest(); got != want {
			t.Errorf("Shortest of %q = %v, want %v", text, got, want)
		}
	}
}

func TestLoadZone(t *testing.T) {
	for _, name := range []string{"", "UTC", "Etc/UTC", "GMT", "EST5EDT", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "CET"} {
		if _, err := cron.LoadZone(name); err != nil {
			t.Errorf("LoadZone(%q) = %v", name, err)
		}
	}
	for _, name := range []string{
		"Local", "local", "utc", "europe/berlin", "Europe/berlin", "Berlin", "Factory", "posixrules", "posix/Europe/Berlin",
		"right/Europe/Berlin", "../Europe/Berlin", "Europe/../Europe/Berlin", "/etc/localtime", "Europe/Berlin\x00", " Europe/Berlin",
		"Europe\\Berlin", "Europe/", "Europe", "+01:00", "Mars/Olympus", strings.Repeat("A", 5000),
	} {
		if _, err := cron.LoadZone(name); err == nil || !strings.Contains(err.Error(), "is not an IANA time zone") {
			t.Errorf("LoadZone(%q) = %v, want an error", name, err)
		} else if len(err.Error()) > 400 {
			t.Errorf("LoadZone of a long name: the error has %d bytes", len(err.Error()))
		}
	}
}

func TestCache(t *testing.T) {
	c := cron.NewCache[string, int](10)
	for i := range 1000 {
		c.Put(fmt.Sprint(i), i)
		if v, ok := c.Get("0"); !ok || v != 0 {
			t.Fatalf("a value in constant use was dropped after %d others", i)
		}
		if c.Len() > 20 {
			t.Fatalf("cache of limit 10 holds %d values", c.Len())
		}
	}
	if _, ok := c.Get("5"); ok {
		t.Error("a value that nobody used for 995 others is still there")
	}
}
