package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/receive"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

const (
	// defaultMaxBody is far above any real webhook; the published ones have about 1.5 kB.
	defaultMaxBody = 262_144
	// maxTolerance is a year: anything longer is a slip of the pen.
	maxTolerance = 365 * 24 * time.Hour
)

// Config is the environment with real types.
type Config struct {
	QueueURL      string
	RelayQueueURL string // empty: webhooks are not relayed
	SecretsPrefix string
	Settings      settings.Config[settings.AppNames]
	MaxBody       int
	Tolerance     time.Duration
	Sources       receive.Sources
}

// readConfig reads the environment; r keeps the faults.
func readConfig(r *env.Reader) Config {
	return Config{
		QueueURL:      r.URL("QUEUE_URL"),
		RelayQueueURL: readRelayQueue(r),
		SecretsPrefix: r.SecretsPrefix("SECRETS_PREFIX"),
		Settings:      settings.ReadApps(r),
		MaxBody:       r.Int("MAX_BODY_BYTES", defaultMaxBody, 1, message.MaxBody),
		Tolerance:     r.Duration("TIMESTAMP_TOLERANCE", 0, 0, maxTolerance),
		Sources:       readSources(r),
	}
}

// FIFO reports whether the queue is a FIFO queue; SQS requires the ending of its name.
func (c Config) FIFO() bool { return strings.HasSuffix(c.QueueURL, ".fifo") }

// readRelayQueue reads the URL of a queue that there need not be. It has to keep the order of webhooks.
func readRelayQueue(r *env.Reader) string {
	const variable = "RELAY_QUEUE_URL"
	url := r.Optional(variable, "")
	if url == "" {
		return ""
	}
	if r.URL(variable); !strings.HasSuffix(url, ".fifo") {
		r.Fault(variable, "not the URL of a FIFO queue, which ends in .fifo")
	}
	return url
}

// keysSecret is the name of the secret with an app's signing keys.
func (c Config) keysSecret(app string) string { return c.SecretsPrefix + "/" + app + "/purchasely" }

// readSources reads addresses and blocks of addresses, separated by commas. Without any, every address may
// send.
func readSources(r *env.Reader) (sources receive.Sources) {
	const variable = "ALLOWED_SOURCES"
	list := r.Optional(variable, "")
	if list == "" {
		return nil
	}
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.TrimSpace(entry)
		if address, err := netip.ParseAddr(entry); err == nil {
			entry = fmt.Sprintf("%s/%d", address, address.BitLen())
		}
		block, err := netip.ParsePrefix(entry)
		if err != nil || block.Addr().Is4In6() {
			r.Fault(variable, "has an entry that is not an address or a block of addresses, "+
				"such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32")
			return nil
		}
		sources = append(sources, block)
	}
	return sources
}
