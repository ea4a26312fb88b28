package forward_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// The one subscriber of these tests, and the time of its webhooks.
var (
	annasKey = message.SubscriberID("demo", "user", "person-anna")
	morning  = time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
)

// annas is a webhook about one of Anna's purchases.
func annas(event, purchase string, minute int) string {
	at := morning.Add(time.Duration(minute) * time.Minute)
	return fmt.Sprintf(`{"event_name":%q,"event_id":"e-%s-%d","user_id":"person-anna","purchasely_subscription_id":%q,"event_created_at_ms":%d,
		"environment":"PRODUCTION","purchase_type":"RENEWING_SUBSCRIPTION","plan":"plan-of-%[2]s"}`, event, purchase, minute, purchase, at.UnixMilli())
}

// storedOf is the entry of a subscriber with one purchase.
func storedOf(purchase string, active bool, minute int) string {
	return subscriber.State{Production: map[string]subscriber.Entry{
		purchase: {Active: active, At: morning.Add(time.Duration(minute) * time.Minute), Rank: subscriber.Activate},
	}}.Encode()
}

// table is a subscriber table in memory, in which others may write just before we do.
type table struct {
	mu      sync.Mutex
	texts   map[string]string
	rivals  []string // entries that others write before our first write, our second, and so on
	reading error
	writing error
	reads   int
	writes  int
}

func (b *table) subscribers() fakeSubscribers {
	return fakeSubscribers{
		read: func(keys []string) (map[string]string, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.reads++
			if b.reading != nil {
				return nil, b.reading
			}
			found := map[string]string{}
			for _, key := range keys {
				if text, ok := b.texts[key]; ok {
					found[key] = text
				}
			}
			return found, nil
		},
		write: func(key, read, text string) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.writes++
			if len(b.rivals) > 0 {
				b.texts[key], b.rivals = b.rivals[0], b.rivals[1:]
			}
			if b.texts[key] != read {
				return forward.ErrConflict
			}
			if b.writing == nil {
				b.texts[key] = text
			}
			return b.writing
		},
	}
}

// profiles makes the corridor's CleverTap note the profiles that it gets, as text.
func (c *corridor) profiles() *[]string {
	var mu sync.Mutex
	all := &[]string{}
	c.clevertap = func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		for _, part := range strings.Split(string(body), `"profileData":`)[1:] {
			*all = append(*all, part[:strings.IndexByte(part, '}')+1])
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		return acceptAll(r)
	}
	return all
}

func TestWhatAProfileSaysGoesByTheSubscribersEntry(t *testing.T) {
	const only = `{"user_id":"person-anna","has_active_subscription":%t}`
	tests := map[string]struct {
		stored   string
		messages []string
		profiles []string // parts of each that is sent
		writes   int
	}{
		"nothing is stored":                              {"", []string{annas("ACTIVATE", "a", 1)}, []string{`"has_active_subscription":true`}, 1},
		"the end of the only purchase is an end":         {storedOf("a", true, 1), []string{annas("DEACTIVATE", "a", 2)}, []string{`"has_active_subscription":false`}, 1},
		"an older event makes no profile":                {storedOf("a", false, 5), []string{annas("ACTIVATE", "a", 2)}, nil, 0},
		"another purchase is active":                     {storedOf("b", true, 1), []string{annas("DEACTIVATE", "a", 2)}, []string{fmt.Sprintf(only, true)}, 1},
		"the same event again changes nothing":           {storedOf("a", true, 1), []string{annas("ACTIVATE", "a", 1)}, []string{`"has_active_subscription":true`}, 0},
		"an upgrade in one batch, the end first":         {storedOf("a", true, 1), []string{annas("DEACTIVATE", "a", 2), annas("ACTIVATE", "b", 3)}, []string{`"has_active_subscription":true`}, 1},
		"an upgrade in one batch, the end last":          {storedOf("a", true, 1), []string{annas("ACTIVATE", "b", 3), annas("DEACTIVATE", "a", 4)}, []string{`"has_active_subscription":true`}, 1},
		"states of a batch that come in the wrong order": {"", []string{annas("DEACTIVATE", "a", 4), annas("ACTIVATE", "a", 3)}, []string{`"has_active_subscription":false`}, 1},
		"an entry that nobody can read is replaced":      {"words about person-anna", []string{annas("ACTIVATE", "a", 1)}, []string{`"has_active_subscription":true`}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, b := newCorridor(t), &table{texts: map[string]string{}}
			if test.stored != "" {
				b.texts[annasKey] = test.stored
			}
			c.Subscribers = b.subscribers()
			sent := c.profiles()
			var messages []queued
			for _, body := range test.messages {
				messages = append(messages, queued{app: "demo", body: body, group: "anna"})
			}
			if ids := c.run(t, messages); len(ids) > 0 {
				t.Errorf("%v come back", ids)
			}
			if len(*sent) != len(test.profiles) {
				t.Fatalf("profiles %v", *sent)
			}
			for i, part := range test.profiles {
				if !strings.Contains((*sent)[i], part) {
					t.Errorf("profile %s, want %s", (*sent)[i], part)
				}
			}
			if b.writes != test.writes {
				t.Errorf("%d writes, want %d", b.writes, test.writes)
			}
			if strings.Contains(c.out.String(), "person-") {
				t.Error("the log names the user")
			}
		})
	}
}

// Another forwarder writes the entry between our read and our write: what it wrote counts as well.
func TestAfterAConflictTheOthersEntryCounts(t *testing.T) {
	c, b := newCorridor(t), &table{texts: map[string]string{}, rivals: []string{storedOf("b", true, 9), storedOf("b", true, 10)}}
	c.Subscribers = b.subscribers()
	sent := c.profiles()
	if ids := c.run(t, []queued{{app: "demo", body: annas("DEACTIVATE", "a", 2)}}); len(ids) > 0 {
		t.Errorf("%v come back", ids)
	}
	state, err := subscriber.Decode(b.texts[annasKey])
	if err != nil || len(state.Production) != 2 || b.writes != 3 {
		t.Errorf("stored %+v after %d writes, %v", state, b.writes, err)
	}
	if len(*sent) != 1 || !strings.Contains((*sent)[0], `"has_active_subscription":true`) || strings.Contains((*sent)[0], "plan") {
		t.Errorf("profiles %v", *sent)
	}
}

func TestATableThatFailsHoldsOnlyWhatNeedsIt(t *testing.T) {
	down := errors.New("out of reach")
	rivals := make([]string, 9)
	for i := range rivals {
		rivals[i] = storedOf("b", true, 10+i)
	}
	for name, b := range map[string]*table{
		"it cannot be read":       {reading: down},
		"it cannot be written":    {writing: down},
		"others are always first": {rivals: rivals},
	} {
		t.Run(name, func(t *testing.T) {
			b.texts = map[string]string{}
			c := newCorridor(t)
			c.Subscribers = b.subscribers()
			messages := []queued{
				{app: "demo", body: annas("ACTIVATE", "a", 1), group: "anna"},
				{app: "demo", body: `{"event_name":"SUBSCRIPTION_STARTED","event_id":"e","user_id":"person-bert","purchase_type":"CONSUMABLE"}`},
				{app: "silent", body: bodies["nobody"]},
				{app: "demo", body: bodies["broken"]},
			}
			c.run(t, messages)
			want := []string{"retry table", "delivered", "skipped no_identity", "rejected malformed"}
			if diff := cmp.Diff(want, c.told(t, messages)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An event that is switched off is skipped, and yet its state is kept; without the table it is retried like any that needs it.
func TestASwitchedOffEventIsKeptAllTheSame(t *testing.T) {
	for name, test := range map[string]struct {
		reading error
		want    string
	}{"the table is there": {nil, "skipped event_off"}, "the table is away": {errDenied, "retry table"}} {
		t.Run(name, func(t *testing.T) {
			c, b := newCorridor(t), &table{texts: map[string]string{}, reading: test.reading}
			c.Subscribers = b.subscribers()
			messages := []queued{{app: "silent", body: annas("ACTIVATE", "a", 1)}}
			c.run(t, messages)
			if got := c.told(t, messages); !slices.Equal(got, []string{test.want}) {
				t.Errorf("got %v", got)
			}
			if kept := len(b.texts) == 1; kept != (test.reading == nil) {
				t.Errorf("kept: %t", kept)
			}
		})
	}
}

func TestATransferWritesTheEntriesOfBothSubscribers(t *testing.T) {
	c, b := newCorridor(t), &table{texts: map[string]string{message.SubscriberID("demo", "user", "person-bert"): storedOf("a", true, 1)}}
	c.Subscribers = b.subscribers()
	sent := c.profiles()
	body := strings.Replace(annas("SUBSCRIPTION_RECEIVED", "a", 5), `"user_id"`, `"transferred_from_user_id":"person-bert","user_id"`, 1)
	if ids := c.run(t, []queued{{app: "demo", body: body}}); len(ids) > 0 {
		t.Errorf("%v come back", ids)
	}
	for user, active := range map[string]bool{"person-anna": true, "person-bert": false} {
		state, err := subscriber.Decode(b.texts[message.SubscriberID("demo", "user", user)])
		if err != nil || state.Production["a"].Active != active {
			t.Errorf("%s: %+v, %v", user, state, err)
		}
	}
	if len(*sent) != 2 || !strings.Contains((*sent)[1], `{"has_active_subscription":false}`) {
		t.Errorf("profiles %v", *sent)
	}
}
