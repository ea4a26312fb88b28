package forward_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// The ids of the webhooks in bodies.
var (
	person7 = subscriber.Partition("user", "person-7")
	person8 = subscriber.Partition("anonymous", "person-8")
	newYear = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when synctest's bubbles begin
)

// withPerson returns a table that knows a person of the app demo.
func withPerson(partition string, p subscriber.Person, now time.Time) *memoryTable {
	t := newTable()
	t.Items[subscriber.PersonKey(partition, "demo")] = p.Item(now)
	return t
}

func TestALinkAddressesThePersonByCleverTapID(t *testing.T) {
	const linked, byUser, byAnonymous = `"objectId":"__gabc"`, `"identity":"person-7"`, `"identity":"person-8"`
	for name, test := range map[string]struct {
		app, body, partition string
		want                 string
	}{
		"a subscriber without a user id":     {"{}", "anonymous", person8, linked},
		"by default no subscriber with one":  {"{}", "renewal", person7, byUser},
		"every subscriber, if the file says": {"{clevertap_id: always}", "renewal", person7, linked},
		"nobody, if the file says":           {"{clevertap_id: never}", "anonymous", person8, byAnonymous},
		"not those of whom there is no link": {"{clevertap_id: always}", "renewal", person8, byUser},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.useApps("demo: " + test.app)
			h.Table = withPerson(test.partition, subscriber.Person{CleverTapID: "__gabc", ObservedAt: morning}, time.Now())
			h.onUpload(func(_ string, body []byte) {
				if n := strings.Count(string(body), test.want); n != 2 {
					t.Errorf("%d records have %s: %s", n, test.want, body)
				}
			})
			h.runAll(newMessage("demo", test.body))
			h.wantOutcomes("delivered")
		})
	}
}

func TestNothingIsSentOrStoredOfASuppressedSubscriber(t *testing.T) {
	suppressed := subscriber.Person{SuppressedAt: morning}
	restored := subscriber.Person{SuppressedAt: morning, RestoredAt: morning.Add(time.Minute)}
	for name, test := range map[string]struct {
		body      string
		partition string
		person    subscriber.Person
		want      string
	}{
		"known by an anonymous id":   {bodies["anonymous"], person8, suppressed, "skipped suppressed"},
		"suppressed by the other id": {withAnonymousID(bodies["renewal"]), person8, suppressed, "skipped suppressed"},
		"restored":                   {bodies["renewal"], person7, restored, "delivered"},
		"of an event without a state": {
			bodies["consumable"], subscriber.Partition("user", "person-9"), suppressed, "skipped suppressed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			table := withPerson(test.partition, test.person, time.Now())
			h.Table, h.Journal, h.JournalLifetime = table, forward.JournalBodies, time.Hour
			before := maps.Clone(table.Items)
			h.runAll(queued{app: "demo", body: test.body})
			h.wantOutcomes(test.want)
			if unchanged := maps.EqualFunc(before, table.Items, maps.Equal); unchanged == (test.want == "delivered") {
				t.Errorf("the table has %v", slices.Collect(maps.Keys(table.Items)))
			}
		})
	}
}

func withAnonymousID(body string) string {
	return strings.Replace(body, `"user_id"`, `"anonymous_user_id":"person-8","user_id"`, 1)
}

// In a transfer only the other one's part is sent.
func TestOfATransferOnlyThePartOfWhomIsNotSuppressedIsSent(t *testing.T) {
	received := queued{app: "demo", body: `{"event_name":"SUBSCRIPTION_RECEIVED","event_id":"e-1","user_id":"person-7",` +
		`"purchasely_subscription_id":"s","transferred_from_anonymous_user_id":"person-8"}`}
	for name, test := range map[string]struct {
		suppressed string
		sent       []string
		want       string
	}{
		"nobody is suppressed":           {"", []string{"person-7", "person-7", "person-8"}, "delivered"},
		"the former one is":              {person8, []string{"person-7", "person-7"}, "delivered"},
		"the new one is, not the former": {person7, []string{"person-8"}, "delivered"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.Table = withPerson(test.suppressed, subscriber.Person{SuppressedAt: morning}, time.Now())
			var sent []string
			h.onUpload(func(_ string, body []byte) {
				for _, part := range strings.Split(string(body), `"identity":"`)[1:] {
					sent = append(sent, part[:strings.IndexByte(part, '"')])
				}
			})
			h.runAll(received)
			h.wantOutcomes(test.want)
			if slices.Sort(sent); !slices.Equal(sent, test.sent) {
				t.Errorf("sent to %v, want %v", sent, test.sent)
			}
		})
	}
}

func TestAnAnonymousSubscribersWebhookWaitsForItsLink(t *testing.T) {
	const never, minute, hour = 0, time.Minute, time.Hour
	link := withPerson(person8, subscriber.Person{CleverTapID: "abc", ObservedAt: newYear}, newYear)
	for name, test := range map[string]struct {
		app   string
		table *memoryTable
		body  string
		age   time.Duration
		want  string
		after time.Duration // when the message comes back
	}{
		"until there is one": {"{link_wait: 1h}", link, "anonymous", minute, "delivered", never},
		"meanwhile it comes back": {
			"{link_wait: 1h}", newTable(), "anonymous", minute, "retry link_wait", 5 * time.Second,
		},
		"not later than its wait ends": {
			"{link_wait: 1h}", newTable(), "anonymous", hour - 2*time.Second, "retry link_wait", 2 * time.Second,
		},
		"then it is sent without": {"{link_wait: 1h}", newTable(), "anonymous", hour, "delivered", never},
		"which it is not while it waits": {
			"{link_wait: 1h, anonymous: skip}", newTable(), "anonymous", minute, "retry link_wait", 5 * time.Second,
		},
		"not if the file says so": {"{}", newTable(), "anonymous", minute, "delivered", never},
		"not if links are not used": {
			"{link_wait: 1h, clevertap_id: never}", newTable(), "anonymous", minute, "delivered", never,
		},
		"not without a table": {"{link_wait: 1h}", nil, "anonymous", minute, "delivered", never},
		"not if nothing would be sent": {
			"{link_wait: 1h, server_events: {default: skip}, user_properties: {default: none}}", newTable(), "anonymous",
			minute, "skipped event_off", never,
		},
	} {
		inBubble(t, name, func(t *testing.T, h *harness) {
			h.useApps("demo: " + test.app)
			if test.table != nil {
				h.Table = test.table
			}
			h.Jitter = func() float64 { return 0.5 }
			var after time.Duration
			h.delay = func(_ context.Context, _ string, messages []message.Delay) error {
				after = messages[0].After
				return nil
			}
			h.run(queued{app: "demo", body: bodies[test.body], received: time.Now().Add(-test.age)})
			h.wantOutcomes(test.want)
			if after != test.after {
				t.Errorf("comes back after %s, want %s", after, test.after)
			}
		})
	}
}

// A person's item lives for 400 days after its last change; one that is used does not expire.
func TestThePersonsItemIsRenewedByItsUse(t *testing.T) {
	known := subscriber.Person{CleverTapID: "abc", ObservedAt: newYear}
	for name, test := range map[string]struct {
		age     time.Duration
		changed bool // by somebody else meanwhile
		want    time.Duration
	}{
		"when less than half of its life is left": {201 * 24 * time.Hour, false, 400 * 24 * time.Hour},
		"not before":                   {199 * 24 * time.Hour, false, 201 * 24 * time.Hour},
		"not when somebody changed it": {201 * 24 * time.Hour, true, 199 * 24 * time.Hour},
	} {
		inBubble(t, name, func(t *testing.T, h *harness) {
			table := withPerson(person8, known, time.Now().Add(-test.age))
			key := subscriber.PersonKey(person8, "demo")
			h.Table = table
			h.onUpload(func(string, []byte) {
				if test.changed {
					table.Items[key] = maps.Clone(table.Items[key])
					table.Items[key][subscriber.LinkAttribute] = "def"
				}
			})
			h.runAll(newMessage("demo", "anonymous"))
			expires := time.Unix(table.Items[key].Number(subscriber.ExpiresAttribute), 0)
			if left := time.Until(expires); left != test.want {
				t.Errorf("%s left, want %s", left, test.want)
			}
		})
	}
}

// CleverTap may have stored the records of an answer that does not account for them: they are sent four times at most.
func TestARecordThatNoAnswerAccountsForIsSentFourTimes(t *testing.T) {
	for name, table := range map[string]*memoryTable{"with a table": newTable(), "without a table": nil} {
		inBubble(t, name, func(t *testing.T, h *harness) {
			uploads := 0
			if table != nil {
				h.Table = table
			}
			h.clevertap = responses["wrong count"]
			h.onUpload(func(string, []byte) { uploads++ })
			m := queued{app: "demo", body: bodies["renewal"], received: time.Now()}
			for range 3 {
				m.receives++
				h.run(m)
				time.Sleep(time.Hour) // until the breaker is closed
			}
			h.out.Reset()
			m.receives++
			h.runAll(m)
			h.wantOutcomes("rejected unmatched")
			if uploads != 4 {
				t.Errorf("%d uploads", uploads)
			}
		})
	}
}

// With a table, only uploads count, not the receives that ended before one.
func TestReceivesWithoutAnUploadDoNotCount(t *testing.T) {
	h := newHarness(t)
	h.Table, h.clevertap = newTable(), responses["wrong count"]
	h.run(queued{app: "demo", body: bodies["renewal"], received: time.Now(), receives: 9})
	h.wantOutcomes("retry unmatched")
}
