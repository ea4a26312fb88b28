package forward_test

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// brokenApp is the app on whose messages the code panics: half of its integration is missing.
const brokenApp = "broken"

func newBrokenCorridor(t *testing.T) *corridor {
	t.Helper()
	c := newCorridor(t)
	apps := maps.Clone(c.Integrations.Apps)
	apps[brokenApp] = &integration.App{Name: brokenApp, Enabled: true}
	c.Integrations = &integration.File{Apps: apps}
	return c
}

// told gives the outcome of each message: "delivered", or what the log says, such as "retry panic".
func (c *corridor) told(t *testing.T, messages []queued) []string {
	t.Helper()
	all := make([]string, len(messages))
	for i := range all {
		all[i] = "delivered"
		for _, line := range c.lines(t) {
			if strings.Trim(string(line["messageId"]), `"`) == messageID(i) {
				all[i] = strings.Trim(string(line["outcome"]), `"`) + " " + strings.Trim(string(line["reason"]), `"`)
			}
		}
	}
	return all
}

func TestAMessageOnWhichTheCodePanicsIsRetriedFourTimesThenRejected(t *testing.T) {
	for receives, want := range map[int]string{
		1: "retry panic", 2: "retry panic", 3: "retry panic", 4: "retry panic", 5: "rejected panic", 6: "rejected panic", 99: "rejected panic",
	} {
		c := newBrokenCorridor(t)
		messages := []queued{{app: brokenApp, body: bodies["event"], receives: receives}}
		returned := c.run(t, messages)
		if got := c.told(t, messages)[0]; got != want || (len(returned) == 1) != (receives <= 4) {
			t.Errorf("received %d times: %s, %v come back", receives, got, returned)
		}
		if receives > 4 && (len(c.rejected) != 1 || c.rejected[0].Reason != "panic" || strings.Contains(c.rejected[0].Error, "person")) {
			t.Errorf("rejected %+v", c.rejected)
		}
	}
}

func TestNeighboursOfAPanicAreProcessedAsIfItWereNotThere(t *testing.T) {
	for name, test := range map[string]struct {
		receives int
		want     []string
	}{
		"while it is retried, its group waits": {1, []string{"delivered", "retry panic", "retry group_order", "delivered", "rejected malformed"}},
		"once it is rejected, nobody waits":    {5, []string{"delivered", "rejected panic", "delivered", "delivered", "rejected malformed"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newBrokenCorridor(t)
			messages := []queued{
				{app: "demo", body: bodies["event"], group: "g"}, {app: brokenApp, body: bodies["event"], group: "g", receives: test.receives},
				{app: "demo", body: bodies["anonymous"], group: "g"}, {app: "demo", body: bodies["surprising"], group: "h"},
				{app: "demo", body: bodies["broken"], group: "g"},
			}
			c.run(t, messages)
			if diff := cmp.Diff(test.want, c.told(t, messages)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// fakeSubscribers is a subscriber table of which a test says what it does.
type fakeSubscribers struct {
	read  func(keys []string) (map[string]string, error)
	write func(key, read, text string) error
}

func (f fakeSubscribers) Read(_ context.Context, keys []string) (map[string]string, error) {
	return f.read(keys)
}

func (f fakeSubscribers) Write(_ context.Context, key, read, text string) error {
	return f.write(key, read, text)
}

var _ forward.Subscribers = fakeSubscribers{}

func nothingStored([]string) (map[string]string, error) { return nil, nil }

func TestAPanicAboutASubscriberEndsTheMessagesThatNeedItAndNoOthers(t *testing.T) {
	for receives, want := range map[int]string{1: "retry panic", 5: "rejected panic"} {
		c := newCorridor(t)
		c.Subscribers = fakeSubscribers{read: nothingStored, write: func(string, string, string) error { panic("person-7") }}
		messages := []queued{
			{app: "demo", body: bodies["event"], receives: receives},
			{app: "demo", body: `{"event_name":"SUBSCRIPTION_STARTED","event_id":"e-9","user_id":"person-9","purchase_type":"CONSUMABLE"}`},
		}
		c.run(t, messages)
		if diff := cmp.Diff([]string{want, "delivered"}, c.told(t, messages)); diff != "" {
			t.Error(diff)
		}
		if strings.Contains(c.out.String(), "person-7") {
			t.Error("the panic's words are in the log")
		}
	}
}
