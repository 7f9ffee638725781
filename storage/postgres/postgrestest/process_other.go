//go:build unix && !linux

package postgrestest

import "syscall"

// attributes run the server under another user. Where no signal tells it of our end, it stays behind a process that was killed.
func attributes(who *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: who}
}
