package forward_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// breakers returns the breakers in the table, and how often they were written.
func (t *memoryTable) breakers() map[string]subscriber.Breaker {
	all := make(map[string]subscriber.Breaker)
	for key, item := range t.Items {
		if key.Partition == subscriber.BreakersPartition {
			all[strings.TrimPrefix(key.Sort, subscriber.BreakerPrefix)] = subscriber.ReadBreaker(item)
		}
	}
	return all
}

// countBreakerWrites makes the table count the writes of breakers, which fail while broken says so.
func (t *memoryTable) countBreakerWrites(writes *int, broken *bool) {
	t.hook = func(_ context.Context, operation, key string, call func() error) error {
		if operation == opPut && strings.Contains(key, subscriber.BreakersPartition) {
			*writes++
			if *broken {
				return errDown
			}
		}
		return call()
	}
}

// atHost is an account of Europe in the table.
func atHost(account string) string { return "api.clevertap.com/" + account }

func TestABreakerIsWrittenWhenItOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		table, writes, broken := newTable(), 0, false
		table.countBreakerWrites(&writes, &broken)
		h.Table = table
		begun := time.Now().UTC()
		want := subscriber.Breaker{App: "demo", Account: atHost("DEMO"), Reason: "server", Code: "500"}
		expect := func(when string, wantWrites int) {
			t.Helper()
			if diff := cmp.Diff(want, table.breakers()["demo#"+want.Account]); diff != "" || writes != wantWrites {
				t.Errorf("%s: %d writes, want %d (-want +got):\n%s", when, writes, wantWrites, diff)
			}
		}
		h.runAll(newMessage("demo", "renewal"))
		h.clevertap = responses["500"]
		for range 2 {
			h.run(newMessage("demo", "renewal"))
		}
		if writes != 0 {
			t.Errorf("%d writes before anything has opened", writes)
		}
		broken = true
		h.run(newMessage("demo", "renewal"))
		if writes != 1 || len(table.breakers()) > 0 {
			t.Errorf("%d writes to a table that is down", writes)
		}
		broken = false
		h.run(newMessage("demo", "renewal"))
		want.Opened, want.Until = begun, begun.Add(30*time.Second)
		expect("open, and the first write was lost", 2)
		time.Sleep(20 * time.Second)
		h.run(newMessage("demo", "renewal"), newMessage("demo", "renewal"))
		expect("while it stays open", 2)
		time.Sleep(20 * time.Second)
		h.run(newMessage("demo", "renewal"))
		want.Until = begun.Add(40*time.Second + time.Minute)
		expect("open again", 3)
		time.Sleep(2 * time.Minute)
		h.clevertap = acceptAll
		h.runAll(newMessage("demo", "renewal"))
		want.Closed = time.Now().UTC()
		expect("closed", 4)
		h.runAll(newMessage("demo", "renewal"))
		expect("while it stays closed", 4)
	})
}

func TestABreakerSaysWhichAppsWaitForWhichAccount(t *testing.T) {
	h := newHarness(t)
	h.accounts = func(_ context.Context, app string) (clevertap.Accounts, error) {
		account := "BOTH"
		if app == "other" {
			account = "OWN"
		}
		return clevertap.ParseAccounts(fmt.Appendf(nil, `{"account_id":"%s","passcode":"passcode-77"}`, account))
	}
	h.clevertap = func(r *http.Request, body []byte) (*http.Response, error) {
		if r.Header.Get("X-CleverTap-Account-Id") == "BOTH" {
			return respond(http.StatusUnauthorized, "")
		}
		return acceptAll(r, body)
	}
	table := newTable()
	h.Table = table
	h.run(newMessage("demo", "renewal"), newMessage("users-only", "renewal"), newMessage("other", "renewal"))
	var got []string
	for key, b := range table.breakers() {
		got = append(got, fmt.Sprint(key, " ", b.Reason, " ", b.Code))
	}
	slices.Sort(got)
	want := []string{"demo#" + atHost("BOTH") + " credentials 401", "users-only#" + atHost("BOTH") + " credentials 401"}
	if !slices.Equal(got, want) {
		t.Errorf("breakers %q, want %q", got, want)
	}
}
