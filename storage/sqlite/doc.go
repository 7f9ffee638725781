// Package sqlite is the store of Carillon in one SQLite file: no server, nothing to install. Several processes of one machine
// may use the file at once; more machines than one need a database server.
//
//	store, err := sqlite.Open(ctx, "/var/lib/app/jobs.db", sqlite.Options{})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// What it guarantees: a write that was answered survives the end of the process at any instruction, and with Synchronous "FULL",
// the default, also a power cut. All writes go through one connection; those that wait for each other are committed together,
// so that a durable commit costs little under load. Reads use connections of their own and never wait for writes.
//
// What it does not do: network file systems are refused, because their locks do not hold; a file of a newer version or of another
// program is refused and not touched. Back up with VACUUM INTO or SQLite's backup interface, never by copying the file alone.
package sqlite
