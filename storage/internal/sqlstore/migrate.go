package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
)

// migrateTries is how often a starter looks again when another one migrates the same database at the same time.
const migrateTries = 5

// Migrate brings a database to the newest schema: forward only, one transaction each (R30). Of several that start at once one
// migrates; the others fail in a step, look again and find it done.
func Migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, scripts fs.FS, log *slog.Logger, more ...goose.ProviderOption) error {
	options := append([]goose.ProviderOption{goose.WithSlog(log), goose.WithDisableGlobalRegistry(true)}, more...)
	provider, err := goose.NewProvider(dialect, db, scripts, options...)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	for try := 1; ; try++ {
		_, err = provider.Up(ctx)
		if err == nil {
			return nil
		}
		pending, lookErr := provider.HasPending(ctx)
		if lookErr == nil && !pending {
			return nil
		}
		if try == migrateTries || ctx.Err() != nil {
			return fmt.Errorf("migrate: %w", err)
		}
	}
}
