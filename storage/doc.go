// Package storage holds the stores of Carillon; each is a package of its own so that a program links only the database that
// it uses.
//
//   - storage/sqlite: one file, no server, one machine; several processes of that machine may share it.
//   - storage/sqlite/sqlitetest: an empty SQLite store for a test.
//   - storage/postgres: a server, any number of machines.
//   - storage/postgres/postgrestest: an empty PostgreSQL store for a test, on a server that it starts.
//   - storage/storagetest: the suite that every implementation of jobs.Store passes, also those of others.
//
// All of them keep the contract that is written on the interfaces of package jobs. SQL that databases share is in
// storage/internal/sqlstore; what differs is a dialect.
package storage
