package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
)

// signingSecret is what the company's own back end signs with, or the relay.
type signingSecret struct {
	Signing  rawSecret `json:"signing_secret"`
	Previous rawSecret `json:"previous_signing_secret,omitzero"`
}

// usersResult is what app add --users-secret prints with --json.
type usersResult struct {
	App     string        `json:"app"`
	URL     string        `json:"url"` // empty: the endpoint is off
	Secrets []addedSecret `json:"secrets"`
	Key     string        `json:"signing_secret"`
}

// keyBytes is the length of a signing key (standardwebhooks.com advises 24 to 64, November 2026).
const keyBytes = 32

// addUsersSecret makes the secret that the company's back end signs with, and shows it this once.
func (o *addOptions) addUsersSecret(cmd *cobra.Command, s *stack.Stack, app string) error {
	result := usersResult{App: app}
	var err error
	if result.URL, err = s.UsersURL(o.url, app); err != nil {
		return err
	}
	var added addedSecret
	if result.Key, added, err = o.makeSigningSecret(cmd.Context(), s, s.SecretName(app, stack.UsersSecret)); err != nil {
		return err
	}
	result.Secrets = []addedSecret{added}
	return o.Print(cmd, result, result.text(s.Name))
}

// makeSigningSecret makes a secret for Standard Webhooks. A former one goes on counting beside it.
func (o *addOptions) makeSigningSecret(
	ctx context.Context, s *stack.Stack, name string,
) (key string, added addedSecret, err error) {
	current := storedSecret{name: name, replace: o.replace}
	if current.text, current.exists, err = s.ReadSecret(ctx, name); err != nil {
		return "", added, err
	}
	if !current.mayChange() {
		return "", added, cli.Findingf("--replace makes another, beside which the former one goes on counting",
			"secret %s is there already", name)
	}
	random := make([]byte, keyBytes)
	_, _ = rand.Read(random) // It never fails (crypto/rand, Go 1.24).
	key = "whsec_" + base64.StdEncoding.EncodeToString(random)
	var former signingSecret
	current.decode(&former)
	text, err := secretText(signingSecret{newRawSecret(key), former.Signing})
	if err != nil {
		return "", added, err
	}
	done, err := current.store(ctx, s, text)
	return key, addedSecret{name, done}, err
}

func (r *usersResult) text(stack string) string {
	where := fmt.Sprintf("Your back end signs with it and posts to\n\n  %s\n", r.URL)
	if r.URL == "" {
		where = "The stack takes no requests about users yet: deploy it with UsersEndpoint=on.\n"
	}
	return fmt.Sprintf(`secret %s %s

The signing secret for your back end, which is shown this once only:

  BRIDGE_USERS_SECRET=%s

%s
docs/guide/users.md has the call in five languages. Then try it:

  bridge app check --stack %s %s
`, r.Secrets[0].Name, r.Secrets[0].Done, r.Key, where, stack, r.App)
}

// checkUsers looks at the secret of the app's back end, if there is one, and tries it by a request that changes
// nothing.
func (r *report) checkUsers(ctx context.Context, o *checkOptions, s *stack.Stack, app string) error {
	name := s.SecretName(app, stack.UsersSecret)
	target, err := s.UsersURL(o.url, app)
	if err != nil {
		return err
	}
	if _, found, err := s.ReadSecret(ctx, name); err == nil && !found {
		if target != "" {
			r.right("secret "+name, "there is none, so your back end says nothing about users")
		}
		return nil
	}
	what, text, err := r.readSecret(ctx, s, app, stack.UsersSecret)
	if err != nil || text == nil {
		return err
	}
	keys, err := standardwebhooks.ParseKeys(text)
	switch {
	case err != nil:
		r.wrong(what, causeOf(err), "'bridge app add --users-secret --replace' makes another")
	case target == "":
		r.right(what, "the stack's parameter UsersEndpoint is off: your back end cannot use it")
	default:
		r.right(what, "")
		return r.tryUsers(ctx, newPoster(o.network), target, keys)
	}
	return nil
}

// usersAdvice is what to do about an answer of the endpoint, by its status.
var usersAdvice = map[int]string{
	http.StatusNotFound: "the app is not in the integration file that is deployed, or UsersEndpoint was switched off",
	http.StatusUnauthorized: "the endpoint learns of another secret within a minute: try again; " +
		"or the clock of this machine is wrong by more than five minutes",
	http.StatusServiceUnavailable: "the secret is out of the endpoint's reach; its log says why",
}

// tryUsers posts an empty list, signed as the back end signs.
func (r *report) tryUsers(ctx context.Context, client *http.Client, target string, keys standardwebhooks.Keys) error {
	what := "users endpoint " + target
	status, err := postSigned(ctx, client, target, keys, []byte(`{"links":[]}`))
	switch {
	case ctx.Err() != nil:
		return cli.ErrInterrupted
	case err != nil:
		r.wrong(what, "it does not answer: "+err.Error(), "is it deployed? --url names it where it is not the stack's")
	case status != http.StatusOK:
		advice := usersAdvice[status]
		if advice == "" {
			advice = "this is no answer of the bridge; does the domain lead to it?"
		}
		r.wrong(what, fmt.Sprintf("it answers %d to a signed request", status), advice)
	default:
		r.right(what, "it takes the signature")
	}
	return nil
}

// newPoster follows no redirect: the endpoint sends none.
func newPoster(network http.RoundTripper) *http.Client {
	const timeout = 10 * time.Second
	return &http.Client{
		Timeout: timeout, Transport: network,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// postSigned posts a body as the back end does. Its error does not quote the URL.
func postSigned(
	ctx context.Context, client *http.Client, target string, keys standardwebhooks.Keys, body []byte,
) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the URL cannot be used")
	}
	now := time.Now()
	id := "check-" + rand.Text()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(standardwebhooks.HeaderID, id)
	request.Header.Set(standardwebhooks.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderSignature, keys.Current.Sign(id, now, body))
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
