package jobs

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/cron"
)

// schedTimeLayout is the output form of contract 1.8.
const schedTimeLayout = "2006-01-02T15:04:05.000Z"

type schedJSON struct {
	Interval     *string `json:"interval"`
	IntervalType *string `json:"intervalType"`
	Timezone     *string `json:"timezone"`
	StartOn      *string `json:"startOn"`
	EndOn        *string `json:"endOn"`
	Anchor       *string `json:"anchor,omitempty"`
}

// MarshalJSON writes the fields of contract 2.1 and the anchor; what is not set is null.
func (s Schedule) MarshalJSON() ([]byte, error) {
	text := func(v string) *string {
		if v == "" {
			return nil
		}
		return &v
	}
	var faults Faults
	moment := func(path string, t time.Time) *string {
		if t.IsZero() {
			return nil
		}
		if y := t.UTC().Year(); y < 0 || y > 9999 {
			faults.Add(path, "has a year that JSON cannot hold: %d", y)
		}
		return text(t.UTC().Format(schedTimeLayout))
	}
	out := schedJSON{
		text(s.Interval), text(string(s.IntervalType)), text(s.Timezone),
		moment("startOn", s.StartOn), moment("endOn", s.EndOn), moment("anchor", s.Anchor),
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote, and times in every form of contract 1.8. A time that cannot be read is a
// *ValidationError of its field; nothing else is checked (Validate).
func (s *Schedule) UnmarshalJSON(data []byte) error {
	var in schedJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("read schedule: %w", err)
	}
	text := func(v *string) string {
		if v == nil {
			return ""
		}
		return *v
	}
	out := Schedule{Interval: text(in.Interval), IntervalType: IntervalType(text(in.IntervalType)), Timezone: text(in.Timezone)}
	var faults Faults
	moment := func(path string, v *string, end bool) time.Time {
		if v == nil || *v == "" {
			return time.Time{}
		}
		zone, err := cron.LoadZone(out.Timezone)
		if err != nil {
			zone = cron.UTC // Validate names the zone
		}
		t, _, err := schedParseTime(*v, zone, end)
		if err != nil {
			faults.Add(path, "%v", err)
		}
		return t
	}
	out.StartOn, out.EndOn = moment("startOn", in.StartOn, false), moment("endOn", in.EndOn, true)
	out.Anchor = moment("anchor", in.Anchor, false)
	if err := faults.Err(); err != nil {
		return err
	}
	*s = out
	return nil
}
