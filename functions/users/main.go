// Command users is the Lambda function behind the URL that a company's own back end calls, to link CleverTap IDs
// and to have people left alone.
//
// It reads the environment and connects shared/users to Secrets Manager and the table. If it cannot start, it
// prints one line that names every fault, and exits with 1. It decides nothing about requests.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/env"
)

func main() {
	runtime.GOMAXPROCS(1) // Lambda gives a function of this size a part of one processor.
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "users:", err)
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
	lambda.StartWithOptions(newHandler(config, cloud), lambda.WithContext(ctx))
	return nil
}
