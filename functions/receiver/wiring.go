package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdkhttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	sdkconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/receive"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	// attemptTimeout is the time for one attempt of a call. A connection that hangs leaves time for another
	// attempt, on another connection, within the handler's four seconds.
	attemptTimeout = 1500 * time.Millisecond
	// maxBackoff is the longest pause between the SDK's attempts: three must fit into the handler's four seconds.
	maxBackoff = 200 * time.Millisecond
)

// loadAWS reads what the SDK reads from the environment; r keeps the faults. It makes no connection yet.
func loadAWS(ctx context.Context, r *env.Reader) sdk.Config {
	cloud, err := sdkconfig.LoadDefaultConfig(ctx,
		sdkconfig.WithHTTPClient(sdkhttp.NewBuildableClient()),
		sdkconfig.WithLogger(logging.Nop{})) // The SDK's notes are not JSON.
	if err != nil {
		r.Fault("AWS", err.Error())
		return cloud
	}
	if cloud.Region == "" {
		r.Fault("AWS_REGION", "not set")
	}
	transport := cloud.HTTPClient.(*sdkhttp.BuildableClient).GetTransport()
	cloud.HTTPClient = aws.NewSmallCalls(transport, attemptTimeout)
	cloud.Retryer = func() sdk.Retryer { // AWS_MAX_ATTEMPTS still counts: the clients apply it to any retryer.
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = maxBackoff })
	}
	return cloud
}

func newHandler(c Config, cloud sdk.Config) *receive.Handler {
	log := slog.New(lambdacontext.NewLogHandler())
	read := aws.ReadParsed(aws.NewSecrets(cloud), webhook.ParseKeys)
	keys := secret.NewCache(func(ctx context.Context, app string) (webhook.Keys, error) {
		return read(ctx, c.keysSecret(app))
	})
	keys.Log = log
	config := receive.Config{
		Apps:      settings.Apps{Store: bucket.NewStore(cloud, c.Settings, log, os.Stdout)},
		MaxBody:   c.MaxBody,
		Tolerance: c.Tolerance,
		Sources:   c.Sources,
		FIFO:      c.FIFO(),
		Keys:      keys,
		Queue:     aws.NewQueue(cloud, c.QueueURL),
		Observer:  receive.NewMetrics(os.Stdout),
		Log:       log,
	}
	if c.RelayQueueURL != "" {
		config.Relay = aws.NewQueue(cloud, c.RelayQueueURL)
	}
	return receive.New(config)
}
