package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdkconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/users"
)

const (
	// callTimeout is the time for one try of a call. One that hangs leaves time for another, on another connection,
	// within the handler's four seconds.
	callTimeout = time.Second
	callBackoff = 200 * time.Millisecond
)

// loadAWS reads what the SDK reads from the environment; r keeps the faults. It makes no connection yet.
func loadAWS(ctx context.Context, r *env.Reader) sdk.Config {
	cloud, err := sdkconfig.LoadDefaultConfig(ctx,
		sdkconfig.WithLogger(logging.Nop{}), // The SDK's notes are not JSON.
		sdkconfig.WithHTTPClient(aws.NewHTTPClient(callTimeout)),
		sdkconfig.WithRetryer(func() sdk.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = callBackoff })
		}))
	switch {
	case err != nil:
		r.Fault("AWS", err.Error())
	case cloud.Region == "":
		r.Fault("AWS_REGION", "not set")
	}
	return cloud
}

// personAttributes are all that the function's role lets it read and write.
var personAttributes = append([]string{subscriber.ExpiresAttribute}, subscriber.PersonAttributes...)

func newHandler(c Config, cloud sdk.Config) *users.Handler {
	log := slog.New(lambdacontext.NewLogHandler())
	read := aws.ReadParsed(aws.NewSecrets(cloud), standardwebhooks.ParseKeys)
	keys := secret.NewCache(func(ctx context.Context, app string) (standardwebhooks.Keys, error) {
		return read(ctx, c.keysSecret(app))
	})
	keys.Log = log
	return &users.Handler{
		Apps:  settings.Apps{Store: bucket.NewStore(cloud, c.Settings, log, os.Stdout)},
		Keys:  keys,
		Table: dynamo.NewTable(cloud, c.SubscribersTable, callTimeout).Only(personAttributes...),
		Log:   log,
	}
}
