package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	sdk "github.com/aws/aws-sdk-go-v2/aws"
	sdkhttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	sdkconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/heartbeat"
	"github.com/purchasely-clevertap/bridge/shared/network"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// callTimeout is the time for one try of a call to AWS.
const callTimeout = 3 * time.Second

// loadAWS reads what the SDK reads from the environment; r keeps the faults. It makes no connection yet.
func loadAWS(ctx context.Context, r *env.Reader) sdk.Config {
	cloud, err := sdkconfig.LoadDefaultConfig(ctx,
		sdkconfig.WithLogger(logging.Nop{}), // The SDK's notes are not JSON.
		sdkconfig.WithHTTPClient(sdkhttp.NewBuildableClient().WithTimeout(callTimeout)))
	switch {
	case err != nil:
		r.Fault("AWS", err.Error())
	case cloud.Region == "":
		r.Fault("AWS_REGION", "not set")
	}
	return cloud
}

// secrets reads each secret anew: minutes are between two heartbeats, and an old value would hide what is wrong.
type secrets struct {
	read func(ctx context.Context, name string) (webhook.Keys, error)
	name func(app string) string
}

func (s secrets) Get(ctx context.Context, app string) (webhook.Keys, error) {
	return s.read(ctx, s.name(app))
}

func newHandler(c Config, cloud sdk.Config) *heartbeat.Handler {
	log := slog.New(lambdacontext.NewLogHandler())
	slog.SetDefault(log) // aws-lambda-go prints an invocation's error by the standard logger, which writes no JSON
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	network.Limit(transport)
	return &heartbeat.Handler{
		Settings: bucket.NewStore(cloud, c.Settings, log, os.Stdout),
		Keys:     secrets{aws.ReadParsed(aws.NewSecrets(cloud), webhook.ParseKeys), c.keysSecret},
		URL:      c.WebhookURL,
		Network:  transport,
		Log:      log,
	}
}
