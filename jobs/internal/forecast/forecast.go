// Package forecast merges the fires to come of many schedules and finds out where their runs would meet. It is pure: it neither reads a clock nor
// a store, and its work is bounded by the number of fires that are wanted.
package forecast

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// Job is one schedule.
type Job struct {
	// Next is the first fire later than a moment; false: there is none.
	Next func(after time.Time) (time.Time, bool)
	// Expected is how long a run takes; zero: not known, and the job meets nobody.
	Expected time.Duration
	// Room is how many runs of the job may go on at once, at least 1.
	Room int
}

// Fire is a fire to come.
type Fire struct {
	At time.Time
	// Job is the index of its job.
	Job int
}

// Collision is a fire whose run would begin while too many others go on.
type Collision struct {
	At time.Time
	// Job is the index of the job that fires.
	Job int
	// Self: too many runs of the job itself go on. Else too many of all jobs do.
	Self bool
	// Running are the indexes of the jobs whose runs would go on then, the one that fires included, ascending and each once.
	Running []int
	// Runs is how many runs would go on then.
	Runs int
}

// Plan is what is to come.
type Plan struct {
	// Fires are ascending by time, then by job.
	Fires []Fire
	// Until is the end of what was looked at: all fires up to it are there. It is before the end that was asked for if there were too many.
	Until time.Time
	// Collisions are ascending by time. Of one fire there may be two, one of each kind.
	Collisions []Collision
}

// Look walks the fires in [from, to), at most limit of them. Runs are taken to begin with their fire: what waits in a queue is not followed.
// Room is how many runs of all jobs may go on at once.
func Look(jobs []Job, from, to time.Time, limit, room int) Plan {
	plan := Plan{Until: to}
	var due dueHeap
	push := func(job int, after time.Time) {
		if at, ok := jobs[job].Next(after); ok && at.Before(to) {
			due = append(due, Fire{at, job})
		}
	}
	for i := range jobs {
		push(i, from.Add(-1))
	}
	heap.Init(&due)
	running := &runs{of: map[int]int{}}
	for len(due) > 0 {
		fire := due[0]
		if len(plan.Fires) == limit {
			plan.Until = fire.At
			plan.cut()
			break
		}
		if next, ok := jobs[fire.Job].Next(fire.At); ok && next.Before(to) {
			due[0] = Fire{next, fire.Job}
			heap.Fix(&due, 0)
		} else {
			heap.Pop(&due)
		}
		plan.Fires = append(plan.Fires, fire)
		plan.meet(jobs, fire, running, room)
	}
	return plan
}

// cut leaves out what lies at Until: not all of its fires are there.
func (p *Plan) cut() {
	p.Fires = slices.DeleteFunc(p.Fires, func(f Fire) bool { return !f.At.Before(p.Until) })
	p.Collisions = slices.DeleteFunc(p.Collisions, func(c Collision) bool { return !c.At.Before(p.Until) })
}

// meet begins the run of a fire and notes whom it meets.
func (p *Plan) meet(jobs []Job, fire Fire, running *runs, room int) {
	running.end(fire.At)
	job := &jobs[fire.Job]
	if job.Expected <= 0 {
		return
	}
	running.begin(fire.Job, fire.At.Add(job.Expected))
	if own := running.of[fire.Job]; own > job.Room {
		p.Collisions = append(p.Collisions, Collision{At: fire.At, Job: fire.Job, Self: true, Running: []int{fire.Job}, Runs: own})
	}
	if all := len(running.ends); all > room {
		p.Collisions = append(p.Collisions, Collision{At: fire.At, Job: fire.Job, Running: running.jobs(), Runs: all})
	}
}

// runs are those that go on.
type runs struct {
	ends endHeap
	of   map[int]int
}

func (r *runs) begin(job int, end time.Time) {
	heap.Push(&r.ends, Fire{end, job})
	r.of[job]++
}

func (r *runs) end(at time.Time) {
	for len(r.ends) > 0 && !r.ends[0].At.After(at) {
		job := heap.Pop(&r.ends).(Fire).Job
		if r.of[job]--; r.of[job] == 0 {
			delete(r.of, job)
		}
	}
}

func (r *runs) jobs() []int {
	list := make([]int, 0, len(r.of))
	for job := range r.of {
		list = append(list, job)
	}
	slices.Sort(list)
	return list
}

type (
	dueHeap []Fire
	endHeap = dueHeap
)

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, k int) bool {
	return cmp.Or(h[i].At.Compare(h[k].At), cmp.Compare(h[i].Job, h[k].Job)) < 0
}
func (h dueHeap) Swap(i, k int) { h[i], h[k] = h[k], h[i] }

// Push is heap.Interface.
func (h *dueHeap) Push(x any) { *h = append(*h, x.(Fire)) }

// Pop is heap.Interface.
func (h *dueHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// Median is the middle of durations, the lower one of two; zero of none.
func Median(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[(len(sorted)-1)/2]
}
