package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdkhttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	sdkconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// accounts implements forward.Accounts by reading an app's secret.
type accounts struct {
	prefix string
	cache  *secret.Cache[clevertap.Accounts]
}

func (a accounts) name(app string) string { return a.prefix + "/" + app + "/clevertap" }

// Get returns what is known of the secret, if that is fresh enough.
func (a accounts) Get(ctx context.Context, app string) (clevertap.Accounts, error) {
	return a.cache.Get(ctx, a.name(app))
}

// Reload reads the secret again.
func (a accounts) Reload(ctx context.Context, app string) (clevertap.Accounts, error) {
	return a.cache.Reload(ctx, a.name(app))
}

// One call that hangs leaves time for a second attempt on another connection, and for the other apps of the batch.
const (
	callAttempts = 3
	callTimeout  = 3 * time.Second
	callBackoff  = 500 * time.Millisecond
)

// loadAWS reads what the SDK reads from the environment. It makes no connection yet.
func loadAWS(ctx context.Context) (sdk.Config, error) {
	return sdkconfig.LoadDefaultConfig(ctx,
		sdkconfig.WithLogger(logging.Nop{}), // The SDK's notes are not JSON.
		sdkconfig.WithHTTPClient(sdkhttp.NewBuildableClient().WithTimeout(callTimeout)),
		sdkconfig.WithRetryer(func() sdk.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts = callAttempts
				o.MaxBackoff = callBackoff
			})
		}))
}

// tableTimeout limits one call of the table, which answers in a few milliseconds as a rule: other messages of the
// batch, which do not need it, wait meanwhile.
const tableTimeout = time.Second

func newHandler(c Config, cloud sdk.Config, log *slog.Logger) *forward.Handler {
	read := aws.ReadParsed(aws.NewSecrets(cloud), clevertap.ParseAccounts)
	rejected := aws.NewQueue(cloud, c.RejectedQueue)
	h := &forward.Handler{
		Settings: bucket.NewStore(cloud, c.Settings, log, os.Stdout),
		Accounts: accounts{c.SecretsPrefix, secret.NewCache(read)},
		Mapper:   mapping.New(),
		Uploader: clevertap.NewUploader(clevertap.Options{
			Endpoint:     c.Endpoint,
			Timeout:      c.UploadTimeout,
			Concurrency:  c.Concurrency,
			BreakerPause: c.BreakerPause,
		}),
		Rejecter:   rejected,
		Delayer:    rejected,
		RetryDelay: c.RetryDelay,
		Log:        log,
		Metrics:    os.Stdout,
	}
	if c.SubscribersTable != "" {
		h.Table = dynamo.NewTable(cloud, c.SubscribersTable, tableTimeout)
		h.Journal, h.JournalLifetime = c.Journal, c.JournalLifetime
	}
	return h
}
