package forward_test

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

func newLoopback() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// plain is a forwarder as one would write it first: encoding/json, the vendor's event type, maps. It is the yardstick of the benchmark, not a
// second forwarder: no limits, no second version, no switches, no outcome per record.
type plain struct {
	endpoint string
	client   http.Client
}

// plainProperties are the user properties that it writes.
var plainProperties = []string{
	"user_id", "anonymous_user_id", "plan", "store", "store_country", "offer_type", "promotional_offer_id", "effective_next_renewal_at",
	"is_family_shared", "subscription_status",
}

func (p *plain) invoke(ctx context.Context, payload []byte) error {
	var batch events.SQSEvent
	if err := stdjson.Unmarshal(payload, &batch); err != nil {
		return err
	}
	var records []any
	for _, m := range batch.Records {
		made, err := plainRecords(m.Body)
		if err != nil {
			return err
		}
		records = append(records, made...)
	}
	for len(records) > 0 {
		n := min(len(records), 1000)
		if err := p.upload(ctx, records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

func plainRecords(body string) ([]any, error) {
	payload := map[string]any{}
	d := stdjson.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&payload); err != nil {
		return nil, err
	}
	data, user := map[string]any{}, map[string]any{}
	for name, value := range payload {
		switch {
		case name == "api_version", name == "event_name", strings.HasSuffix(name, "_ms"), value == nil, value == "":
		case name == "device_type":
			data["purchase_device_type"] = value
		case strings.HasSuffix(name, "_at"):
			at, err := time.Parse(time.RFC3339, fmt.Sprint(value))
			if err != nil {
				return nil, err
			}
			data[name] = fmt.Sprintf("$D_%d", at.Unix())
		default:
			data[name] = value
		}
	}
	for _, name := range plainProperties {
		if value, ok := data[name]; ok {
			user[name] = value
		}
	}
	user["has_active_subscription"] = payload["subscription_status"] == "AUTO_RENEWING"
	user["subscription_started_at"] = data["original_purchased_at"]
	created, err := time.Parse(time.RFC3339, fmt.Sprint(payload["event_created_at"]))
	if err != nil {
		return nil, err
	}
	return []any{
		map[string]any{"type": "event", "identity": payload["user_id"], "ts": created.Unix(), "evtName": payload["event_name"], "evtData": data},
		map[string]any{"type": "profile", "identity": payload["user_id"], "ts": created.Unix(), "profileData": user},
	}, nil
}

var errPlain = errors.New("plain upload was not accepted whole")

func (p *plain) upload(ctx context.Context, records []any) error {
	body, err := stdjson.Marshal(map[string]any{"d": records})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.endpoint+"/1/upload", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	answer, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	var verdict struct {
		Processed   int
		Unprocessed []any
	}
	if err := stdjson.Unmarshal(text, &verdict); err != nil {
		return err
	}
	if verdict.Processed != len(records) {
		return errPlain
	}
	return nil
}
