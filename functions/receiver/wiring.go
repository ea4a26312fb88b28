package main

import (
	"log/slog"
	"os"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	sdkhttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/receive"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	// callTimeout is the time for one attempt of a call. A connection that hangs leaves time for another
	// attempt, on another connection, within the handler's four seconds.
	callTimeout = 1500 * time.Millisecond
	// callBackoff is the longest pause between the SDK's attempts: three must fit into the handler's four seconds.
	callBackoff = 200 * time.Millisecond
)

// withSmallCalls gives the SDK the client for small calls, which is all that the receiver makes.
func withSmallCalls(cloud sdk.Config) sdk.Config {
	if client, ok := cloud.HTTPClient.(*sdkhttp.BuildableClient); ok {
		cloud.HTTPClient = aws.NewSmallCalls(client.GetTransport(), callTimeout)
	}
	return cloud
}

func newHandler(c Config, cloud sdk.Config, log *slog.Logger) *receive.Handler {
	cloud = withSmallCalls(cloud)
	readKeys := aws.ReadParsed(aws.NewSecrets(cloud), webhook.ParseKeys)
	h := &receive.Handler{
		Apps:      settings.Apps{Store: bucket.NewStore(cloud, c.Settings, log, os.Stdout)},
		MaxBody:   c.MaxBody,
		Tolerance: c.Tolerance,
		Sources:   c.Sources,
		FIFO:      c.FIFO(),
		Keys:      secret.NewCache(readKeys, c.keysSecret, log),
		Queue:     aws.NewQueue(cloud, c.QueueURL),
		Observer:  receive.NewMetrics(os.Stdout),
		Log:       log,
	}
	if c.RelayQueueURL != "" {
		h.Relay = aws.NewQueue(cloud, c.RelayQueueURL)
	}
	return h
}
