package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

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
	text, err := secretText(signingSecret{newRawSecret(key), former.Signing})
	if err != nil {
		return "", added, err
	}
	done, err := current.store(ctx, s, text)
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
