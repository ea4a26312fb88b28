// Command receiver is the Lambda function behind the webhook's URL.
//
// It puts the corridor shared/receive together: settings from the environment, keys from Secrets Manager, the queue. It promises
// one line on standard error, naming every fault, and exit code 1 where it cannot start. It decides nothing about webhooks.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

func main() {
	// Webhooks come one at a time. On one processor, goroutines go on where they would wake the thread of another, and a heap of 8 MB
	// instead of 4 is collected half as often: of the time above a function that does nothing, that is a third (measured, November 2026).
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(200)
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1)
	}
}

// run returns only if the function cannot start.
func run(ctx context.Context) error {
	settings := env.New(env.OS)
	config := readConfig(settings)
	cloud := connect(settings, env.OS)
	if err := settings.Err(); err != nil {
		return err
	}
	lambda.StartWithOptions(newHandler(config, cloud), lambda.WithContext(ctx))
	return nil
}
