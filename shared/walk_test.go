package shared_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/receive"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	demoSecret   = `{"shared_secret":"demo-secret-not-for-production"}`
	demoAccounts = `{"region":"eu1","account_id":"PRODUCTION","passcode":"p1","sandbox":{"region":"in1","account_id":"SANDBOX","passcode":"p2"}}`
)

// house is the whole way in one process: both corridors, a queue in memory between them, and the strict stand-in at the end.
type house struct {
	receiver  *receive.Handler
	forwarder *forward.Handler
	clevertap *clevertaptest.Server
	queue     []message.Encoded
	rejected  []forward.Rejection
	log       bytes.Buffer
	metrics   bytes.Buffer
}

func newHouse(t *testing.T) *house {
	t.Helper()
	file, problems := integration.Load("integrations.yaml", config.Integrations)
	if file == nil {
		t.Fatal(problems)
	}
	h := &house{clevertap: clevertaptest.New(clevertaptest.Config{Accounts: []clevertaptest.Account{
		{ID: "PRODUCTION", Region: "eu1", Passcodes: []string{"p1"}},
		{ID: "SANDBOX", Region: "in1", Passcodes: []string{"p2"}},
	}})}
	log := slog.New(slog.NewJSONHandler(&h.log, nil))
	h.receiver = receive.New(receive.Config{
		Apps: []string{"demo"}, MaxBody: 262144, FIFO: true, Keys: keys{}, Queue: h, Observer: receive.NewMetrics(&h.metrics), Log: log,
	})
	h.forwarder = &forward.Handler{
		Integrations: file, Accounts: accounts{}, Mapper: mapping.New(),
		Uploader: clevertap.NewUploader(clevertap.Options{Transport: h.clevertap.Transport()}),
		Rejecter: h, Delayer: h, Subscribers: &entries{texts: map[string]string{}}, RetryDelay: 5 * time.Second, Log: log, Metrics: &h.metrics,
	}
	return h
}

// entries is the subscriber table, for one forwarder, which writes several entries at a time.
type entries struct {
	mu    sync.Mutex
	texts map[string]string
}

// Read gives the entries that there are.
func (e *entries) Read(_ context.Context, keys []string) (map[string]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	found := make(map[string]string)
	for _, key := range keys {
		if text, ok := e.texts[key]; ok {
			found[key] = text
		}
	}
	return found, nil
}

// Write replaces an entry.
func (e *entries) Write(_ context.Context, key, read, text string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.texts[key] != read {
		return forward.ErrConflict
	}
	e.texts[key] = text
	return nil
}

// Enqueue is the queue's entrance.
func (h *house) Enqueue(_ context.Context, m message.Encoded) error {
	h.queue = append(h.queue, m)
	return nil
}

// Reject is the rejected queue.
func (h *house) Reject(_ context.Context, messages []forward.Rejection) []error {
	h.rejected = append(h.rejected, messages...)
	return make([]error, len(messages))
}

// Delay hears of new visibilities, which no message of these tests needs.
func (h *house) Delay(context.Context, string, []forward.Delay) error {
	return errors.New("nothing comes back here")
}

type keys struct{}

func (keys) Get(context.Context, string) (webhook.Keys, error) {
	return webhook.ParseKeys([]byte(demoSecret))
}
func (k keys) Refresh(ctx context.Context, app string, _ time.Time) (webhook.Keys, error) {
	return k.Get(ctx, app)
}

type accounts struct{}

func (accounts) Get(context.Context, string) (clevertap.Accounts, error) {
	return clevertap.ParseAccounts([]byte(demoAccounts))
}
func (a accounts) Reload(ctx context.Context, app string) (clevertap.Accounts, error) {
	return a.Get(ctx, app)
}

// batch makes an SQS event of what lies on the queue, and empties it.
func (h *house) batch(t *testing.T) []byte {
	t.Helper()
	var records []map[string]any
	for i, m := range h.queue {
		attributes := make(map[string]any)
		for name, value := range m.Attributes {
			attributes[name] = map[string]string{"dataType": "String", "stringValue": value}
		}
		records = append(records, map[string]any{
			"messageId": "message-" + strconv.Itoa(i), "receiptHandle": "r", "body": m.Body, "messageAttributes": attributes,
			"attributes":     map[string]string{"ApproximateReceiveCount": "1", "MessageGroupId": m.GroupID},
			"eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:events.fifo",
		})
	}
	h.queue = nil
	payload, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// record is a CleverTap record as a fixture wants it, on one line.
func compact(t *testing.T, value jsontext.Value) string {
	t.Helper()
	value = value.Clone()
	if err := value.Compact(); err != nil {
		t.Fatal(err)
	}
	return string(value)
}

func (h *house) stored(account string) []string {
	var raw []string
	for _, r := range h.clevertap.Records(account) {
		raw = append(raw, string(r.Raw))
	}
	return raw
}

func fixtures(t *testing.T, pattern string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("../events/" + pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	all := make(map[string][]byte)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(path, ".want.json") {
			all[strings.TrimSuffix(filepath.Base(path), ".json")] = text
		}
	}
	return all
}

func want(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("../events/" + name + ".want.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into, json.RejectUnknownMembers(true)); err != nil {
		t.Fatal(err)
	}
}

// series is what all steps of a series have in common in their names.
var series = regexp.MustCompile(`-[0-9]-.*`)

// Each fixture has a house of its own, but the steps of a series share one.
func TestEveryWebhookEndsAsItsFixtureSays(t *testing.T) {
	requests := fixtures(t, "receiver-*.json")
	houses := make(map[string]*house)
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		t.Run(name, func(t *testing.T) {
			shared := series.ReplaceAllString(name, "")
			if houses[shared] == nil {
				houses[shared] = newHouse(t)
			}
			houses[shared].receives(t, name, requests[name])
		})
	}
}

// receives takes a fixture's request through the whole house.
func (h *house) receives(t *testing.T, name string, request []byte) {
	t.Helper()
	var wanted struct {
		Status  int              `json:"status"`
		Answer  jsontext.Value   `json:"answer"`
		Outcome string           `json:"outcome"`
		Reason  string           `json:"reason"`
		Account string           `json:"account"`
		Records []jsontext.Value `json:"records"`
	}
	want(t, name, &wanted)
	var answer struct {
		StatusCode int    `json:"statusCode"`
		Body       string `json:"body"`
	}
	records := map[string][]string{"PRODUCTION": h.stored("PRODUCTION"), "SANDBOX": h.stored("SANDBOX")}
	reply, err := h.receiver.Invoke(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(reply, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != wanted.Status || answer.Body != compact(t, wanted.Answer) {
		t.Errorf("answered %d %s, want %d %s", answer.StatusCode, answer.Body, wanted.Status, wanted.Answer)
	}
	outcome, reason := "none", ""
	if len(h.queue) > 0 {
		outcome, reason = h.forward(t)
	}
	if outcome != wanted.Outcome || reason != wanted.Reason {
		t.Errorf("%s %q, want %s %q", outcome, reason, wanted.Outcome, wanted.Reason)
	}
	for _, r := range wanted.Records {
		records[strings.ToUpper(wanted.Account)] = append(records[strings.ToUpper(wanted.Account)], compact(t, r))
	}
	for _, account := range []string{"PRODUCTION", "SANDBOX"} {
		if diff := cmp.Diff(records[account], h.stored(account)); diff != "" {
			t.Errorf("%s (-want +stored):\n%s", account, diff)
		}
	}
	if name != "receiver-version-2" { // it has no event_id to carry, as the second version has none
		for _, o := range h.clevertap.Objections() {
			t.Errorf("CleverTap would object: %+v", o)
		}
	}
	h.keepsQuiet(t, request)
}

// forward takes what is queued through the forwarder and tells the one message's outcome.
func (h *house) forward(t *testing.T) (outcome, reason string) {
	t.Helper()
	before := len(h.outcomes(t))
	answer, err := h.forwarder.Invoke(t.Context(), h.batch(t))
	if err != nil || string(answer) != `{"batchItemFailures":[]}` {
		t.Errorf("answer %s, %v", answer, err)
	}
	outcomes := h.outcomes(t)
	if len(outcomes) == before {
		return "delivered", ""
	}
	return outcomes[before].Outcome, outcomes[before].Reason
}

// told is what the log says of a message.
type told struct {
	MessageID string `json:"messageId"`
	Outcome   string `json:"outcome"`
	Reason    string `json:"reason"`
}

func (h *house) outcomes(t *testing.T) []told {
	t.Helper()
	var all []told
	lines := jsontext.NewDecoder(bytes.NewReader(h.log.Bytes()))
	for {
		var line told
		err := json.UnmarshalDecode(lines, &line)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if line.Outcome != "" {
			all = append(all, line)
		}
	}
}

// keepsQuiet searches log and metrics for whatever is secret or personal in a request.
func (h *house) keepsQuiet(t *testing.T, request []byte) {
	t.Helper()
	said := h.log.String() + h.metrics.String()
	var r struct {
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	if err := json.Unmarshal(request, &r); err != nil {
		t.Fatal(err)
	}
	private := []string{"demo-secret-not-for-production", r.Headers["x-purchasely-request-signature"]}
	var event webhook.Event
	if event.Read([]byte(r.Body)) == nil {
		private = append(private, event.Subscriber().ID)
	}
	for _, text := range private {
		if text != "" && strings.Contains(said, text) {
			t.Errorf("log or metrics hold %q", text)
		}
	}
}

func TestEveryBatchEndsAsItsFixtureSays(t *testing.T) {
	for name, payload := range fixtures(t, "forwarder-*.json") {
		t.Run(name, func(t *testing.T) {
			var wanted struct {
				Failures jsontext.Value `json:"batchItemFailures"`
				Outcomes []told         `json:"outcomes"`
				Uploads  []struct {
					Account string           `json:"account"`
					Records []jsontext.Value `json:"records"`
				} `json:"uploads"`
			}
			want(t, name, &wanted)
			h := newHouse(t)
			answer, err := h.forwarder.Invoke(t.Context(), payload)
			if wantAnswer := `{"batchItemFailures":` + compact(t, wanted.Failures) + `}`; err != nil || string(answer) != wantAnswer {
				t.Errorf("answer %s, %v, want %s", answer, err, wantAnswer)
			}
			var outcomes []told
			for _, o := range wanted.Outcomes {
				if o.Outcome != "delivered" {
					outcomes = append(outcomes, o)
				}
			}
			if diff := cmp.Diff(outcomes, h.outcomes(t)); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			for _, u := range wanted.Uploads {
				var records []string
				for _, r := range u.Records {
					records = append(records, compact(t, r))
				}
				if diff := cmp.Diff(records, h.stored(strings.ToUpper(u.Account))); diff != "" {
					t.Errorf("%s (-want +stored):\n%s", u.Account, diff)
				}
			}
			for _, r := range h.rejected {
				if r.Reason == "" || r.Error == "" || len(r.Message.Body) == 0 {
					t.Errorf("a rejected message says too little: %q %q", r.Reason, r.Error)
				}
			}
		})
	}
}
