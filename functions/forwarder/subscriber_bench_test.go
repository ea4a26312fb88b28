package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/purchasely-clevertap/bridge/functions/internal/start"
	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/benchtest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// tableServer makes the test binary serve a table on loopback, in a process of its own: its work must not count as
// ours.
const tableServer = "FORWARDER_BENCH_TABLE"

// TestServeTable serves a table until its standard input ends; without the variable there is nothing to do.
func TestServeTable(t *testing.T) {
	if os.Getenv(tableServer) == "" {
		return
	}
	server := awstest.New(t, nil)
	server.Dynamo.Create("subscribers", "subscriber", "item")
	fmt.Println(server.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// BenchmarkSubscriber measures the forwarder from the SQS event to the answer, with and without a table on loopback.
// CleverTap is in the same process and accepts everything at once. Every message is about another user, of whom
// nothing is stored: one write each and, if the state is "on", a journal entry; with "bodies" the webhook is in it,
// "plain" is a table as one would write it at first, and "floor" posts the calls of one batch again. What the table
// costs is the difference, in cpu-µs/msg (user and system time of this process) and ms/batch. What it costs that users
// are linked is the difference between linked and known, where every batch is about the same users, whose states do
// not change any more.
func BenchmarkSubscriber(b *testing.B) {
	b.Setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
	limitMemory() // as the function does
	runtime.GOMAXPROCS(1)
	address := benchtest.Child(b, os.Args[0], tableServer, "-test.run=^TestServeTable$")
	for _, size := range []int{10, 1000} {
		for _, state := range []string{"off", "no-journal", "on", "bodies", "plain", "known", "linked"} {
			b.Run(fmt.Sprintf("state=%s/batch=%d", state, size), func(b *testing.B) {
				h := benchHandler(b)
				if state != "off" {
					useTable(b, h, state, address)
				}
				if state == "linked" {
					linkUsers(b, h.Table, size)
				}
				runBatches(b, h, size, state != "known" && state != "linked")
			})
		}
		b.Run(fmt.Sprintf("state=floor/batch=%d", size), func(b *testing.B) { postCalls(b, size, address) })
	}
}

// postCalls posts the calls that the table has made for one batch, with their signatures, again and again.
func postCalls(b *testing.B, size int, address string) {
	b.Helper()
	h := benchHandler(b)
	useTable(b, h, "on", address)
	cloud := aws.LoadConfig(b.Context(), env.New(env.OS), start.CallTimeout, start.CallBackoff)
	calls := &recorder{client: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callsAtOnce}}}
	b.Cleanup(calls.client.CloseIdleConnections)
	cloud.HTTPClient = calls
	h.Table = dynamo.NewTable(cloud, "subscribers", tableTimeout)
	if _, err := h.Invoke(b.Context(), benchBatch(b, size)); err != nil {
		b.Fatal(err)
	}
	benchtest.Messages(b, size, calls.repeat)
}

// callsAtOnce is how many calls of a batch are under way, as in the function.
const callsAtOnce = 32

// recorder makes calls, and makes them again.
type recorder struct {
	client http.Client
	mu     sync.Mutex
	calls  []recordedCall
}

type recordedCall struct {
	*http.Request

	body []byte
}

// Do implements aws.HTTPClient.
func (r *recorder) Do(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, recordedCall{request, body})
	return r.client.Do(request)
}

// repeat makes all calls side by side and looks at no answer.
func (r *recorder) repeat() error {
	var all errgroup.Group
	all.SetLimit(callsAtOnce)
	for _, call := range r.calls {
		all.Go(func() error {
			request := &http.Request{
				Method: call.Method, URL: call.URL, Host: call.Host, Header: call.Header,
				Body: io.NopCloser(bytes.NewReader(call.body)), ContentLength: call.ContentLength,
			}
			answer, err := r.client.Do(request)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, answer.Body)
			return errors.Join(err, answer.Body.Close())
		})
	}
	return all.Wait()
}

// useTable gives a handler the table at an address.
func useTable(b *testing.B, h *forward.Handler, state, address string) {
	b.Helper()
	for name, value := range (&awstest.Server{URL: address}).Env() {
		b.Setenv(name, value)
	}
	cloud := aws.LoadConfig(b.Context(), env.New(env.OS), start.CallTimeout, start.CallBackoff)
	h.Table = dynamo.NewTable(cloud, "subscribers", tableTimeout)
	if state == "plain" {
		h.Table = newPlainTable(b)
	}
	h.JournalLifetime = 30 * 24 * time.Hour
	h.Journal = map[string]forward.Journal{
		"no-journal": forward.JournalOff, "on": forward.JournalOutcomes, "plain": forward.JournalOutcomes,
		"bodies": forward.JournalBodies, "known": forward.JournalOutcomes, "linked": forward.JournalOutcomes,
	}[state]
}

// linkUsers links the users of a batch.
func linkUsers(b *testing.B, table forward.Table, size int) {
	b.Helper()
	now := time.Now()
	for i := range size {
		key := subscriber.PersonKey(subscriber.Partition("user", fmt.Sprintf("%s-%d", benchUser, i)), "demo")
		person := subscriber.Person{CleverTapID: fmt.Sprintf("__h%d", i), ObservedAt: now}
		if _, err := table.Put(b.Context(), map[subscriber.Key]subscriber.Item{key: person.Item(now)}); err != nil {
			b.Fatal(err)
		}
	}
}

// runBatches hands a batch to the handler again and again, about new users each time or about the same.
func runBatches(b *testing.B, h *forward.Handler, size int, renewed bool) {
	b.Helper()
	payload := benchBatch(b, size)
	parts := strings.Split(string(payload), benchUser)
	run := time.Now().UnixNano() // no user of an earlier run
	benchtest.Messages(b, size, func() error {
		batch := payload
		if renewed {
			run++
			batch = []byte(strings.Join(parts, fmt.Sprintf("%016x", run)))
		}
		answer, err := h.Invoke(b.Context(), batch)
		if err == nil && string(answer) != `{"batchItemFailures":[]}` {
			err = fmt.Errorf("answer %s", answer)
		}
		return err
	})
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/batch")
}

// benchUser is the part of user ids that differs between batches.
const benchUser = "0123456789abcdef"

// benchBatch is a batch of renewals, each of another user, as the template's queues hand them out.
func benchBatch(b *testing.B, size int) []byte {
	b.Helper()
	config := awstest.QueueConfig{Name: "events"}
	if size <= 10 {
		config.Name += ".fifo"
	}
	q, now := awstest.NewQueue(config, time.Now), time.Now().UTC()
	attributes := awstest.TextAttributes(map[string]string{
		"schema": "1", "app": "demo", "encoding": "raw", "received_at": now.Format("2006-01-02T15:04:05.000Z"),
	})
	for i := range size {
		body := fmt.Sprintf(`{"api_version":3,"event_name":"SUBSCRIPTION_RENEWED","event_id":"e-%d",`+
			`"event_created_at":%q,"user_id":"%s-%d","store":"APPLE_APP_STORE","product":"PARLA_PLUS",`+
			`"plan":"plus_monthly","purchase_type":"RENEWING_SUBSCRIPTION",`+
			`"purchasely_subscription_id":"subs_2XsDlU7gSv99KoihHSRTrA4pJQ6%d",`+
			`"environment":"PRODUCTION","subscription_status":"AUTO_RENEWING"}`,
			i, now.Add(-time.Minute).Format(time.RFC3339), benchUser, i, i)
		q.Put(awstest.Message{Body: body, GroupID: fmt.Sprint(i), Sent: now, Attributes: attributes})
	}
	payload, err := awstest.Event(q, q.Receive(size, -1))
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
		Settings: settings.Fixed(file), Accounts: benchAccounts{}, Mapper: mapping.New(),
		Uploader:   clevertap.NewUploader(clevertap.Options{Transport: acceptsAll{}}),
		RetryDelay: 5 * time.Second, Log: slog.New(slog.DiscardHandler), Metrics: io.Discard,
	}
}

type benchAccounts struct{}

// Get implements forward.Accounts.
func (benchAccounts) Get(context.Context, string) (clevertap.Accounts, error) {
	account := clevertap.Account{Host: "api.clevertap.com", ID: "A", Passcode: secret.New("p")}
	return clevertap.Accounts{Production: account}, nil
}

// Reload implements forward.Accounts.
func (a benchAccounts) Reload(ctx context.Context, app string) (clevertap.Accounts, error) {
	return a.Get(ctx, app)
}

// acceptsAll is a CleverTap that accepts every record, at once.
type acceptsAll struct{}

// RoundTrip implements http.RoundTripper.
func (acceptsAll) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	answer := fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, bytes.Count(body, []byte(`"ts":`)))
	content := io.NopCloser(strings.NewReader(answer))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: content}, nil
}
