// Package httpapi serves the job API over HTTP: one http.Handler over the use cases of package jobs, for any store, any set of
// drivers, and the users of the host or built-in ones.
//
// The smallest useful program mounts it beside its own routes and says who its users are:
//
//	service := jobs.NewService(store, registry, jobs.ServiceOptions{})
//	api, err := httpapi.New(service, httpapi.Options{Authenticator: httpapi.AuthenticatorFunc(whoIs)})
//	if err != nil {
//		return err
//	}
//	mux.Handle("/api/", api)
//
// Without an authenticator of its own a program sets Options.Accounts, the users, sessions and tokens of package identity.
//
// # Guarantees
//
// The wire format is that of the contract: HAL, one shape for every error, entity tags, partial updates. Every route needs an identity, and
// the use cases decide what it may do: 401, then 404 for what the caller may not see, 403, 400, and 409 or 412 come in that order.
// Input is checked before it is used: size, encoding, depth, duplicate and unknown names; all faults are told at once. Requests of
// browsers from other origins change nothing. Secrets of settings are taken and never given out. A live stream can be resumed
// at any event without loss, on any server of the same database. A panic in a handler is an answer of status 500 and a record in the log.
//
// # What it does not do
//
// It runs no jobs: that is package scheduler, in this process or in another one. It opens no port and knows no TLS: the host's http.Server
// does, and sets MaxHeaderBytes (64 KiB), ReadHeaderTimeout (10 s), ReadTimeout (60 s) and IdleTimeout (120 s); requests that wait for a
// run and streams lift the time-outs for themselves. It sends no CORS headers and does not compress. Streams and waiting requests end with
// API.Close, which is called before http.Server.Shutdown: that one waits for them.
package httpapi
