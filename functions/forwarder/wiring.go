package main

import (
	"log/slog"
	"os"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// tableTimeout limits one call of the table, which answers in a few milliseconds as a rule: other messages of the
// batch, which do not need it, wait meanwhile.
const tableTimeout = time.Second

func newHandler(c Config, cloud sdk.Config, log *slog.Logger) *forward.Handler {
	readAccounts := aws.ReadParsed(aws.NewSecrets(cloud), clevertap.ParseAccounts)
	rejected := aws.NewQueue(cloud, c.RejectedQueue)
	h := &forward.Handler{
		Settings: bucket.NewStore(cloud, c.Settings, log, os.Stdout),
		Accounts: secret.NewCache(readAccounts, c.accountsSecret, log),
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
