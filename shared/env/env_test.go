package env_test

import (
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

func lookup(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

func TestAnEmptyValueCountsAsNotSet(t *testing.T) {
	t.Setenv("EMPTY", "")
	t.Setenv("SET", "7")
	t.Setenv("LONG", "1m30s")
	r := env.New(env.OS)
	if r.String("SET") != "7" || r.Optional("SET", "") != "7" || r.Int("SET", 3, 7, 7) != 7 ||
		r.Duration("LONG", 0, 90*time.Second, 90*time.Second) != 90*time.Second {
		t.Error("what is set is not read")
	}
	for _, name := range []string{"EMPTY", "ABSENT"} {
		if r.Optional(name, "default") != "default" || r.Int(name, 3, 1, 15) != 3 ||
			r.Duration(name, time.Second, 0, time.Hour) != time.Second {
			t.Errorf("%s has another default", name)
		}
	}
	if err := r.Err(); err != nil {
		t.Errorf("Err = %v", err)
	}
	r.String("EMPTY")
	if err := r.Err(); err == nil || err.Error() != "EMPTY: not set" {
		t.Errorf("Err = %v", err)
	}
}

func TestOneLineNamesEveryFault(t *testing.T) {
	r := env.New(lookup(map[string]string{
		"URL":      "not-a-url-with-hunter2",
		"INT":      "many",
		"TOO_MANY": "16",
		"DURATION": "soon\nor later",
		"TOO_LONG": "2h",
		"LONG":     strings.Repeat("é", 500),
		"OWN":      "x",
	}))
	r.String("MISSING")
	r.URL("NO_URL")
	r.URL("URL")
	r.Int("INT", 1, 1, 15)
	r.Int("TOO_MANY", 1, 1, 15)
	r.Duration("DURATION", 0, 0, time.Hour)
	r.Duration("TOO_LONG", 0, 0, time.Hour)
	r.Int("LONG", 0, 0, 1)
	r.Fault("OWN", "not what\nthe caller wants")

	err := r.Err()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"MISSING: not set",
		"NO_URL: not set",
		"URL: not an absolute http or https URL",
		`INT: "many" is not a whole number`,
		"TOO_MANY: 16 is not between 1 and 15",
		`DURATION: "soon\nor later" is not a duration such as "30s" or "5m"`,
		"TOO_LONG: 2h0m0s is not between 0s and 1h0m0s",
		"OWN: not what the caller wants",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %q", want, err)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\r") {
		t.Errorf("more than one line: %q", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a URL is shown: %q", err)
	}
	if len(err.Error()) > 600 {
		t.Errorf("a long value is not cut: %d bytes", len(err.Error()))
	}
}

func TestOnlyAbsoluteURLsWithoutAUserPass(t *testing.T) {
	for value, ok := range map[string]bool{
		"https://sqs.eu-west-1.amazonaws.com/123456789012/events.fifo": true,
		"http://127.0.0.1:4566/000000000000/events":                    true,
		"HTTP://localhost":                 true,
		"events.fifo":                      false,
		"/123456789012/events":             false,
		"sqs://queue/events":               false,
		"https://":                         false,
		"https://:443/events":              false,
		"https://user:password@host/queue": false,
		"http://[::1/queue":                false,
	} {
		r := env.New(lookup(map[string]string{"QUEUE": value}))
		r.URL("QUEUE")
		if (r.Err() == nil) != ok {
			t.Errorf("%s: %v", value, r.Err())
		}
	}
}

func TestASecretsPrefixHasNoSlashAtItsEnd(t *testing.T) {
	for value, want := range map[string]struct{ prefix, fault string }{
		"bridge":        {"bridge", ""},
		"bridge/":       {"bridge", ""},
		"/team/bridge/": {"/team/bridge", ""},
		"":              {"", "PREFIX: not set"},
		"//":            {"", "PREFIX: not set"},
		"my bridge":     {"my bridge", "PREFIX: has a character"},
	} {
		r := env.New(lookup(map[string]string{"PREFIX": value}))
		got, err := r.SecretsPrefix("PREFIX"), r.Err()
		if got != want.prefix || (err == nil) != (want.fault == "") {
			t.Errorf("%q: %q, %v", value, got, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), want.fault) {
			t.Errorf("%q: %v", value, err)
		}
	}
}
