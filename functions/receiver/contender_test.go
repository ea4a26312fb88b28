package main_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
)

// contender is one of the functions that are compared.
type contender struct {
	name     string
	binary   string
	env      map[string]string
	payload  []byte
	function *lambdatest.Function

	cold    []time.Duration // from exec to the first answer
	coldCPU []time.Duration
	warm    []time.Duration
}

// start measures from the start of a process to its first answer.
func (c *contender) start(b *testing.B) {
	c.function = lambdatest.New(b, c.binary, c.env)
	began := time.Now()
	if err := c.function.Start(); err != nil {
		b.Fatal(err)
	}
	c.invoke(b)
	c.cold = append(c.cold, time.Since(began))
	c.coldCPU = append(c.coldCPU, c.processorTime(b))
	c.function.Kill()
}

// invoke measures one call.
func (c *contender) invoke(b *testing.B) time.Duration {
	b.Helper()
	began := time.Now()
	answer, err := c.function.Invoke(b.Context(), c.payload, 10*time.Second)
	took := time.Since(began)
	if err != nil || !strings.Contains(string(answer), `"statusCode":200`) {
		b.Fatalf("%s answered %s, %v", c.name, answer, err)
	}
	return took
}

// processorTime is what the process has used so far, in its own code and in the kernel's, as the scheduler counts it: thread by thread and in
// nanoseconds. It is 0 where the kernel does not tell.
func (c *contender) processorTime(b *testing.B) (used time.Duration) {
	b.Helper()
	threads := fmt.Sprintf("/proc/%d/task", c.function.PID())
	entries, err := os.ReadDir(threads)
	if err != nil {
		return 0
	}
	for _, thread := range entries {
		text, err := os.ReadFile(threads + "/" + thread.Name() + "/schedstat")
		if err != nil {
			continue // It has ended meanwhile.
		}
		var ns int64
		if _, err := fmt.Sscan(string(text), &ns); err != nil {
			b.Fatal(err)
		}
		used += time.Duration(ns)
	}
	return used
}

// memory reads one of the kernel's figures of the process in bytes, 0 where it does not tell.
func (c *contender) memory(b *testing.B, figure string) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.function.PID()))
	if err != nil {
		return 0
	}
	_, line, _ := strings.Cut(string(text), figure)
	var kilobytes int
	if _, err := fmt.Sscan(line, &kilobytes); err != nil {
		b.Fatal(err)
	}
	return kilobytes << 10
}

// size is the binary's in megabytes.
func (c *contender) size(b *testing.B) float64 {
	b.Helper()
	file, err := os.Stat(c.binary)
	if err != nil {
		b.Fatal(err)
	}
	return float64(file.Size()) / 1e6
}

// percentile gives the duration below which a share of all lies.
func percentile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[int(share*float64(len(sorted)-1))]
}
