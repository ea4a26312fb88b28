package explain

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// batch is what is explained: webhooks of one app that arrive together.
type batch struct {
	file           *integration.File
	app            string
	bodies         [][]byte
	received       time.Time
	sandboxAccount bool
	state          *subscriber.State // what is stored of the user; nil without subscriber state
}

// explanation is what becomes of a batch.
type explanation struct {
	webhooks []outcome
	uploads  []upload
	states   []stateAfter // empty without subscriber state
}

// outcome is what becomes of one webhook.
type outcome struct {
	name string // of the event; empty if the webhook cannot be read
	forward.Result
	notes []mapping.Note
	hints []string
}

// upload is one request.
type upload struct {
	account string
	records int
	body    []byte
}

// stateAfter is what is stored of a user afterwards.
type stateAfter struct {
	subscriber webhook.Subscriber
	text       string
}

// explain runs the forwarder's handler over the batch.
func explain(ctx context.Context, b batch) (explanation, error) {
	x := explanation{webhooks: make([]outcome, len(b.bodies))}
	network := &recorder{uploads: make(map[string][]upload)}
	handler := &forward.Handler{
		Integrations: b.file,
		Accounts:     b.accounts(),
		Mapper:       mapping.New(),
		Uploader:     clevertap.NewUploader(clevertap.Options{Transport: network, Concurrency: 1}),
		Rejecter:     nowhere{},
		Delayer:      nowhere{},
		Log:          slog.New(slog.DiscardHandler),
		Metrics:      io.Discard,
		Explain:      func(i int, n mapping.Note) { x.webhooks[i].notes = append(x.webhooks[i].notes, n) },
		Observe:      func(r forward.Result) { x.webhooks[r.Message].Result = r },
	}
	subscribers := b.subscribers()
	table := &table{texts: make(map[string]string), read: make(map[string]bool)}
	if b.state != nil {
		handler.Subscribers = table
		if len(subscribers) > 0 {
			table.texts[b.key(subscribers[0])] = b.state.Encode()
		}
	}
	if _, err := handler.Invoke(ctx, b.event()); err != nil {
		return x, err
	}
	if ctx.Err() != nil {
		return x, cli.ErrInterrupted
	}
	app := b.file.Apps[b.app]
	for i := range x.webhooks {
		x.webhooks[i].complete(b.bodies[i], app)
	}
	for _, account := range []string{production, sandbox} {
		x.uploads = append(x.uploads, network.uploads[account]...)
	}
	for _, s := range subscribers {
		if key := b.key(s); table.read[key] {
			x.states = append(x.states, stateAfter{s, table.text(key)})
		}
	}
	return x, nil
}

// key is where the table keeps a subscriber.
func (b *batch) key(s webhook.Subscriber) string {
	return message.SubscriberID(b.app, s.Kind.String(), s.ID)
}

// subscribers are those whom the webhooks may be about: their own, then the ones from whom a subscription came. What
// the handler reads shows which of them it means.
func (b *batch) subscribers() []webhook.Subscriber {
	var list []webhook.Subscriber
	add := func(s webhook.Subscriber) {
		if s.ID != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	for _, body := range b.bodies {
		add(webhook.Peek(body).Subscriber)
	}
	var event webhook.Event
	for _, body := range b.bodies {
		if event.Read(body) == nil {
			add(webhook.Subscriber{Kind: webhook.ByUser, ID: text(&event, "transferred_from_user_id")})
			add(webhook.Subscriber{Kind: webhook.ByAnonymous, ID: text(&event, "transferred_from_anonymous_user_id")})
		}
	}
	return list
}

func text(event *webhook.Event, attribute string) string {
	return string(event.Text(webhook.EmbeddedCatalogue().Attribute([]byte(attribute)).Index))
}

// event is the batch as Lambda hands it to the forwarder.
func (b *batch) event() []byte {
	type attribute struct {
		Type  string `json:"dataType"`
		Value string `json:"stringValue"`
	}
	type record struct {
		ID         string               `json:"messageId"`
		Body       string               `json:"body"`
		Attributes map[string]string    `json:"attributes"`
		Message    map[string]attribute `json:"messageAttributes"`
		Source     string               `json:"eventSourceARN"`
	}
	records := make([]record, len(b.bodies))
	for i, body := range b.bodies {
		ids := webhook.Peek(body)
		m := message.Message{App: b.app, Received: b.received, Body: body}
		e := message.Encode(m, ids.Subscriber.Kind.String(), ids.Subscriber.ID, ids.EventID, true)
		records[i] = record{
			ID: strconv.Itoa(i), Body: e.Body, Source: "arn:aws:sqs:::explain.fifo",
			Attributes: map[string]string{"MessageGroupId": e.GroupID}, Message: make(map[string]attribute),
		}
		for name, value := range e.Attributes {
			records[i].Message[name] = attribute{"String", value}
		}
	}
	text, err := json.Marshal(map[string]any{"Records": records})
	if err != nil { // everything in it is UTF-8
		panic(err)
	}
	return text
}

// complete adds what the handler does not say.
func (o *outcome) complete(body []byte, app *integration.App) {
	var event webhook.Event
	if event.Read(body) == nil {
		o.name = string(event.Name)
	}
	switch {
	case o.skipped(fault.Disabled): // the handler does not read the webhooks of such an app
		note := mapping.Note{Subject: "message", Rule: string(fault.Disabled), Origin: app.EnabledOrigin}
		o.notes = append(o.notes, note)
		o.hints = append(o.hints, "enabled: true in the integration file switches the app on")
	case o.skipped(fault.Sandbox) && app.Sandbox == integration.SandboxRoute:
		o.hints = append(o.hints,
			"with a sandbox account in the app's secret it would go there; --sandbox-account shows how")
	case o.Outcome == forward.Delivered && o.Subscriber.Kind == webhook.ByAnonymous &&
		app.Anonymous == integration.AnonymousIdentity:
		o.hints = append(o.hints, "anonymous: identity makes a profile under an id that the app's CleverTap SDK sets "+
			"only if the app hands it over; see docs/guide/identity.md")
	}
}

func (o *outcome) skipped(reason fault.Reason) bool {
	return o.Outcome == forward.Skipped && o.Fault.Reason == reason
}

// The accounts' names, which are their hosts as well.
const (
	production = "production"
	sandbox    = "sandbox"
)

// accounts are those of every app.
type accounts clevertap.Accounts

func (b *batch) accounts() accounts {
	a := accounts{Production: clevertap.Account{Host: production}}
	if b.sandboxAccount {
		a.Sandbox = &clevertap.Account{Host: sandbox}
	}
	return a
}

// Get implements forward.Accounts.
func (a accounts) Get(context.Context, string) (clevertap.Accounts, error) {
	return clevertap.Accounts(a), nil
}

// Reload implements forward.Accounts.
func (a accounts) Reload(ctx context.Context, app string) (clevertap.Accounts, error) {
	return a.Get(ctx, app)
}

// nowhere takes what the handler would send back to queues.
type nowhere struct{}

// Reject implements forward.Rejecter.
func (nowhere) Reject(_ context.Context, messages []forward.Rejection) []error {
	return make([]error, len(messages))
}

// Delay implements forward.Delayer.
func (nowhere) Delay(context.Context, string, []forward.Delay) error { return nil }

// recorder is a transport that keeps the bodies of uploads by account, and answers as CleverTap does when it accepts
// everything.
type recorder struct {
	mu      sync.Mutex
	uploads map[string][]upload
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	var records struct {
		D []jsontext.Value `json:"d"`
	}
	if err := json.Unmarshal(body, &records, stored.Lenient...); err != nil {
		return nil, err
	}
	account, n := request.URL.Host, len(records.D)
	r.mu.Lock()
	r.uploads[account] = append(r.uploads[account], upload{account, n, body})
	r.mu.Unlock()
	answer := fmt.Appendf(nil, `{"status":"success","processed":%d,"unprocessed":[]}`, n)
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request,
		Header:        http.Header{"Content-Type": {"application/json"}},
		ContentLength: int64(len(answer)), Body: io.NopCloser(bytes.NewReader(answer)),
	}, nil
}

// table is a subscribers table in memory.
type table struct {
	mu    sync.Mutex
	texts map[string]string
	read  map[string]bool
}

// Read implements forward.Subscribers.
func (t *table) Read(_ context.Context, keys []string) (map[string]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := make(map[string]string)
	for _, key := range keys {
		t.read[key] = true
		if text, ok := t.texts[key]; ok {
			found[key] = text
		}
	}
	return found, nil
}

// Write implements forward.Subscribers.
func (t *table) Write(_ context.Context, key, read, text string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.texts[key] != read {
		return forward.ErrConflict
	}
	t.texts[key] = text
	return nil
}

// text is a subscriber's entry, {} if there is none.
func (t *table) text(key string) string {
	if text, ok := t.texts[key]; ok {
		return text
	}
	return subscriber.State{}.Encode()
}
