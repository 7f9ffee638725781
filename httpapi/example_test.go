package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// A host mounts the API beside its own routes and says who its users are.
func ExampleNew() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "carillon")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }() // a temporary folder
	store, err := sqlite.Open(ctx, filepath.Join(folder, "jobs.db"), sqlite.Options{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = store.Close() }() // nothing was promised

	report := drivers.Func("report", func(context.Context, struct{}) (string, error) { return "done", nil })
	registry, err := drivers.NewRegistry(report)
	if err != nil {
		panic(err)
	}
	whoIs := func(r *http.Request) (httpapi.Identity, error) {
		if r.Header.Get("Authorization") != "Bearer of the host" {
			return httpapi.Identity{}, jobs.ErrUnauthenticated
		}
		return httpapi.Identity{Principal: jobs.Principal{Tenant: "globex", User: "mara", Rights: jobs.Rights{CreateJobs: true}}}, nil
	}
	api, err := httpapi.New(jobs.NewService(store, registry, jobs.ServiceOptions{}), httpapi.Options{
		Authenticator: httpapi.AuthenticatorFunc(whoIs),
	})
	if err != nil {
		panic(err)
	}
	defer api.Close()
	mux := http.NewServeMux()
	mux.Handle("/api/", api)

	for _, token := range []string{"", "Bearer of the host"} {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/jobs", strings.NewReader(`{"type": "report", "name": "Weekly"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", token)
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, r)
		fmt.Println(answer.Code)
	}
	// Output:
	// 401
	// 201
}
