// Package benchtest measures the processor time of a step in a benchmark, without that of the server it calls.
//
// A benchmark's clock runs on while other programs have the processor; processor time hardly depends on them.
// It promises user and system time of the whole process, garbage collection included. It judges nothing.
package benchtest

import (
	"bufio"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Measure repeats a step as often as the benchmark asks for, and reports its processor time as cpu-ns/op.
func Measure(b *testing.B, step func() error) {
	b.Helper()
	used := repeat(b, step)
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// Messages repeats a batch of messages, first once unmeasured for connections and caches, and reports the
// processor time of one message as cpu-µs/msg.
func Messages(b *testing.B, size int, batch func() error) {
	b.Helper()
	if err := batch(); err != nil {
		b.Fatal(err)
	}
	used := repeat(b, batch)
	b.ReportMetric(float64(used.Microseconds())/float64(b.N*size), "cpu-µs/msg")
}

// repeat returns the processor time of all repetitions.
func repeat(b *testing.B, step func() error) time.Duration {
	b.Helper()
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		if err := step(); err != nil {
			b.Fatal(err)
		}
	}
	return processorTime(b) - before
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Child starts a binary, usually the test's own once more, with a variable that makes it a server on loopback,
// in a process of its own, so that its work does not count. It returns the first line that the server prints,
// its address. The server has to end when its standard input does.
func Child(b *testing.B, binary, variable string, args ...string) string {
	b.Helper()
	server := exec.Command(binary, args...) //nolint:gosec,noctx // A test's own, which ends with its input.
	server.Env = append(server.Environ(), variable+"=1")
	input, err := server.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = input.Close()
		_ = server.Wait()
	})
	address, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(address)
}
