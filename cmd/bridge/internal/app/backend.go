package app

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
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

// signingSecret is what the company's own back end signs with, or the relay.
type signingSecret struct {
	Signing  rawSecret `json:"signing_secret"`
	Previous rawSecret `json:"previous_signing_secret,omitzero"`
}

// signingResult is what app add --users-secret and --relay-secret print with --json.
type signingResult struct {
	App     string        `json:"app"`
	URL     *string       `json:"url,omitzero"` // that the back end posts to, empty if it is off; nil for the relay
	Secrets []addedSecret `json:"secrets"`
	Key     string        `json:"signing_secret"`
}

// addSigningSecret makes the secret that the company's back end signs with, or the relay, and shows it this once.
func (o *addOptions) addSigningSecret(cmd *cobra.Command, s *stack.Stack, app string) error {
	result := signingResult{App: app}
	part, variable, check := stack.RelaySecret, "BRIDGE_RELAY_SECRET", "--relay "
	next := "Within five minutes the relay signs with it, beside Purchasely's own signature, which stays.\n" +
		"docs/guide/relay.md has the check"
	if o.users {
		url, err := s.UsersURL(o.url, app)
		if err != nil {
			return err
		}
		result.URL = &url
		part, variable, check = stack.UsersSecret, "BRIDGE_USERS_SECRET", ""
		next = fmt.Sprintf("Your back end signs with it and posts to\n\n  %s\n\n", url)
		if url == "" {
			next = "The stack takes no requests about users yet: deploy it with UsersEndpoint=on.\n\n"
		}
		next += "docs/guide/users.md has the call"
	}
	key, added, err := o.makeSigningSecret(cmd.Context(), s, app, part)
	if err != nil {
		return err
	}
	result.Key, result.Secrets = key, []addedSecret{added}
	return o.Print(cmd, result, fmt.Sprintf(`secret %s %s

The signing secret for your back end, which is shown this once only:

  %s=%s

%s in five languages. Then try it:

  bridge app check %s--stack %s %s
`, added.Name, added.Done, variable, key, next, check, s.Name, app))
}

// keyBytes is the length of a signing key (standardwebhooks.com advises 24 to 64, November 2026).
const keyBytes = 32

// makeSigningSecret makes a secret for Standard Webhooks. A former one goes on counting beside it.
func (o *addOptions) makeSigningSecret(
	ctx context.Context, s *stack.Stack, app, part string,
) (key string, added addedSecret, err error) {
	current, err := readStored(ctx, s, app, part, o.replace)
	if err != nil {
		return "", added, err
	}
	if !current.mayChange() {
		return "", added, cli.Findingf("--replace makes another, beside which the former one goes on counting",
			"secret %s is there already", current.name)
	}
	random := make([]byte, keyBytes)
	_, _ = rand.Read(random) // It never fails (crypto/rand, Go 1.24).
	key = "whsec_" + base64.StdEncoding.EncodeToString(random)
	var former signingSecret
	current.decode(&former)
	done, err := current.store(ctx, s, signingSecret{newRawSecret(key), former.Signing})
	return key, addedSecret{current.name, done}, err
}

// signingKeys returns the keys of the secret that the back end signs with, or the relay. They are nil if there is
// none, or if it cannot be used, which is reported.
func (c *checker) signingKeys(
	ctx context.Context, part string,
) (what string, keys *standardwebhooks.Keys, found bool) {
	what, text, found := c.readSecret(ctx, part)
	if text == nil {
		return what, nil, found
	}
	parsed, err := standardwebhooks.ParseKeys(text)
	if err != nil {
		c.wrong(what, causeOf(err), "'bridge app add --"+part+"-secret --replace' makes another")
		return what, nil, true
	}
	return what, &parsed, true
}

// checkUsers looks at the secret of the app's back end, if there is one, and tries it by a request that changes
// nothing. target is empty if the stack takes none.
func (c *checker) checkUsers(ctx context.Context, target string) {
	what, keys, found := c.signingKeys(ctx, stack.UsersSecret)
	switch {
	case !found && target != "":
		c.right(what, "there is none, so your back end says nothing about users")
	case keys == nil:
	case target == "":
		c.right(what, "the stack's parameter UsersEndpoint is off: your back end cannot use it")
	default:
		c.right(what, "")
		c.tryUsers(ctx, target, keys)
	}
}

// usersAdvice is what to do about an answer of the endpoint, by its status.
var usersAdvice = map[int]string{
	http.StatusNotFound: "the app is not in the integration file that is deployed, or UsersEndpoint was switched off",
	http.StatusUnauthorized: "the endpoint learns of another secret within a minute: try again; " +
		"or the clock of this machine is wrong by more than five minutes",
	http.StatusServiceUnavailable: "the secret is out of the endpoint's reach; its log says why",
}

// tryUsers posts an empty list, signed as the back end signs.
func (c *checker) tryUsers(ctx context.Context, target string, keys *standardwebhooks.Keys) {
	what := "users endpoint " + target
	status, err := postSigned(ctx, c.network, target, keys.Current, []byte(`{"links":[]}`))
	switch {
	case err != nil:
		c.wrong(what, "it does not answer: "+err.Error(), "is it deployed? --url names it where it is not the stack's")
	case status != http.StatusOK:
		advice := cmp.Or(usersAdvice[status], "this is no answer of the bridge; does the domain lead to it?")
		c.wrong(what, fmt.Sprintf("it answers %d to a signed request", status), advice)
	default:
		c.right(what, "it takes the signature")
	}
}

// postSigned posts a body as the back end does, and follows no redirect: the endpoint sends none. Its error does not
// quote the URL.
func postSigned(
	ctx context.Context, network http.RoundTripper, target string, key standardwebhooks.Key, body []byte,
) (status int, err error) {
	client := &http.Client{
		Timeout: 10 * time.Second, Transport: network,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the URL cannot be used")
	}
	now := time.Now()
	id := "check-" + rand.Text()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(standardwebhooks.HeaderID, id)
	request.Header.Set(standardwebhooks.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderSignature, key.Sign(id, now, body))
	response, err := client.Do(request)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err
		}
		return 0, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)) // the status says everything
	return response.StatusCode, response.Body.Close()
}

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
	seed := mathrand.Uint64() //nolint:gosec // The person is made up.
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
