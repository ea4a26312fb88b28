package main_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// BenchmarkHostileBodies measures the built receiver on the worst that the limit lets in, beside a usual webhook. Lambda hands the event
// over as JSON, so that an escape or a base64 form makes it larger than the body. Each body has a process of its own, for its memory.
func BenchmarkHostileBodies(b *testing.B) {
	b.Run("a usual webhook", func(b *testing.B) { harm(b, usual) })
	for _, name := range slices.Sorted(maps.Keys(hostile)) {
		b.Run(name, func(b *testing.B) { harm(b, hostile[name](262_144-64)) })
	}
}

// harm sends a body until its median means something.
func harm(b *testing.B, text string) {
	b.Helper()
	cloud := awstest.New(b, nil)
	queue := cloud.SQS.Create(awstest.QueueConfig{Name: "events.fifo"})
	c := receiver(b, cloud, queue)
	c.payload = delivery(b, text)
	c.function = lambdatest.Start(b, c.binary, c.env)
	turns(b, 20, func(int) { c.warm = append(c.warm, c.invoke(b)) })
	b.ReportMetric(float64(percentile(c.warm, 0.5).Microseconds()), "p50-µs")
	b.ReportMetric(float64(c.memory(b, "VmHWM:"))/1e6, "peak-MB")
}
