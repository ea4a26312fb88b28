package forward_test

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/purchasely-clevertap/bridge/shared/benchtest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// benchServer makes the test binary a CleverTap on loopback, in a process of its own: its work must not count as ours.
const benchServer = "FORWARD_BENCH_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(benchServer) == "" {
		os.Exit(m.Run())
	}
	if err := serveUntilInputEnds(); err != nil {
		panic(err)
	}
}

// serveUntilInputEnds accepts every record of every upload.
func serveUntilInputEnds() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
		_, _ = fmt.Fprintf(w, `{"status":"success","processed":%d,"unprocessed":[]}`, countRecords(body))
	}))
}

// heapGrowth is that of the function.
const heapGrowth = 400

// benchSizes are the batches of a FIFO queue and of a standard queue.
var benchSizes = []int{10, 1000}

// BenchmarkForwarder is the whole forwarder without the Lambda runtime: it reads the SQS event, maps, uploads over
// loopback, reads the answer and settles. The figure that counts is cpu-µs/msg: user and system time of this process
// per message.
func BenchmarkForwarder(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as in the function
	endpoint := "http://" + benchtest.Child(b, os.Args[0], benchServer)
	for _, size := range benchSizes {
		payload := benchPayload(b, size)
		b.Run(fmt.Sprintf("bridge/batch=%d", size), func(b *testing.B) {
			defer debug.SetGCPercent(debug.SetGCPercent(heapGrowth))
			h := benchHarness(b)
			h.Uploader = clevertap.NewUploader(clevertap.Options{Endpoint: endpoint})
			benchtest.Messages(b, size, func() error { return h.deliver(b.Context(), payload) })
		})
		b.Run(fmt.Sprintf("plain/batch=%d", size), func(b *testing.B) {
			p := &plain{endpoint: endpoint}
			benchtest.Messages(b, size, func() error { return p.invoke(b.Context(), payload) })
		})
	}
}

// BenchmarkForwarderFloor is what no forwarder can leave out: it copies the batch, as the Lambda runtime does, posts
// the very bytes that the bridge uploads for it over loopback, and reads the answers. It looks at nothing.
func BenchmarkForwarderFloor(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	endpoint := "http://" + benchtest.Child(b, os.Args[0], benchServer)
	for _, size := range benchSizes {
		payload := benchPayload(b, size)
		var uploads [][]byte
		h := benchHarness(b)
		h.onUpload(func(_ string, body []byte) { uploads = append(uploads, body) })
		if err := h.deliver(b.Context(), payload); err != nil || len(uploads) == 0 {
			b.Fatal(err, len(uploads))
		}
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			client := http.Client{Transport: &http.Transport{DisableCompression: true, WriteBufferSize: 32 << 10}}
			b.Cleanup(client.CloseIdleConnections)
			batch := make([]byte, 0, len(payload))
			benchtest.Messages(b, size, func() error {
				batch = append(batch[:0], payload...)
				for _, body := range uploads {
					if _, err := post(b.Context(), &client, endpoint, body); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

func benchHarness(b *testing.B) *harness {
	b.Helper()
	h := newHarness(b)
	account, err := h.accounts(b.Context(), "demo")
	if err != nil {
		b.Fatal(err)
	}
	h.accounts = func(context.Context, string) (clevertap.Accounts, error) { return account, nil }
	h.Log, h.Metrics = slog.New(slog.DiscardHandler), io.Discard
	return h
}

func (h *harness) deliver(ctx context.Context, payload []byte) error {
	response, err := h.Invoke(ctx, payload)
	if err == nil && string(response) != `{"batchItemFailures":[]}` {
		err = fmt.Errorf("response %s", response)
	}
	return err
}

// benchPayload is a batch of renewals of as many users.
func benchPayload(b *testing.B, size int) []byte {
	b.Helper()
	renewal := webhook.EmbeddedCatalogue().Event([]byte("SUBSCRIPTION_RENEWED"))
	messages := make([]queued, size)
	for i := range messages {
		messages[i] = queued{app: "demo", body: string(sample.Webhook(renewal, uint64(i)))}
	}
	return payload(b, messages...)
}

// post uploads a body and returns the answer.
func post(ctx context.Context, client *http.Client, endpoint string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/1/upload", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

// plain is a forwarder as one would write it first, with encoding/json, AWS's event type and maps. It is the
// benchmark's yardstick, not a second forwarder: no limits, no second version, no switches, no outcome per record.
type plain struct {
	endpoint string
	client   http.Client
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
	for _, some := range cut(records, []int{1000}) {
		if err := p.upload(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// plainProperties are the user properties that it writes.
var plainProperties = []string{
	"user_id", "anonymous_user_id", "plan", "store", "store_country", "offer_type", "promotional_offer_id",
	"effective_next_renewal_at", "is_family_shared", "subscription_status",
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
	id, ts := payload["user_id"], created.Unix()
	return []any{
		map[string]any{"type": "event", "identity": id, "ts": ts, "evtName": payload["event_name"], "evtData": data},
		map[string]any{"type": "profile", "identity": id, "ts": ts, "profileData": user},
	}, nil
}

func (p *plain) upload(ctx context.Context, records []any) error {
	body, err := stdjson.Marshal(map[string]any{"d": records})
	if err != nil {
		return err
	}
	text, err := post(ctx, &p.client, p.endpoint, body)
	if err != nil {
		return err
	}
	var answer struct {
		Processed   int
		Unprocessed []any
	}
	if err := stdjson.Unmarshal(text, &answer); err != nil {
		return err
	}
	if answer.Processed != len(records) {
		return errors.New("plain upload was not accepted whole")
	}
	return nil
}
