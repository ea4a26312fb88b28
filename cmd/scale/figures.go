package main

import "time"

// What the bridge itself needs, from docs/design/benchmarks.md (November 2026, processor time of one core of an AMD EPYC in its slower hours; a
// core of Lambda is taken for as fast). A batch costs something of its own and something for each message, which is how a message of a
// batch of ten costs 45 µs and one of a batch of a thousand 20 µs.
const (
	batchProcessor   = 250 * time.Microsecond
	messageProcessor = 20 * time.Microsecond
	// The same for subscriber state: 0.34 ms a message in a batch of ten, 0.2 ms in one of a thousand.
	subscriberBatchProcessor   = 1400 * time.Microsecond
	subscriberMessageProcessor = 200 * time.Microsecond
	// forwarderLog is what a batch that goes through writes, metrics included.
	forwarderLog = 890 // bytes
)

// What a renewal is; a test measures it with the catalogue's own sample.
const (
	recordsPerWebhook = 2    // the event and the profile
	recordBytes       = 1680 // of both, with their commas
	messageBytes      = 3000 // in Lambda's payload: the body in quotes, and SQS's envelope
)

// How the forwarder asks the subscriber table; a test holds them against its code.
const (
	keysPerRead  = 100
	readsAtOnce  = 8
	writesAtOnce = 32
)

// What AWS documents (read in November 2026).
const (
	callMessages  = 10        // of one ReceiveMessage or DeleteMessageBatch (SQS message quotas)
	payloadBytes  = 6_000_000 // of one batch (Lambda quotas), of which the mapping leaves a little
	inFlightMost  = 120_000   // messages of a queue in flight, of either kind (SQS message quotas)
	scanDepth     = 120_000   // first messages of a FIFO queue that are searched for groups that are free (SQS FIFO quotas)
	fewest        = 2         // forwarders at once to which a mapping can be limited (Lambda, ScalingConfig)
	most          = 1_000     // and the most
	fullCore      = 1769      // megabytes at which a function has one whole core (Lambda, "Configure function memory")
	firstBatches  = 5         // batches at once when a queue becomes busy (Lambda, "Scaling behavior for SQS")
	rampPerMinute = 300       // batches at once that are added in a minute while messages wait (the same page)
)

// What nobody documents, and is assumed.
const (
	// sqsCall is one call of Lambda's pollers to SQS. Measured from send to start of the function, an idle mapping took 16 ms on a
	// standard queue and 28 ms on a FIFO queue (bitesizedserverless.com, "Serverless Messaging: Latency Compared", 2022), and that is more
	// than one call.
	sqsCall = 10 * time.Millisecond
	// tableCall is one call of the forwarder to DynamoDB, which promises single-digit milliseconds.
	tableCall = 8 * time.Millisecond
	// receiverTime is what a receiver is billed for a webhook: under 1 ms of its own, the rest is SQS.
	receiverTime = 15 * time.Millisecond
)
