package folder

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// Blobs is jobs.Blobs. It keeps limit keys in memory, however many there are.
func (s *Store) Blobs(ctx context.Context, after jobs.BlobKey, limit int) ([]jobs.BlobInfo, error) {
	least := &largestFirst{limit: limit, seen: map[jobs.BlobKey]bool{}}
	shards, err := s.names(ctx, ".")
	if err != nil {
		return nil, failure("list contents", err)
	}
	for _, folder := range shards {
		if len(folder) != 2 {
			continue
		}
		files, err := s.names(ctx, folder)
		if err != nil {
			return nil, failure("list contents", err)
		}
		for _, file := range files {
			if key, ok := keyOf(file); ok && key > after && shard(key) == folder {
				least.add(key)
			}
		}
	}
	keys := least.keys
	slices.Sort(keys)
	list := make([]jobs.BlobInfo, 0, len(keys))
	for _, key := range keys {
		info, err := s.stat(key)
		if errors.Is(err, fs.ErrNotExist) {
			// It was removed or got its name meanwhile. The list may not end early for that, for who reads it would think that it is the last
			// page; and it may not look old, for it may be quite new.
			list = append(list, jobs.BlobInfo{Key: key, StoredAt: time.Now()})
			continue
		}
		if err != nil {
			return nil, failure("list contents", err)
		}
		list = append(list, jobs.BlobInfo{Key: key, StoredAt: info.ModTime()})
	}
	return list, nil
}

func (s *Store) stat(key jobs.BlobKey) (fs.FileInfo, error) {
	info, err := s.root.Lstat(name(key))
	if errors.Is(err, fs.ErrNotExist) {
		return s.root.Lstat(name(key) + partial)
	}
	return info, err
}

// names lists a folder in pieces. One that is not there, or is no folder, has none.
func (s *Store) names(ctx context.Context, folder string) (names []string, err error) {
	info, err := s.root.Lstat(folder)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := s.root.Open(folder)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		piece, err := d.Readdirnames(1000)
		names = append(names, piece...)
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the folder %s: %w", folder, err)
		}
	}
}

// largestFirst is a heap of the least keys, each once, the greatest of them on top.
type largestFirst struct {
	limit int
	keys  []jobs.BlobKey
	seen  map[jobs.BlobKey]bool
}

func (h *largestFirst) add(key jobs.BlobKey) {
	if h.seen[key] || len(h.keys) == h.limit && key > h.keys[0] {
		return
	}
	h.seen[key] = true
	heap.Push(h, key)
	if len(h.keys) > h.limit {
		delete(h.seen, heap.Pop(h).(jobs.BlobKey)) // only keys are in it
	}
}

// Len is heap.Interface.
func (h *largestFirst) Len() int { return len(h.keys) }

// Less is heap.Interface.
func (h *largestFirst) Less(i, j int) bool { return h.keys[i] > h.keys[j] }

// Swap is heap.Interface.
func (h *largestFirst) Swap(i, j int) { h.keys[i], h.keys[j] = h.keys[j], h.keys[i] }

// Push is heap.Interface.
func (h *largestFirst) Push(x any) { h.keys = append(h.keys, x.(jobs.BlobKey)) } // only keys are in it

// Pop is heap.Interface.
func (h *largestFirst) Pop() any {
	last := h.keys[len(h.keys)-1]
	h.keys = h.keys[:len(h.keys)-1]
	return last
}
