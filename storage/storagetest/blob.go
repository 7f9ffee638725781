package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

// blobRule is a sentence of jobs.Blobs and its check.
type blobRule struct {
	sentence string
	check    func(ctx context.Context, b jobs.Blobs) error
}

func blobRules() []blobRule {
	return []blobRule{
		{"what was stored is read back whole, from any place in it", blobReadBack},
		{"contents may be empty", blobEmpty},
		{"contents of exactly the limit are stored, one byte more are not", blobLimit},
		{"a reader that fails leaves nothing, and its error is told", blobReaderFails},
		{"a reader that gives its last bytes together with an error leaves nothing", blobFailsAtEnd},
		{"a context that ends leaves nothing", blobContextEnds},
		{"a part is seen by nobody", blobPartUnseen},
		{"a used key keeps its bytes", blobUsedKey},
		{"what is absent is not found, and can be removed", blobAbsent},
		{"what was removed is gone, and what was opened before is read on or fails", blobRemoved},
		{"the list has every key once, in order, in pages", blobList},
		{"what is no key is refused", blobBadKeys},
		{"many at once do not disturb each other, and of two for one key one wins", blobConcurrency},
		{"memory does not grow with the size", blobMemory},
	}
}

// RunBlobs checks every rule of jobs.Blobs against a fresh, empty place for contents.
func RunBlobs(t *testing.T, open func(t testing.TB) jobs.Blobs) {
	t.Helper()
	for _, r := range blobRules() {
		t.Run(r.sentence, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := r.check(ctx, open(t)); err != nil {
				t.Errorf("rule %q: %v", r.sentence, err)
			}
		})
	}
}

const blobMax = 1 << 20

// pattern are n bytes that differ from place to place.
func pattern(n, seed int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i*7 + i>>8 + seed)
	}
	return data
}

func putBlob(ctx context.Context, b jobs.Blobs, data []byte) (jobs.BlobKey, error) {
	key := jobs.NewBlobKey()
	size, err := b.PutBlob(ctx, key, bytes.NewReader(data), blobMax)
	if err == nil && size != int64(len(data)) {
		err = fmt.Errorf("PutBlob says %d bytes of %d", size, len(data))
	}
	return key, err
}

func readBlob(ctx context.Context, b jobs.Blobs, key jobs.BlobKey) ([]byte, error) {
	blob, err := b.OpenBlob(ctx, key)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(blob)
	if err := errors.Join(err, blob.Close()); err != nil {
		return nil, err
	}
	if blob.Size != int64(len(data)) {
		return nil, fmt.Errorf("Blob.Size is %d, and there are %d bytes", blob.Size, len(data))
	}
	return data, nil
}

// holdsBlob checks the bytes of a key.
func holdsBlob(ctx context.Context, b jobs.Blobs, key jobs.BlobKey, want []byte) error {
	got, err := readBlob(ctx, b, key)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%d bytes were stored, and %d other ones are read", len(want), len(got))
	}
	return nil
}

// noBlob checks that a key is not there, not even as a rest.
func noBlob(ctx context.Context, b jobs.Blobs, key jobs.BlobKey) error {
	blob, err := b.OpenBlob(ctx, key)
	if err == nil {
		return errors.Join(errors.New("the key can be opened"), blob.Close())
	}
	if !errors.Is(err, jobs.ErrNotFound) {
		return fmt.Errorf("OpenBlob: %w, want ErrNotFound", err)
	}
	list, err := b.Blobs(ctx, "", 1000)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(i jobs.BlobInfo) bool { return i.Key == key }) {
		return errors.New("the list has the key")
	}
	return nil
}

func blobReadBack(ctx context.Context, b jobs.Blobs) error {
	want := pattern(300_000, 1)
	key, err := putBlob(ctx, b, want)
	if err != nil {
		return err
	}
	if err := errors.Join(holdsBlob(ctx, b, key, want), holdsBlob(ctx, b, key, want)); err != nil {
		return err
	}
	blob, err := b.OpenBlob(ctx, key)
	if err != nil {
		return err
	}
	part := make([]byte, 1000)
	_, seekErr := blob.Seek(123_456, io.SeekStart)
	_, readErr := io.ReadFull(blob, part)
	end, endErr := blob.Seek(0, io.SeekEnd)
	if err := errors.Join(seekErr, readErr, endErr, blob.Close()); err != nil {
		return err
	}
	if !bytes.Equal(part, want[123_456:124_456]) || end != int64(len(want)) {
		return fmt.Errorf("another part is read after Seek, or the end is at %d", end)
	}
	return nil
}

func blobEmpty(ctx context.Context, b jobs.Blobs) error {
	key, err := putBlob(ctx, b, nil)
	if err != nil {
		return err
	}
	return holdsBlob(ctx, b, key, nil)
}

// counting counts what is read of a reader.
type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func blobLimit(ctx context.Context, b jobs.Blobs) error {
	const limit = 100_000
	whole := pattern(limit, 2)
	key := jobs.NewBlobKey()
	if n, err := b.PutBlob(ctx, key, bytes.NewReader(whole), limit); err != nil || n != limit {
		return fmt.Errorf("PutBlob of the limit: %d, %w", n, err)
	}
	if err := holdsBlob(ctx, b, key, whole); err != nil {
		return err
	}
	key = jobs.NewBlobKey()
	r := &counting{r: bytes.NewReader(pattern(10*limit, 3))}
	_, err := b.PutBlob(ctx, key, r, limit)
	if tooLarge, ok := errors.AsType[*jobs.TooLargeError](err); !ok || tooLarge.Limit != limit {
		return fmt.Errorf("PutBlob beyond the limit: %w, want a *TooLargeError with it", err)
	}
	if r.n > limit+1 {
		return fmt.Errorf("%d bytes were read for a limit of %d", r.n, limit)
	}
	return noBlob(ctx, b, key)
}

var errReader = errors.New("the reader of the kit fails")

func blobReaderFails(ctx context.Context, b jobs.Blobs) error {
	for _, fault := range []error{errReader, io.ErrUnexpectedEOF, fmt.Errorf("part: %w", io.EOF)} {
		key := jobs.NewBlobKey()
		r := io.MultiReader(bytes.NewReader(pattern(200_000, 4)), failing{fault})
		if _, err := b.PutBlob(ctx, key, r, blobMax); !errors.Is(err, fault) {
			return fmt.Errorf("PutBlob of a reader that fails with %q: %w", fault.Error(), err)
		}
		if err := noBlob(ctx, b, key); err != nil {
			return fmt.Errorf("after %q: %w", fault.Error(), err)
		}
	}
	return nil
}

// failing is a reader of nothing but an error; MultiReader would take io.EOF itself for an end.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// lastWith gives bytes and an error in one call.
type lastWith struct{ err error }

func (l lastWith) Read(p []byte) (int, error) { return copy(p, "the last bytes"), l.err }

func blobFailsAtEnd(ctx context.Context, b jobs.Blobs) error {
	key := jobs.NewBlobKey()
	if _, err := b.PutBlob(ctx, key, lastWith{errReader}, blobMax); !errors.Is(err, errReader) {
		return fmt.Errorf("PutBlob: %w, want the reader's error", err)
	}
	if err := noBlob(ctx, b, key); err != nil {
		return err
	}
	whole := jobs.NewBlobKey() // bytes together with the end are whole
	if _, err := b.PutBlob(ctx, whole, lastWith{io.EOF}, blobMax); err != nil {
		return err
	}
	return holdsBlob(ctx, b, whole, []byte("the last bytes"))
}

// during calls a function before each read.
type during struct {
	r  io.Reader
	do func()
}

func (d during) Read(p []byte) (int, error) {
	d.do()
	return d.r.Read(p)
}

func blobContextEnds(ctx context.Context, b jobs.Blobs) error {
	for _, size := range []int{10, 500_000} {
		ended, cancel := context.WithCancel(ctx)
		key := jobs.NewBlobKey()
		_, err := b.PutBlob(ended, key, during{bytes.NewReader(pattern(size, 5)), cancel}, blobMax)
		cancel()
		if err == nil {
			return fmt.Errorf("PutBlob of %d bytes succeeds although its context has ended", size)
		}
		if err := noBlob(ctx, b, key); err != nil {
			return fmt.Errorf("%d bytes: %w", size, err)
		}
	}
	return nil
}

func blobPartUnseen(ctx context.Context, b jobs.Blobs) error {
	key, reads := jobs.NewBlobKey(), 0
	var seen error
	look := func() {
		reads++
		blob, err := b.OpenBlob(ctx, key)
		if err == nil {
			seen = errors.Join(seen, errors.New("a part can be opened"), blob.Close())
		} else if !errors.Is(err, jobs.ErrNotFound) {
			seen = errors.Join(seen, err)
		}
	}
	want := pattern(500_000, 6)
	if _, err := b.PutBlob(ctx, key, during{bytes.NewReader(want), look}, blobMax); err != nil {
		return err
	}
	if reads < 2 {
		return fmt.Errorf("the contents were read in %d pieces", reads)
	}
	return errors.Join(seen, holdsBlob(ctx, b, key, want))
}

func blobUsedKey(ctx context.Context, b jobs.Blobs) error {
	first := pattern(1000, 7)
	key, err := putBlob(ctx, b, first)
	if err != nil {
		return err
	}
	if _, err := b.PutBlob(ctx, key, strings.NewReader("other"), blobMax); !errors.Is(err, jobs.ErrConflict) {
		return fmt.Errorf("PutBlob of a used key: %w, want a *ConflictError", err)
	}
	return holdsBlob(ctx, b, key, first)
}

func blobAbsent(ctx context.Context, b jobs.Blobs) error {
	key := jobs.NewBlobKey()
	if err := noBlob(ctx, b, key); err != nil {
		return err
	}
	return b.DeleteBlob(ctx, key)
}

func blobRemoved(ctx context.Context, b jobs.Blobs) error {
	want := pattern(400_000, 8)
	key, err := putBlob(ctx, b, want)
	if err != nil {
		return err
	}
	other, err := putBlob(ctx, b, want)
	if err != nil {
		return err
	}
	blob, err := b.OpenBlob(ctx, key)
	if err != nil {
		return err
	}
	removed := errors.Join(b.DeleteBlob(ctx, key), b.DeleteBlob(ctx, key))
	data, readErr := io.ReadAll(blob)
	if err := errors.Join(removed, blob.Close()); err != nil {
		return err
	}
	if readErr == nil && !bytes.Equal(data, want) {
		return errors.New("what was open when it was removed reads as other bytes")
	}
	return errors.Join(noBlob(ctx, b, key), holdsBlob(ctx, b, other, want))
}

func blobList(ctx context.Context, b jobs.Blobs) error {
	var want []jobs.BlobKey
	for i := range 25 {
		key, err := putBlob(ctx, b, pattern(10, i))
		if err != nil {
			return err
		}
		want = append(want, key)
	}
	slices.Sort(want)
	for _, limit := range []int{1, 7, 25, 26} {
		var got []jobs.BlobKey
		for after := jobs.BlobKey(""); ; {
			page, err := b.Blobs(ctx, after, limit)
			if err != nil {
				return err
			}
			for _, info := range page {
				got = append(got, info.Key)
				if info.StoredAt.IsZero() {
					return fmt.Errorf("StoredAt of %s is zero", info.Key)
				}
			}
			if len(page) > limit {
				return fmt.Errorf("a page of %d has %d keys", limit, len(page))
			}
			if len(page) < limit {
				break
			}
			after = page[len(page)-1].Key
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("pages of %d have %d keys, want all %d in order", limit, len(got), len(want))
		}
	}
	return nil
}

func blobBadKeys(ctx context.Context, b jobs.Blobs) error {
	for _, key := range []jobs.BlobKey{
		"", ".", "..", "../x", "a/b", "/etc/passwd", "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5d-ac96-774b-bcce-b302099a8057/x",
		"01890a5d-ac96-774b-bcce-b302099a805", "01890a5d-ac96-774b-bcce-b302099a8057.part", "\x00", "....................................",
	} {
		if _, err := b.PutBlob(ctx, key, strings.NewReader("x"), 10); err == nil {
			return fmt.Errorf("PutBlob takes the key %q", key)
		}
		if blob, err := b.OpenBlob(ctx, key); err == nil {
			return errors.Join(fmt.Errorf("OpenBlob takes the key %q", key), blob.Close())
		}
		if err := b.DeleteBlob(ctx, key); err == nil {
			return fmt.Errorf("DeleteBlob takes the key %q", key)
		}
	}
	list, err := b.Blobs(ctx, "", 10)
	return errors.Join(err, same("the keys after that", len(list), 0))
}

func blobConcurrency(ctx context.Context, b jobs.Blobs) error {
	const many = 16
	shared := jobs.NewBlobKey()
	var (
		mu    sync.Mutex // guards the fields below
		fault error
		wins  []int
		group sync.WaitGroup
	)
	for i := range many {
		group.Go(func() {
			own := pattern(100_000+i, i)
			key, err := putBlob(ctx, b, own)
			if err == nil {
				err = holdsBlob(ctx, b, key, own)
			}
			_, raceErr := b.PutBlob(ctx, shared, bytes.NewReader(own), blobMax)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case raceErr == nil:
				wins = append(wins, i)
			case !errors.Is(raceErr, jobs.ErrConflict):
				err = errors.Join(err, raceErr)
			}
			fault = errors.Join(fault, err)
		})
	}
	group.Wait()
	if fault != nil || len(wins) != 1 {
		return fmt.Errorf("%d of %d won one key: %w", len(wins), many, fault)
	}
	return holdsBlob(ctx, b, shared, pattern(100_000+wins[0], wins[0]))
}

// zeros gives n zero bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

func blobMemory(ctx context.Context, b jobs.Blobs) error {
	const size, most = 25 << 20, 8 << 20
	key := jobs.NewBlobKey()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := b.PutBlob(ctx, key, &zeros{size}, size)
	runtime.ReadMemStats(&after)
	if err != nil || n != size {
		return fmt.Errorf("PutBlob: %d, %w", n, err)
	}
	if taken := after.TotalAlloc - before.TotalAlloc; taken > most {
		return fmt.Errorf("storing %d bytes took %d bytes of memory; at most %d", size, taken, most)
	}
	return b.DeleteBlob(ctx, key)
}
