package explain

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Webhook is a webhook that another command has explained.
type Webhook struct {
	File           *integration.File
	App            string
	Body           []byte
	Received       time.Time
	SandboxAccount bool                               // the app's secret has a sandbox account
	States         map[string]subscriber.State        // of the person, by account; nil: without subscriber state
	Items          map[subscriber.Key]subscriber.Item // what else the table has of people
}

// Explain explains it as the command does: the value for programs, and the text for people.
func (w Webhook) Explain(ctx context.Context) (value any, text string, err error) {
	x, err := explain(ctx, batch{
		file: w.File, app: w.App, bodies: [][]byte{w.Body}, received: w.Received,
		sandboxAccount: w.SandboxAccount, states: w.States, items: w.Items,
	})
	return x, x.text(), err
}

// Result is what becomes of a webhook.
type Result struct {
	Outcome string
	Reason  string // why it is not delivered
	Records forward.Kinds
	Name    string                   // of the event at CleverTap; empty if it is not sent
	JSON    map[forward.Kinds]string // what is sent, by its one kind
}

// Results says what becomes of an app's webhooks that arrive at a time under an integration file, without what is
// stored of people.
func Results(
	ctx context.Context, file *integration.File, app string, bodies [][]byte, received time.Time, sandboxAccount bool,
) ([]Result, error) {
	b := batch{file: file, app: app, bodies: bodies, received: received, sandboxAccount: sandboxAccount}
	results := make([]Result, len(bodies))
	handler := b.handler(&recorder{uploads: make(map[string][]upload)})
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
	if _, err := handler.Invoke(ctx, b.event()); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, cli.ErrInterrupted
	}
	return results, nil
}

// eventName is the name in an event record.
func eventName(record []byte) string {
	var event struct {
		Name string `json:"evtName"`
	}
	if err := json.Unmarshal(record, &event, stored.Lenient...); err != nil {
		panic(err) // the mapping wrote it
	}
	return event.Name
}
