package sqlite

import (
	"fmt"
	"sync"
	"time"
)

// lookAfter is how old the last look at the free space may be.
const lookAfter = 2 * time.Second

// space watches the free space of a folder (R29).
type space struct {
	folder string
	floor  int64

	mu     sync.Mutex // guards the fields below
	looked time.Time
	reason string
}

func newSpace(folder string, floor int64) *space { return &space{folder: folder, floor: floor} }

// refuse says why no run may be claimed; empty if runs may be. A folder whose space cannot be found out refuses nothing.
func (s *space) refuse() string {
	if s.floor < 0 {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.looked.IsZero() && time.Since(s.looked) < lookAfter {
		return s.reason
	}
	s.looked, s.reason = time.Now(), ""
	if free, ok := freeBytes(s.folder); ok && free < uint64(s.floor) {
		s.reason = fmt.Sprintf("the disk of the database has %d MiB free; the floor is %d MiB", free>>20, s.floor>>20)
	}
	return s.reason
}
