package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/relay"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
)

func newHandler(c Config, cloud sdk.Config, log *slog.Logger) *relay.Handler {
	return &relay.Handler{
		Settings:   bucket.NewStore(cloud, c.Settings, log, os.Stdout),
		Keys:       secret.NewCache(readKeys(aws.NewSecrets(cloud)), c.secretName, log),
		Client:     &relay.Client{Transport: relay.NewTransport(c.AllowPrivate), AllowPlain: c.AllowPrivate},
		Breakers:   relay.NewBreakers(c.BreakerPause),
		Delayer:    aws.NewDelayer(cloud),
		RetryDelay: c.RetryDelay,
		Log:        log,
		Metrics:    os.Stdout,
	}
}

// notFound is Secrets Manager's code for a secret that there is not (GetSecretValue, November 2026). The role names
// the secret with and without the random suffix of its ARN, or the code would be that of a refusal.
const notFound = "ResourceNotFoundException"

// readKeys returns a function that reads an app's keys, nil if there is no secret or nothing in it.
func readKeys(secrets *aws.Secrets) func(ctx context.Context, name string) (*standardwebhooks.Keys, error) {
	read := aws.ReadParsed(secrets, standardwebhooks.ParseKeys)
	return func(ctx context.Context, name string) (*standardwebhooks.Keys, error) {
		keys, err := read(ctx, name)
		switch f := fault.Of(err); {
		case f == nil:
			return &keys, nil
		case f.Code == notFound, errors.Is(f, standardwebhooks.ErrNoKey):
			return nil, nil
		default:
			return nil, f
		}
	}
}
