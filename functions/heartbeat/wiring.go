package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/heartbeat"
	"github.com/purchasely-clevertap/bridge/shared/network"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// secrets reads each secret anew: minutes are between two heartbeats, and an old value would hide what is wrong.
type secrets struct {
	read func(ctx context.Context, name string) (webhook.Keys, error)
	name func(app string) string
}

func (s secrets) Get(ctx context.Context, app string) (webhook.Keys, error) {
	return s.read(ctx, s.name(app))
}

func newHandler(c Config, cloud sdk.Config, log *slog.Logger) *heartbeat.Handler {
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
