//go:build !linux

package lambdatest

import "syscall"

// dieWithParent does nothing outside Linux: a process ends with its test, but may outlive a test that is
// killed.
func dieWithParent() *syscall.SysProcAttr { return nil }
