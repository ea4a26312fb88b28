package mapping

import (
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Destination says which account a message's records go to: it decides about money and about the sandbox skip.
type Destination uint8

// The destinations.
const (
	Production     Destination = iota
	SandboxAccount             // sandbox: route, and the secret has a sandbox account
	NoAccount                  // sandbox: route without a sandbox account, or sandbox: skip
)

// The two environments. Any other counts as production for everything but money.
const (
	sandboxEnvironment    = "SANDBOX"
	productionEnvironment = "PRODUCTION"
)

// Route decides where a message goes before it is mapped. sandboxAccount tells whether the app's secret has one; it is called only
// if the answer matters, and its error is handed back.
func Route(e *webhook.Event, app *integration.App, sandboxAccount func() (bool, error)) (Destination, error) {
	if !app.Enabled || string(e.Text(thePlaces().environment)) != sandboxEnvironment {
		return Production, nil
	}
	switch app.Sandbox {
	case integration.SandboxSend:
		return Production, nil
	case integration.SandboxSkip:
		return NoAccount, nil
	}
	has, err := sandboxAccount()
	if err != nil || !has {
		return NoAccount, err
	}
	return SandboxAccount, nil
}
