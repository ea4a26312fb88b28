//go:build unix && !linux

package main

import "syscall"

// ownGroup puts a child into a process group of its own. Only Linux can tie its life to this program's: elsewhere a program killed
// outright leaves its servers behind, and the next one names the port that they hold.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
