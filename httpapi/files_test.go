package httpapi_test

import (
	"strconv"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

// storedFiles holds that the store for files has so many contents, and that the database knows each of them.
func (s *story) storedFiles(t testing.TB, want string) {
	t.Helper()
	list, err := s.blobs.Blobs(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	var keys []jobs.BlobKey
	for _, info := range list {
		keys = append(keys, info.Key)
	}
	unknown, err := s.store.UnknownFiles(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	files, _, err := s.store.FileUsage(t.Context(), "globex")
	if err != nil {
		t.Fatal(err)
	}
	if strconv.Itoa(len(list)) != want || len(unknown) > 0 || files != len(list) {
		t.Errorf("%d contents are stored, %d of them unknown to the database, which has %d; want %s", len(list), len(unknown), files, want)
	}
}
