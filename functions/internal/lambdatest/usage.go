package lambdatest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Processor returns the processor time that the process's threads have used so far. Unlike the time on the
// clock it does not depend on what else the machine does. It is 0 where there is no /proc.
func (f *Function) Processor(t testing.TB) (used time.Duration) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", f.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // It has ended meanwhile.
		}
		var nanoseconds int64
		if _, err := fmt.Sscan(string(text), &nanoseconds); err != nil {
			t.Fatal(err)
		}
		used += time.Duration(nanoseconds)
	}
	return used
}

// Memory returns the most memory that the process has had, in bytes; 0 where there is no /proc.
func (f *Function) Memory(t testing.TB) int { return f.memory(t, "VmHWM:") }

// Resident returns the memory that the process has now, in bytes; 0 where there is no /proc.
func (f *Function) Resident(t testing.TB) int { return f.memory(t, "VmRSS:") }

func (f *Function) memory(t testing.TB, figure string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.PID()))
	if err != nil {
		return 0
	}
	_, line, _ := strings.Cut(string(text), figure)
	var kilobytes int
	if _, err := fmt.Sscan(line, &kilobytes); err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
