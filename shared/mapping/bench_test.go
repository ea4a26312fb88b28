package mapping_test

import (
	"bytes"
	_ "embed"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/benchtest"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// renewal is a webhook of the usual size, 1.75 kB on the wire.
//
//go:embed testdata/renewal-of-usual-size/in.json
var renewal []byte

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
		mapper.Map(&r, &e, app, mapping.Production, atReceipt, mapping.Known{}, nil)
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

// BenchmarkPlain does the same with encoding/json and maps, as one would write it at first: the yardstick, not a
// second mapping. It knows no limits, no version 2, no switches.
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

// plain maps a renewal and no other event.
func plain(body []byte) (event, profile []byte, err error) {
	payload := map[string]any{}
	d := stdjson.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&payload); err != nil {
		return nil, nil, err
	}
	data, user := map[string]any{}, map[string]any{}
	for name, value := range payload {
		if strings.HasSuffix(name, "_at") {
			if at, err := time.Parse(time.RFC3339, fmt.Sprint(value)); err == nil {
				value = fmt.Sprintf("$D_%d", at.Unix())
			}
		}
		if name != "api_version" && name != "event_name" && !strings.HasSuffix(name, "_ms") && value != nil && value != "" {
			data[strings.Replace(name, "device_type", "purchase_device_type", 1)] = value
		}
	}
	for _, name := range []string{
		"user_id", "anonymous_user_id", "plan", "store", "store_country", "offer_type", "promotional_offer_id",
		"effective_next_renewal_at", "is_family_shared", "subscription_status",
	} {
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
	record := map[string]any{"type": "event", "identity": payload["user_id"], "ts": at.Unix()}
	record["evtName"], record["evtData"] = payload["event_name"], data
	if event, err = stdjson.Marshal(record); err != nil {
		return nil, nil, err
	}
	record = map[string]any{"type": "profile", "identity": payload["user_id"], "ts": at.Unix(), "profileData": user}
	profile, err = stdjson.Marshal(record)
	return event, profile, err
}
