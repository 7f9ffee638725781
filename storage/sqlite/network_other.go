//go:build !linux

package sqlite

// refuseNetwork cannot tell here; the documentation says that network file systems do not work.
func refuseNetwork(string) error { return nil }
