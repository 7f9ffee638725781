package file_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/drivers/drivertest"
	"github.com/carillon-go/carillon/drivers/file"
	"github.com/carillon-go/carillon/jobs"
)

func uploaded(text string) *jobs.Contents {
	return &jobs.Contents{Name: "count.csv", ContentType: "text/csv", Size: int64(len(text)), Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	drivertest.Run(t, func(testing.TB) drivertest.Subject {
		return drivertest.Subject{
			Driver: file.New(true), Good: json.RawMessage(`{}`), File: uploaded("sku,count"),
			Bad: map[string]json.RawMessage{"a path": json.RawMessage(`{"path":"/etc/passwd"}`)},
		}
	})
}

func TestDriver_Render(t *testing.T) {
	t.Parallel()
	d := file.New(true)
	got, err := jobs.Render(t.Context(), d, &jobs.RenderTask{Name: "count", File: uploaded("sku")})
	if err != nil || got.Name != "count.csv" || got.ContentType != "text/csv" || got.Size != 3 {
		t.Errorf("Render: %+v, %v", got, err)
	}
	if _, err := jobs.Render(t.Context(), d, &jobs.RenderTask{Name: "count"}); err == nil || !jobs.AdviceOf(err).Permanent {
		t.Errorf("Render without an upload: %v, want a permanent error", err)
	}
	if err := file.New(false).Available(); !errors.Is(err, file.ErrNoStore) {
		t.Errorf("Available without a store: %v", err)
	}
}
