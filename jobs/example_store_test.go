package jobs_test

import (
	"context"
	"os"
	"path/filepath"

	"github.com/carillon-go/carillon/storage/sqlite"
)

// openExample opens a store in a new folder; close removes both. A program opens one file and keeps it.
func openExample(ctx context.Context) (store *sqlite.Store, closeAll func(), err error) {
	dir, err := os.MkdirTemp("", "carillon")
	if err != nil {
		return nil, nil, err
	}
	if store, err = sqlite.Open(ctx, filepath.Join(dir, "jobs.db"), sqlite.Options{}); err != nil {
		return nil, nil, err
	}
	return store, func() {
		if err := store.Close(); err != nil {
			panic(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			panic(err)
		}
	}, nil
}
