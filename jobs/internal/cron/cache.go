package cron

import "sync"

// Cache keeps between limit and 2*limit recently used values: when the young half is full, it becomes the old one and the
// former old one is dropped. What is read from the old half moves back to the young. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	limit int

	mu         sync.RWMutex // guards the fields below
	young, old map[K]V
}

// NewCache makes an empty cache.
func NewCache[K comparable, V any](limit int) *Cache[K, V] {
	return &Cache[K, V]{limit: limit, young: map[K]V{}}
}

// Get finds the value of a key.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	c.mu.RLock()
	v, ok := c.young[key]
	if ok {
		c.mu.RUnlock()
		return v, true
	}
	v, ok = c.old[key]
	c.mu.RUnlock()
	if ok {
		c.Put(key, v)
	}
	return v, ok
}

// Put keeps a value. The caller must not change it afterwards, for others share it.
func (c *Cache[K, V]) Put(key K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= c.limit {
		c.old, c.young = c.young, make(map[K]V, c.limit)
	}
	c.young[key] = v
}
