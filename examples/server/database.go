package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/postgres"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// database is where the jobs are: a file, or a server of PostgreSQL.
type database struct {
	// file is the path of a SQLite file; empty for a server.
	file string
	// url is the connection string of a server, which may hold a password; empty for a file.
	url jobs.Secret
}

// databaseOf reads -db; empty is a file in the folder of -data. An error does not repeat the value.
func databaseOf(text jobs.Secret, data string) (database, error) {
	value := text.Reveal()
	scheme, rest, ok := strings.Cut(value, ":")
	switch {
	case value == "":
		return database{file: filepath.Join(data, "carillon.db")}, nil
	case ok && (scheme == "postgres" || scheme == "postgresql") && strings.HasPrefix(rest, "//"):
		return database{url: text}, nil
	case ok && scheme == "sqlite" && rest != "" && !strings.HasPrefix(rest, "//"):
		return database{file: rest}, nil
	case strings.Contains(value, "://") || ok && scheme == "sqlite":
		return database{}, errors.New("is neither the path of a file, sqlite:path, nor postgres://user@host/name")
	}
	return database{file: value}, nil
}

// exists tells whether there is a database already. That of a server can only be known when it is open.
func (d database) exists() (bool, error) {
	if d.file == "" {
		return false, nil
	}
	return exists(d.file)
}

func (d database) open(ctx context.Context, log *slog.Logger) (jobs.Store, error) {
	if d.file != "" {
		store, err := sqlite.Open(ctx, d.file, sqlite.Options{Logger: log})
		if err != nil {
			return nil, err // not store: a nil pointer in an interface is not nil
		}
		return store, nil
	}
	store, err := postgres.Open(ctx, d.url.Reveal(), postgres.Options{Logger: log})
	if err != nil {
		return nil, err
	}
	return store, nil
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// openFiles opens the database and the key. A key is made before the first database: where there is a database, a key that is missing
// was lost, and another one would open nothing. Nodes on one server need the same key, so there it is made only if nobody has used one.
func (sys *system) openFiles(ctx context.Context) (jobs.KeyWrapper, error) {
	keyFile := filepath.Join(sys.settings.data, "carillon.key")
	existed, err := sys.settings.database.exists() // before the key is looked for: another process may make both now
	if err != nil {
		return nil, err
	}
	hasKey, err := exists(keyFile)
	if err != nil {
		return nil, err
	}
	onServer := sys.settings.database.file == ""
	var keys jobs.KeyWrapper
	if hasKey || !existed && !onServer {
		if keys, err = jobs.OpenKeyFile(keyFile); err != nil {
			return nil, fmt.Errorf("key of the secrets: %w", err)
		}
	}
	if sys.store, err = sys.settings.database.open(ctx, sys.log); err != nil {
		return nil, fmt.Errorf("-db: %w", err)
	}
	if keys == nil && onServer {
		if keys, err = sys.firstKey(ctx, keyFile); err != nil {
			return nil, err
		}
	}
	if keys == nil {
		return nil, fmt.Errorf("key of the secrets: %s is missing beside its database; put it back, without it secrets cannot be opened", keyFile)
	}
	return keys, nil
}

// firstKey makes a key for a database on a server, unless another node has done so.
func (sys *system) firstKey(ctx context.Context, keyFile string) (jobs.KeyWrapper, error) {
	used, err := sys.store.TenantKeys(ctx, sys.settings.tenant)
	if err != nil {
		return nil, err
	}
	if len(used) > 0 {
		return nil, fmt.Errorf("key of the secrets: another node has made one; copy its carillon.key to %s, without it secrets cannot be opened", keyFile)
	}
	keys, err := jobs.OpenKeyFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("key of the secrets: %w", err)
	}
	return keys, nil
}
