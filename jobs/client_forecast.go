package jobs

import (
	"context"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/forecast"
)

// Limits of a forecast (contract 20.6).
const (
	// MaxForecast is how long a forecast may be.
	MaxForecast = 31 * 24 * time.Hour
	// MaxForecastJobs is of how many jobs a forecast tells: those that fire next.
	MaxForecastJobs = 2000
	// MaxForecastFires is how many fires a forecast may have; DefaultForecastFires how many without a wish.
	MaxForecastFires     = 10_000
	DefaultForecastFires = 1000
	// MaxCollisions is how many collisions are told in full, and MaxCollisionJobs how many jobs of each.
	MaxCollisions    = 200
	MaxCollisionJobs = 20
	// forecastRuns is how many of the runs that ended last are looked at for the expected duration of a job.
	forecastRuns = 30
)

// ForecastQuery asks for the fires to come.
type ForecastQuery struct {
	// From zero is now. Fires at From count.
	From time.Time
	// To zero is a day after From; fires at To do not count.
	To time.Time
	// Limit is 1 to MaxForecastFires; zero is DefaultForecastFires.
	Limit int
}

// Forecast is what the schedules of the jobs that the caller can read will do, if nothing is changed.
type Forecast struct {
	From, To time.Time
	// Until is the end of what the forecast tells: To, or the moment at which there were more fires than were wanted. Truncated says so.
	Until     time.Time
	Truncated bool
	// JobsLeftOut: there are more than MaxForecastJobs jobs with a schedule; those that fire last are not in the forecast.
	JobsLeftOut bool
	// Jobs are those that fire before Until, in the order of their first fire.
	Jobs []ForecastJob
	// Fires are ascending.
	Fires []ForecastFire
	// Hours are the hours (UTC) in which something fires.
	Hours []ForecastHour
	// Collisions are the first MaxCollisions of CollisionCount.
	Collisions     []Collision
	CollisionCount int
}

// ForecastJob is a job of a forecast.
type ForecastJob struct {
	ID   ID
	Name string
	// Expected is the median of the successful ones among the runs that ended last; zero if there are none.
	Expected time.Duration
	// Fires is how often it fires before Until.
	Fires int
}

// ForecastFire is a fire to come.
type ForecastFire struct {
	At    time.Time
	JobID ID
	// Expected is that of its job.
	Expected time.Duration
}

// ForecastHour counts the fires of an hour.
type ForecastHour struct {
	At    time.Time
	Fires int
}

// Collision is a fire whose run would begin while too many others go on, if every run takes as long as expected. Runs of jobs of which no duration
// is known are not counted, nor are those that the caller cannot read.
type Collision struct {
	At    time.Time
	JobID ID
	// Self: more runs of the job itself than its policy lets go on. Else: more runs than the tenant may have at once.
	Self bool
	// Runs is how many runs would go on; JobIDs are their jobs, at most MaxCollisionJobs.
	Runs   int
	JobIDs []ID
}

// Forecast tells the fires to come of all enabled jobs that the principal may read, and where their runs would meet.
func (c *Client) Forecast(ctx context.Context, q ForecastQuery) (*Forecast, error) {
	if err := c.identified(); err != nil {
		return nil, err
	}
	at := now()
	if err := q.complete(at); err != nil {
		return nil, err
	}
	enabled := true
	list := JobQuery{Enabled: &enabled, Sort: []SortKey{{Field: "nextRunAt"}}, Limit: MaxForecastJobs + 1}
	if err := c.readableQuery(&list); err != nil {
		return nil, err
	}
	page, err := c.service.store.Jobs(ctx, list)
	if err != nil {
		return nil, err
	}
	out := &Forecast{From: q.From, To: q.To}
	var scheduled []*Job
	for _, j := range page.Items {
		if !j.NextRunAt.IsZero() && j.Broken == "" {
			scheduled = append(scheduled, j)
		}
	}
	if len(scheduled) > MaxForecastJobs {
		scheduled, out.JobsLeftOut = scheduled[:MaxForecastJobs], true
	}
	limits, err := c.service.store.Limits(ctx, c.principal.Tenant)
	if err != nil {
		return nil, err
	}
	return out, c.look(ctx, out, scheduled, q.Limit, limits.TenantConcurrency)
}

// complete checks the query and fills in what was left out.
func (q *ForecastQuery) complete(at time.Time) error {
	if q.From.IsZero() {
		q.From = at
	}
	if q.To.IsZero() {
		q.To = q.From.Add(24 * time.Hour)
	}
	if q.Limit == 0 {
		q.Limit = DefaultForecastFires
	}
	var f Faults
	switch {
	case !q.To.After(q.From):
		f.Add("to", "is not after from")
	case q.To.Sub(q.From) > MaxForecast:
		f.Add("to", "is more than %d days after from", int(MaxForecast.Hours()/24))
	case q.From.Before(at.Add(-MaxForecast)):
		f.Add("from", "is in the past: a forecast is of fires to come; what became of others is in the ledger of their job")
	}
	checkRange(&f, "limit", q.Limit, 1, MaxForecastFires)
	return f.Err()
}

// look fills in the forecast of jobs.
func (c *Client) look(ctx context.Context, out *Forecast, list []*Job, limit, room int) error {
	ids := make([]ID, len(list))
	for i, j := range list {
		ids[i] = j.ID
	}
	durations, err := c.service.store.Durations(ctx, c.principal.Tenant, ids, forecastRuns)
	if err != nil {
		return err
	}
	work := make([]forecast.Job, len(list))
	for i, j := range list {
		schedule := j.EffectiveSchedule()
		next := j.NextRunAt
		work[i] = forecast.Job{Expected: forecast.Median(durations[j.ID]), Room: 1, Next: func(after time.Time) (time.Time, bool) {
			// The fire that is planned next is known; nothing fires before it.
			if next.After(after) {
				return next, true
			}
			return schedule.Next(after)
		}}
		if j.Policies.Overlap == OverlapAllow {
			work[i].Room = max(j.Policies.MaxConcurrent, 1)
		}
	}
	plan := forecast.Look(work, out.From, out.To, limit, room)
	out.Until, out.Truncated, out.CollisionCount = plan.Until, plan.Until.Before(out.To), len(plan.Collisions)
	out.fill(list, work, &plan)
	return nil
}

func (f *Forecast) fill(list []*Job, work []forecast.Job, plan *forecast.Plan) {
	place := map[int]int{}
	for _, fire := range plan.Fires {
		j := list[fire.Job]
		i, seen := place[fire.Job]
		if !seen {
			i = len(f.Jobs)
			place[fire.Job] = i
			f.Jobs = append(f.Jobs, ForecastJob{ID: j.ID, Name: j.Name, Expected: work[fire.Job].Expected})
		}
		f.Jobs[i].Fires++
		f.Fires = append(f.Fires, ForecastFire{At: fire.At, JobID: j.ID, Expected: work[fire.Job].Expected})
		if hour := fire.At.Truncate(time.Hour); len(f.Hours) == 0 || !f.Hours[len(f.Hours)-1].At.Equal(hour) {
			f.Hours = append(f.Hours, ForecastHour{At: hour})
		}
		f.Hours[len(f.Hours)-1].Fires++
	}
	for _, c := range plan.Collisions[:min(len(plan.Collisions), MaxCollisions)] {
		collision := Collision{At: c.At, JobID: list[c.Job].ID, Self: c.Self, Runs: c.Runs}
		for _, i := range c.Running[:min(len(c.Running), MaxCollisionJobs)] {
			collision.JobIDs = append(collision.JobIDs, list[i].ID)
		}
		f.Collisions = append(f.Collisions, collision)
	}
}
