package httpapi

import "sync"

// quota bounds how many things are going on at once, in all and for each user.
type quota struct {
	total, each int

	mu     sync.Mutex // guards the fields below
	taken  int
	byUser map[string]int
}

func newQuota(total, each int) *quota {
	return &quota{total: total, each: each, byUser: map[string]int{}}
}

// take gives a place that has to be released, or false if there is none.
func (q *quota) take(user string) (release func(), ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken >= q.total || q.byUser[user] >= q.each {
		return nil, false
	}
	q.taken++
	q.byUser[user]++
	return func() { q.release(user) }, true
}

func (q *quota) release(user string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken--
	if q.byUser[user]--; q.byUser[user] == 0 {
		delete(q.byUser, user)
	}
}
