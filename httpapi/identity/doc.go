// Package identity is the built-in identity of the HTTP API: users with passwords, teams, sessions of browsers, and API tokens, in the same
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
//   - Every request reads session or token, user and teams anew, in one state: log-out, revoking, disabling, a new password and leaving a
//     team work at once.
//   - A tenant keeps one superuser who can sign in, however many try to leave at once. Nobody gives a right to manage the cluster, or takes
//     one on by a new password, who has not got it.
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
// It sends no mail for forgotten passwords, and knows no second factor. Those are reasons to bring an own
// authenticator.
package identity
