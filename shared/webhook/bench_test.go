package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	stdjson "encoding/json"
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

// BenchmarkHMAC is the least that a signature check can cost: the MAC alone, with a key that is prepared once.
func BenchmarkHMAC(b *testing.B) {
	mac, digest := hmac.New(sha256.New, []byte(benchKey)), make([]byte, 0, sha256.Size)
	measure(b, func() error {
		mac.Reset()
		mac.Write([]byte(benchStamp))
		mac.Write(usual)
		digest = mac.Sum(digest[:0])
		return nil
	})
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

// BenchmarkPlainPeek reads the same ids in the plainest way. It does not know version 2.
func BenchmarkPlainPeek(b *testing.B) {
	measure(b, func() error {
		var ids struct {
			Event        string `json:"event_id"`
			User         string `json:"user_id"`
			Anonymous    string `json:"anonymous_user_id"`
			Device       string `json:"device_id"`
			Subscription string `json:"purchasely_subscription_id"`
			OneTime      string `json:"purchasely_one_time_purchase_id"`
			Original     string `json:"store_original_transaction_id"`
		}
		return stdjson.Unmarshal(usual, &ids)
	})
}
