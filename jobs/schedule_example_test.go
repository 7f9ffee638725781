package jobs_test

import (
	"fmt"
	"time"
	_ "time/tzdata"

	"github.com/carillon-go/carillon/jobs"
)

// The clock of New York jumps from 02:00 to 03:00 on 10 March 2024: that day, 02:30 fires at the end of the gap.
func ExampleSchedule_FireTimes() {
	schedule, err := jobs.Schedule{Interval: "30 2 * * *", Timezone: "America/New_York"}.Normalize()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(schedule.Words())
	from := time.Date(2024, 3, 9, 6, 0, 0, 0, time.UTC)
	for _, at := range schedule.Explain(schedule.FireTimes(from, 3)) {
		fmt.Printf("%s %q\n", at.Local, at.Change)
	}
	// Output:
	// every day at 02:30 America/New_York
	// 2024-03-09T02:30:00-05:00 ""
	// 2024-03-10T03:00:00-04:00 "gap"
	// 2024-03-11T02:30:00-04:00 ""
}
