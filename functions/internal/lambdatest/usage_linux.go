package lambdatest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// tick is the unit in which Linux tells processor time, on every architecture that Go knows (proc_pid_stat(5), November 2026).
const tick = 10 * time.Millisecond

// Processor is the processor time that the process has used so far. Unlike the time on the clock it stays the same however busy the
// machine is with other things.
func (f *Function) Processor(t testing.TB) time.Duration {
	t.Helper()
	text := f.proc(t, "stat")
	var user, system int64
	// The name of the program, in parentheses, may hold anything. Eleven fields further on stand the two that count.
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * tick
}

// Memory is the most memory that the process ever had, in bytes.
func (f *Function) Memory(t testing.TB) int {
	t.Helper()
	_, line, _ := strings.Cut(f.proc(t, "status"), "VmHWM:")
	var kilobytes int
	if _, err := fmt.Sscan(line, &kilobytes); err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

// proc is what Linux tells about the process.
func (f *Function) proc(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", f.PID(), file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
