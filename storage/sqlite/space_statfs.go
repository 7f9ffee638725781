//go:build linux || darwin

package sqlite

import "syscall"

// freeBytes is the space that an ordinary user may fill; false if it cannot be found out.
func freeBytes(folder string) (uint64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}
