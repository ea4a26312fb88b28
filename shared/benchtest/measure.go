// Package benchtest answers what a step takes of the processor, without what the server takes that it calls.
//
// The clock of a benchmark goes on while other programs have the processor; this figure hardly knows of them. It promises user and system
// time of the whole process, the garbage collector's included. It is for benchmarks only and judges nothing.
package benchtest

import (
	"syscall"
	"testing"
	"time"
)

// Measure repeats a step as often as the benchmark asks for, and reports the processor time of one as cpu-ns/op.
func Measure(b *testing.B, step func() error) {
	b.Helper()
	b.ReportAllocs()
	before := used(b)
	for b.Loop() {
		if err := step(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((used(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// Messages repeats a batch of so many messages, once unmeasured for connections and caches, and reports the processor time of one message
// as cpu-µs/msg.
func Messages(b *testing.B, size int, batch func() error) {
	b.Helper()
	if err := batch(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	before := used(b)
	for b.Loop() {
		if err := batch(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((used(b)-before).Microseconds())/float64(b.N*size), "cpu-µs/msg")
}

func used(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
