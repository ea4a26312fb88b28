//go:build blackbox

package main_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// keeping starts the forwarder with subscriber state on.
func keeping(t *testing.T, s setup) (*stage, *awstest.Table) {
	t.Helper()
	s.env = maps.Clone(s.env)
	if s.env == nil {
		s.env = map[string]string{}
	}
	s.env["SUBSCRIBERS_TABLE"] = "subscribers"
	g := start(t, s)
	return g, g.aws.Dynamo.Create("subscribers", "subscriber")
}

// morning is when the stories of subscribers begin.
var morning = time.Now().UTC().Truncate(time.Hour).Add(-24 * time.Hour)

// happens is a webhook about one of a user's purchases, so many minutes into the story.
func happens(minute int, event, user, purchase string, changes ...string) string {
	at := morning.Add(time.Duration(minute) * time.Minute)
	return bought(user, append([]string{
		"event_name", strconv.Quote(event), "purchasely_subscription_id", strconv.Quote("private-" + purchase), "plan", strconv.Quote("private-" + purchase),
		"event_created_at", at.Format(`"2006-01-02T15:04:05.000Z"`), "event_created_at_ms", strconv.FormatInt(at.UnixMilli(), 10),
	}, changes...)...)
}

// told is what an account has of a user's property, "" if nothing.
func (s *stage) told(account, user, property string) string {
	for _, p := range s.clevertap.Profiles() {
		if p.Account == account && p.ID == "person-"+user {
			return string(p.Data[property])
		}
	}
	return ""
}

// entry is the key of a user of the demo app.
func entry(user string) string { return message.SubscriberID("demo", "user", "person-"+user) }

const ended = `"DEACTIVATED"`

// stories are what happens to users, and whether CleverTap has them as active in the end.
var stories = map[string]struct {
	webhooks []string
	on, off  map[string]string
	plan     string // of user a in the end, with subscriber state
}{
	"a purchase": {
		[]string{happens(1, "ACTIVATE", "a", "old")}, map[string]string{"a": "true"}, map[string]string{"a": "true"}, "old",
	},
	"its end": {
		[]string{happens(1, "ACTIVATE", "a", "old"), happens(2, "DEACTIVATE", "a", "old", "subscription_status", ended)},
		map[string]string{"a": "false"}, map[string]string{"a": "false"}, "old",
	},
	"an upgrade, the end first": {
		[]string{happens(1, "ACTIVATE", "a", "old"), happens(5, "DEACTIVATE", "a", "old"), happens(6, "ACTIVATE", "a", "new")},
		map[string]string{"a": "true"}, map[string]string{"a": "true"}, "new",
	},
	"an upgrade, the end last": {
		[]string{happens(1, "ACTIVATE", "a", "old"), happens(5, "ACTIVATE", "a", "new"), happens(6, "DEACTIVATE", "a", "old", "subscription_status", ended)},
		map[string]string{"a": "true"}, map[string]string{"a": "false"}, "new",
	},
	"two subscriptions of which one ends": {
		[]string{happens(1, "SUBSCRIPTION_STARTED", "a", "store"), happens(2, "SUBSCRIPTION_STARTED", "a", "web"), happens(9, "SUBSCRIPTION_TERMINATED", "a", "store", "subscription_status", `"UNPAID"`)},
		map[string]string{"a": "true"}, map[string]string{"a": "false"}, "web",
	},
	"and then the other": {
		[]string{
			happens(1, "ACTIVATE", "a", "store"), happens(2, "ACTIVATE", "a", "web"),
			happens(9, "DEACTIVATE", "a", "store", "subscription_status", ended), happens(10, "DEACTIVATE", "a", "web", "subscription_status", ended),
		},
		map[string]string{"a": "false"}, map[string]string{"a": "false"}, "web",
	},
	"a family-shared purchase that is taken back": {
		[]string{happens(1, "ACTIVATE", "a", "own"), happens(2, "ACTIVATE", "a", "shared", "is_family_shared", "true"), happens(3, "FAMILY_SHARED_REVOKED", "a", "shared", "is_family_shared", "true")},
		map[string]string{"a": "true"}, map[string]string{"a": "false"}, "shared",
	},
	"a transfer of the only purchase": {
		[]string{happens(1, "ACTIVATE", "a", "old"), happens(2, "SUBSCRIPTION_RECEIVED", "b", "old", "transferred_from_user_id", `"person-a"`)},
		map[string]string{"a": "false", "b": "true"}, map[string]string{"a": "false", "b": "true"}, "old",
	},
	"a transfer of one of two purchases": {
		[]string{
			happens(1, "ACTIVATE", "a", "kept"), happens(2, "ACTIVATE", "a", "old"),
			happens(3, "SUBSCRIPTION_RECEIVED", "b", "old", "transferred_from_user_id", `"person-a"`), happens(3, "DEACTIVATE", "a", "old"),
		},
		map[string]string{"a": "true", "b": "true"}, map[string]string{"a": "false", "b": "true"}, "old",
	},
	"three events of one instant": {
		[]string{happens(4, "SUBSCRIPTION_TERMINATED", "a", "old"), happens(4, "ACTIVATE", "a", "old"), happens(4, "DEACTIVATE", "a", "old")},
		map[string]string{"a": "true"}, nil, "old",
	},
	"an end without the purchase's id": {
		[]string{happens(1, "ACTIVATE", "a", "old"), happens(2, "DEACTIVATE", "a", "old", "purchasely_subscription_id", "", "plan", `"private-other"`)},
		map[string]string{"a": "true"}, map[string]string{"a": "false"}, "old",
	},
	"a purchase named by its store": {
		[]string{
			happens(1, "ACTIVATE", "a", "old", "purchasely_subscription_id", "", "store_original_transaction_id", `"private-1"`), happens(2, "ACTIVATE", "a", "new"),
			happens(3, "DEACTIVATE", "a", "new", "subscription_status", ended), happens(4, "DEACTIVATE", "a", "old", "purchasely_subscription_id", `"null"`, "store_original_transaction_id", `"private-1"`),
		},
		map[string]string{"a": "false"}, map[string]string{"a": "false"}, "old",
	},
	"a lamp bought meanwhile": {
		[]string{happens(1, "ACTIVATE", "a", "old"), happens(2, "DEACTIVATE", "a", "lamp", "purchase_type", `"CONSUMABLE"`)},
		map[string]string{"a": "true"}, map[string]string{"a": "true"}, "old",
	},
}

func TestAPayingUserIsNeverCalledInactive(t *testing.T) {
	t.Parallel()
	for name, story := range stories {
		for _, queue := range []string{"events.fifo", "events"} {
			for _, together := range []bool{false, true} {
				label := name + " on " + queue + map[bool]string{false: ", one after the other", true: ", in one batch"}[together]
				t.Run(label, func(t *testing.T) {
					t.Parallel()
					s, _ := keeping(t, setup{queue: queue})
					s.tell(story.webhooks, together)
					for user, want := range story.on {
						if got := s.told(demoAccount, user, "has_active_subscription"); got != want {
							t.Errorf("user %s is active: %s, want %s", user, got, want)
						}
					}
					if got := s.told(demoAccount, "a", "plan"); got != strconv.Quote("private-"+story.plan) {
						t.Errorf("user a has the plan %s, want %s", got, story.plan)
					}
				})
			}
		}
		t.Run(name+" with subscriber state off", func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			s.tell(story.webhooks, false)
			for user, want := range story.off {
				if got := s.told(demoAccount, user, "has_active_subscription"); got != want {
					t.Errorf("user %s is active: %s, want %s", user, got, want)
				}
			}
			if n := s.aws.Dynamo.Calls(""); n > 0 {
				t.Errorf("%d calls of a table that is not there", n)
			}
		})
	}
}

// tell sends a story's webhooks, in one batch or one by one, all of one user in one group.
func (s *stage) tell(webhooks []string, together bool) {
	s.Helper()
	for _, body := range webhooks {
		s.send(letter{body: body, group: "user-" + strconv.FormatBool(strings.Contains(body, `"person-b"`))})
		if !together {
			s.deliver()
		}
	}
	if together {
		s.deliver()
	}
}

// deliver invokes the forwarder and demands that nothing comes back.
func (s *stage) deliver() *batch {
	s.Helper()
	b := s.invoke()
	if len(b.returned) > 0 {
		s.Errorf("%d messages come back", len(b.returned))
	}
	return b
}

// A late retry and a redrive never overwrite newer news, but their events are events.
func TestOlderNewsMakesAnEventAndNoProfile(t *testing.T) {
	t.Parallel()
	s, _ := keeping(t, setup{})
	late := happens(3, "SUBSCRIPTION_RENEWED", "a", "old")
	s.tell([]string{happens(1, "ACTIVATE", "a", "old"), happens(5, "DEACTIVATE", "a", "old", "subscription_status", ended)}, false)
	before := s.stored(demoAccount, "profile")
	s.send(letter{body: late}, letter{body: late, changes: []string{"received_at", morning.Format(time.RFC3339), "reason", "clevertap_513"}})
	s.deliver()
	if s.stored(demoAccount, "profile") != before || s.told(demoAccount, "a", "has_active_subscription") != "false" {
		t.Error("old news made a profile")
	}
	if s.stored(demoAccount, "event") != 4 {
		t.Error("an event is missing")
	}
	s.excused = append(s.excused, "duplicate")

	muted := s.send(letter{app: "muted", body: happens(5, "DEACTIVATE", "m", "old")}, letter{app: "muted", body: happens(3, "ACTIVATE", "m", "old")})
	first := s.deliver()
	again := s.send(letter{app: "muted", body: happens(2, "ACTIVATE", "m", "old")})
	second := s.deliver()
	s.end()
	if first.outcome(muted[0]) != "delivered" || second.outcome(again[0]) != "skipped event_off" {
		t.Errorf("outcomes %s and %s of a message whose event is off", first.outcome(muted[0]), second.outcome(again[0]))
	}
}

// Sandbox and production purchases are apart, but for an account that gets both.
func TestAnAccountHearsOfThePurchasesThatGoThere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		app     string
		account string
		want    string
	}{
		"apart in two accounts":        {"boxed", boxedAccount, "false"},
		"together, because it is sent": {"sent", demoAccount, "true"},
		"both accounts are one":        {"one", demoAccount, "true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := keeping(t, setup{})
			account := `"region":"eu1","account_id":"` + demoAccount + `","passcode":"` + demoPasscode + `"`
			s.secret("one", `{`+account+`,"sandbox":{`+account+`}}`)
			for _, body := range []string{
				happens(1, "ACTIVATE", "a", "test", "environment", `"SANDBOX"`), happens(2, "ACTIVATE", "a", "old"), happens(3, "DEACTIVATE", "a", "old"),
			} {
				s.send(letter{app: c.app, body: body})
				s.deliver()
			}
			if got := s.told(c.account, "a", "has_active_subscription"); got != c.want {
				t.Errorf("active: %s, want %s", got, c.want)
			}
			if got := s.told(sandAccount, "a", "has_active_subscription"); c.app == "boxed" && got != "true" {
				t.Errorf("active in the sandbox: %s", got)
			}
		})
	}
}

// A clock that runs ahead at Purchasely, and what was stored by one, silence nobody.
func TestNoClockSilencesAnybody(t *testing.T) {
	t.Parallel()
	s, table := keeping(t, setup{})
	s.excused = append(s.excused, "future_ts")
	future := strconv.Itoa(int(time.Now().Add(1000 * time.Hour).UnixMilli()))
	s.send(letter{body: happens(1, "ACTIVATE", "a", "old", "event_created_at", "", "event_created_at_ms", future)})
	s.deliver()
	s.send(letter{body: happens(24*60+90, "DEACTIVATE", "a", "old")})
	s.deliver()
	table.Put(awstest.Item{"subscriber": awstest.S(entry("b")), "state": awstest.S(`{"production":{` +
		`"private-old":{"active":true,"at":"2090-01-01T00:00:00.000Z","rank":"activate"},"private-kept":{"active":true,"at":"2090-01-01T00:00:00.000Z","rank":"activate"}}}`)})
	s.send(letter{body: happens(2, "DEACTIVATE", "b", "old")})
	s.deliver()
	if got := s.told(demoAccount, "b", "has_active_subscription"); got != "true" {
		t.Errorf("a paying user was called inactive: %s", got)
	}
	s.send(letter{body: happens(3, "DEACTIVATE", "b", "kept")})
	s.deliver()
	for _, user := range []string{"a", "b"} {
		if got := s.told(demoAccount, user, "has_active_subscription"); got != "false" {
			t.Errorf("the end of %s's purchase was not heard: %s", user, got)
		}
	}
	s.wantsLine("from the future")
}

// wantsLine looks for words in the log, at level WARN.
func (s *stage) wantsLine(words string) {
	s.Helper()
	s.end()
	for line := range strings.Lines(s.function.Output().Stdout.String()) {
		if strings.Contains(line, words) && strings.Contains(line, `"level":"WARN"`) {
			return
		}
	}
	s.Errorf("no line says %q", words)
}

// An entry that cannot be read counts as absent, is replaced, and is told of; what can be read of it counts.
func TestAnEntryThatCannotBeReadIsReplaced(t *testing.T) {
	t.Parallel()
	kept := `"private-kept":{"active":true,"at":"2026-01-01T00:00:00.000Z","rank":"activate"}`
	for name, c := range map[string]struct {
		item awstest.Item
		want string // after the end of another purchase
	}{
		"nothing but the key":               {awstest.Item{}, "false"},
		"of an older version":               {awstest.Item{"version": awstest.N(3), "production": awstest.Value(`{"M":{}}`)}, "false"},
		"of another type":                   {awstest.Item{"state": awstest.N(1)}, "false"},
		"empty":                             {awstest.Item{"state": awstest.S("")}, "false"},
		"no JSON":                           {awstest.Item{"state": awstest.S("active, I think")}, "false"},
		"cut off":                           {awstest.Item{"state": awstest.S(`{"production":{` + kept)}, "false"},
		"a purchase that was edited wrong":  {awstest.Item{"state": awstest.S(`{"production":{` + kept + `,"private-x":true}}`)}, "true"},
		"a time that was edited wrong":      {awstest.Item{"state": awstest.S(`{"production":{"private-kept":{"active":true,"at":"yesterday","rank":"activate"}}}`)}, "true"},
		"a rank that a later version added": {awstest.Item{"state": awstest.S(`{"production":{"private-kept":{"active":true,"at":"2026-01-01T00:00:00.000Z","rank":"z"}}}`)}, "true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, table := keeping(t, setup{})
			c.item["subscriber"] = awstest.S(entry("a"))
			table.Put(c.item)
			s.send(letter{body: happens(5, "DEACTIVATE", "a", "old")})
			s.deliver()
			if got := s.told(demoAccount, "a", "has_active_subscription"); got != c.want {
				t.Errorf("active: %s, want %s", got, c.want)
			}
			text := table.Item(entry("a"))["state"].Text()
			if !strings.Contains(text, "private-old") || strings.Contains(text, "private-kept") != (c.want == "true") {
				t.Errorf("replaced by %s", text)
			}
			if len(table.Item(entry("a"))) != 3 {
				t.Errorf("item %v", slices.Collect(maps.Keys(table.Item(entry("a")))))
			}
			s.wantsLine("it is replaced")
		})
	}
}
