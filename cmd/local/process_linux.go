package main

import "syscall"

// ownGroup puts a child into a process group of its own, and has the kernel end it should this program be killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
