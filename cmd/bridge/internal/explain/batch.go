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
	"strings"
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

// The accounts' names, which are their hosts as well.
const (
	production = "production"
	sandbox    = "sandbox"
)

// explain runs the forwarder's handler over a batch.
func explain(ctx context.Context, b batch) (explanation, error) {
	x := explanation{Webhooks: make([]outcome, len(b.bodies))}
	accounts := fixedAccounts{Production: clevertap.Account{Host: production}}
	if b.sandboxAccount {
		accounts.Sandbox = &clevertap.Account{Host: sandbox}
	}
	network := &recorder{uploads: make(map[string][]upload)}
	handler := &forward.Handler{
		Integrations: b.file,
		Accounts:     accounts,
		Mapper:       mapping.New(),
		Uploader:     clevertap.NewUploader(clevertap.Options{Transport: network, Concurrency: 1}),
		Rejecter:     nowhere{},
		Delayer:      nowhere{},
		Log:          slog.New(slog.DiscardHandler),
		Metrics:      io.Discard,
		Explain:      func(i int, n mapping.Explanation) { x.Webhooks[i].addNote(n, b.file.Path) },
		Observe:      func(r forward.Result) { x.Webhooks[r.Message].complete(r, b) },
	}
	subscribers := b.subscribers()
	table := &memoryTable{texts: make(map[string]string), read: make(map[string]bool)}
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
	x.Uploads = slices.Concat(network.uploads[production], network.uploads[sandbox])
	for _, s := range subscribers {
		if key := b.key(s); table.read[key] {
			x.States = append(x.States, stateAfter{s.Kind.String(), s.ID, jsontext.Value(table.text(key))})
		}
	}
	return x, nil
}

// complete takes what became of a webhook, and adds hints.
func (o *outcome) complete(r forward.Result, b batch) {
	var event webhook.Event
	if event.Read(b.bodies[r.Message]) == nil { // the handler does not name the events of an app that is off
		o.Event = string(event.Name)
	}
	o.Outcome, o.Drift = r.Outcome.String(), r.Drift
	if r.Outcome == forward.Delivered {
		o.Account, _, _ = strings.Cut(r.Account, "/")
	}
	if r.Fault != nil {
		o.Reason = string(r.Fault.Reason)
		if r.Fault.Err != nil {
			o.Cause = r.Fault.Err.Error()
		}
	}
	skipped := func(reason fault.Reason) bool { return r.Outcome == forward.Skipped && r.Fault.Reason == reason }
	switch app := b.file.Apps[b.app]; {
	case skipped(fault.Disabled): // decided before the mapping, which writes the notes
		note := mapping.Explanation{Subject: "message", Rule: string(fault.Disabled), Origin: app.EnabledOrigin}
		o.addNote(note, b.file.Path)
		o.Hints = append(o.Hints, "enabled: true in the integration file switches the app on")
	case skipped(fault.Sandbox) && app.Sandbox == integration.SandboxRoute:
		o.Hints = append(o.Hints,
			"with a sandbox account in the app's secret it would go there; --sandbox-account shows how")
	case r.Outcome == forward.Delivered && r.Subscriber.Kind == webhook.ByAnonymous &&
		app.Anonymous == integration.AnonymousIdentity:
		o.Hints = append(o.Hints, "anonymous: identity makes a profile under an id that the app's CleverTap SDK sets "+
			"only if the app hands it over; see docs/guide/identity.md")
	}
}

// key is where the table keeps a subscriber.
func (b *batch) key(s webhook.Subscriber) string {
	return message.SubscriberID(b.app, s.Kind.String(), s.ID)
}

// users are those whom the webhooks are about.
func (b *batch) users() (list []webhook.Subscriber) {
	for _, body := range b.bodies {
		if s := webhook.Peek(body).Subscriber; s.ID != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// subscribers are the users, and those from whom a subscription may have come. What the handler reads shows which of
// them it means.
func (b *batch) subscribers() []webhook.Subscriber {
	list := b.users()
	add := func(s webhook.Subscriber) {
		if s.ID != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	catalogue := webhook.EmbeddedCatalogue()
	fromUser := catalogue.Attribute([]byte("transferred_from_user_id")).Index
	fromAnonymous := catalogue.Attribute([]byte("transferred_from_anonymous_user_id")).Index
	var event webhook.Event
	for _, body := range b.bodies {
		if event.Read(body) == nil {
			add(webhook.Subscriber{Kind: webhook.ByUser, ID: string(event.Text(fromUser))})
			add(webhook.Subscriber{Kind: webhook.ByAnonymous, ID: string(event.Text(fromAnonymous))})
		}
	}
	return list
}

func (b *batch) event() []byte {
	type object = map[string]any
	var records []object
	for i, body := range b.bodies {
		ids := webhook.Peek(body)
		m := message.Message{App: b.app, Received: b.received, Body: body}
		e := message.Encode(m, ids.Subscriber.Kind.String(), ids.Subscriber.ID, ids.EventID, true)
		attributes := object{}
		for name, value := range e.Attributes {
			attributes[name] = object{"dataType": "String", "stringValue": value}
		}
		records = append(records, object{
			"messageId": strconv.Itoa(i), "body": e.Body, "eventSourceARN": "arn:aws:sqs:::explain.fifo",
			"attributes": object{"MessageGroupId": e.GroupID}, "messageAttributes": attributes,
		})
	}
	text, err := json.Marshal(object{"Records": records})
	if err != nil {
		panic(err) // everything in it is UTF-8
	}
	return text
}

// fixedAccounts are those of every app.
type fixedAccounts clevertap.Accounts

func (a fixedAccounts) Get(context.Context, string) (clevertap.Accounts, error) {
	return clevertap.Accounts(a), nil
}
func (a fixedAccounts) Reload(context.Context, string) (clevertap.Accounts, error) {
	return clevertap.Accounts(a), nil
}

// nowhere takes what the handler would send back to queues.
type nowhere struct{}

func (nowhere) Reject(_ context.Context, all []forward.Rejection) []error {
	return make([]error, len(all))
}
func (nowhere) Delay(context.Context, string, []forward.Delay) error { return nil }

// recorder is a transport that keeps the bodies of uploads by account, and answers as CleverTap does when it accepts
// everything.
type recorder struct {
	mu      sync.Mutex
	uploads map[string][]upload
}

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
	r.uploads[account] = append(r.uploads[account], upload{account, n, len(body), body})
	r.mu.Unlock()
	answer := fmt.Appendf(nil, `{"status":"success","processed":%d,"unprocessed":[]}`, n)
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request,
		Header:        http.Header{"Content-Type": {"application/json"}},
		ContentLength: int64(len(answer)), Body: io.NopCloser(bytes.NewReader(answer)),
	}, nil
}

// memoryTable is a subscribers table in memory.
type memoryTable struct {
	mu    sync.Mutex
	texts map[string]string
	read  map[string]bool
}

func (t *memoryTable) Read(_ context.Context, keys []string) (map[string]string, error) {
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

func (t *memoryTable) Write(_ context.Context, key, read, text string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.texts[key] != read {
		return forward.ErrConflict
	}
	t.texts[key] = text
	return nil
}

// text is a subscriber's entry, {} if there is none.
func (t *memoryTable) text(key string) string {
	if text, ok := t.texts[key]; ok {
		return text
	}
	return subscriber.State{}.Encode()
}
