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

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/relay"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// testEvent is the event of the webhook that check posts: the one that every back end has to know.
const testEvent = "ACTIVATE"

// checkRelay posts a webhook about a made-up person to the app's own back end, as the relay does.
func (c *checker) checkRelay(ctx context.Context, key secret.Value) {
	what := "relay"
	if c.settings == nil {
		return // the file is wrong, and that has been said
	}
	to := c.settings.Relay
	if to == nil {
		c.wrong(what, "the integration file names no back end of the app", "write its address under relay.url")
		return
	}
	if c.stack.Output(stack.RelayQueue) == "" {
		c.wrong(what, "the stack does not pass webhooks on", "deploy it with Relay=on")
	} else if !to.Wants(testEvent) {
		c.right(what, testEvent+" is not among relay.events; it is sent all the same, this once")
	}
	if key.Empty() {
		return // that has been said
	}
	what, keys, found := c.signingKeys(ctx, stack.RelaySecret)
	switch {
	case !found:
		c.right(what, "there is none, so the relay signs nothing of its own")
	case keys == nil:
		return
	default:
		c.right(what, "")
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
	answer, err := newRelayClient(c.network, c.stack, to).Post(ctx, to, w, keys)
	c.sayAnswer(to, answer, err, ids.EventID, time.Since(now))
}

// newRelayClient makes requests as the stack's relay does, plain HTTP for back ends on this machine included.
func newRelayClient(network http.RoundTripper, s *stack.Stack, to *integration.Relay) *relay.Client {
	private := s.Parameter("RelayAllowPrivate") == "on" || strings.HasPrefix(to.URL, "http:")
	if network == nil {
		network = relay.NewTransport(private)
	}
	return &relay.Client{Transport: network, AllowPlain: private}
}

// sayAnswer reports what the back end answered.
func (c *checker) sayAnswer(to *integration.Relay, a relay.Answer, err error, id string, took time.Duration) {
	u, _ := url.Parse(to.URL) // it was checked when the file was read
	what := "back end " + u.Host
	switch {
	case err == nil:
		c.right(what, fmt.Sprintf("it answers %d to %s %s, after %d ms; its log says whether the signature was right",
			a.Status, testEvent, id, took.Milliseconds()))
	case a.Status == 0:
		c.wrong(what, strings.TrimPrefix(causeOf(err), u.Host+": "), relayAdvice(a.Status, fault.Of(err)))
	default:
		c.wrong(what, fmt.Sprintf("it answers %d to %s %s", a.Status, testEvent, id), relayAdvice(a.Status, nil))
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
