package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/benchtest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// tableServer makes the test binary a table on loopback, in a process of its own: its work must not count as ours.
const tableServer = "FORWARDER_BENCH_TABLE"

// TestServeTable serves a table until its standard input ends; without the variable there is nothing to do.
func TestServeTable(t *testing.T) {
	if os.Getenv(tableServer) == "" {
		return
	}
	server := awstest.New(t, nil)
	server.Dynamo.Create("subscribers", "subscriber")
	fmt.Println(server.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// BenchmarkSubscriber is the forwarder from the SQS event to the answer, with a CleverTap in the same process that takes everything at once, with
// and without a table on loopback. Every message is about another user of whom nothing is stored: one write each. What subscriber state adds is the
// difference, in cpu-µs/msg (user and system time of this process) and in ms/batch.
func BenchmarkSubscriber(b *testing.B) {
	address := benchtest.Child(b, os.Args[0], tableServer, "-test.run=^TestServeTable$")
	for _, size := range []int{10, 1000} {
		for _, state := range []string{"off", "on"} {
			b.Run(fmt.Sprintf("state=%s/batch=%d", state, size), func(b *testing.B) {
				h := benchHandler(b)
				if state == "on" {
					for name, value := range map[string]string{
						"AWS_ENDPOINT_URL": address, "AWS_REGION": awstest.Region, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
					} {
						b.Setenv(name, value)
					}
					cloud, err := connect(b.Context())
					if err != nil {
						b.Fatal(err)
					}
					t := dynamo.NewTable(cloud, "subscribers", tableTimeout)
					h.Subscribers, h.Delivered = t, t
				}
				runBatches(b, h, size)
			})
		}
	}
}

// runBatches hands out batches about new users each time.
func runBatches(b *testing.B, h *forward.Handler, size int) {
	b.Helper()
	payload := benchBatch(b, size)
	places := strings.Split(string(payload), benchUser)
	fresh := func(run int64) []byte { return []byte(strings.Join(places, fmt.Sprintf("%016x", run))) }
	run := time.Now().UnixNano() // no user of an earlier run
	benchtest.Messages(b, size, func() error {
		run++
		answer, err := h.Invoke(b.Context(), fresh(run))
		if err == nil && string(answer) != `{"batchItemFailures":[]}` {
			err = fmt.Errorf("answer %s", answer)
		}
		return err
	})
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/batch")
}

// benchUser is where a batch's users differ from those of the next one.
const benchUser = "0123456789abcdef"

// benchBatch is a batch of renewals of as many users, as the template's queues hand them out.
func benchBatch(b *testing.B, size int) []byte {
	b.Helper()
	source := "arn:aws:sqs:eu-west-1:123456789012:events"
	if size <= 10 {
		source += ".fifo"
	}
	now := time.Now().UTC()
	records := make([]map[string]any, size)
	for i := range records {
		number := strconv.Itoa(i)
		body := `{"api_version":3,"event_name":"SUBSCRIPTION_RENEWED","event_id":"e-` + number + `","event_created_at":"` + now.Add(-time.Minute).Format(time.RFC3339) +
			`","user_id":"` + benchUser + "-" + number + `","store":"APPLE_APP_STORE","purchase_type":"RENEWING_SUBSCRIPTION","product":"PARLA_PLUS","plan":"plus_monthly",` +
			`"purchasely_subscription_id":"subs_2XsDlU7gSv99KoihHSRTrA4pJQ6` + number + `","environment":"PRODUCTION","subscription_status":"AUTO_RENEWING"}`
		attributes := map[string]any{}
		for name, value := range map[string]string{"schema": "1", "app": "demo", "encoding": "raw", "received_at": now.Format("2006-01-02T15:04:05.000Z")} {
			attributes[name] = map[string]string{"dataType": "String", "stringValue": value}
		}
		records[i] = map[string]any{
			"messageId": number, "receiptHandle": "r", "body": body, "messageAttributes": attributes, "eventSourceARN": source,
			"attributes": map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": strconv.FormatInt(now.UnixMilli(), 10), "MessageGroupId": number},
		}
	}
	payload, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		b.Fatal(err)
	}
	return payload
}

func benchHandler(b *testing.B) *forward.Handler {
	b.Helper()
	file, problems := integration.Load("bench.yaml", []byte("apps:\n  demo: {}\n"))
	if file == nil {
		b.Fatal(problems)
	}
	return &forward.Handler{
		Integrations: file, Accounts: benchAccounts{}, Mapper: mapping.New(),
		Uploader:   clevertap.NewUploader(clevertap.Options{Transport: takesAll{}}),
		RetryDelay: 5 * time.Second, Log: slog.New(slog.DiscardHandler), Metrics: io.Discard,
	}
}

type benchAccounts struct{}

// Get gives an account that no upload leaves this process for.
func (benchAccounts) Get(context.Context, string) (clevertap.Accounts, error) {
	return clevertap.Accounts{Production: clevertap.Account{Host: "api.clevertap.com", ID: "A", Passcode: secret.New("p")}}, nil
}

// Reload does the same.
func (a benchAccounts) Reload(ctx context.Context, app string) (clevertap.Accounts, error) {
	return a.Get(ctx, app)
}

// takesAll is a CleverTap that accepts every record.
type takesAll struct{}

// RoundTrip answers at once.
func (takesAll) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	answer := fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, bytes.Count(body, []byte(`"ts":`)))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}, nil
}
