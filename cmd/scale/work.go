package main

import (
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// world is what the template does not decide.
type world struct {
	latency time.Duration // of one upload to CleverTap
	sqs     time.Duration // of one call of Lambda's pollers to SQS
}

// model is a forwarder of these settings in that world. Every batch is of one account, and each of its messages of another subscriber, which
// is the dearest case.
type model struct {
	settings
	world
}

// work is how long the forwarder is at a batch of n messages.
func (m model) work(n int) time.Duration {
	return m.uploading(n) + m.onProcessor(batchProcessor+time.Duration(n)*messageProcessor) + m.holding(n)
}

// uploading is how long CleverTap takes for a batch.
func (m model) uploading(n int) time.Duration {
	return time.Duration(ceil(uploadsOf(n), m.uploads)) * m.latency
}

// uploadsOf is how many uploads a batch makes.
func uploadsOf(n int) int {
	return max(ceil(n*recordsPerWebhook, clevertap.MaxRecords), ceil(n*recordBytes, clevertap.MaxUploadBytes))
}

// holding is how long the subscriber table takes for a batch: reads, writes and, on a standard queue, a second look. Writes wait for the
// table or for the processor, whichever takes longer, because many of them are under way at once.
func (m model) holding(n int) time.Duration {
	if !m.subscriberState {
		return 0
	}
	reads := time.Duration(ceil(ceil(n, keysPerRead), readsAtOnce)) * tableCall
	writes := time.Duration(ceil(n, writesAtOnce)) * tableCall
	processor := m.onProcessor(subscriberBatchProcessor + time.Duration(n)*subscriberMessageProcessor)
	if m.queue == standard {
		reads *= 2
	}
	return reads + max(writes, processor)
}

// onProcessor is how long processor time lasts with the share of a core that the memory gives.
func (m model) onProcessor(d time.Duration) time.Duration {
	return d * fullCore / time.Duration(min(m.memory, fullCore))
}

// full is how many messages a batch gets while more wait than it can take.
func (m model) full() int {
	calls := 1 + int(m.window/m.sqs)
	return min(m.batch, payloadBytes/messageBytes, calls*callMessages)
}

// cycle is the time from one batch of n messages to the next: to receive it, to work, to delete it. The calls to receive it come one after
// the other, those to delete it side by side.
func (m model) cycle(n int) time.Duration {
	return time.Duration(ceil(n, callMessages))*m.sqs + m.work(n) + m.sqs
}

// capacity is how many messages a second all forwarders together deliver while more wait: the closed formula.
func (m model) capacity() float64 {
	n := m.full()
	return float64(m.concurrency*n) / m.cycle(n).Seconds()
}

func ceil(a, b int) int { return (a + b - 1) / b }
