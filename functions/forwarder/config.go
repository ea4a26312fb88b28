package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// Bounds of what may be set. The longest times keep an upload inside an invocation and a message inside its retention.
const (
	maxUploadTimeout = 5 * time.Minute
	maxRetryDelay    = 15 * time.Minute
	maxBreakerPause  = time.Hour
	maxConcurrency   = 15 // requests in flight per CleverTap account (CleverTap, API request limit, November 2026)
)

// Config is the environment with real types.
type Config struct {
	SecretsPrefix    string
	RejectedQueue    string
	Integrations     *integration.File
	Endpoint         string
	UploadTimeout    time.Duration
	RetryDelay       time.Duration
	BreakerPause     time.Duration
	Concurrency      int
	SubscribersTable string // empty: subscriber state is off
}

// readConfig reads the environment. What is wrong, also in the integration file, is noted with the reader.
func readConfig(r *env.Reader) Config {
	c := Config{
		SecretsPrefix:    r.SecretsPrefix("SECRETS_PREFIX"),
		RejectedQueue:    r.URL("REJECTED_QUEUE_URL"),
		Endpoint:         r.Optional("CLEVERTAP_ENDPOINT", ""),
		UploadTimeout:    r.Duration("UPLOAD_TIMEOUT", 10*time.Second, time.Millisecond, maxUploadTimeout),
		RetryDelay:       r.Duration("RETRY_DELAY", 5*time.Second, time.Millisecond, maxRetryDelay),
		BreakerPause:     r.Duration("BREAKER_PAUSE", 30*time.Second, time.Millisecond, maxBreakerPause),
		Concurrency:      r.Int("UPLOAD_CONCURRENCY", 3, 1, maxConcurrency),
		SubscribersTable: r.Optional("SUBSCRIBERS_TABLE", ""),
	}
	if c.Endpoint != "" {
		if problem := endpoint(c.Endpoint); problem != "" {
			r.Fault("CLEVERTAP_ENDPOINT", problem)
		}
	}
	file, err := integrations(r.Optional("INTEGRATIONS_FILE", ""))
	if err != nil {
		r.Fault("INTEGRATIONS_FILE", err.Error())
	}
	c.Integrations = file
	return c
}

// integrations loads the file that path names, or the embedded one. A faulty file stops the forwarder: messages wait in the queue.
func integrations(path string) (*integration.File, error) {
	text := []byte(config.Integrations)
	name := "integrations.yaml"
	if path != "" {
		name = path
		var err error
		if text, err = os.ReadFile(path); err != nil { //nolint:gosec // the operator names the file
			return nil, fmt.Errorf("the file cannot be read: %w", err)
		}
	}
	file, problems := integration.Load(name, text)
	if file == nil {
		return nil, problems
	}
	return file, nil
}

// endpoint checks the address that stands in for CleverTap's: credentials travel there, so plain HTTP is for this machine only.
func endpoint(text string) (problem string) {
	u, err := url.Parse(strings.ReplaceAll(text, "{host}", "host"))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.Fragment != "" {
		return "not a URL, which looks like https://proxy.example/{host}"
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return "plain HTTP to another machine; use https, or http to 127.0.0.1"
	}
	return ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
