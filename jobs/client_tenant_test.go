package jobs_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/folder"
	"github.com/carillon-go/carillon/storage/sqlite"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
	"github.com/carillon-go/carillon/storage/storagetest"
)

// brokenBlobs are contents that cannot be removed.
type brokenBlobs struct{ place }

type place = jobs.Blobs

func (brokenBlobs) DeleteBlob(context.Context, jobs.BlobKey) error { return errDisk }

var errDisk = errors.New("the disk is gone")

// halting is a store whose third step of an erasure fails.
type halting struct {
	jobs.Store
	steps int
}

func (s *halting) EraseTenant(ctx context.Context, tenant jobs.TenantID, _ int) (jobs.TenantErasure, error) {
	s.steps++
	if s.steps == 3 {
		return jobs.TenantErasure{}, &jobs.UnavailableError{Reason: "the database is down"}
	}
	return s.Store.EraseTenant(ctx, tenant, 2)
}

// TestClient_RemoveTenant holds R68.
func TestClient_RemoveTenant(t *testing.T) {
	t.Parallel()
	ctx, tenant := t.Context(), storagetest.FilledTenant
	type world struct {
		store   *sqlite.Store
		blobs   *folder.Store
		service func(jobs.Store, jobs.Blobs) *jobs.Service
		host    *jobs.Client
	}
	newWorld := func(t *testing.T) *world {
		t.Helper()
		w := &world{store: sqlitetest.Open(t, sqlite.Options{})}
		if err := storagetest.Fill(ctx, w.store); err != nil {
			t.Fatal(err)
		}
		var err error
		if w.blobs, err = folder.Open(filepath.Join(t.TempDir(), "files")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := w.blobs.Close(); err != nil {
				t.Error(err)
			}
		})
		none, err := drivers.NewRegistry()
		if err != nil {
			t.Fatal(err)
		}
		w.service = func(s jobs.Store, b jobs.Blobs) *jobs.Service {
			return jobs.NewService(s, none, jobs.ServiceOptions{Blobs: b})
		}
		w.host = w.service(w.store, w.blobs).As(jobs.System(jobs.HostTenant))
		return w
	}
	audit := func(t *testing.T, s jobs.Store) []string {
		t.Helper()
		page, err := s.Audit(ctx, jobs.AuditQuery{Tenant: jobs.HostTenant})
		if err != nil {
			t.Fatal(err)
		}
		var rows []string
		for _, r := range page.Items {
			rows = append(rows, string(r.Action)+" "+r.Kind+" "+r.Object+" by "+string(r.Actor))
		}
		return rows
	}
	names := func(t *testing.T, c *jobs.Client) []jobs.TenantID {
		t.Helper()
		list, err := c.Tenants(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var ids []jobs.TenantID
		for _, u := range list {
			ids = append(ids, u.ID)
		}
		return ids
	}
	want := []string{"delete tenant acme by system"}

	t.Run("needs the right to manage the cluster, and another tenant", func(t *testing.T) {
		w := newWorld(t)
		boss := w.service(w.store, w.blobs).As(jobs.Principal{Tenant: tenant, User: "boss", Superuser: true})
		if err := boss.RemoveTenant(ctx, "umbrella", true); !errors.Is(err, jobs.ErrForbidden) {
			t.Errorf("a superuser: %v", err)
		}
		if _, err := boss.Tenants(ctx); !errors.Is(err, jobs.ErrForbidden) {
			t.Errorf("the list for a superuser: %v", err)
		}
		own := w.service(w.store, w.blobs).As(jobs.System(tenant))
		if err := own.RemoveTenant(ctx, tenant, true); !errors.Is(err, jobs.ErrConflict) {
			t.Errorf("the own tenant: %v", err)
		}
		if err := w.host.RemoveTenant(ctx, tenant, false); !errors.Is(err, jobs.ErrConflict) {
			t.Errorf("with live runs: %v", err)
		}
		if err := w.host.RemoveTenant(ctx, "nobody", true); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("an unknown tenant: %v", err)
		}
		if diff := cmp.Diff([]jobs.TenantID{tenant, "umbrella"}, names(t, w.host)); diff != "" {
			t.Error(diff)
		}
		if rows := audit(t, w.store); rows != nil {
			t.Errorf("the audit has %v", rows)
		}
	})
	t.Run("takes rows and contents, and leaves one audit row", func(t *testing.T) {
		w := newWorld(t)
		keep := jobs.NewBlobKey()
		put := func(key jobs.BlobKey) {
			t.Helper()
			if _, err := w.blobs.PutBlob(ctx, key, strings.NewReader("abcde"), 10); err != nil {
				t.Fatal(err)
			}
		}
		put(keep)
		uploaded := jobs.NewBlobKey()
		put(uploaded)
		if err := w.store.AddFile(ctx, time.Now(), tenant, uploaded, 5); err != nil {
			t.Fatal(err)
		}
		if err := w.host.RemoveTenant(ctx, tenant, true); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]jobs.TenantID{"umbrella"}, names(t, w.host)); diff != "" {
			t.Error(diff)
		}
		left, err := w.blobs.Blobs(ctx, "", 10)
		if err != nil || len(left) != 1 || left[0].Key != keep {
			t.Errorf("contents that are left: %v, %v", left, err)
		}
		if diff := cmp.Diff(want, audit(t, w.store)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("goes on after an error", func(t *testing.T) {
		w := newWorld(t)
		broken := w.service(&halting{Store: w.store}, w.blobs).As(jobs.System(jobs.HostTenant))
		if err := broken.RemoveTenant(ctx, tenant, true); !errors.Is(err, jobs.ErrUnavailable) {
			t.Fatalf("the first call: %v", err)
		}
		if rows := audit(t, w.store); rows != nil {
			t.Errorf("the audit has %v before the end", rows)
		}
		if err := broken.RemoveTenant(ctx, tenant, false); err != nil {
			t.Fatalf("the second call: %v", err)
		}
		if diff := cmp.Diff(want, audit(t, w.store)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("says which contents it could not remove", func(t *testing.T) {
		w := newWorld(t)
		for name, blobs := range map[string]jobs.Blobs{"broken": brokenBlobs{}, "none": nil} {
			err := w.service(w.store, blobs).As(jobs.System(jobs.HostTenant)).RemoveTenant(ctx, tenant, true)
			if err == nil || name == "broken" && !errors.Is(err, errDisk) {
				t.Errorf("%s: %v", name, err)
			}
			if diff := cmp.Diff([]jobs.TenantID{"umbrella"}, names(t, w.host)); diff != "" {
				t.Error(diff)
			}
			w = newWorld(t)
		}
	})
}
