package forward_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

// corridor is a forwarder whose surroundings work until a test changes them. Log and metrics go to one output, as on Lambda.
type corridor struct {
	*forward.Handler

	accounts  func(app string) (clevertap.Accounts, error)
	clevertap func(r *http.Request) (*http.Response, error)
	reject    func(m []forward.Rejection) []error
	delay     func() error

	out      bytes.Buffer
	rejected []forward.Rejection
}

// corridorApps has an app for every way in which a message can be skipped.
const corridorApps = `apps:
  demo: {}
  other: {}
  shut: {enabled: false}
  known: {anonymous: skip}
  unsent: {sandbox: skip}
  silent: {server_events: {default: skip}, user_properties: {default: none}}
`

func newCorridor(t testing.TB) *corridor {
	t.Helper()
	file, problems := integration.Load("corridor.yaml", []byte(corridorApps))
	if file == nil {
		t.Fatal(problems)
	}
	c := &corridor{clevertap: acceptAll}
	c.accounts = func(app string) (clevertap.Accounts, error) {
		return clevertap.ParseAccounts([]byte(`{"region":"eu1","account_id":"` + strings.ToUpper(app) + `","passcode":"passcode-77"}`))
	}
	c.reject = func(m []forward.Rejection) []error { return make([]error, len(m)) }
	c.delay = func() error { return nil }
	// The very handler of the functions: its keys, and the request id that it adds.
	log := slog.NewJSONHandler(&c.out, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr})
	c.Handler = &forward.Handler{
		Integrations: file, Accounts: corridorAccounts{c}, Mapper: mapping.New(),
		Uploader: clevertap.NewUploader(clevertap.Options{Transport: transport(func(r *http.Request) (*http.Response, error) { return c.clevertap(r) })}),
		Rejecter: rejecter{c}, Delayer: delayer{c}, RetryDelay: 5 * time.Second,
		Log:     slog.New(log).With("requestId", "00000000-0000-4000-8000-000000000001"),
		Metrics: &c.out,
	}
	return c
}

type corridorAccounts struct{ *corridor }

func (a corridorAccounts) Get(_ context.Context, app string) (clevertap.Accounts, error) {
	return a.accounts(app)
}

func (a corridorAccounts) Reload(_ context.Context, app string) (clevertap.Accounts, error) {
	return a.accounts(app)
}

type rejecter struct{ *corridor }

func (r rejecter) Reject(_ context.Context, m []forward.Rejection) []error {
	errs := r.reject(m)
	for i, err := range errs {
		if err == nil {
			r.rejected = append(r.rejected, m[i])
		}
	}
	return errs
}

type delayer struct{ *corridor }

func (d delayer) Delay(context.Context, string, []forward.Delay) error { return d.delay() }

type transport func(r *http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// acceptAll is a CleverTap that takes everything.
func acceptAll(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	n := bytes.Count(body, []byte(`"ts":`))
	return reply(http.StatusOK, `{"status":"success","processed":`+strconv.Itoa(n)+`,"unprocessed":[]}`), nil
}

func reply(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// queued is a message of a test; the zero values of its fields are what the receiver would write.
type queued struct {
	app, body, schema, encoding, accepted string
	receives                              int
	group                                 string
}

// payload is the SQS event of messages.
func payload(t testing.TB, messages []queued) []byte {
	t.Helper()
	var records []any
	for i, m := range messages {
		attributes := map[string]any{}
		for name, value := range map[string]string{
			"app": m.app, "schema": or(m.schema, "1"), "encoding": or(m.encoding, "raw"),
			"received_at": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "accepted": m.accepted,
		} {
			if value != "" {
				attributes[name] = map[string]string{"dataType": "String", "stringValue": value}
			}
		}
		records = append(records, map[string]any{
			"messageId": messageID(i), "receiptHandle": "receipt", "body": m.body, "messageAttributes": attributes,
			"attributes":     map[string]string{"ApproximateReceiveCount": strconv.Itoa(max(1, m.receives)), "MessageGroupId": or(m.group, strconv.Itoa(i))},
			"eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:events.fifo",
		})
	}
	event, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		t.Fatal(err)
	}
	return event
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func messageID(i int) string {
	return "11111111-2222-4333-8444-" + strconv.Itoa(1_000_000_000_000 + i)[1:]
}

// run invokes the forwarder, within the deadline that Lambda gives it, and returns the ids that come back.
func (c *corridor) run(t testing.TB, messages []queued) []string {
	t.Helper()
	return c.runWithin(t, 30*time.Second, messages)
}

func (c *corridor) runWithin(t testing.TB, timeout time.Duration, messages []queued) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	answer, err := c.Invoke(ctx, payload(t, messages))
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Failures []struct {
			ID string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &read); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, f := range read.Failures {
		ids = append(ids, f.ID)
	}
	return ids
}

// lines reads the output, line by line.
func (c *corridor) lines(t rapid.TB) []map[string]jsontext.Value {
	t.Helper()
	var lines []map[string]jsontext.Value
	for text := range strings.Lines(c.out.String()) {
		var line map[string]jsontext.Value
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		lines = append(lines, line)
	}
	return lines
}

var errDown = errors.New("out of reach")
