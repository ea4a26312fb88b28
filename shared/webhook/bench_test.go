package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	stdjson "encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/benchtest"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// usual is a webhook of the usual size, 1.75 KB.
var usual = []byte(strings.ReplaceAll(`{"api_version":3,"event_name":"SUBSCRIPTION_RENEWED",
"event_id":"0c5f8f5e-0b1f-4b53-9c38-6f0b7a4c1d22","event_created_at":"2026-05-04T06:20:31.447Z",
"event_created_at_ms":1777875631447,"user_id":"learner-55012","device_id":"b7d0c1a94f2e4a0e","device_type":"PHONE",
"store":"GOOGLE_PLAY_STORE","purchase_type":"RENEWING_SUBSCRIPTION","product":"PAPAYA_PARLA","plan":"parla_monthly",
"content_id":"course-es-a2","customer_currency":"CHF","plan_price_in_eur":8.99,"plan_price_in_customer_currency":8.5,
"cumulated_revenues_in_eur":44.95,"store_country":"CH",
"purchasely_subscription_id":"subs_Qm3vZr81LkTn5WcXyB7dHs2GfJp0Ae4",
"store_product_id":"com.papayaparla.app.monthly","store_transaction_id":"GPA.3345-7170-2290-61184..4",
"store_original_transaction_id":"GPA.3345-7170-2290-61184","store_app_bundle_id":"com.papayaparla.app",
"purchased_at":"2026-05-04T06:19:58.000Z","purchased_at_ms":1777875598000,
"original_purchased_at":"2025-12-04T06:19:58.000Z","original_purchased_at_ms":1764829198000,
"next_renewal_at":"2026-06-04T06:19:58.000Z","next_renewal_at_ms":1780553998000,
"effective_next_renewal_at":"2026-06-04T06:19:58.000Z","effective_next_renewal_at_ms":1780553998000,
"environment":"PRODUCTION","is_family_shared":false,"offer_type":"NONE","previous_offer_type":"FREE_TRIAL",
"subscription_status":"AUTO_RENEWING","presentation":"papaya_paywall","placement":"lesson_end",
"ab_test":"paywall_colours","ab_test_variant":"green","audience":"returning_learners","channel":"in_app",
"purchase_token":"nkdbjiaefmlcpogahdkjbnme.AO-J1OzR4tWqX0uB7yVf2LsKd9HcMgPaEi3NxTo6Yj1ZrSw8QvUlCb5FkDmGhJpAeIn0Ot
RyWu2XzLqVs4KcBf7MdHgTPoEa9JxNiYr3Uw6ZlQvSk1CbFmDhGpAjInE5OtRyWuXzLqVsKcBf0Md-HgTPoEaJxNiYrUwZlQvSkCbFmDhGpAj"
}`, "\n", ""))

const (
	benchKey   = "lantern-quartz-42"
	benchStamp = "1777875631"
)

func measure(b *testing.B, work func() error) {
	b.SetBytes(int64(len(usual)))
	benchtest.Measure(b, work)
}

// BenchmarkCopy copies the bytes: the least that anything can cost that touches each of them.
func BenchmarkCopy(b *testing.B) {
	to := make([]byte, len(usual))
	measure(b, func() error {
		copy(to, usual)
		return nil
	})
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

// BenchmarkTokens is the least that reading can cost: the decoder alone, which looks at nothing.
func BenchmarkTokens(b *testing.B) {
	var decoder jsontext.Decoder
	var input bytes.Buffer
	measure(b, func() error {
		input = *bytes.NewBuffer(usual)
		decoder.Reset(&input, jsontext.AllowDuplicateNames(true))
		_, _ = decoder.ReadToken()
		for decoder.PeekKind() != jsontext.KindEndObject {
			_, _ = decoder.ReadValue()
			_, _ = decoder.ReadValue()
		}
		_, err := decoder.ReadToken()
		return err
	})
}

func BenchmarkRead(b *testing.B) {
	var e webhook.Event
	measure(b, func() error { return e.Read(usual) })
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
