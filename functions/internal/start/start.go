// Package start starts a Lambda function, or says in one line why it cannot.
//
// It knows no function: each brings its own configuration and its own handler.
package start

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/env"
)

// The usual times of calls to AWS, with which one that hangs leaves time for another.
const (
	CallTimeout = 3 * time.Second
	CallBackoff = 500 * time.Millisecond
)

// Main runs a function until Lambda ends the process. If anything is wrong with the environment, which read and the SDK
// look at, it prints one line that names every fault, and exits with 1. One try of a call to AWS may take as long as
// timeout, a pause between two as long as backoff.
func Main[C any, H lambda.Handler](
	name string, read func(*env.Reader) C, timeout, backoff time.Duration, newHandler func(C, sdk.Config, *slog.Logger) H,
) {
	// Lambda gives a function of this size a part of one processor. On one, hand-offs between goroutines stay on one
	// thread: that saves the receiver a sixth of a call above a function that does nothing, and a millisecond of its
	// start, the forwarder a quarter of a small batch (measured on two processors, November 2026).
	runtime.GOMAXPROCS(1)
	ctx, environment := context.Background(), env.New(env.OS)
	config := read(environment)
	cloud := aws.LoadConfig(ctx, environment, timeout, backoff)
	if err := environment.Err(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	log := slog.New(lambdacontext.NewLogHandler())
	slog.SetDefault(log) // What Lambda's package prints, such as a batch's error, is JSON, too.
	lambda.StartWithOptions(newHandler(config, cloud, log), lambda.WithContext(ctx))
}
