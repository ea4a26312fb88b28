// Command relay is the Lambda function that takes batches of webhooks from the relay queue and posts them to the
// customer's own back end.
//
// It reads the environment and connects shared/relay to AWS. If it cannot start, it prints one line that names every
// fault, and exits with 1. It decides nothing about messages.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/env"
)

func main() {
	// Lambda gives a function of this size a part of one processor.
	runtime.GOMAXPROCS(1)
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
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
	log := slog.New(lambdacontext.NewLogHandler())
	slog.SetDefault(log) // What Lambda's package prints, such as a batch's error, is JSON, too.
	lambda.StartWithOptions(newHandler(config, cloud, log), lambda.WithContext(ctx))
	return nil
}
