// Command embed is a host application with its own users and its own routes, which serves the job API beside them under a prefix.
//
//	go run ./examples/embed
//
// Its users sign in with HTTP basic authentication: ada (may do everything) and bob (may create jobs), with their name as password.
// A real application has sessions of its own; all that the job system needs is the function authenticate.
package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// tenant is the only one of this application.
const tenant = jobs.TenantID("shop")

func main() {
	addr := flag.String("addr", "127.0.0.1:8081", "address to listen on")
	data := flag.String("data", "./embed-data", "folder of the database")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, *data); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr, data string) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, filepath.Join(data, "shop.db"), sqlite.Options{})
	if err != nil {
		return err
	}
	// The shop's own code is a job driver: operators give its settings on a form that is made from the type.
	registry, err := drivers.NewRegistry(drivers.Func("count-stock", countStock))
	if err != nil {
		return errors.Join(err, store.Close())
	}
	service := jobs.NewService(store, registry, jobs.ServiceOptions{Directory: directory{}})
	api, err := httpapi.New(service, httpapi.Options{Prefix: "/jobs/api", Authenticator: httpapi.AuthenticatorFunc(authenticate)})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	engine, err := scheduler.New(store, registry, scheduler.Options{})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	routes := http.NewServeMux()
	routes.Handle("/jobs/api/", api)
	routes.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "The shop. Its jobs are at /jobs/api/jobs")
	})
	return errors.Join(serve(ctx, addr, routes, api, engine), store.Close())
}

// serve runs the web server and the worker until ctx ends.
func serve(ctx context.Context, addr string, routes http.Handler, api *httpapi.API, engine *scheduler.Scheduler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("The shop listens on http://%s\n", listener.Addr())
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 2)
	go func() { ended <- engine.Run(ctx); cancel() }()
	go func() { ended <- server.Serve(listener); cancel() }()
	<-ctx.Done()
	api.Close()
	grace, done := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer done()
	err = server.Shutdown(grace)
	for range 2 {
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// Warehouse are the settings of a stock count.
type Warehouse struct {
	Code string `json:"code" desc:"three letters, such as HAM"`
}

// Count is its result; conditions of later actions can ask for driver.data.pieces.
type Count struct {
	Pieces int `json:"pieces"`
}

func countStock(_ context.Context, in Warehouse) (Count, error) {
	return Count{Pieces: 100 * len(in.Code)}, nil
}

// users are the accounts of the shop: the name is the password.
var users = map[string]jobs.Principal{
	"ada": {Tenant: tenant, User: "ada", Superuser: true, Rights: jobs.Rights{CreateJobs: true, ManageCluster: true}},
	"bob": {Tenant: tenant, User: "bob", Rights: jobs.Rights{CreateJobs: true}},
}

// authenticate tells the job system who a request comes from. Browsers send basic authentication by themselves, so Cookie is true:
// requests from other sites are refused.
func authenticate(r *http.Request) (httpapi.Identity, error) {
	name, password, ok := r.BasicAuth()
	who, known := users[name]
	if !ok || !known || subtle.ConstantTimeCompare([]byte(name), []byte(password)) != 1 {
		return httpapi.Identity{}, jobs.ErrUnauthenticated
	}
	return httpapi.Identity{Principal: who, Cookie: true, DisplayName: name}, nil
}

// directory tells the job system which users exist.
type directory struct{}

// Principals gives those of the ids that are users of the shop.
func (directory) Principals(_ context.Context, _ jobs.TenantID, ids []jobs.PrincipalID) ([]jobs.PrincipalInfo, error) {
	var known []jobs.PrincipalInfo
	for _, id := range ids {
		if _, ok := users[string(id)]; ok {
			known = append(known, jobs.PrincipalInfo{ID: id, Name: string(id)})
		}
	}
	return known, nil
}
