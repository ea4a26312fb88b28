// Package events_test makes the fixtures of this folder and keeps them in step: requests and batches with the webhooks,
// and what is wanted of them with what the functions' own handlers do, the whole path in one process.
package events_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// fixtures are all requests. Their signatures are an hour apart by their place in the table, so append.
var fixtures = []fixture{
	{name: "activate"},
	{name: "deactivate"},
	{name: "subscription-started", base64: true},
	{name: "subscription-renewed", signed: both},
	{name: "renewal-disabled"},
	{name: "grace-period-started"},
	{name: "billing-retry"},
	{name: "subscription-upgraded"},
	{name: "subscription-paused"},
	{name: "trial-started"},
	{name: "trial-converted"},
	{name: "promotional-offer-started"},
	{name: "transaction-payment"},
	{name: "transaction-refund"},
	{name: "subscription-transferred"},
	{name: "subscription-received"},
	{name: "one-time-purchase"},
	{name: "one-time-purchase-refunded"},
	{name: "anonymous"},
	{name: "sandbox"},
	{name: "unknown-event"},
	{name: "web-purchase"},
	{name: "version-2"},
	{name: "no-identity"},
	{name: "wrong-signature", signed: forged},
	{
		name: "deprecated-signature", literal: true, signed: deprecated,
		text: `{"api_version":3,"event_name":"ACTIVATE","user_id":"learner-22001"}`,
	},
	{
		name: "unknown-app", literal: true, app: "parla-tv",
		text: `{"api_version":3,"event_name":"ACTIVATE","user_id":"learner-22002"}`,
	},
	{name: "too-large", literal: true, text: strings.Repeat(" ", 262145)},
	{name: "not-json", literal: true, text: "This is signed, and it is no JSON."},
	{name: "empty-body", literal: true},
	{name: "one-time-purchase-received"},

	// What follows is in order: the steps of a series are about the same users.
	{name: "upgrade-end-last-1-started"}, {name: "upgrade-end-last-2-activate"}, {name: "upgrade-end-last-3-deactivate"},
	{name: "upgrade-end-first-1-started"}, {name: "upgrade-end-first-2-deactivate"},
	{name: "upgrade-end-first-3-activate"},
	{name: "two-subscriptions-1-store"}, {name: "two-subscriptions-2-web"}, {name: "two-subscriptions-3-store-ends"},
	{name: "late-retry-1-started"}, {name: "late-retry-2-terminated"}, {name: "late-retry-3-renewed"},
	{name: "redrive-1-started"}, {name: "redrive-2-terminated"}, {name: "redrive-3-redriven"},
	{name: "transfer-1-started"}, {name: "transfer-2-received"}, {name: "transfer-3-transferred"},
	{name: "family-shared-1-own"}, {name: "family-shared-2-shared"}, {name: "family-shared-3-revoked"},
}

// sent is when the fixture at a place of the table was signed and received: on days after what its webhook tells
// about.
func sent(place int) time.Time {
	return time.Date(2026, time.November, 1, 9, 0, 0, 0, time.UTC).Add(time.Duration(place) * time.Hour)
}

func TestRequests(t *testing.T) {
	for i, f := range fixtures {
		golden(t, "receiver-"+f.name+".json", f.request(t, sent(i)))
	}
}

func TestNothingIsLeftOver(t *testing.T) {
	var made []string
	for _, f := range fixtures {
		made = append(made, "receiver-"+f.name+".json", "receiver-"+f.name+".want.json")
		if !f.literal {
			made = append(made, filepath.Join("webhooks", f.name+".json"))
		}
	}
	for _, f := range usersFixtures {
		made = append(made, "users-"+f.name+".json", "users-"+f.name+".want.json")
	}
	for _, pattern := range []string{"receiver-*.json", "users-*.json", "webhooks/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			if !slices.Contains(made, file) {
				t.Errorf("%s belongs to no line of the table", file)
			}
		}
	}
}

// read reads a file; UPDATE_GOLDEN=1 makes those that tests make.
func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// golden compares v, as indented JSON, with a file; with UPDATE_GOLDEN=1 it writes the file instead.
func golden(t *testing.T, file string, v any) {
	t.Helper()
	got, err := json.Marshal(v, jsontext.WithIndent("  "), json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(read(t, file)), string(got)); diff != "" {
		t.Errorf("%s is out of step; if the new one is right, UPDATE_GOLDEN=1 keeps it (-file +made):\n%s", file, diff)
	}
}
