package jobs

import "time"

// Share gives a principal a level on a job.
type Share struct {
	JobID       ID
	PrincipalID PrincipalID
	Level       Level
	CreatedAt   time.Time
	UpdatedAt   time.Time
}
