package cron

import "time"

// OffsetSeconds lets tests compare the table with the location it was made from.
func (z *Zone) OffsetSeconds(at time.Time) int {
	return int(z.offset(at.UnixNano()) / int64(time.Second))
}

// Len is the number of cached values.
func (c *Cache[K, V]) Len() int { return len(c.young) + len(c.old) }
