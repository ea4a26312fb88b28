//go:build blackbox

package main_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
)

func TestABadEnvironmentStopsTheStartWithOneLine(t *testing.T) {
	t.Parallel()
	faulty := filepath.Join(t.TempDir(), "faulty.yaml")
	if err := os.WriteFile(faulty, []byte("apps:\n  demo: {enabled: perhaps, sandbox: never}\n  Demo: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		env  map[string]string // replaces; empty values count as absent
		want []string
	}{
		"nothing is set":                  {map[string]string{"SECRETS_PREFIX": "", "REJECTED_QUEUE_URL": ""}, []string{"SECRETS_PREFIX", "REJECTED_QUEUE_URL"}},
		"no prefix":                       {map[string]string{"SECRETS_PREFIX": ""}, []string{"SECRETS_PREFIX"}},
		"a queue that is no URL":          {map[string]string{"REJECTED_QUEUE_URL": "rejected"}, []string{"REJECTED_QUEUE_URL"}},
		"an endpoint on another machine":  {map[string]string{"CLEVERTAP_ENDPOINT": "http://proxy.example/{host}"}, []string{"CLEVERTAP_ENDPOINT"}},
		"an endpoint that is no URL":      {map[string]string{"CLEVERTAP_ENDPOINT": "clevertap"}, []string{"CLEVERTAP_ENDPOINT"}},
		"a time-out that is none":         {map[string]string{"UPLOAD_TIMEOUT": "ten seconds"}, []string{"UPLOAD_TIMEOUT"}},
		"a time-out of nothing":           {map[string]string{"UPLOAD_TIMEOUT": "0s"}, []string{"UPLOAD_TIMEOUT"}},
		"a delay before the beginning":    {map[string]string{"RETRY_DELAY": "-5s"}, []string{"RETRY_DELAY"}},
		"a pause without a unit":          {map[string]string{"BREAKER_PAUSE": "30"}, []string{"BREAKER_PAUSE"}},
		"no upload at all":                {map[string]string{"UPLOAD_CONCURRENCY": "0"}, []string{"UPLOAD_CONCURRENCY"}},
		"more uploads than CleverTap has": {map[string]string{"UPLOAD_CONCURRENCY": "16"}, []string{"UPLOAD_CONCURRENCY"}},
		"half an upload":                  {map[string]string{"UPLOAD_CONCURRENCY": "1.5"}, []string{"UPLOAD_CONCURRENCY"}},
		"no integration file":             {map[string]string{"INTEGRATIONS_FILE": "/nowhere/integrations.yaml"}, []string{"INTEGRATIONS_FILE"}},
		"a faulty integration file":       {map[string]string{"INTEGRATIONS_FILE": faulty}, []string{"faulty.yaml:2:", "enabled", "sandbox", "faulty.yaml:3:"}},
		"everything at once": {map[string]string{
			"SECRETS_PREFIX": "", "REJECTED_QUEUE_URL": "x", "CLEVERTAP_ENDPOINT": "x", "UPLOAD_TIMEOUT": "x", "RETRY_DELAY": "x",
			"BREAKER_PAUSE": "x", "UPLOAD_CONCURRENCY": "x", "INTEGRATIONS_FILE": faulty,
		}, []string{
			"SECRETS_PREFIX", "REJECTED_QUEUE_URL", "CLEVERTAP_ENDPOINT", "UPLOAD_TIMEOUT", "RETRY_DELAY", "BREAKER_PAUSE",
			"UPLOAD_CONCURRENCY", "INTEGRATIONS_FILE",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{"SECRETS_PREFIX": "bridge", "REJECTED_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/rejected"}
			maps.Copy(env, test.env)
			f := lambdatest.Start(t, lambdatest.Build(t, "functions/forwarder"), env)
			code, err := f.Wait(t.Context())
			if err != nil || code != 1 {
				t.Fatalf("exit code %d, %v", code, err)
			}
			said := f.Output().Stderr.String()
			if strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "forwarder: ") || f.Output().Stdout.String() != "" {
				t.Errorf("said %q", said)
			}
			for _, want := range test.want {
				if !strings.Contains(said, want) {
					t.Errorf("%q does not name %s", said, want)
				}
			}
		})
	}
}
