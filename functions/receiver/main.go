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

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

func main() {
	// Webhooks come one at a time, and on one processor goroutines go on where they would wake the thread of another. Of the time above
	// a function that does nothing that is a sixth, in the slowest hundredth half, and a millisecond of the start (measured on two
	// processors, November 2026).
	runtime.GOMAXPROCS(1)
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
