package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/purchasely-clevertap/bridge/functions/internal/secretsource"
	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/receive"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// The SDK's repeats must fit the corridor's four seconds: one connection that hangs leaves time for a second try on another.
const (
	attempts       = 3
	attemptTimeout = 1500 * time.Millisecond
	maxBackoff     = 200 * time.Millisecond
)

// connect reads what the SDK reads from the environment; the faults stay in r. It makes no connection yet.
func connect(ctx context.Context, r *env.Reader) aws.Config {
	cloud, err := awsconfig.LoadDefaultConfig(ctx,
		awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(attemptTimeout)),
		awsconfig.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts = attempts
				o.MaxBackoff = maxBackoff
			})
		}))
	switch {
	case err != nil:
		r.Fault("AWS", err.Error())
	case cloud.Region == "":
		r.Fault("AWS_REGION", "not set")
	}
	return cloud
}

// newHandler puts the corridor together.
func newHandler(c Config, cloud aws.Config) *receive.Handler {
	read := secretsource.New(secretsmanager.NewFromConfig(cloud), webhook.ParseKeys)
	keys := secret.NewCache(func(ctx context.Context, app string) (webhook.Keys, error) { return read(ctx, c.keysName(app)) })
	return receive.New(receive.Config{
		Apps:      c.Apps,
		MaxBody:   c.MaxBody,
		Tolerance: c.Tolerance,
		Sources:   c.Sources,
		FIFO:      c.FIFO(),
		Keys:      keys,
		Queue:     &queue{sqs.NewFromConfig(cloud), c.QueueURL},
		Observer:  receive.NewMetrics(os.Stdout),
		Log:       slog.New(lambdacontext.NewLogHandler()),
	})
}
