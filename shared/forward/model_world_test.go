package forward_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

var noon = time.Date(1999, 12, 31, 12, 0, 0, 0, time.UTC) // before the time at which bubbles begin

// letter is one message on the queue.
type letter struct {
	number   int
	webhook  int
	received time.Time
	receives int
}

// String is the letter in a counter-example.
func (l *letter) String() string { return fmt.Sprintf("message %d", l.number) }

// world is two forwarders, the queue before them, and the table and CleverTap behind them.
type world struct {
	plan       plan
	clevertap  *clevertaptest.Server
	forwarders [2]*forward.Handler
	table      memoryTable
	waiting    []*letter
	arrived    []*letter // that a forwarder is done with
	mayRepeat  bool      // events may reach CleverTap twice
	journal    []string
	violation  string
}

func newWorld(t *testing.T, p plan) *world {
	t.Helper()
	w := &world{plan: p, table: memoryTable{texts: map[string]string{}, notes: map[string]forward.Kinds{}}}
	w.clevertap = clevertaptest.New(clevertaptest.Config{Accounts: []clevertaptest.Account{
		{ID: "PRODUCTION", Region: "eu1", Passcodes: []string{"p1"}}, {ID: "SANDBOX", Region: "in1", Passcodes: []string{"p2"}},
	}})
	file, problems := integration.Load("model.yaml", []byte("apps:\n  demo: {}\n"))
	if file == nil {
		t.Fatal(problems)
	}
	for i := range w.forwarders {
		calls := &pace{calls: []int{1}, made: map[string]int{}}
		view := &tableView{&w.table, calls}
		w.forwarders[i] = &forward.Handler{
			Integrations: file, Accounts: twoAccounts{}, Mapper: mapping.New(),
			Uploader: clevertap.NewUploader(clevertap.Options{Transport: slow{w.clevertap.Transport(), calls}, Concurrency: 1, Jitter: half}),
			Rejecter: refuser{}, Delayer: refuser{}, Subscribers: view, Delivered: view,
			RetryDelay: time.Second, Log: slog.New(slog.DiscardHandler), Metrics: io.Discard,
		}
		w.table.paces = append(w.table.paces, calls)
	}
	for number, webhook := range p.messages {
		w.waiting = append(w.waiting, &letter{number, webhook, noon.Add(time.Hour + time.Duration(number)*time.Second), 0})
		w.mayRepeat = w.mayRepeat || slices.Contains(p.messages[:number], webhook)
	}
	return w
}

func (w *world) news(l *letter) news { return w.plan.story[l.webhook] }

func (w *world) log(format string, args ...any) {
	w.journal = append(w.journal, fmt.Sprintf(format, args...))
}

func (w *world) violate(format string, args ...any) {
	if w.violation == "" {
		w.violation = fmt.Sprintf(format, args...)
	}
}

// befall makes a step's troubles happen.
func (w *world) befall(s step) {
	w.clevertap.ClearFaults()
	switch s.trouble {
	case down:
		w.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Status})
	case answersLost:
		w.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.ResetAfter})
		w.mayRepeat = true
	case profilesRefused:
		w.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Transient, Marker: `"type":"profile"`, Times: 99})
	case eventsRefused:
		w.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Transient, Marker: `"type":"event"`, Times: 99})
	}
	w.table.trouble = s.trouble
	for _, p := range w.table.paces {
		p.set(s.pace)
	}
}

// forward lets both forwarders work at once, and puts back what they did not finish.
func (w *world) forward(batches ...[]*letter) {
	var all sync.WaitGroup
	returned := make([][]*letter, len(batches))
	for i, batch := range batches {
		if len(batch) > 0 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond / 2)
				returned[i] = w.invoke(w.forwarders[i], batch)
			})
		}
	}
	all.Wait()
	for i, batch := range batches {
		for _, l := range batch {
			if !slices.Contains(returned[i], l) {
				w.arrived = append(w.arrived, l)
			}
		}
		// What comes back goes where it was: before what came later.
		w.waiting = append(returned[i], w.waiting...)
	}
	slices.SortStableFunc(w.waiting, func(a, b *letter) int { return a.number - b.number })
}

func (w *world) invoke(h *forward.Handler, batch []*letter) (returned []*letter) {
	var records []map[string]any
	for _, l := range batch {
		l.receives++
		records = append(records, w.record(l))
	}
	payload, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	answer, err := h.Invoke(ctx, payload)
	if err != nil {
		panic(err)
	}
	for _, l := range batch {
		if strings.Contains(string(answer), fmt.Sprintf(`"id-%d"`, l.number)) {
			returned = append(returned, l)
		}
	}
	return returned
}

// record is a message as Lambda hands it over.
func (w *world) record(l *letter) map[string]any {
	n := w.news(l)
	source := "arn:aws:sqs:eu-west-1:123456789012:events"
	system := map[string]string{
		"ApproximateReceiveCount": fmt.Sprint(l.receives), "SentTimestamp": fmt.Sprint(l.received.UnixMilli()),
	}
	if w.plan.fifo {
		source += ".fifo"
		system["MessageGroupId"] = fmt.Sprint(n.subscriber)
	}
	webhook := map[string]any{
		"event_name": n.name, "event_id": fmt.Sprint("event-", l.webhook), "user_id": fmt.Sprint("reader-", n.subscriber),
		"event_created_at": noon.Add(time.Duration(n.minute) * time.Minute).Format("2006-01-02T15:04:05.000Z"),
		"purchase_type":    "RENEWING_SUBSCRIPTION", "environment": "PRODUCTION", "plan": fmt.Sprint("plan-", l.webhook),
	}
	if n.status != "" {
		webhook["subscription_status"] = n.status
	}
	if n.purchase > 0 {
		webhook["purchasely_subscription_id"] = fmt.Sprint("subs_", n.purchase)
	}
	if n.sandbox {
		webhook["environment"] = "SANDBOX"
	}
	if n.name == received {
		webhook["transferred_from_user_id"] = fmt.Sprint("reader-", n.from)
	}
	body, err := json.Marshal(webhook, json.Deterministic(true))
	if err != nil {
		panic(err)
	}
	attributes := map[string]any{}
	for name, value := range map[string]string{
		"schema": "1", "app": "demo", "encoding": "raw", "received_at": l.received.Format("2006-01-02T15:04:05.000Z"),
	} {
		attributes[name] = map[string]string{"dataType": "String", "stringValue": value}
	}
	return map[string]any{
		"messageId": fmt.Sprint("id-", l.number), "receiptHandle": "r", "body": string(body), "attributes": system,
		"messageAttributes": attributes, "eventSourceARN": source,
	}
}

// told is what an account has of a subscriber: "true", "false", or nothing.
func (w *world) told(account string, subscriber int) string {
	for _, p := range w.clevertap.Profiles() {
		if p.Account == account && p.ID == fmt.Sprint("reader-", subscriber) {
			return string(p.Data["has_active_subscription"])
		}
	}
	return ""
}

// pace is how long a forwarder's calls take. It depends on what is called and how often it was, not on what runs first, and the second
// forwarder begins half a millisecond after the first: no two of them ever act at the same instant, so that a plan always ends alike.
type pace struct {
	mu    sync.Mutex
	calls []int          // milliseconds
	made  map[string]int // by what is called
}

func (p *pace) set(calls []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls, p.made = calls, map[string]int{}
}

func (p *pace) wait(what string) {
	p.mu.Lock()
	turn := p.made[what] + int(crc32.ChecksumIEEE([]byte(what))%64)
	p.made[what]++
	took := p.calls[turn%len(p.calls)]
	p.mu.Unlock()
	time.Sleep(time.Duration(took) * time.Millisecond)
}

// slow is the way to CleverTap.
type slow struct {
	http.RoundTripper

	pace *pace
}

// RoundTrip takes its time before and after.
func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.pace.wait(r.Host)
	defer s.pace.wait(r.Host)
	return s.RoundTripper.RoundTrip(r)
}

// memoryTable is the table; each forwarder has its view of it.
type memoryTable struct {
	mu      sync.Mutex
	texts   map[string]string
	notes   map[string]forward.Kinds
	trouble string
	reads   int
	paces   []*pace
}

type tableView struct {
	*memoryTable

	pace *pace
}

var errTable = errors.New("subscriber table: out of reach")

// Read gives the texts.
func (v *tableView) Read(_ context.Context, keys []string) (map[string]string, error) {
	defer v.call(strings.Join(slices.Sorted(slices.Values(keys)), ""))()
	v.reads++
	if v.trouble == noReads {
		return nil, errTable
	}
	found := map[string]string{}
	for _, key := range keys {
		if text, ok := v.texts[key]; ok {
			found[key] = text
		}
	}
	return found, nil
}

// Write compares and replaces.
func (v *tableView) Write(_ context.Context, key, read, text string) error {
	defer v.call(key)()
	switch {
	case v.trouble == noWrites:
		return errTable
	case v.texts[key] != read:
		return forward.ErrConflict
	}
	v.texts[key] = text
	if v.trouble == writesLost {
		return errTable
	}
	return nil
}

// Recall gives the notes.
func (v *tableView) LoadDelivered(context.Context, []string) (map[string]forward.Kinds, error) {
	defer v.call("notes")()
	found := map[string]forward.Kinds{}
	maps.Copy(found, v.notes)
	return found, nil
}

// Note keeps one.
func (v *tableView) SaveDelivered(_ context.Context, key string, accepted forward.Kinds) error {
	defer v.call(key)()
	v.notes[key] = accepted
	return nil
}

// call takes its time, and the table for itself; the function that it gives ends that.
func (v *tableView) call(what string) (end func()) {
	v.pace.wait(what)
	v.mu.Lock()
	return func() {
		v.mu.Unlock()
		v.pace.wait(what)
	}
}

// half is no chance at all.
func half() float64 { return 0.5 }

type twoAccounts struct{}

// Get gives a secret with both accounts.
func (twoAccounts) Get(context.Context, string) (clevertap.Accounts, error) {
	return clevertap.ParseAccounts([]byte(`{"region":"eu1","account_id":"PRODUCTION","passcode":"p1","sandbox":{"region":"in1","account_id":"SANDBOX","passcode":"p2"}}`))
}

// Reload does the same.
func (a twoAccounts) Reload(ctx context.Context, app string) (clevertap.Accounts, error) {
	return a.Get(ctx, app)
}

// refuser is a queue that does nothing for nobody.
type refuser struct{}

// Reject refuses: nothing in these stories is rejected.
func (refuser) Reject(_ context.Context, messages []forward.Rejection) []error {
	panic(fmt.Sprintf("%s is rejected: %s", messages[0].Message.ID, messages[0].Error))
}

// Delay lets the queue's own visibility hold.
func (refuser) Delay(context.Context, string, []forward.Delay) error { return nil }
