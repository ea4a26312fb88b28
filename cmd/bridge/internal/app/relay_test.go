package app

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/relay"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// verifying answers as a back end that follows Purchasely's documentation, and Standard Webhooks where there is a key.
func verifying(t *testing.T, key string) clitest.RoundTrip {
	return func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if r.URL.String() != "https://back.example/hook?token=4711" || webhook.Peek(body).EventName != "ACTIVATE" {
			t.Errorf("%s got %s", r.URL, body)
		}
		header := func(name string) string { return strings.Join(r.Header[name], "|") } // as they are spelled
		digest := webhook.Sign(secret.New("shared-4711"), header("X-PURCHASELY-TIMESTAMP"), body)
		genuine := header("X-PURCHASELY-REQUEST-SIGNATURE") == digest
		if key != "" {
			keys, err := standardwebhooks.ParseKeys([]byte(`{"signing_secret":"` + key + `"}`))
			if err != nil {
				return nil, err
			}
			id, at, signatures := header("Webhook-Id"), header("Webhook-Timestamp"), header("Webhook-Signature")
			genuine = genuine && keys.Verify(id, at, signatures, body, time.Now()) == nil
		}
		if genuine {
			return clitest.Answer(http.StatusOK, "")(r)
		}
		return clitest.Answer(http.StatusUnauthorized, "")(r)
	}
}

func TestCheckRelay(t *testing.T) {
	const (
		to  = `relay: {url: "https://back.example/hook?token=4711"}`
		key = "whsec_Zm9ybWVyIGtleSBvZiB0aGUgZGVtbyBhcHAsIDMyYnk="
	)
	nobody := func(*http.Request) (*http.Response, error) { return nil, errors.New("said token=4711") }
	answer := func(status int) clitest.RoundTrip { return clitest.Answer(status, "private answer") }
	for name, c := range map[string]struct {
		file, secret string
		off          bool
		answer       clitest.RoundTrip
		code         int
		want         string
	}{
		"a back end that verifies": {to, "", false, verifying(t, ""), cli.OK,
			"right  back end back.example: it answers 200 to ACTIVATE "},
		"and Standard Webhooks": {to, `{"signing_secret":"` + key + `"}`, false, verifying(t, key), cli.OK,
			"right  secret " + relayName + "\nright  back end back.example: it answers 200"},
		"one that refuses": {to, "", false, answer(401), cli.Finding, "it answers 401 to ACTIVATE "},
		"a redirect":       {to, "", false, answer(308), cli.Finding, "redirects are never followed"},
		"a wrong path":     {to, "", false, answer(404), cli.Finding, "is the path in relay.url right?"},
		"an odd status":    {to, "", false, answer(500), cli.Finding, "only 2xx counts"},
		"nobody": {to, "", false, nobody, cli.Finding,
			"wrong  back end back.example: error of type *errors.errorString\n       is the address"},
		"no back end in the file": {"", "", false, answer(200), cli.Finding, "write its address under relay.url"},
		"a stack without a relay": {to, "", true, answer(200), cli.Finding, "deploy it with Relay=on"},
		"another event only": {strings.Replace(to, "}", ", events: [DEACTIVATE]}", 1), "", false, answer(204), cli.OK,
			"it is sent all the same"},
		"a secret that is none": {to, `{"signing_secret":"whsec_private"}`, false, answer(200), cli.Finding,
			"'bridge app add --relay-secret --replace' makes another"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			if !c.off {
				cloud.UseRelay()
			}
			receiver := cloud.Receiver
			cloud.Receiver = func(r *http.Request) (*http.Response, error) {
				if r.URL.Host == "back.example" {
					return c.answer(r)
				}
				return receiver(r)
			}
			putSecrets(cloud, sharedSecret, credentials, map[string]string{relayName: c.secret})
			file := clitest.File(t, "integrations.yaml", "apps:\n  demo: {"+c.file+"}\n")
			got := run(t, cloud, "", "check --relay demo --file "+file)
			if got.Code != c.code || !strings.Contains(got.Out, c.want) {
				t.Errorf("got %+v, want %d and %q", got, c.code, c.want)
			}
			for _, hidden := range []string{"token", "/hook", "private", key[6:]} {
				if strings.Contains(got.Out+got.Errs, hidden) {
					t.Errorf("%q is shown: %+v", hidden, got)
				}
			}
		})
	}
}

// The check reaches what the stack's relay may reach, and nothing else.
func TestCheckRelayAtAPrivateAddress(t *testing.T) {
	for parameter, refused := range map[string]bool{"on": false, "off": true, "": true} {
		clitest.Subtest(t, parameter, func(t *testing.T, cloud *clitest.Cloud) {
			cloud.Stacks.SetParameters(clitest.Stack, map[string]string{"RelayAllowPrivate": parameter})
			cmd := &cobra.Command{}
			cmd.SetContext(t.Context())
			s, err := stack.Open(cmd, cloud, clitest.Stack)
			if err != nil {
				t.Fatal(err)
			}
			to := &integration.Relay{URL: "https://127.0.0.1:1/hook", Timeout: time.Second} // where nobody listens
			_, err = newRelayClient(nil, s, to).Post(t.Context(), to, relay.Webhook{}, nil)
			if err == nil || strings.Contains(err.Error(), "RelayAllowPrivate") != refused {
				t.Errorf("got %v, want it refused: %t", err, refused)
			}
		})
	}
}
