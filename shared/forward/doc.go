// Package forward answers what became of each message of a batch.
//
// It promises exactly one outcome for every message, counts that add up to the messages received, and a list of those to be sent
// again that is never null and names only messages of the batch. It is a corridor: it knows the order of the steps, not how a
// webhook reads, what a record means or how HTTP works, and it leaves no goroutine behind.
package forward
