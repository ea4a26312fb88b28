package forward_test

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/purchasely-clevertap/bridge/shared/benchtest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// benchServer makes the test binary the other side of the loopback, in a process of its own: its work must not count as ours.
const benchServer = "FORWARD_BENCH_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(benchServer) != "" {
		serveAcceptance()
		return
	}
	os.Exit(m.Run())
}

// serveAcceptance accepts every record of every upload, and ends when its standard input does.
func serveAcceptance() {
	listener, err := newLoopback()
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
		_, _ = fmt.Fprintf(w, `{"status":"success","processed":%d,"unprocessed":[]}`, bytes.Count(body, []byte(`"ts":`)))
	})}
	_ = server.Serve(listener)
}

// acceptance starts the other process and gives its address.
func acceptance(b *testing.B) string {
	b.Helper()
	return "http://" + benchtest.Child(b, os.Args[0], benchServer)
}

// BenchmarkForwarder is the whole forwarder but for the Lambda runtime: decode the SQS event, map, upload over loopback, read the answer,
// settle. The figure that counts is cpu-µs/msg: user and system time of this process per message.
func BenchmarkForwarder(b *testing.B) {
	endpoint := acceptance(b)
	for _, size := range []int{10, 1000} {
		payload := benchBatch(b, size)
		b.Run(fmt.Sprintf("bridge/batch=%d", size), func(b *testing.B) {
			h := benchHandler(b, endpoint)
			perMessage(b, size, func() error {
				answer, err := h.Invoke(b.Context(), payload)
				if err == nil && string(answer) != `{"batchItemFailures":[]}` {
					err = fmt.Errorf("answer %s", answer)
				}
				return err
			})
		})
		b.Run(fmt.Sprintf("plain/batch=%d", size), func(b *testing.B) {
			p := &plain{endpoint: endpoint}
			perMessage(b, size, func() error { return p.invoke(b.Context(), payload) })
		})
	}
}

// perMessage reports the processor time of a message. All batches run on one processor, as the function does.
func perMessage(b *testing.B, size int, run func() error) {
	b.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	benchtest.Messages(b, size, run)
}

type benchAccounts struct{}

func (benchAccounts) Get(context.Context, string) (clevertap.Accounts, error) {
	return clevertap.Accounts{Production: clevertap.Account{Host: "api.clevertap.com", ID: "A", Passcode: secret.New("p")}}, nil
}

func (a benchAccounts) Reload(ctx context.Context, app string) (clevertap.Accounts, error) {
	return a.Get(ctx, app)
}

func benchHandler(b *testing.B, endpoint string) *forward.Handler {
	b.Helper()
	file, problems := integration.Load("bench.yaml", []byte("apps:\n  demo: {}\n"))
	if file == nil {
		b.Fatal(problems)
	}
	return &forward.Handler{
		Integrations: file, Accounts: benchAccounts{}, Mapper: mapping.New(),
		Uploader:   clevertap.NewUploader(clevertap.Options{Endpoint: endpoint}),
		RetryDelay: 5 * time.Second, Log: slog.New(slog.DiscardHandler), Metrics: io.Discard,
	}
}

// benchBatch is a batch of renewals of as many users.
func benchBatch(b *testing.B, size int) []byte {
	b.Helper()
	renewal := webhook.EmbeddedCatalogue().Event([]byte("SUBSCRIPTION_RENEWED"))
	event := events.SQSEvent{}
	for i := range size {
		body := sample.Webhook(renewal, uint64(i))
		event.Records = append(event.Records, events.SQSMessage{
			MessageId: strconv.Itoa(i), ReceiptHandle: strings.Repeat("r", 200), Body: string(body),
			Attributes: map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1795402927191", "MessageGroupId": strconv.Itoa(i)},
			MessageAttributes: map[string]events.SQSMessageAttribute{
				"schema": text("1"), "app": text("demo"), "encoding": text("raw"), "received_at": text("2026-11-23T03:02:07.191Z"),
			},
			EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:events.fifo", AWSRegion: "eu-west-1",
		})
	}
	payload, err := stdjson.Marshal(event)
	if err != nil {
		b.Fatal(err)
	}
	return payload
}

func text(value string) events.SQSMessageAttribute {
	return events.SQSMessageAttribute{DataType: "String", StringValue: new(value)}
}
