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

func TestReadsTypedValues(t *testing.T) {
	r := env.New(lookup(map[string]string{
		"TEXT": "some text", "URL": "https://sqs.example.com/1/q", "INT": "7", "DURATION": "1m30s",
	}))
	if got := r.String("TEXT"); got != "some text" {
		t.Errorf("String = %q", got)
	}
	if got := r.URL("URL"); got != "https://sqs.example.com/1/q" {
		t.Errorf("URL = %q", got)
	}
	if got := r.Int("INT", 1, 1, 15); got != 7 {
		t.Errorf("Int = %d", got)
	}
	if got := r.Duration("DURATION", 0, 0, time.Hour); got != 90*time.Second {
		t.Errorf("Duration = %s", got)
	}
	if err := r.Err(); err != nil {
		t.Errorf("Err = %v", err)
	}
}

func TestAnEmptyValueCountsAsNotSet(t *testing.T) {
	r := env.New(lookup(map[string]string{"EMPTY": ""}))
	for _, name := range []string{"EMPTY", "ABSENT"} {
		if got := r.Optional(name, "default"); got != "default" {
			t.Errorf("Optional(%s) = %q", name, got)
		}
		if got := r.Int(name, 3, 1, 15); got != 3 {
			t.Errorf("Int(%s) = %d", name, got)
		}
		if got := r.Duration(name, time.Second, 0, time.Hour); got != time.Second {
			t.Errorf("Duration(%s) = %s", name, got)
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

func TestOSReadsTheProcess(t *testing.T) {
	t.Setenv("BRIDGE_ENV_TEST", "here")
	if got := env.New(env.OS).String("BRIDGE_ENV_TEST"); got != "here" {
		t.Errorf("got %q", got)
	}
}
