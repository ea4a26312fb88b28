package main

import (
	"log/slog"
	"os"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
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

// personAttributes are all that the function's role lets it read and write.
var personAttributes = append([]string{subscriber.ExpiresAttribute}, subscriber.PersonAttributes...)

func newHandler(c Config, cloud sdk.Config, log *slog.Logger) *users.Handler {
	readKeys := aws.ReadParsed(aws.NewSecrets(cloud), standardwebhooks.ParseKeys)
	return &users.Handler{
		Apps:  settings.Apps{Store: bucket.NewStore(cloud, c.Settings, log, os.Stdout)},
		Keys:  secret.NewCache(readKeys, c.keysSecret, log),
		Table: dynamo.NewTable(cloud, c.SubscribersTable, callTimeout).Only(personAttributes...),
		Log:   log,
	}
}
