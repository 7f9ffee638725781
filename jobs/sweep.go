package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Sweep removes contents that nothing needs any more. The engine calls it beside Prune.
type Sweep struct {
	Store FileStore
	Blobs Blobs

	// after is where the walk over all contents goes on; it begins anew when it has reached the end.
	after BlobKey
}

// sweepPage is how many keys one step of the walk looks at.
const sweepPage = 500

// Step forgets up to limit contents that no kept revision names and then removes their bytes (R15), and looks at the next few hundred of all
// contents for such as the store does not know and that are older than FileGrace: what a crash between the two has left. It returns how
// many it removed. It is harmless to repeat, and for several processes to do at once; one Sweep is used by one goroutine.
func (s *Sweep) Step(ctx context.Context, now time.Time, limit int) (int, error) {
	keys, err := s.Store.ForgetFiles(ctx, now, limit)
	if err != nil {
		return 0, fmt.Errorf("forget files: %w", err)
	}
	removed := 0
	var faults []error
	for _, key := range keys {
		if err := s.Blobs.DeleteBlob(ctx, key); err != nil {
			faults = append(faults, err) // the walk finds it again
			continue
		}
		removed++
	}
	n, err := s.walk(ctx, now)
	return removed + n, errors.Join(append(faults, err)...)
}

// walk is one step over all contents.
func (s *Sweep) walk(ctx context.Context, now time.Time) (removed int, err error) {
	page, err := s.Blobs.Blobs(ctx, s.after, sweepPage)
	if err != nil {
		return 0, fmt.Errorf("list contents: %w", err)
	}
	s.after = ""
	if len(page) == sweepPage {
		s.after = page[len(page)-1].Key
	}
	var old []BlobKey
	for _, info := range page {
		// Their row may still be on its way: it is written after the bytes.
		if now.Sub(info.StoredAt) > FileGrace {
			old = append(old, info.Key)
		}
	}
	unknown, err := s.Store.UnknownFiles(ctx, old)
	if err != nil {
		return 0, fmt.Errorf("look for files: %w", err)
	}
	for _, key := range unknown {
		if err := s.Blobs.DeleteBlob(ctx, key); err != nil {
			return removed, fmt.Errorf("remove contents: %w", err)
		}
		removed++
	}
	return removed, nil
}
