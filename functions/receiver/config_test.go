package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

// faults finds the names of the variables that an error is about.
var faults = regexp.MustCompile(`[A-Z_]{3,}: `)

// good is an environment in which nothing is wrong.
func good() map[string]string {
	return map[string]string{
		"QUEUE_URL":      "https://sqs.eu-west-1.amazonaws.com/000000000000/events.fifo",
		"SECRETS_PREFIX": "purchasely-clevertap",
	}
}

func read(values map[string]string) (Config, error) {
	r := env.New(func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	})
	return readConfig(r), r.Err()
}

func TestDefaultsNeedTwoVariablesOnly(t *testing.T) {
	c, err := read(good())
	if err != nil {
		t.Fatal(err)
	}
	if c.MaxBody != 262144 || c.Tolerance != 0 || !c.FIFO() || !slices.Contains(c.Apps, "demo") {
		t.Errorf("got %+v", c)
	}
	if name := c.keysName("demo"); name != "purchasely-clevertap/demo/purchasely" {
		t.Errorf("secret %q", name)
	}
}

func TestEverythingCanBeSet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(file, []byte("apps:\n  one: {}\n  two: {enabled: perhaps}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	values := good()
	values["QUEUE_URL"] = "http://127.0.0.1:4566/000000000000/events"
	values["INTEGRATIONS_FILE"] = file
	values["MAX_BODY_BYTES"] = "783360"
	values["TIMESTAMP_TOLERANCE"] = "10m"
	values["ALLOWED_SOURCES"] = "203.0.113.7, 198.51.100.0/24,2001:db8::/32,2001:db9::1"
	c, err := read(values)
	if err != nil {
		t.Fatal(err)
	}
	if c.MaxBody != 783360 || c.Tolerance != 10*time.Minute || c.FIFO() || !slices.Equal(c.Apps, []string{"one", "two"}) {
		t.Errorf("got %+v", c)
	}
	if got := fmt.Sprint(c.Sources); got != "[203.0.113.7/32 198.51.100.0/24 2001:db8::/32 2001:db9::1/128]" {
		t.Errorf("sources %s", got)
	}
}

func TestEveryFaultIsNamedInOneLine(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.yaml")
	if err := os.WriteFile(empty, []byte("apps: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		values map[string]string
		wants  []string
	}{
		"nothing is set": {nil, []string{"QUEUE_URL: not set", "SECRETS_PREFIX: not set"}},
		"everything is empty": {
			map[string]string{"QUEUE_URL": "", "SECRETS_PREFIX": "", "INTEGRATIONS_FILE": "", "MAX_BODY_BYTES": "", "TIMESTAMP_TOLERANCE": ""},
			[]string{"QUEUE_URL: not set", "SECRETS_PREFIX: not set"},
		},
		"everything is wrong": {
			map[string]string{
				"QUEUE_URL": "events.fifo", "SECRETS_PREFIX": "bridge/", "INTEGRATIONS_FILE": empty + "x", "MAX_BODY_BYTES": "256k",
				"TIMESTAMP_TOLERANCE": "-5m",
			},
			[]string{"QUEUE_URL: ", "SECRETS_PREFIX: must not end in a slash", "INTEGRATIONS_FILE: cannot be read", "MAX_BODY_BYTES: ", "TIMESTAMP_TOLERANCE: "},
		},
		"a source that is a name":        {with("ALLOWED_SOURCES", "203.0.113.7,purchasely.example"), []string{"ALLOWED_SOURCES: holds something"}},
		"a source that is half written":  {with("ALLOWED_SOURCES", "203.0.113"), []string{"ALLOWED_SOURCES: holds something"}},
		"a source left open":             {with("ALLOWED_SOURCES", "203.0.113.7,"), []string{"ALLOWED_SOURCES: holds something"}},
		"sources of nothing":             {with("ALLOWED_SOURCES", ","), []string{"ALLOWED_SOURCES: holds something"}},
		"a block that is too narrow":     {with("ALLOWED_SOURCES", "203.0.113.0/33"), []string{"ALLOWED_SOURCES: holds something"}},
		"IPv4 written as IPv6":           {with("ALLOWED_SOURCES", "::ffff:203.0.113.7"), []string{"ALLOWED_SOURCES: holds something"}},
		"a file without apps":            {with("INTEGRATIONS_FILE", empty), []string{"INTEGRATIONS_FILE: no app name"}},
		"a folder for a file":            {with("INTEGRATIONS_FILE", filepath.Dir(empty)), []string{"INTEGRATIONS_FILE: cannot be read"}},
		"a limit of nothing":             {with("MAX_BODY_BYTES", "0"), []string{"MAX_BODY_BYTES: 0 is not between 1 and 783360"}},
		"more than the queue takes":      {with("MAX_BODY_BYTES", "783361"), []string{"MAX_BODY_BYTES: 783361 is not between"}},
		"a tolerance without a unit":     {with("TIMESTAMP_TOLERANCE", "300"), []string{`TIMESTAMP_TOLERANCE: "300" is not a duration`}},
		"a prefix that no secret has":    {with("SECRETS_PREFIX", "my bridge"), []string{"SECRETS_PREFIX: holds a character"}},
		"a queue's name for its address": {with("QUEUE_URL", "arn:aws:sqs:eu-west-1:0:q"), []string{"QUEUE_URL: not an absolute"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(c.values)
			if err == nil {
				t.Fatal("no error")
			}
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("more than one line: %q", err)
			}
			if got := len(faults.FindAllString(err.Error(), -1)); got != len(c.wants) {
				t.Errorf("%d faults, want %d: %v", got, len(c.wants), err)
			}
			for _, want := range c.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in %q", want, err)
				}
			}
		})
	}
}

func with(name, value string) map[string]string {
	values := good()
	values[name] = value
	return values
}
