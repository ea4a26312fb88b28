package explain

import (
	"context"
	"time"

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
	States         map[string]subscriber.State        // of the person, by the accounts' names; nil: without subscriber state
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
