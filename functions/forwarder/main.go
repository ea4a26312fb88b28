// Command forwarder is the Lambda function that takes batches of webhooks from the queue and delivers them to
// CleverTap.
//
// It reads the environment and connects shared/forward to AWS and CleverTap. If it cannot start, it prints one line
// that names every fault, and exits with 1. It decides nothing about messages.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/env"
)

// The collector waits until the heap is five times what the last collection left, which takes a fifth off a batch's
// processor time with the table (measured, November 2026), and works harder before the function's memory grows: with
// the least limit a batch of 6 MB stays below 96 MiB resident.
const (
	heapGrowth       = 400 // per cent
	leastMemoryLimit = 56 << 20
	memoryShare      = 5 // of the function's memory
)

// processors is how many the scheduler uses. Lambda gives a function of this size a part of one. With more threads,
// handing work between them would be a quarter of the cost of a small batch.
const processors = 1

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "forwarder:", err)
		os.Exit(1)
	}
}

// run returns only if the function cannot start.
func run(ctx context.Context) error {
	environment := env.New(env.OS)
	config := readConfig(environment)
	cloud := aws.LoadConfig(ctx, environment, callTimeout, callBackoff)
	if err := environment.Err(); err != nil {
		return err
	}
	limitProcess()
	log := slog.New(lambdacontext.NewLogHandler())
	slog.SetDefault(log) // What Lambda's package prints, such as a batch's error, is JSON, too.
	lambda.StartWithOptions(newHandler(config, cloud, log), lambda.WithContext(ctx))
	return nil
}

// limitProcess sets what the Go runtime may use, by the function's memory.
func limitProcess() {
	megabytes, _ := strconv.ParseInt(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64) // Lambda sets it.
	debug.SetMemoryLimit(max(leastMemoryLimit, megabytes<<20/memoryShare))
	debug.SetGCPercent(heapGrowth)
	runtime.GOMAXPROCS(processors)
}
