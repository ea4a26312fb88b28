package main

import (
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
	invalid := templatetest.File(t, "apps:\n  demo: {enabled: perhaps}\n  Demo: {}\n")
	templatetest.WantsFaults(t, read, [][3]string{
		{"SECRETS_PREFIX", "", "not set"},
		{"REJECTED_QUEUE_URL", "rejected", "not an absolute http or https URL"},
		{"UPLOAD_TIMEOUT", "ten seconds", "is not a duration"},
		{"UPLOAD_TIMEOUT", "0s", "is not between"},
		{"RETRY_DELAY", "-5s", "is not between"},
		{"BREAKER_PAUSE", "30", "is not a duration"},
		{"UPLOAD_CONCURRENCY", "0", "is not between"},
		{"UPLOAD_CONCURRENCY", "16", "is not between"},
		{"CLEVERTAP_ENDPOINT", "clevertap", "not a URL"},
		{"CLEVERTAP_ENDPOINT", "ftp://x", "not a URL"},
		{"CLEVERTAP_ENDPOINT", "http://proxy.example/{host}", "plain HTTP to another machine"},
		{"JOURNAL", "on", "none of outcomes, bodies and off"},
		{"JOURNAL_DAYS", "0", "is not between"},
		{"INTEGRATIONS_FILE", "/nowhere.yaml", "cannot be read"},
		{"INTEGRATIONS_FILE", invalid, "integrations.yaml:2:"},
		{"INTEGRATIONS_FILE", invalid, "integrations.yaml:3:"},
	})
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
