package main_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/awstest"
	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
)

// hurt is what a body did to the receiver.
type hurt struct {
	body string
	took time.Duration // median
	peak int           // bytes
}

// BenchmarkHostileBodies measures the built receiver on the worst that the limit lets in, beside a usual webhook, and prints the slowest
// and the largest of them as a table. Lambda hands the event over as JSON, so that an escape or a base64 form makes it larger than the
// body. Each body has a process of its own, for its memory.
func BenchmarkHostileBodies(b *testing.B) {
	measured := map[string]hurt{}
	measure := func(name, text string) {
		b.Run(name, func(b *testing.B) { measured[name] = harm(b, name, text) })
	}
	measure("a usual webhook", usual)
	for _, name := range slices.Sorted(maps.Keys(hostile)) {
		measure(name, hostile[name](262_144-64))
	}
	if len(measured) <= len(hostile) {
		return
	}
	all := slices.Collect(maps.Values(measured))
	fmt.Printf("\n| bodies of 256 KiB | warm call, median | peak of memory |\n|---|---:|---:|\n")
	row := func(name string, h hurt) {
		fmt.Printf("| %s | %.2f ms | %.1f MB |\n", name, float64(h.took.Microseconds())/1e3, float64(h.peak)/1e6)
	}
	slowest := slices.MaxFunc(all, func(x, y hurt) int { return cmp.Compare(x.took, y.took) })
	largest := slices.MaxFunc(all, func(x, y hurt) int { return cmp.Compare(x.peak, y.peak) })
	row("a usual webhook, of 1.6 kB", measured["a usual webhook"])
	row("the slowest body: "+slowest.body, slowest)
	row("the body that takes most memory: "+largest.body, largest)
	fmt.Println()
}

// harm sends a body until its median means something.
func harm(b *testing.B, name, text string) hurt {
	b.Helper()
	cloud := awstest.New(b, nil)
	queue := cloud.SQS.Create(awstest.QueueConfig{Name: "events.fifo"})
	c := contenders(b, cloud, queue)[2]
	c.payload = delivery(b, text)
	c.function = lambdatest.Start(b, c.binary, c.env)
	turns(b, 20, func(int) { c.warm = append(c.warm, c.invoke(b)) })
	h := hurt{name, percentile(c.warm, 0.5), c.memory(b, "VmHWM:")}
	b.ReportMetric(float64(h.took.Microseconds()), "p50-µs")
	b.ReportMetric(float64(h.peak)/1e6, "peak-MB")
	return h
}
