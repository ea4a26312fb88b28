package mapping_test

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/benchtest"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// renewal is a webhook of the usual size, 1.75 kB on the wire.
var renewal = []byte(`{"api_version":3,"event_name":"SUBSCRIPTION_RENEWED","event_id":"4b940f38-d5e6-4216-bed0-b00edae0d8db",` +
	`"event_created_at":"2026-03-14T07:41:52.318Z","event_created_at_ms":1773474112318,"user_id":"reader-20417",` +
	`"device_id":"c41f07be-9d2a-4633-8d1e-0f6b2f2f9a10","device_type":"PAD","store":"APPLE_APP_STORE",` +
	`"purchase_type":"RENEWING_SUBSCRIPTION","product":"HARBOUR_TALES","plan":"tales_quarterly","customer_currency":"CAD",` +
	`"plan_price_in_usd":16.37,"plan_price_in_customer_currency":22.5,"cumulated_revenues_in_usd":65.48,"store_country":"CA",` +
	`"purchasely_subscription_id":"subs_dTjo59pIB8AmP7lP4sEUElPcpm8eMgE","store_product_id":"com.harbourtales.app.quarterly",` +
	`"store_transaction_id":"470001839922615","store_original_transaction_id":"470001511208347",` +
	`"store_app_bundle_id":"com.harbourtales.app","purchased_at":"2026-03-14T07:41:09.000Z","purchased_at_ms":1773474069000,` +
	`"original_purchased_at":"2025-06-14T07:41:09.000Z","original_purchased_at_ms":1749886869000,` +
	`"next_renewal_at":"2026-06-14T07:41:09.000Z","next_renewal_at_ms":1781422869000,` +
	`"effective_next_renewal_at":"2026-06-14T07:41:09.000Z","effective_next_renewal_at_ms":1781422869000,` +
	`"environment":"PRODUCTION","is_family_shared":false,"offer_type":"NONE","previous_offer_type":"INTRO_OFFER",` +
	`"subscription_status":"AUTO_RENEWING","placement":"chapter_end","presentation":"lighthouse_screen",` +
	`"ab_test":"onboarding_spring_2026","ab_test_variant":"variant_b","audience":"lapsed_readers_europe",` +
	`"grace_period_expires_at":"2026-06-30T07:41:09.000Z","grace_period_expires_at_ms":1782805269000,` +
	`"channel":"in_app","content_id":"series/harbour-tales/season-3/episode-11","offer_identifier":"com.harbourtales.offer.spring",` +
	`"anonymous_user_id":"824F624D-59BB-4BAF-A677-691C214C5C19"}`)

// BenchmarkMap measures the whole way from a webhook's bytes to those of both records.
func BenchmarkMap(b *testing.B) {
	app, mapper := load(b, "apps:\n  demo: {}\n"), mapping.New()
	var e webhook.Event
	var r mapping.Result
	var upload []byte
	states := make([]*mapping.Profile, 1)
	b.SetBytes(int64(len(renewal)))
	benchtest.Measure(b, func() error {
		if err := e.Read(renewal); err != nil {
			return err
		}
		mapper.Map(&r, &e, app, mapping.Production, atReceipt, nil)
		states[0] = r.Profile
		upload = mapping.Merge(append(upload[:0], r.Event...), states)
		return nil
	})
	if len(upload) == 0 {
		b.Fatal("nothing to upload")
	}
}

// BenchmarkRead is the part of it that reads.
func BenchmarkRead(b *testing.B) {
	var e webhook.Event
	b.SetBytes(int64(len(renewal)))
	benchtest.Measure(b, func() error { return e.Read(renewal) })
}

// BenchmarkFloor only reads the webhook's tokens: below this nothing that looks at every attribute can go.
func BenchmarkFloor(b *testing.B) {
	d := jsontext.NewDecoder(bytes.NewReader(nil))
	input := bytes.NewBuffer(nil)
	b.SetBytes(int64(len(renewal)))
	benchtest.Measure(b, func() error {
		*input = *bytes.NewBuffer(renewal)
		d.Reset(input, jsontext.AllowDuplicateNames(true))
		for tokens := 0; ; tokens++ {
			if _, err := d.ReadToken(); errors.Is(err, io.EOF) && tokens >= 80 {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
}

// BenchmarkPlain does the same with encoding/json and maps, as one would write it at first: the yardstick, not a second mapping. It
// knows no limits, no version 2, no switches.
func BenchmarkPlain(b *testing.B) {
	b.SetBytes(int64(len(renewal)))
	benchtest.Measure(b, func() error {
		event, profile, err := plain(renewal)
		if len(event) == 0 || len(profile) == 0 {
			b.Fatal("nothing to upload")
		}
		return err
	})
}

// published are the user properties that plain writes.
var published = []string{
	"user_id", "anonymous_user_id", "plan", "store", "store_country", "offer_type", "promotional_offer_id",
	"effective_next_renewal_at", "is_family_shared", "subscription_status",
}

func plain(body []byte) (event, profile []byte, err error) {
	payload := map[string]any{}
	d := stdjson.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&payload); err != nil {
		return nil, nil, err
	}
	data, user := map[string]any{}, map[string]any{}
	for name, value := range payload {
		switch {
		case name == "api_version", name == "event_name", strings.HasSuffix(name, "_ms"), value == nil, value == "":
		case name == "device_type":
			data["purchase_device_type"] = value
		case strings.HasSuffix(name, "_at"):
			data[name] = plainDate(value)
		default:
			data[name] = value
		}
	}
	for _, name := range published {
		if value, ok := data[name]; ok {
			user[name] = value
		}
	}
	user["has_active_subscription"] = payload["subscription_status"] == "AUTO_RENEWING"
	user["subscription_started_at"] = data["original_purchased_at"]
	at, err := time.Parse(time.RFC3339, fmt.Sprint(payload["event_created_at"]))
	if err != nil {
		return nil, nil, err
	}
	ts := int64(math.Floor(float64(at.UnixMilli()) / 1000))
	event, err = stdjson.Marshal(map[string]any{
		"type": "event", "identity": payload["user_id"], "ts": ts, "evtName": payload["event_name"], "evtData": data,
	})
	if err != nil {
		return nil, nil, err
	}
	profile, err = stdjson.Marshal(map[string]any{
		"type": "profile", "identity": payload["user_id"], "ts": ts, "profileData": user,
	})
	return event, profile, err
}

func plainDate(value any) any {
	at, err := time.Parse(time.RFC3339, fmt.Sprint(value))
	if err != nil {
		return value
	}
	return fmt.Sprintf("$D_%d", at.Unix())
}
