// Command receiver is the Lambda function behind the webhook's URL.
//
// It puts the corridor shared/receive together: settings from the environment, keys from Secrets Manager, the queue. It promises
// one line on standard error, naming every fault, and exit code 1 where it cannot start. It decides nothing about webhooks.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1)
	}
}

// run returns only if the function cannot start.
func run(ctx context.Context) error {
	settings := env.New(env.OS)
	config := readConfig(settings)
	cloud := connect(ctx, settings)
	if err := settings.Err(); err != nil {
		return err
	}
	lambda.StartWithOptions(newHandler(config, cloud), lambda.WithContext(ctx))
	return nil
}
