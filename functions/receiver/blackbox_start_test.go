//go:build blackbox

package main_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

func TestBlackBoxAFaultyEnvironmentStopsTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		env   map[string]string
		wants []string
	}{
		"nothing set": {
			map[string]string{"QUEUE_URL": "", "SECRETS_PREFIX": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": ""},
			[]string{"QUEUE_URL: not set", "SECRETS_PREFIX: not set", "AWS_REGION: not set"},
		},
		"everything wrong": {
			map[string]string{
				"QUEUE_URL": "events", "SECRETS_PREFIX": "my bridge", "INTEGRATIONS_FILE": "/nowhere.yaml",
				"MAX_BODY_BYTES": "999999999", "TIMESTAMP_TOLERANCE": "soon", "AWS_MAX_ATTEMPTS": "many",
				"RELAY_QUEUE_URL": "relay",
			},
			[]string{
				"QUEUE_URL: ", "SECRETS_PREFIX: ", "INTEGRATIONS_FILE: ",
				"MAX_BODY_BYTES: ", "TIMESTAMP_TOLERANCE: ", "AWS: ", "RELAY_QUEUE_URL: ",
			},
		},
		"a file that is not YAML": {
			map[string]string{"INTEGRATIONS_FILE": file(t, "\x00\x01")}, []string{"INTEGRATIONS_FILE: "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "events", c.env)
			lambdatest.StopsAtStart(t, s.Function, "receiver", c.wants...)
		})
	}
}

// file writes an integration file.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "integrations.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBlackBoxAnyFileWithAppNamesWillDo(t *testing.T) {
	t.Parallel()
	s := start(t, "events", map[string]string{
		"INTEGRATIONS_FILE": file(t, "apps:\n  demo: {enabled: perhaps, colour: red}\n  Not A Name: {}\n"),
		"SECRETS_PREFIX":    prefix + "/",
	})
	s.wantsQueued(body, signed(body))
	s.wants(404, signed(body).app("Not A Name"))
}

// Lambda gives functions with snapshots an address to fetch keys from instead of the keys.
func TestBlackBoxCredentialsFromAnAddress(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	address := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"AccessKeyId":"A","SecretAccessKey":"x","Token":"y"}`)
	}))
	t.Cleanup(address.Close)
	s := start(t, "events", map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": address.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
	})
	s.wants(200, signed(body))
	if got := <-asked; got != "token" {
		t.Errorf("asked with %q", got)
	}
}

// The address exists only for the proxy, which is the fake AWS itself.
func TestBlackBoxCallsGoThroughAProxy(t *testing.T) {
	t.Parallel()
	proxy := awstest.New(t, nil)
	proxy.Secrets.Put(secretName, `{"shared_secret":"`+key+`"}`)
	queue := proxy.SQS.Create(awstest.QueueConfig{Name: "events"})
	s := start(t, "events", map[string]string{
		"AWS_ENDPOINT_URL": "http://aws.invalid", "HTTP_PROXY": proxy.URL, "QUEUE_URL": proxy.SQS.QueueURL(queue),
	})
	s.wants(200, signed(body))
	if got := len(queue.Messages()); got != 1 {
		t.Errorf("%d messages on the queue", got)
	}
}

func TestBlackBoxTheOutputHasNothingPersonalOrSecret(t *testing.T) {
	t.Parallel()
	s := start(t, "events.fifo", nil)
	s.wants(200, signed(body))
	s.wants(404, signed(body).app("rosée-8"))
	s.wants(401, signed(body).header(timestampHeader, "1773474113"))
	s.wants(413, signed(strings.Repeat(body, 5000)))
	s.wants(401, signed(body).with("isBase64Encoded", true))
	s.aws.SQS.Inject(awstest.Fault{Status: 403, Code: "AccessDenied"})
	s.wants(503, signed(`{"event_id":"other","user_id":"rosée-9"}`))
	s.Kill()

	output := s.Output().Stdout.String() + s.Output().Stderr.String()
	for _, leak := range []string{
		key, "rosée", "ros\\u00e9e", "ACTIVATE", "8b0ffd4c", timestamp, "1773474113", sign(key, timestamp, body),
		"203.0.113.17", s.aws.URL, "AKIDEXAMPLE", prefix, "event_id",
	} {
		if strings.Contains(output, leak) {
			t.Errorf("%q is in the output:\n%s", leak, output)
		}
	}
	if got := strings.Count(output, `"webhook refused"`); got != 5 {
		t.Errorf("%d refusals logged:\n%s", got, output)
	}
	for _, want := range []string{
		`"requestId"`, `"app":"unknown"`, `"reason":"bad_signature"`, `"code":"AccessDenied"`,
		`"WebhooksQueued":1`, `"WebhooksRefused":1`,
	} {
		if !strings.Contains(output, want) {
			t.Errorf("no %s in the output:\n%s", want, output)
		}
	}
}
