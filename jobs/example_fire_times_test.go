package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
)

// A schedule can be looked at before a job has it. Faults name each field.
func ExampleClient_FireTimes() {
	ctx := context.Background()
	store, closeAll, err := openExample(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closeAll()
	client := jobs.NewService(store, &drivers.Registry{}, jobs.ServiceOptions{}).As(jobs.System("globex"))
	preview := func(s jobs.ScheduleSpec) {
		times, err := client.FireTimes(ctx, jobs.FireTimesQuery{Schedule: s, Count: 3, From: time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)})
		var invalid *jobs.ValidationError
		if errors.As(err, &invalid) {
			for _, fault := range invalid.Fields {
				fmt.Println(fault.Path, fault.Message)
			}
			return
		}
		for _, at := range times {
			fmt.Println(jobs.FormatTime(at))
		}
	}
	preview(jobs.Cron("30 5 * * 1-5", "Europe/Berlin")) // from Friday over the change to summer time
	preview(jobs.Cron("30 5 * * 1-5", "Berlin"))
	// Output:
	// 2026-03-30T03:30:00.000Z
	// 2026-03-31T03:30:00.000Z
	// 2026-04-01T03:30:00.000Z
	// timezone is not an IANA time zone: "Berlin"
}
