package main

import (
	"net/url"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/network"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// Bounds of what may be set. The longest times keep an upload inside an invocation and a message inside its retention.
const (
	maxUploadTimeout = 5 * time.Minute
	maxRetryDelay    = 15 * time.Minute
	maxBreakerPause  = time.Hour
	maxJournalDays   = 3650
	maxConcurrency   = 15 // requests in flight per CleverTap account (CleverTap, API request limit, November 2026)
)

// Config is the environment with real types.
type Config struct {
	SecretsPrefix    string
	RejectedQueue    string
	Settings         settings.Config[*integration.File]
	Endpoint         string
	UploadTimeout    time.Duration
	RetryDelay       time.Duration
	BreakerPause     time.Duration
	Concurrency      int
	SubscribersTable string // empty: nothing is known of subscribers, and there is no journal
	Journal          forward.Journal
	JournalLifetime  time.Duration
}

// readConfig reads the environment and the integration file; r keeps the faults.
func readConfig(r *env.Reader) Config {
	c := Config{
		SecretsPrefix:    r.SecretsPrefix("SECRETS_PREFIX"),
		RejectedQueue:    r.URL("REJECTED_QUEUE_URL"),
		Settings:         settings.ReadIntegrations(r),
		Endpoint:         r.Optional("CLEVERTAP_ENDPOINT", ""),
		UploadTimeout:    r.Duration("UPLOAD_TIMEOUT", 10*time.Second, time.Millisecond, maxUploadTimeout),
		RetryDelay:       r.Duration("RETRY_DELAY", 5*time.Second, time.Millisecond, maxRetryDelay),
		BreakerPause:     r.Duration("BREAKER_PAUSE", 30*time.Second, time.Millisecond, maxBreakerPause),
		Concurrency:      r.Int("UPLOAD_CONCURRENCY", 3, 1, maxConcurrency),
		SubscribersTable: r.Optional("SUBSCRIBERS_TABLE", ""),
		JournalLifetime:  time.Duration(r.Int("JOURNAL_DAYS", 30, 1, maxJournalDays)) * 24 * time.Hour,
	}
	mode, known := journals[r.Optional("JOURNAL", "outcomes")]
	if c.Journal = mode; !known {
		r.Fault("JOURNAL", "none of outcomes, bodies and off")
	}
	if c.Endpoint != "" {
		if fault := checkEndpoint(c.Endpoint); fault != "" {
			r.Fault("CLEVERTAP_ENDPOINT", fault)
		}
	}
	return c
}

// accountsSecret is the name of the secret with an app's CleverTap accounts.
func (c Config) accountsSecret(app string) string { return c.SecretsPrefix + "/" + app + "/clevertap" }

// journals are the values of JOURNAL.
var journals = map[string]forward.Journal{
	"off": forward.JournalOff, "outcomes": forward.JournalOutcomes, "bodies": forward.JournalBodies,
}

// checkEndpoint checks the address that replaces CleverTap's: credentials are sent there, so plain HTTP is for this
// machine only.
func checkEndpoint(text string) (fault string) {
	u, err := url.Parse(strings.ReplaceAll(text, "{host}", "host"))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.Fragment != "" {
		return "not a URL, which looks like https://proxy.example/{host}"
	}
	if u.Scheme == "http" && !network.IsLoopback(u.Hostname()) {
		return "plain HTTP to another machine; use https, or http to 127.0.0.1"
	}
	return ""
}
