// Command receiver is the Lambda function behind the webhook's URL.
//
// It reads the environment and connects shared/receive to Secrets Manager and the queue. If it cannot start, it
// prints one line that names every fault, and exits with 1. It decides nothing about webhooks.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

func main() {
	// Lambda serves one request at a time, and on one processor hand-offs between goroutines stay on one
	// thread. That saves a sixth of the time above a function that does nothing, half at the 99th percentile,
	// and a millisecond of the start (measured on two processors, November 2026).
	runtime.GOMAXPROCS(1)
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1)
	}
}

// run returns only if the function cannot start.
func run(ctx context.Context) error {
	environment := env.New(env.OS)
	config := readConfig(environment)
	cloud := loadAWS(ctx, environment)
	if err := environment.Err(); err != nil {
		return err
	}
	lambda.StartWithOptions(newHandler(config, cloud), lambda.WithContext(ctx))
	return nil
}
