// Package chaos has no program of its own: its tests start real processes on real databases, kill, stop and cut them off, and hold what the
// database says against what a receiver outside of them saw.
//
//	make chaos
//
// runs all rows and writes REPORT.md. A node is the test binary itself, started with the environment variable CARILLON_CHAOS_NODE.
package chaos
