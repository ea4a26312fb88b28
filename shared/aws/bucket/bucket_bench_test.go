package bucket_test

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/benchtest"
	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

const (
	// bucketServer makes the test binary serve a bucket on loopback, in a process of its own.
	bucketServer = "SETTINGS_BENCH_BUCKET"

	fixturesFile = "../../../events/integrations.yaml"
)

// TestServeBucket serves a bucket until its standard input ends; without the variable there is nothing to do.
func TestServeBucket(t *testing.T) {
	if os.Getenv(bucketServer) == "" {
		return
	}
	server := awstest.New(t, nil)
	server.S3.Create("settings")
	text, err := os.ReadFile(fixturesFile)
	if err != nil {
		t.Fatal(err)
	}
	server.S3.Put("settings", settings.Key, text)
	fmt.Println(server.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// BenchmarkSettings measures what the settings cost a function: the look at the bucket once in SETTINGS_REFRESH, the
// first one of a process, and what every batch or request pays without one.
func BenchmarkSettings(b *testing.B) {
	address := benchtest.Child(b, os.Args[0], bucketServer, "-test.run=^TestServeBucket$")
	cloud := sdk.Config{
		Region: awstest.Region, BaseEndpoint: &address, HTTPClient: awshttp.NewBuildableClient(),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", ""),
	}
	environment := env.New(func(name string) (string, bool) {
		value, ok := map[string]string{"SETTINGS_BUCKET": "settings", "INTEGRATIONS_FILE": fixturesFile}[name]
		return value, ok
	})
	whole, names := settings.ReadIntegrations(environment), settings.ReadApps(environment)
	if err := environment.Err(); err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	forwarders := bucket.NewStore(cloud, whole, log, io.Discard)
	b.Run("look", func(b *testing.B) {
		benchtest.Measure(b, func() error { return forwarders.Refresh(b.Context()) })
	})
	b.Run("first", func(b *testing.B) {
		benchtest.Measure(b, func() error {
			_, err := bucket.NewStore(cloud, whole, log, io.Discard).Require(b.Context())
			return err
		})
	})
	b.Run("batch", func(b *testing.B) {
		for b.Loop() {
			forwarders.Begin(b.Context())()
			if _, err := forwarders.Require(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("request", func(b *testing.B) {
		apps := settings.Apps{Store: bucket.NewStore(cloud, names, log, io.Discard)}
		for b.Loop() {
			if has, err := apps.Has(b.Context(), "demo"); !has || err != nil {
				b.Fatal(has, err)
			}
		}
	})
}
