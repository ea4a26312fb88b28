package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/relay"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// relaySecretResult is what app add --relay-secret prints with --json.
type relaySecretResult struct {
	App     string        `json:"app"`
	Secrets []addedSecret `json:"secrets"`
	Key     string        `json:"signing_secret"`
}

// addRelaySecret makes the secret that the relay signs with, and shows it this once.
func (o *addOptions) addRelaySecret(cmd *cobra.Command, s *stack.Stack, app string) error {
	key, added, err := o.makeSigningSecret(cmd.Context(), s, s.SecretName(app, stack.RelaySecret))
	if err != nil {
		return err
	}
	text := fmt.Sprintf(`secret %s %s

The signing secret for your back end, which is shown this once only:

  BRIDGE_RELAY_SECRET=%s

Within five minutes the relay signs with it, beside Purchasely's own signature, which stays.
docs/guide/relay.md has the check in five languages. Then try it:

  bridge app check --relay --stack %s %s
`, added.Name, added.Done, key, s.Name, app)
	return o.Print(cmd, relaySecretResult{app, []addedSecret{added}, key}, text)
}

// testEvent is the event of the webhook that check posts: the one that every back end has to know.
const testEvent = "ACTIVATE"

// checkRelay posts a webhook about a made-up person to the app's own back end, as the relay does.
func (r *report) checkRelay(
	ctx context.Context, o *checkOptions, s *stack.Stack, app *integration.App, key secret.Value,
) error {
	const what = "relay"
	if app == nil {
		return nil // the file is wrong, and that has been said
	}
	if app.Relay == nil {
		r.wrong(what, "the integration file names no back end of the app", "write its address under relay.url")
		return nil
	}
	if s.Output(stack.RelayQueue) == "" {
		r.wrong(what, "the stack does not pass webhooks on", "deploy it with Relay=on")
	} else if !app.Relay.Wants(testEvent) {
		r.right(what, testEvent+" is not among relay.events; it is sent all the same, this once")
	}
	if key.Empty() {
		return nil // that has been said
	}
	keys, ok, err := r.relayKeys(ctx, s, app.Name)
	if err != nil || !ok {
		return err
	}
	seed := rand.Uint64() //nolint:gosec // The person is made up.
	body := sample.Webhook(webhook.EmbeddedCatalogue().Event([]byte(testEvent)), seed)
	ids, now := webhook.Peek(body), time.Now()
	stamp := strconv.FormatInt(now.Unix(), 10)
	w := relay.Webhook{
		Body:      body,
		ID:        message.DeduplicationID(message.IDs{EventName: ids.EventName, EventID: ids.EventID}, body),
		Timestamp: stamp, Signature: webhook.Sign(key, stamp, body), Attempt: 1, Received: now.UTC().Format(time.RFC3339),
	}
	answer, err := newRelayClient(o.network, s, app.Relay).Post(ctx, app.Relay, w, keys)
	if ctx.Err() != nil {
		return cli.ErrInterrupted
	}
	r.sayAnswer(app.Relay, answer, err, ids.EventID, time.Since(now))
	return nil
}

// newRelayClient makes requests as the stack's relay does, plain HTTP for back ends on this machine included.
func newRelayClient(network http.RoundTripper, s *stack.Stack, to *integration.Relay) *relay.Client {
	private := s.Parameter("RelayAllowPrivate") == "on" || strings.HasPrefix(to.URL, "http:")
	if network == nil {
		network = relay.NewTransport(private)
	}
	return &relay.Client{Transport: network, AllowPlain: private}
}

// relayKeys reads the optional secret that the relay signs with; ok is false if there is one that cannot be used.
func (r *report) relayKeys(
	ctx context.Context, s *stack.Stack, app string,
) (keys *standardwebhooks.Keys, ok bool, err error) {
	name := s.SecretName(app, stack.RelaySecret)
	if _, found, err := s.ReadSecret(ctx, name); err == nil && !found {
		r.right("secret "+name, "there is none, so the relay signs nothing of its own")
		return nil, true, nil
	}
	what, text, err := r.readSecret(ctx, s, app, stack.RelaySecret)
	if err != nil || text == nil {
		return nil, false, err
	}
	parsed, err := standardwebhooks.ParseKeys(text)
	if err != nil {
		r.wrong(what, causeOf(err), "'bridge app add --relay-secret --replace' makes another")
		return nil, false, nil
	}
	r.right(what, "")
	return &parsed, true, nil
}

// sayAnswer reports what the back end answered.
func (r *report) sayAnswer(to *integration.Relay, a relay.Answer, err error, id string, took time.Duration) {
	u, _ := url.Parse(to.URL) // it was checked when the file was read
	what := "back end " + u.Host
	switch {
	case err == nil:
		r.right(what, fmt.Sprintf("it answers %d to %s %s, after %d ms; its log says whether the signature was right",
			a.Status, testEvent, id, took.Milliseconds()))
	case a.Status == 0:
		r.wrong(what, strings.TrimPrefix(causeOf(err), u.Host+": "), relayAdvice(a.Status, fault.Of(err)))
	default:
		r.wrong(what, fmt.Sprintf("it answers %d to %s %s", a.Status, testEvent, id), relayAdvice(a.Status, nil))
	}
}

// relayAdvice is what to do about an answer, or about none.
func relayAdvice(status int, f *fault.Fault) string {
	switch {
	case f != nil && f.Reason == fault.Timeout:
		return "let it answer first and work later, or raise relay.timeout, to 25s at most"
	case f != nil:
		return "is the address right, and can it be reached from the internet?"
	case status >= 300 && status < 400:
		return "redirects are never followed: write the address that it leads to under relay.url"
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return "does it know Purchasely's shared secret, and does it verify the raw body?"
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return "is the path in relay.url right?"
	default:
		return "only 2xx counts; its own log says more"
	}
}
