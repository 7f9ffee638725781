package jobs

import (
	"context"
	"hash/maphash"
)

// changeLocks lets the changes of one job in this process wait for each other, so that many editors at once do not make each other start
// anew. It is a courtesy: what decides is the revision in the store, for other processes change jobs too.
type changeLocks struct {
	seed  maphash.Seed
	locks []chan struct{}
}

func newChangeLocks() changeLocks {
	const stripes = 64
	l := changeLocks{seed: maphash.MakeSeed(), locks: make([]chan struct{}, stripes)}
	for i := range l.locks {
		l.locks[i] = make(chan struct{}, 1)
	}
	return l
}

// lock waits for its turn, or until ctx ends. Different jobs may share a lock.
func (l changeLocks) lock(ctx context.Context, tenant TenantID, ref JobRef) (unlock func(), err error) {
	lock := l.locks[maphash.Comparable(l.seed, [3]string{string(tenant), string(ref.ID), ref.Slug})%uint64(len(l.locks))]
	select {
	case lock <- struct{}{}:
		return func() { <-lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
