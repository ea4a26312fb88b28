package webhook_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/benchtest"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// usual is a webhook of the usual size, 1.75 KB.
var usual = func() []byte {
	body, err := os.ReadFile("../mapping/testdata/renewal-of-usual-size/in.json")
	if err != nil {
		panic(err)
	}
	return body
}()

const (
	benchKey   = "lantern-quartz-42"
	benchStamp = "1777875631"
)

func measure(b *testing.B, work func() error) {
	b.SetBytes(int64(len(usual)))
	benchtest.Measure(b, work)
}

func BenchmarkVerify(b *testing.B) {
	keys, digest := keys(b, benchKey, ""), webhook.Sign(secret.New(benchKey), benchStamp, usual)
	measure(b, func() error { return keys.Verify(benchStamp, digest, usual, 0, time.Time{}) })
}

func BenchmarkPeek(b *testing.B) {
	measure(b, func() error {
		if webhook.Peek(usual).EventID == "" {
			return errors.New("no event id")
		}
		return nil
	})
}
