package explain

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Batch is what is explained: webhooks of one app that arrive together.
type Batch struct {
	File           *integration.File
	App            string
	Bodies         [][]byte
	Received       time.Time
	SandboxAccount bool                               // the app's secret has a sandbox account
	States         map[string]subscriber.State        // of the first person, by account; nil: without subscriber state
	Items          map[subscriber.Key]subscriber.Item // what else the table has of people
}

// The accounts' names, which are their ids and hosts as well.
const (
	production = "production"
	sandbox    = "sandbox"
)

// Explain explains the batch as the command does: the value for programs, and the text for people.
func (b Batch) Explain(ctx context.Context) (value any, text string, err error) {
	x, err := b.explain(ctx)
	return x, x.text(), err
}

// View explains the batch's only webhook for a page.
func (b Batch) View(ctx context.Context) (View, error) {
	x, err := b.explain(ctx)
	if err != nil {
		return View{}, err
	}
	return x.Webhooks[0].view(), nil
}

// explain runs the forwarder's handler over the batch.
func (b Batch) explain(ctx context.Context) (explanation, error) {
	x := explanation{File: b.File.Path, App: b.App, Webhooks: make([]outcome, len(b.Bodies))}
	network := newRecorder()
	handler := b.handler(network)
	handler.Explain = func(i int, n mapping.Explanation) { x.Webhooks[i].addNote(n, b.File.Path) }
	handler.Observe = func(r forward.Result) { x.Webhooks[r.Message].complete(r, b) }
	subscribers := b.subscribers()
	table := subscriber.NewLocalTable()
	if b.States != nil {
		handler.Table = table
		maps.Copy(table.Items, b.Items)
	}
	if len(subscribers) > 0 {
		for account, state := range b.States {
			table.Items[stateKey(subscribers[0], account)] = subscriber.Item{subscriber.StateAttribute: state.Encode()}
		}
	}
	if err := b.invoke(ctx, handler); err != nil {
		return x, err
	}
	x.Uploads = slices.Concat(network.uploads[production], network.uploads[sandbox])
	for _, s := range subscribers {
		if states, read := statesOf(table, s); read {
			x.States = append(x.States, stateAfter{s.Kind.String(), s.ID, states})
		}
	}
	return x, nil
}

// Result is what becomes of a webhook.
type Result struct {
	Outcome string
	Reason  string // why it is not delivered
	Records forward.Kinds
	Name    string                   // of the event at CleverTap; empty if it is not sent
	JSON    map[forward.Kinds]string // what is sent, by its one kind
}

// Results says what becomes of each webhook, without what is stored of people.
func (b Batch) Results(ctx context.Context) ([]Result, error) {
	results := make([]Result, len(b.Bodies))
	handler := b.handler(newRecorder())
	handler.Observe = func(r forward.Result) {
		result := &results[r.Message]
		result.Outcome = r.Outcome.String()
		if r.Fault != nil {
			result.Reason = string(r.Fault.Reason)
		}
		result.JSON = make(map[forward.Kinds]string)
		for _, record := range r.Records {
			result.JSON[record.Kind] = string(record.JSON)
			if result.Records |= record.Kind; record.Kind == forward.Event {
				result.Name = eventName(record.JSON)
			}
		}
	}
	if err := b.invoke(ctx, handler); err != nil {
		return nil, err
	}
	return results, nil
}

// handler is the forwarder's, with nothing around it but a transport that stands for CleverTap.
func (b *Batch) handler(network http.RoundTripper) *forward.Handler {
	accounts := fixedAccounts{Production: clevertap.Account{Host: production, ID: production}}
	if b.SandboxAccount {
		accounts.Sandbox = &clevertap.Account{Host: sandbox, ID: sandbox}
	}
	return &forward.Handler{
		Settings: settings.Fixed(b.File),
		Accounts: accounts,
		Mapper:   mapping.New(),
		Uploader: clevertap.NewUploader(clevertap.Options{Transport: network, Concurrency: 1}),
		Rejecter: nowhere{},
		Delayer:  nowhere{},
		Log:      slog.New(slog.DiscardHandler),
		Metrics:  io.Discard,
	}
}

func (b *Batch) invoke(ctx context.Context, handler *forward.Handler) error {
	if _, err := handler.Invoke(ctx, b.event()); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return cli.ErrInterrupted
	}
	return nil
}

// stateKey is where the table has a subscriber's purchases at an account.
func stateKey(s webhook.Subscriber, account string) subscriber.Key {
	return subscriber.StateKey(subscriber.Partition(s.Kind.String(), s.ID), account)
}

// users are those whom the webhooks are about.
func (b *Batch) users() (list []webhook.Subscriber) {
	for _, body := range b.Bodies {
		list = appendNew(list, webhook.Peek(body).Subscriber)
	}
	return list
}

func appendNew(list []webhook.Subscriber, s webhook.Subscriber) []webhook.Subscriber {
	if s.ID == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// subscribers are the users, and those from whom a subscription may have come. What the handler reads shows which of
// them it means.
func (b *Batch) subscribers() []webhook.Subscriber {
	list := b.users()
	catalogue := webhook.EmbeddedCatalogue()
	fromUser := catalogue.Attribute([]byte("transferred_from_user_id")).Index
	fromAnonymous := catalogue.Attribute([]byte("transferred_from_anonymous_user_id")).Index
	var event webhook.Event
	for _, body := range b.Bodies {
		if event.Read(body) == nil {
			list = appendNew(list, webhook.Subscriber{Kind: webhook.ByUser, ID: string(event.Text(fromUser))})
			list = appendNew(list, webhook.Subscriber{Kind: webhook.ByAnonymous, ID: string(event.Text(fromAnonymous))})
		}
	}
	return list
}

func (b *Batch) event() []byte {
	type object = map[string]any
	var records []object
	for i, body := range b.Bodies {
		s := webhook.Peek(body).Subscriber
		e := message.Encode(message.Message{App: b.App, Received: b.Received, Body: body}, message.IDs{
			SubscriberKind: s.Kind.String(), Subscriber: s.ID,
		}, true)
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
