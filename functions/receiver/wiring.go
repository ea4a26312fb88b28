package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/purchasely-clevertap/bridge/functions/internal/secretsource"
	"github.com/purchasely-clevertap/bridge/shared/receive"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

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
