// Package postgres is the store of Carillon on PostgreSQL: any number of nodes, none of them a leader.
//
//	store, err := postgres.Open(ctx, "postgres://app@db.example/app", postgres.Options{})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// All tables are in the schema carillon of the database, so a host may keep tables of its own beside them. One database holds one
// cluster.
//
// What it guarantees: a write that was answered is as durable as a commit of the database. Writes of all nodes follow one another: each
// transaction takes an advisory lock first, and those that wait in one process are committed together. Therefore limits are strict and
// numbers of changes are in the order of their commits. Reads see one state and wait for nobody.
//
// Wake-ups between nodes go through LISTEN and NOTIFY on a connection of its own. Where that does not get through, as behind a pooler that
// hands out connections by transaction, watchers are woken once a second instead; Options.ListenDSN leads around the pooler. Such a pooler
// needs default_query_exec_mode=exec (or cache_describe) in the connection string, unless it knows prepared statements.
package postgres
