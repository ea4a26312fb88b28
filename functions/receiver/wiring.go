package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambdacontext"
	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/receive"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// newHandler puts the corridor together.
func newHandler(c Config, cloud sdk.Config) *receive.Handler {
	read := aws.ReadParsed(aws.NewSecrets(cloud), webhook.ParseKeys)
	keys := secret.NewCache(func(ctx context.Context, app string) (webhook.Keys, error) {
		return read(ctx, c.keysName(app))
	})
	return receive.New(receive.Config{
		Apps:      c.Apps,
		MaxBody:   c.MaxBody,
		Tolerance: c.Tolerance,
		Sources:   c.Sources,
		FIFO:      c.FIFO(),
		Keys:      keys,
		Queue:     aws.NewQueue(cloud, c.QueueURL),
		Observer:  receive.NewMetrics(os.Stdout),
		Log:       slog.New(lambdacontext.NewLogHandler()),
	})
}
