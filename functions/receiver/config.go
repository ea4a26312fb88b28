package main

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/receive"
)

const (
	// defaultMaxBody is far above any real webhook; the published ones have about 1.5 kB.
	defaultMaxBody = 262_144
	// maxTolerance is a year: beyond it a tolerance is a slip of the pen.
	maxTolerance = 365 * 24 * time.Hour
	// nameCharacters are those of a secret's name (AWS Secrets Manager, CreateSecret, November 2026).
	nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+=.@-"
)

// Config is what the environment says.
type Config struct {
	QueueURL      string
	SecretsPrefix string
	Apps          []string
	MaxBody       int
	Tolerance     time.Duration
	Sources       receive.Sources
}

// readConfig reads everything; the faults stay in r.
func readConfig(r *env.Reader) Config {
	return Config{
		QueueURL:      r.URL("QUEUE_URL"),
		SecretsPrefix: readPrefix(r),
		Apps:          readApps(r),
		MaxBody:       r.Int("MAX_BODY_BYTES", defaultMaxBody, 1, message.MaxBody),
		Tolerance:     r.Duration("TIMESTAMP_TOLERANCE", 0, 0, maxTolerance),
		Sources:       readSources(r),
	}
}

// FIFO tells whether the queue is one. The ending is part of the kind of queue, not a convention.
func (c Config) FIFO() bool { return strings.HasSuffix(c.QueueURL, ".fifo") }

// keysName is the secret with an app's signing keys.
func (c Config) keysName(app string) string { return c.SecretsPrefix + "/" + app + "/purchasely" }

func readPrefix(r *env.Reader) string {
	const name = "SECRETS_PREFIX"
	prefix := r.String(name)
	switch {
	case strings.HasSuffix(prefix, "/"):
		r.Fault(name, "must not end in a slash, which is put behind it")
	case strings.Trim(prefix, nameCharacters) != "":
		r.Fault(name, "holds a character that no secret's name has; letters, digits and /_+=.@- are right")
	}
	return prefix
}

// readApps reads the app names only, and of any file that gives them: a slip in the rest of it must not stop purchases.
func readApps(r *env.Reader) []string {
	const name = "INTEGRATIONS_FILE"
	path, text := r.Optional(name, ""), config.Integrations
	if path == "" {
		path = "integrations.yaml"
	} else {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			r.Fault(name, "cannot be read: "+cause(err))
			return nil
		}
	}
	apps, err := appNames(path, string(text))
	if err != nil {
		r.Fault(name, err.Error())
	}
	return apps
}

// readSources reads addresses and blocks of them, separated by commas. None means that every address may send.
func readSources(r *env.Reader) receive.Sources {
	const name = "ALLOWED_SOURCES"
	list := r.Optional(name, "")
	if list == "" {
		return nil
	}
	var sources receive.Sources
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.TrimSpace(entry)
		if !strings.Contains(entry, "/") {
			entry += map[bool]string{true: "/128", false: "/32"}[strings.Contains(entry, ":")]
		}
		block, err := netip.ParsePrefix(entry)
		if err != nil || block.Addr().Is4In6() {
			r.Fault(name, "holds something that is no address and no block of them; 203.0.113.7, 203.0.113.0/24 and 2001:db8::/32 are right")
			return nil
		}
		sources = append(sources, block)
	}
	return sources
}

// cause takes the path out of a file's error.
func cause(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err.Error()
	}
	return err.Error()
}
