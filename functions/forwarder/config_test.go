package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// read reads an environment in which nothing is wrong except for the changes.
func read(changes map[string]string) (Config, error) {
	return templatetest.Read(readConfig, map[string]string{
		"SECRETS_PREFIX":     "bridge",
		"REJECTED_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/rejected",
	}, changes)
}

func TestTheDefaultsAreThoseOfTheParametersPage(t *testing.T) {
	c, err := read(nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.UploadTimeout != 10*time.Second || c.RetryDelay != 5*time.Second || c.BreakerPause != 30*time.Second ||
		c.Concurrency != 3 || c.SubscribersTable != "" || c.Journal != forward.JournalOutcomes ||
		c.JournalLifetime != 30*24*time.Hour {
		t.Errorf("defaults are %+v", c)
	}
	if c.Settings.BuiltIn == nil || c.Settings.BuiltIn.Path != "integrations.yaml" {
		t.Error("the embedded integration file is missing")
	}
}

func TestAFaultNamesItsVariable(t *testing.T) {
	invalid := filepath.Join(t.TempDir(), "invalid.yaml")
	if err := os.WriteFile(invalid, []byte("apps:\n  demo: {enabled: perhaps}\n  Demo: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ variable, value, want string }{
		"no prefix":                      {"SECRETS_PREFIX", "", "SECRETS_PREFIX"},
		"a queue that is not a URL":      {"REJECTED_QUEUE_URL", "rejected", "REJECTED_QUEUE_URL"},
		"a time-out that is not one":     {"UPLOAD_TIMEOUT", "ten seconds", "UPLOAD_TIMEOUT"},
		"a time-out of nothing":          {"UPLOAD_TIMEOUT", "0s", "UPLOAD_TIMEOUT"},
		"a negative delay":               {"RETRY_DELAY", "-5s", "RETRY_DELAY"},
		"a pause without a unit":         {"BREAKER_PAUSE", "30", "BREAKER_PAUSE"},
		"no upload at all":               {"UPLOAD_CONCURRENCY", "0", "UPLOAD_CONCURRENCY"},
		"more uploads than are allowed":  {"UPLOAD_CONCURRENCY", "16", "UPLOAD_CONCURRENCY"},
		"half an upload":                 {"UPLOAD_CONCURRENCY", "1.5", "UPLOAD_CONCURRENCY"},
		"an endpoint that is not a URL":  {"CLEVERTAP_ENDPOINT", "clevertap", "CLEVERTAP_ENDPOINT"},
		"an endpoint of another scheme":  {"CLEVERTAP_ENDPOINT", "ftp://x", "CLEVERTAP_ENDPOINT"},
		"plain HTTP to another machine":  {"CLEVERTAP_ENDPOINT", "http://proxy.example/{host}", "CLEVERTAP_ENDPOINT"},
		"a journal of another kind":      {"JOURNAL", "on", "JOURNAL: none of outcomes, bodies and off"},
		"a journal that keeps nothing":   {"JOURNAL_DAYS", "0", "JOURNAL_DAYS"},
		"a journal without a number":     {"JOURNAL_DAYS", "30d", "JOURNAL_DAYS"},
		"no integration file":            {"INTEGRATIONS_FILE", "/nowhere.yaml", "INTEGRATIONS_FILE"},
		"an invalid integration file":    {"INTEGRATIONS_FILE", invalid, "invalid.yaml:2:"},
		"another fault of the same file": {"INTEGRATIONS_FILE", invalid, "invalid.yaml:3:"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(map[string]string{c.variable: c.value})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line that names %s", err, c.want)
			}
		})
	}
}

func TestPlainHTTPIsAllowedOnThisMachineOnly(t *testing.T) {
	for _, endpoint := range []string{
		"http://127.0.0.1:9900/{host}", "http://localhost:9900", "http://[::1]:9900/", "https://proxy.example/{host}",
	} {
		if _, err := read(map[string]string{"CLEVERTAP_ENDPOINT": endpoint}); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestTheJournalHasThreeKinds(t *testing.T) {
	for value, want := range map[string]forward.Journal{
		"": forward.JournalOutcomes, "outcomes": forward.JournalOutcomes, "bodies": forward.JournalBodies,
		"off": forward.JournalOff,
	} {
		c, err := read(map[string]string{"JOURNAL": value, "JOURNAL_DAYS": "400"})
		if err != nil || c.Journal != want || c.JournalLifetime != 400*24*time.Hour {
			t.Errorf("%q is %d for %s, %v", value, c.Journal, c.JournalLifetime, err)
		}
	}
}

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	templatetest.Agrees(t, "Forwarder", readConfig)
}
