// Command forwarder is the Lambda function that takes batches of webhooks from the queue and delivers them to
// CleverTap.
//
// It reads the environment and connects shared/forward to AWS and CleverTap. If it cannot start, it prints one line
// that names every fault, and exits with 1. It decides nothing about messages.
package main

import (
	"os"
	"runtime/debug"
	"strconv"

	"github.com/purchasely-clevertap/bridge/functions/internal/start"
)

// The collector waits until the heap is five times what the last collection left, which takes a fifth off a batch's
// processor time with the table (measured, November 2026), and works harder before the function's memory grows: with
// the least limit a batch of 6 MB stays below 96 MiB resident.
const (
	heapGrowth       = 400 // per cent
	leastMemoryLimit = 56 << 20
	memoryShare      = 5 // of the function's memory
)

func main() {
	limitMemory()
	start.Main("forwarder", readConfig, start.CallTimeout, start.CallBackoff, newHandler)
}

// limitMemory sets what the Go runtime may use, by the function's memory.
func limitMemory() {
	megabytes, _ := strconv.ParseInt(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64) // Lambda sets it.
	debug.SetMemoryLimit(max(leastMemoryLimit, megabytes<<20/memoryShare))
	debug.SetGCPercent(heapGrowth)
}
