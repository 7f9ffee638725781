package jobs

import (
	"time"
)

const (
	// planWindow is how far a CommitPlan looks ahead.
	planWindow = 30 * 24 * time.Hour
	// MaxFireChanges bounds each list of FireChanges; the counts go on.
	MaxFireChanges = 50
	// maxPlannedFires bounds the fires of one schedule that are compared. Beyond them the window ends earlier.
	maxPlannedFires = 10_000
)

// FireChanges are what a change of a schedule does to the fires to come.
type FireChanges struct {
	// From and Until bound the fires that were compared. Complete is false if there were so many that Until is earlier than asked.
	From, Until time.Time
	Complete    bool
	// Added, Removed and Moved are the first MaxFireChanges of each, in order; the counts are of all. A fire that has another one on the same
	// local day in its place is moved.
	Added, Removed                       []time.Time
	Moved                                []MovedFire
	AddedCount, RemovedCount, MovedCount int
}

// MovedFire is a fire that another one of the same local day takes the place of.
type MovedFire struct{ From, To time.Time }

// fireChanges compares the fires of two schedules after a moment and not after another one. The zero schedule never fires. Days are those of the
// new schedule's zone, or of the old one's if the new one does not fire.
func fireChanges(before, after Schedule, from, until time.Time) FireChanges {
	out := FireChanges{From: from, Until: until, Complete: true}
	if sameSchedule(before, after) && before.Anchor.Equal(after.Anchor) && before.Offset == after.Offset {
		return out
	}
	old, oldEnd := firesBetween(before, from, until)
	current, newEnd := firesBetween(after, from, until)
	for _, end := range []time.Time{oldEnd, newEnd} {
		if !end.IsZero() && end.Before(out.Until) {
			out.Until, out.Complete = end, false
		}
	}
	old, current = onlyIn(old, current, out.Until), onlyIn(current, old, out.Until)
	zone := after.Location()
	if after.IsZero() {
		zone = before.Location()
	}
	day := func(t time.Time) string { return t.In(zone).Format(time.DateOnly) }
	for len(old) > 0 || len(current) > 0 {
		switch {
		case len(old) > 0 && len(current) > 0 && day(old[0]) == day(current[0]):
			out.move(old[0], current[0])
			old, current = old[1:], current[1:]
		case len(current) == 0 || len(old) > 0 && old[0].Before(current[0]):
			out.remove(old[0])
			old = old[1:]
		default:
			out.add(current[0])
			current = current[1:]
		}
	}
	return out
}

func (f *FireChanges) add(t time.Time) {
	if f.AddedCount++; len(f.Added) < MaxFireChanges {
		f.Added = append(f.Added, t)
	}
}

func (f *FireChanges) remove(t time.Time) {
	if f.RemovedCount++; len(f.Removed) < MaxFireChanges {
		f.Removed = append(f.Removed, t)
	}
}

func (f *FireChanges) move(from, to time.Time) {
	if f.MovedCount++; len(f.Moved) < MaxFireChanges {
		f.Moved = append(f.Moved, MovedFire{from, to})
	}
}

// firesBetween lists fires in order. If there are too many, end is the last of those that it gives.
func firesBetween(s Schedule, from, until time.Time) (fires []time.Time, end time.Time) {
	if s.IsZero() {
		return nil, time.Time{}
	}
	for at := from; ; {
		next, ok := s.Next(at)
		if !ok || next.After(until) || !next.After(at) {
			return fires, time.Time{}
		}
		if len(fires) == maxPlannedFires {
			return fires, at
		}
		fires = append(fires, next)
		at = next
	}
}

// onlyIn are the fires of a up to a moment that b does not have; both are in order.
func onlyIn(a, b []time.Time, until time.Time) []time.Time {
	var out []time.Time
	for _, t := range a {
		for len(b) > 0 && b[0].Before(t) {
			b = b[1:]
		}
		if t.After(until) {
			break
		}
		if len(b) == 0 || !b[0].Equal(t) {
			out = append(out, t)
		}
	}
	return out
}
