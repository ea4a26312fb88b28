package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/purchasely-clevertap/bridge/functions/internal/secretsource"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// accounts finds an app's CleverTap accounts by the name of its secret.
type accounts struct {
	prefix string
	cache  *secret.Cache[clevertap.Accounts]
}

func (a accounts) name(app string) string { return a.prefix + "/" + app + "/clevertap" }

// Get may answer from memory.
func (a accounts) Get(ctx context.Context, app string) (clevertap.Accounts, error) {
	return a.cache.Get(ctx, a.name(app))
}

// Reload asks Secrets Manager.
func (a accounts) Reload(ctx context.Context, app string) (clevertap.Accounts, error) {
	return a.cache.Reload(ctx, a.name(app))
}

// One AWS call that hangs leaves time for a second try on another connection, and for the other apps of the batch.
const (
	callAttempts = 3
	callTimeout  = 3 * time.Second
	callBackoff  = 500 * time.Millisecond
)

// connect reads what the SDK reads from the environment. It makes no connection yet.
func connect(ctx context.Context) (aws.Config, error) {
	return awsconfig.LoadDefaultConfig(ctx,
		awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(callTimeout)),
		awsconfig.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts = callAttempts
				o.MaxBackoff = callBackoff
			})
		}))
}

// tableTimeout is how long one call of the table may take, which answers in a few milliseconds as a rule: other messages of the batch, which
// do not need it, wait meanwhile.
const tableTimeout = time.Second

// forTable fits the SDK to the table. It keeps as many connections as there are calls at once, or each would begin with a handshake. The
// client is made from the one at hand, which knows what the environment says, such as whose certificates to trust.
func forTable(o *dynamodb.Options) {
	o.DisableValidateResponseChecksum = true
	client, ok := o.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		client = awshttp.NewBuildableClient()
	}
	o.HTTPClient = client.WithTimeout(tableTimeout).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = readsAtOnce + writesAtOnce
	})
}

// wire puts the corridor and its parts together.
func wire(c Config, cloud aws.Config, log *slog.Logger) *forward.Handler {
	read := secretsource.New(secretsmanager.NewFromConfig(cloud), clevertap.ParseAccounts)
	queues := queues{client: sqs.NewFromConfig(cloud), rejected: c.RejectedQueue}
	h := &forward.Handler{
		Integrations: c.Integrations,
		Accounts:     accounts{c.SecretsPrefix, secret.NewCache(read)},
		Mapper:       mapping.New(),
		Uploader: clevertap.NewUploader(clevertap.Options{
			Endpoint:     c.Endpoint,
			Timeout:      c.UploadTimeout,
			Concurrency:  c.Concurrency,
			BreakerPause: c.BreakerPause,
		}),
		Rejecter:   queues,
		Delayer:    queues,
		RetryDelay: c.RetryDelay,
		Log:        log,
		Metrics:    os.Stdout,
	}
	if c.SubscribersTable != "" {
		t := newTable(dynamodb.NewFromConfig(cloud, forTable), c.SubscribersTable)
		h.Subscribers, h.Delivered = t, t
	}
	return h
}
