package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

func read(values map[string]string) (Config, error) {
	r := env.New(func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	})
	return readConfig(r), r.Err()
}

// complete is an environment in which nothing is missing.
func complete(changes ...string) map[string]string {
	values := map[string]string{"SECRETS_PREFIX": "bridge", "REJECTED_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/rejected"}
	for i := 0; i < len(changes); i += 2 {
		values[changes[i]] = changes[i+1]
	}
	return values
}

func TestDefaultsAreThoseOfTheReadme(t *testing.T) {
	c, err := read(complete())
	if err != nil {
		t.Fatal(err)
	}
	if c.UploadTimeout != 10*time.Second || c.RetryDelay != 5*time.Second || c.BreakerPause != 30*time.Second || c.Concurrency != 3 {
		t.Errorf("defaults are %+v", c)
	}
	if c.Integrations == nil || c.Integrations.Apps["demo"] == nil {
		t.Error("the embedded integration file is not there")
	}
}

func TestEveryFaultOfTheEnvironmentIsNamedInOneLine(t *testing.T) {
	faulty := filepath.Join(t.TempDir(), "faulty.yaml")
	if err := os.WriteFile(faulty, []byte("apps:\n  demo: {enabled: perhaps}\n  Demo: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		values map[string]string
		want   []string
	}{
		"nothing is set":                             {nil, []string{"SECRETS_PREFIX", "REJECTED_QUEUE_URL"}},
		"everything is wrong":                        {complete("SECRETS_PREFIX", "", "REJECTED_QUEUE_URL", "queue", "UPLOAD_TIMEOUT", "soon", "RETRY_DELAY", "-1s", "BREAKER_PAUSE", "0s", "UPLOAD_CONCURRENCY", "16", "CLEVERTAP_ENDPOINT", "ftp://x", "INTEGRATIONS_FILE", "/nowhere.yaml"), []string{"SECRETS_PREFIX", "REJECTED_QUEUE_URL", "UPLOAD_TIMEOUT", "RETRY_DELAY", "BREAKER_PAUSE", "UPLOAD_CONCURRENCY", "CLEVERTAP_ENDPOINT", "INTEGRATIONS_FILE"}},
		"plain HTTP would carry the passcode abroad": {complete("CLEVERTAP_ENDPOINT", "http://proxy.example/{host}"), []string{"CLEVERTAP_ENDPOINT"}},
		"no upload at all":                           {complete("UPLOAD_CONCURRENCY", "0"), []string{"UPLOAD_CONCURRENCY"}},
		"the integration file has two faults":        {complete("INTEGRATIONS_FILE", faulty), []string{"faulty.yaml:2:", "faulty.yaml:3:"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := read(test.values)
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %s", err, want)
				}
			}
		})
	}
}

func TestPlainHTTPIsForThisMachineOnly(t *testing.T) {
	for _, endpoint := range []string{"http://127.0.0.1:9900/{host}", "http://localhost:9900", "http://[::1]:9900/", "https://proxy.example/{host}"} {
		if _, err := read(complete("CLEVERTAP_ENDPOINT", endpoint)); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}
