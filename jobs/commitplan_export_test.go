package jobs

// FireChangesBetween compares the fires of two schedules.
var FireChangesBetween = fireChanges
