package forward_test

import (
	"bytes"
	"cmp"
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// harness is a handler whose dependencies work until a test changes them. Log and metrics share one output, as on
// Lambda.
type harness struct {
	*forward.Handler

	t         rapid.TB
	accounts  func(ctx context.Context, app string) (clevertap.Accounts, error)
	clevertap upload
	reject    func(ctx context.Context, messages []message.Rejection) []error
	delay     func(ctx context.Context, source string, messages []message.Delay) error

	timeout  time.Duration // of an invocation
	out      bytes.Buffer
	rejected []message.Rejection
}

// upload is a fake CleverTap.
type upload func(r *http.Request, body []byte) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (u upload) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return u(r, body)
}

// apps has an app for every reason to skip a message. The app "panics", which lacks its rules, is added to them.
const apps = `apps:
  demo: {}
  other: {}
  disabled: {enabled: false}
  users-only: {anonymous: skip}
  no-sandbox: {sandbox: skip}
  silent: {server_events: {default: skip}, user_properties: {default: none}}
`

func newHarness(t rapid.TB) *harness {
	t.Helper()
	h := &harness{
		t: t,
		accounts: func(_ context.Context, app string) (clevertap.Accounts, error) {
			const secret = `{"region":"eu1","account_id":%q,"passcode":"passcode-77"}`
			return clevertap.ParseAccounts(fmt.Appendf(nil, secret, strings.ToUpper(app)))
		},
		clevertap: acceptAll,
		reject:    func(_ context.Context, m []message.Rejection) []error { return make([]error, len(m)) },
		delay:     func(context.Context, string, []message.Delay) error { return nil },
		timeout:   timeout,
	}
	// The functions' own handler: its keys, and the request id that it adds.
	log := slog.NewJSONHandler(&h.out, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr})
	file := loadApps(t, apps)
	file.Apps["panics"] = &integration.App{Name: "panics", Enabled: true}
	h.Handler = &forward.Handler{
		Settings: settings.Fixed(file), Accounts: h, Mapper: mapping.New(), Rejecter: h, Delayer: h,
		Uploader: h.newUploader(), RetryDelay: 5 * time.Second, Metrics: &h.out,
		Log: slog.New(log).With("requestId", "00000000-0000-4000-8000-000000000001"),
	}
	return h
}

// inBubble runs a subtest in virtual time.
func inBubble(t *testing.T, name string, test func(t *testing.T, h *harness)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, newHarness(t)) })
	})
}

// useApps puts an integration file with these apps in force.
func (h *harness) useApps(apps string) {
	h.t.Helper()
	h.Settings = settings.Fixed(loadApps(h.t, "apps:\n  "+apps+"\n"))
}

func loadApps(t rapid.TB, text string) *integration.File {
	t.Helper()
	file, problems := integration.Load("test.yaml", []byte(text))
	if file == nil {
		t.Fatal(problems)
	}
	return file
}

// newUploader returns an uploader whose breakers are closed. It makes one upload at a time: of several, chance would
// decide which of them an account that rejects everything still gets.
func (h *harness) newUploader() *clevertap.Uploader {
	return clevertap.NewUploader(clevertap.Options{
		Concurrency: 1, Jitter: func() float64 { return 0.5 },
		Transport: upload(func(r *http.Request, body []byte) (*http.Response, error) { return h.clevertap(r, body) }),
	})
}

// Get and Reload implement forward.Accounts.
func (h *harness) Get(ctx context.Context, app string) (clevertap.Accounts, error) {
	return h.accounts(ctx, app)
}
func (h *harness) Reload(ctx context.Context, app string) (clevertap.Accounts, error) {
	return h.accounts(ctx, app)
}

// Reject implements forward.Rejecter.
func (h *harness) Reject(ctx context.Context, messages []message.Rejection) []error {
	errs := h.reject(ctx, messages)
	for i, err := range errs {
		if err == nil {
			h.rejected = append(h.rejected, messages[i])
		}
	}
	return errs
}

// Delay implements message.Delayer.
func (h *harness) Delay(ctx context.Context, source string, messages []message.Delay) error {
	return h.delay(ctx, source, messages)
}

func acceptAll(_ *http.Request, body []byte) (*http.Response, error) {
	return respond(http.StatusOK, fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, countRecords(body)))
}

func countRecords(body []byte) int { return bytes.Count(body, []byte(`"ts":`)) }

func respond(status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// onUpload calls a function with every upload, one at a time, before CleverTap answers it.
func (h *harness) onUpload(f func(account string, body []byte)) {
	var mu sync.Mutex
	answer := h.clevertap
	h.clevertap = func(r *http.Request, body []byte) (*http.Response, error) {
		mu.Lock()
		f(r.Header.Get("X-CleverTap-Account-Id"), body)
		mu.Unlock()
		return answer(r, body)
	}
}

// queued is a message on the queue. Zero fields stand for what the receiver usually writes.
type queued struct {
	id, app, body, schema, encoding, accepted string

	received time.Time
	receives int
	group    string // one of its own by default
	standard bool   // on a standard queue, which has no groups
}

func newMessage(app, body string) queued { return queued{app: app, body: bodies[body]} }

const (
	queueARN = "arn:aws:sqs:eu-west-1:123456789012:events"
	receipt  = "a receipt handle"
)

// payload returns the SQS event of messages.
func payload(t rapid.TB, messages ...queued) []byte {
	t.Helper()
	var event events.SQSEvent
	for i, m := range messages {
		if m.received.IsZero() {
			m.received = time.Now()
		}
		attributes := make(map[string]events.SQSMessageAttribute)
		for name, value := range map[string]string{
			"app": m.app, "schema": cmp.Or(m.schema, "1"), "encoding": cmp.Or(m.encoding, "raw"), "accepted": m.accepted,
			"received_at": m.received.UTC().Format("2006-01-02T15:04:05.000Z"),
		} {
			if value != "" {
				attributes[name] = events.SQSMessageAttribute{DataType: "String", StringValue: new(value)}
			}
		}
		r := events.SQSMessage{
			MessageId: cmp.Or(m.id, messageID(i)), ReceiptHandle: receipt, Body: m.body, MessageAttributes: attributes,
			Attributes: map[string]string{
				"ApproximateReceiveCount": strconv.Itoa(max(1, m.receives)),
				"SentTimestamp":           strconv.FormatInt(m.received.UnixMilli(), 10),
			},
			EventSource: "aws:sqs", EventSourceARN: queueARN, AWSRegion: "eu-west-1",
		}
		if !m.standard {
			r.EventSourceARN += ".fifo"
			r.Attributes["MessageGroupId"] = cmp.Or(m.group, strconv.Itoa(i))
		}
		event.Records = append(event.Records, r)
	}
	text, err := stdjson.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func messageID(i int) string { return fmt.Sprintf("11111111-2222-4333-8444-%012d", i) }

// timeout is how long an invocation may take unless a test says otherwise.
const timeout = 30 * time.Second

// run invokes the handler and returns the ids of the messages that come back.
func (h *harness) run(messages ...queued) []string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), h.timeout)
	defer cancel()
	response, err := h.Invoke(ctx, payload(h.t, messages...))
	if err != nil {
		h.t.Fatal(err)
	}
	return failures(h.t, response)
}

// runAll invokes the handler with messages of which none may come back.
func (h *harness) runAll(messages ...queued) {
	h.t.Helper()
	if ids := h.run(messages...); len(ids) > 0 {
		h.t.Errorf("%v come back", ids)
	}
}

// failures reads the ids in a response.
func failures(t rapid.TB, response []byte) []string {
	t.Helper()
	ids, err := awstest.Failures(response)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

var errDown = errors.New("out of reach")

// drawBatch draws messages of every kind. Groups are as the receiver makes them: no two apps share one.
func drawBatch(t *rapid.T) []queued {
	kinds := slices.Sorted(maps.Keys(bodies))
	names := []string{"demo", "demo", "demo", "other", "disabled", "users-only", "no-sandbox", "silent", "panics", "?"}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) queued {
		app := rapid.SampledFrom(names).Draw(t, "app")
		user := "person-" + rapid.StringMatching(`[a-z]{1,30}`).Draw(t, "user")
		return queued{
			app:      app,
			body:     strings.Replace(bodies[rapid.SampledFrom(kinds).Draw(t, "body")], "person-", user, 1),
			schema:   rapid.SampledFrom([]string{"1", "1", "1", "1", "2"}).Draw(t, "schema"),
			encoding: rapid.SampledFrom([]string{"raw", "raw", "raw", "raw", "rot13"}).Draw(t, "encoding"),
			accepted: rapid.SampledFrom([]string{"", "", "", "event", "event,profile,charged"}).Draw(t, "accepted"),
			receives: rapid.IntRange(1, 6).Draw(t, "receives"),
			group:    app + rapid.SampledFrom([]string{"-a", "-b"}).Draw(t, "group"),
		}
	}), 0, 12).Draw(t, "messages")
}

func TestNeighboursOfAPanicAreHandledAsIfItWereNotThere(t *testing.T) {
	for receives, want := range map[int][]string{
		4: {"delivered", "retry panic", "retry group_order", "delivered", "rejected malformed"}, // the group waits
		5: {"delivered", "rejected panic", "delivered", "delivered", "rejected malformed"},
	} {
		h := newHarness(t)
		h.run(
			queued{app: "demo", body: bodies["renewal"], group: "g"},
			queued{app: "panics", body: bodies["renewal"], group: "g", receives: receives},
			queued{app: "demo", body: bodies["anonymous"], group: "g"},
			queued{app: "demo", body: bodies["unknown event"], group: "h"},
			queued{app: "demo", body: bodies["malformed"], group: "g"})
		h.wantOutcomes(want...)
	}
}

func TestAPanicAboutASubscriberConcernsOnlyTheMessagesThatNeedIt(t *testing.T) {
	for receives, want := range map[int]string{1: "retry panic", 5: "rejected panic"} {
		h, table := newHarness(t), newTable()
		h.Table = table
		table.hook = func(_ context.Context, operation, key string, call func() error) error {
			if operation == opReplace {
				panic("person-7 is " + key)
			}
			return call()
		}
		needs := newMessage("demo", "renewal")
		needs.receives = receives
		h.run(needs, newMessage("demo", "consumable"))
		h.wantOutcomes(want, "delivered")
		h.checkPrivacy()
	}
}

// slowBucket takes a second to say that it is empty.
type slowBucket struct{ settings.Bucket }

func (slowBucket) Get(context.Context, string) (settings.Object, error) {
	time.Sleep(time.Second)
	return settings.Object{}, settings.ErrNoObject
}

// Between two batches Lambda freezes the process, and what is under way then fails.
func TestABatchWaitsForTheLookAtTheSettings(t *testing.T) {
	inBubble(t, "a second", func(t *testing.T, h *harness) {
		current, _ := h.Settings.Current()
		h.Settings = settings.New(slowBucket{}, current.Value, nil, time.Minute, nil)
		for n := range 2 {
			began := time.Now()
			h.runAll(newMessage("demo", "renewal"))
			if took := time.Since(began); took != time.Second {
				t.Errorf("batch %d took %s", n, took)
			}
			time.Sleep(time.Minute)
		}
	})
}

// Memory that is used again must not show: a handler that has seen other batches does the same as a new one.
func TestEarlierBatchesLeaveNoTrace(t *testing.T) {
	t.Parallel()
	type batch struct {
		messages []queued
		response string
	}
	rapid.Check(t, func(rt *rapid.T) {
		batches := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) batch {
			return batch{drawBatch(t), rapid.SampledFrom(slices.Sorted(maps.Keys(responses))).Draw(t, "response")}
		}), 2, 5).Draw(rt, "batches")
		synctest.Test(t, func(t *testing.T) {
			used := newHarness(t)
			for _, b := range batches {
				event := payload(t, b.messages...)
				want := newHarness(t).effects(b.response, bytes.Clone(event))
				if got := used.effects(b.response, event); !slices.Equal(got, want) {
					rt.Errorf("got %q\nwant %q", got, want)
				}
			}
		})
	})
}

// effects returns all that comes of a batch: uploads, rejections, log lines and the response. The payload is
// overwritten afterwards, as on Lambda, where the next one takes its place.
func (h *harness) effects(response string, payload []byte) (effects []string) {
	h.t.Helper()
	h.Uploader, h.clevertap, h.rejected = h.newUploader(), responses[response], nil
	h.out.Reset()
	h.onUpload(func(account string, body []byte) { effects = append(effects, account+": "+string(body)) })
	ctx, cancel := context.WithTimeout(context.Background(), h.timeout)
	defer cancel()
	answer, err := h.Invoke(ctx, payload)
	for _, r := range h.rejected {
		effects = append(effects, fmt.Sprint("rejected: ", string(r.Message.Body), r.Reason, r.Code, r.Accepted))
	}
	clear(payload)
	for _, l := range h.read().messages {
		l.Timestamp, l.Stack = "", ""
		effects = append(effects, fmt.Sprintf("log: %+v", l))
	}
	slices.Sort(effects) // accounts upload side by side
	return append(effects, fmt.Sprintf("response: %s %v", answer, err))
}

// Lambda hands over one batch after the other, but several at once are handled as well.
func TestBatchesAtTheSameTimeDoNotMix(t *testing.T) {
	t.Parallel()
	const workers, batches, size = 4, 50, 5
	h := newHarness(t)
	h.Log, h.Metrics = slog.New(slog.DiscardHandler), io.Discard
	sent := make(map[string]int)
	h.onUpload(func(_ string, body []byte) {
		for _, part := range strings.Split(string(body), `"event_id":"`)[1:] {
			sent[part[:strings.IndexByte(part, '"')]]++
		}
	})
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for batch := range batches {
				messages := make([]queued, size)
				for i := range messages {
					id := fmt.Sprintf("%d-%d-%d", worker, batch, i)
					messages[i] = queued{app: "demo", body: strings.Replace(bodies["renewal"], "e-1", id, 1)}
				}
				h.runAll(messages...)
			}
		})
	}
	all.Wait()
	maps.DeleteFunc(sent, func(_ string, n int) bool { return n != 1 })
	if total := workers * batches * size; len(sent) != total {
		t.Errorf("%d events of %d were sent once", len(sent), total)
	}
}

// A process lives for hours: ten thousand batches of new users leave no more behind than the first thousand did.
func TestMemoryDoesNotGrowFromBatchToBatch(t *testing.T) {
	const first, last, slack = 1_000, 10_000, 256 << 10
	h := newHarness(t)
	h.Log, h.Metrics = slog.New(slog.DiscardHandler), io.Discard
	table := h.withJournal(forward.JournalOutcomes)
	template := payload(t, newMessage("demo", "unknown event"), newMessage("other", "renewal"),
		newMessage("demo", "malformed"))
	i := 0
	h.reject = func(_ context.Context, m []message.Rejection) []error {
		if i%100 == 0 {
			return slices.Repeat([]error{errDown}, len(m))
		}
		return make([]error, len(m))
	}
	run := func(end int) uint64 {
		for ; i < end; i++ {
			payload := bytes.ReplaceAll(template, []byte("person-7"), fmt.Appendf(nil, "person-%d", i))
			payload = bytes.ReplaceAll(payload, []byte("novelty"), fmt.Appendf(nil, "novelty-%d", i))
			if _, err := h.Invoke(t.Context(), payload); err != nil {
				t.Fatal(err)
			}
			h.rejected = nil
			clear(table.Items)
			clear(table.Read)
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what finalizers and pools held is gone only now
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := run(first)
	if after := run(last); after > before+slack {
		t.Errorf("%d bytes became %d", before, after)
	}
	runtime.KeepAlive(h) // what it holds counts
}
