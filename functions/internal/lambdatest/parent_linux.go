package lambdatest

import "syscall"

// dieWithParent makes the kernel kill a process together with the thread that started it.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
