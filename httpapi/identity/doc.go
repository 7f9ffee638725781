// Package identity is the built-in identity of the HTTP API: users with passwords, sessions of browsers, and API tokens, in the same
// database as the jobs (contract 15). A host with users of its own does not need it.
//
//	accounts, err := identity.New(store, identity.Options{DefaultTenant: "acme"})
//	password, created, err := accounts.EnsureAdmin(ctx, "acme", "admin") // show the password once
//	api, err := httpapi.New(service, httpapi.Options{Accounts: accounts})
//
// # Guarantees
//
//   - Passwords are kept as argon2id strings; of session ids and tokens only SHA-256 is kept. None of the three is in an error or a
//     log record of this package (R49 to R51, R69).
//   - Every request reads session or token and user anew: log-out, revoking, disabling and a new password work at once.
//   - A log-in costs the same work whether the user exists or not, and tries are throttled by user and address.
//
// # Why sessions are not left to a library
//
// A general session manager, scs for one, keeps a bag of values under an id, saves it at the end of each request, and wraps the writer of
// the answer. A session here is one row without values (jobs.Session) that ends by rules which such a manager does not have: with the
// user's password, with disabling, by idle and absolute time, and beyond 20 a user, all inside transactions of the store. What would be left of
// the manager is making a random id and a cookie.
//
// # What it does not do
//
// It keeps no teams, sends no mail for forgotten passwords, and knows no second factor. Those are reasons to bring an own
// authenticator.
package identity
