package explain

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
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
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/settings"
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
	states         map[string]subscriber.State        // what is stored, by account; nil without subscriber state
	items          map[subscriber.Key]subscriber.Item // what else is stored
}

// The accounts' names, which are their ids and hosts as well.
const (
	production = "production"
	sandbox    = "sandbox"
)

// explain runs the forwarder's handler over a batch.
func explain(ctx context.Context, b batch) (explanation, error) {
	x := explanation{File: b.file.Path, App: b.app, Webhooks: make([]outcome, len(b.bodies))}
	network := &recorder{uploads: make(map[string][]upload)}
	handler := b.handler(network)
	handler.Explain = func(i int, n mapping.Explanation) { x.Webhooks[i].addNote(n, b.file.Path) }
	handler.Observe = func(r forward.Result) { x.Webhooks[r.Message].complete(r, b) }
	subscribers := b.subscribers()
	table := &memoryTable{items: make(map[subscriber.Key]subscriber.Item), read: make(map[subscriber.Key]bool)}
	if b.states != nil {
		handler.Table = table
		maps.Copy(table.items, b.items)
	}
	if len(subscribers) > 0 {
		for account, state := range b.states {
			table.items[stateKey(subscribers[0], account)] = subscriber.Item{subscriber.StateAttribute: state.Encode()}
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
		if states, read := table.statesOf(s); read {
			x.States = append(x.States, stateAfter{s.Kind.String(), s.ID, states})
		}
	}
	return x, nil
}

// handler is the forwarder's, with nothing around it but a transport that stands for CleverTap.
func (b *batch) handler(network http.RoundTripper) *forward.Handler {
	accounts := fixedAccounts{Production: clevertap.Account{Host: production, ID: production}}
	if b.sandboxAccount {
		accounts.Sandbox = &clevertap.Account{Host: sandbox, ID: sandbox}
	}
	return &forward.Handler{
		Settings: settings.Fixed(b.file),
		Accounts: accounts,
		Mapper:   mapping.New(),
		Uploader: clevertap.NewUploader(clevertap.Options{Transport: network, Concurrency: 1}),
		Rejecter: nowhere{},
		Delayer:  nowhere{},
		Log:      slog.New(slog.DiscardHandler),
		Metrics:  io.Discard,
	}
}

// stateKey is where the table has a subscriber's purchases at an account.
func stateKey(s webhook.Subscriber, account string) subscriber.Key {
	return subscriber.StateKey(subscriber.Partition(s.Kind.String(), s.ID), account)
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
		e := message.Encode(m, message.IDs{SubscriberKind: ids.Subscriber.Kind.String(), Subscriber: ids.Subscriber.ID}, true)
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

func (nowhere) Reject(_ context.Context, all []message.Rejection) []error {
	return make([]error, len(all))
}
func (nowhere) Delay(context.Context, string, []message.Delay) error { return nil }

// recorder is a transport that keeps the bodies of uploads by account. It answers as CleverTap does: it accepts
// everything but events with the names of CleverTap's own.
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
	account := request.URL.Host
	if request.URL.RawQuery == "" { // a heartbeat's dry run stores nothing
		r.mu.Lock()
		r.uploads[account] = append(r.uploads[account], upload{account, len(records.D), len(body), body})
		r.mu.Unlock()
	}
	answer := answerTo(records.D)
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request,
		Header:        http.Header{"Content-Type": {"application/json"}},
		ContentLength: int64(len(answer)), Body: io.NopCloser(bytes.NewReader(answer)),
	}, nil
}

// answerTo is CleverTap's answer to records (developer.clevertap.com/docs/api-errors, November 2026).
func answerTo(records []jsontext.Value) []byte {
	var refused []string
	for i, record := range records {
		var event struct {
			Name string `json:"evtName"`
		}
		if json.Unmarshal(record, &event, stored.Lenient...) == nil && clevertap.ReservedEvent(event.Name) {
			refused = append(refused, fmt.Sprintf(
				`{"status":"fail","code":513,"error":"Skipped record number : %d","record":%s}`, i+1, record))
		}
	}
	status := "partial"
	switch len(refused) {
	case 0:
		status = "success"
	case len(records):
		status = "fail"
	}
	return fmt.Appendf(nil, `{"status":"%s","processed":%d,"unprocessed":[%s]}`,
		status, len(records)-len(refused), strings.Join(refused, ","))
}

// memoryTable is a subscribers table in memory.
type memoryTable struct {
	mu    sync.Mutex
	items map[subscriber.Key]subscriber.Item
	read  map[subscriber.Key]bool
}

func (t *memoryTable) Load(_ context.Context, keys []subscriber.Key) (map[subscriber.Key]subscriber.Item, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := make(map[subscriber.Key]subscriber.Item)
	for _, key := range keys {
		t.read[key] = true
		if item, ok := t.items[key]; ok {
			found[key] = item
		}
	}
	return found, nil
}

func (t *memoryTable) Replace(
	_ context.Context, key subscriber.Key, read, item subscriber.Item, attributes ...string,
) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range attributes {
		if t.items[key][name] != read[name] {
			return subscriber.ErrConflict
		}
	}
	t.items[key] = item
	return nil
}

func (t *memoryTable) Put(
	_ context.Context, items map[subscriber.Key]subscriber.Item,
) ([]subscriber.Key, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.items, items)
	return nil, nil
}

// statesOf returns what is stored of a subscriber, by account, as --state takes it. read is false if nobody has asked.
func (t *memoryTable) statesOf(s webhook.Subscriber) (states jsontext.Value, read bool) {
	all := make(map[string]jsontext.Value)
	for _, account := range []string{production, sandbox} {
		key := stateKey(s, account)
		read = read || t.read[key]
		if text := t.items[key].Text(subscriber.StateAttribute); text != "" {
			all[account] = jsontext.Value(text)
		}
	}
	text, err := json.Marshal(all, json.Deterministic(true))
	if err != nil {
		panic(err) // everything in it is JSON
	}
	return text, read
}
