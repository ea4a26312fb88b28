//go:build blackbox

package main_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// startWithTable starts the forwarder with subscriber state on.
func startWithTable(t *testing.T, o options) (*stack, *awstest.Table) {
	t.Helper()
	env := map[string]string{"SUBSCRIBERS_TABLE": "subscribers"}
	maps.Copy(env, o.env)
	o.env = env
	s := start(t, o)
	return s, s.aws.Dynamo.Create("subscribers", subscriber.PartitionAttribute, subscriber.SortAttribute)
}

// morning is when histories begin.
var morning = time.Now().UTC().Truncate(time.Hour).Add(-24 * time.Hour)

// event is a webhook about one of a user's purchases, so many minutes past the beginning.
func event(minute int, name, user, purchase string, changes ...string) string {
	at := morning.Add(time.Duration(minute) * time.Minute)
	return renewal(user, append([]string{
		"event_name", strconv.Quote(name), "purchasely_subscription_id", strconv.Quote("private-" + purchase),
		"plan", strconv.Quote("private-" + purchase), "event_created_at", strconv.Quote(timestamp(at)),
		"event_created_at_ms", strconv.FormatInt(at.UnixMilli(), 10),
	}, changes...)...)
}

func begin(minute int, user, purchase string, changes ...string) string {
	return event(minute, "ACTIVATE", user, purchase, changes...)
}

func end(minute int, user, purchase string, changes ...string) string {
	return event(minute, "DEACTIVATE", user, purchase, append(changes, "subscription_status", `"DEACTIVATED"`)...)
}

func receive(minute int, user, purchase, from string) string {
	return event(minute, "SUBSCRIPTION_RECEIVED", user, purchase, "transferred_from_user_id", `"person-`+from+`"`)
}

// property is what an account has of a user's property, "" if nothing.
func (s *stack) property(account, user, name string) string {
	for _, p := range s.clevertap.Profiles() {
		if p.Account == account && p.ID == "person-"+user {
			return string(p.Data[name])
		}
	}
	return ""
}

func (s *stack) wantActive(account, user string, want bool) {
	s.Helper()
	if got := s.property(account, user, "has_active_subscription"); got != strconv.FormatBool(want) {
		s.Errorf("%s has user %s as active: %s", account, user, got)
	}
}

// stateKey is the key of a user's state at the demo account.
func stateKey(user string) subscriber.Key {
	return subscriber.StateKey(subscriber.Partition("user", "person-"+user), demoAccount)
}

// item is an item of the table.
func item(key subscriber.Key, attributes awstest.Item) awstest.Item {
	all := awstest.Item{"subscriber": awstest.S(key.Partition), "item": awstest.S(key.Sort)}
	maps.Copy(all, attributes)
	return all
}

// count counts the table's items whose sort keys begin with a prefix.
func count(table *awstest.Table, prefix string) (n int) {
	for _, key := range table.Keys() {
		if strings.Contains(key, "\x00"+prefix) {
			n++
		}
	}
	return n
}

func TestAPayingUserIsNeverInactive(t *testing.T) {
	type active = map[string]bool // by user
	type testCase struct {
		webhooks []string
		on, off  active // with subscriber state and without; nil: not known
		plan     string // of user a in the end, with subscriber state
	}
	inParallel(t, map[string]testCase{
		"a purchase": {
			[]string{begin(1, "a", "old")},
			active{"a": true}, active{"a": true}, "old",
		},
		"its end": {
			[]string{begin(1, "a", "old"), end(2, "a", "old")},
			active{"a": false}, active{"a": false}, "old",
		},
		"an upgrade, the end first": {
			[]string{begin(1, "a", "old"), end(5, "a", "old"), begin(6, "a", "new")},
			active{"a": true}, active{"a": true}, "new",
		},
		"an upgrade, the end last": {
			[]string{begin(1, "a", "old"), begin(5, "a", "new"), end(6, "a", "old")},
			active{"a": true}, active{"a": false}, "new",
		},
		"two subscriptions of which one ends": {
			[]string{
				event(1, "SUBSCRIPTION_STARTED", "a", "store"), event(2, "SUBSCRIPTION_STARTED", "a", "web"),
				event(9, "SUBSCRIPTION_TERMINATED", "a", "store", "subscription_status", `"UNPAID"`),
			},
			active{"a": true}, active{"a": false}, "web",
		},
		"and then the other": {
			[]string{begin(1, "a", "store"), begin(2, "a", "web"), end(9, "a", "store"), end(10, "a", "web")},
			active{"a": false}, active{"a": false}, "web",
		},
		"a family-shared purchase that is revoked": {
			[]string{
				begin(1, "a", "own"), begin(2, "a", "family", "is_family_shared", "true"),
				event(3, "FAMILY_SHARED_REVOKED", "a", "family", "is_family_shared", "true"),
			},
			active{"a": true}, active{"a": false}, "family",
		},
		"a transfer of the only purchase": {
			[]string{begin(1, "a", "old"), receive(2, "b", "old", "a")},
			active{"a": false, "b": true}, active{"a": false, "b": true}, "old",
		},
		"a transfer of one of two purchases": {
			[]string{
				begin(1, "a", "kept"), begin(2, "a", "old"), receive(3, "b", "old", "a"), event(3, "DEACTIVATE", "a", "old"),
			},
			active{"a": true, "b": true}, active{"a": false, "b": true}, "old",
		},
		"three events of one instant": {
			[]string{event(4, "SUBSCRIPTION_TERMINATED", "a", "old"), begin(4, "a", "old"), event(4, "DEACTIVATE", "a", "old")},
			active{"a": true}, nil, "old",
		},
		"an end without the purchase's id": {
			[]string{
				begin(1, "a", "old"),
				event(2, "DEACTIVATE", "a", "old", "purchasely_subscription_id", "", "plan", `"private-other"`),
			},
			active{"a": true}, active{"a": false}, "old",
		},
		"a purchase named by its store": {
			[]string{
				begin(1, "a", "old", "purchasely_subscription_id", "", "store_original_transaction_id", `"private-1"`),
				begin(2, "a", "new"), end(3, "a", "new"),
				end(4, "a", "old", "purchasely_subscription_id", `"null"`, "store_original_transaction_id", `"private-1"`),
			},
			active{"a": false}, active{"a": false}, "old",
		},
		"a consumable meanwhile": {
			[]string{begin(1, "a", "old"), event(2, "DEACTIVATE", "a", "consumable", "purchase_type", `"CONSUMABLE"`)},
			active{"a": true}, active{"a": true}, "old",
		},
	}, func(t *testing.T, _ string, test testCase) {
		check := func(t *testing.T, s *stack, together bool, want active) {
			t.Parallel()
			s.deliverHistory(test.webhooks, together)
			for user, active := range want {
				s.wantActive(demoAccount, user, active)
			}
		}
		for _, queue := range []string{"events.fifo", "events"} {
			for _, together := range []bool{false, true} {
				t.Run(fmt.Sprint(queue, " in one batch: ", together), func(t *testing.T) {
					s, _ := startWithTable(t, options{queue: queue})
					check(t, s, together, test.on)
					if got := s.property(demoAccount, "a", "plan"); got != strconv.Quote("private-"+test.plan) {
						t.Errorf("user a has the plan %s, want %s", got, test.plan)
					}
				})
			}
		}
		t.Run("without subscriber state", func(t *testing.T) {
			s := start(t, options{})
			check(t, s, false, test.off)
			if n := s.aws.Dynamo.Calls(""); n > 0 {
				t.Errorf("%d calls of a table that is not configured", n)
			}
		})
	})
}

// deliverHistory delivers webhooks, in one batch or one by one, those of one user in one group.
func (s *stack) deliverHistory(webhooks []string, together bool) {
	s.Helper()
	for _, body := range webhooks {
		s.send(queued{body: body, group: "user-" + strconv.FormatBool(strings.Contains(body, `"person-b"`))})
		if !together {
			s.deliver()
		}
	}
	if together {
		s.deliver()
	}
}

// A late retry and a redriven message never overwrite newer states, but their events are sent.
func TestAnOlderEventMakesNoProfile(t *testing.T) {
	t.Parallel()
	s, _ := startWithTable(t, options{})
	s.ignored = []string{clevertaptest.Repeated}
	late := event(3, "SUBSCRIPTION_RENEWED", "a", "old")
	s.deliverHistory([]string{begin(1, "a", "old"), end(5, "a", "old")}, false)
	before := s.stored(demoAccount, "profile")
	s.deliver(demo(late), queued{
		body: late, changes: []string{"received_at", morning.Format(time.RFC3339), "reason", "clevertap_513"},
	})
	s.wantActive(demoAccount, "a", false)
	s.wantStored(4, before)
	newer := s.send(to("profiles-only", event(5, "DEACTIVATE", "m", "old")), to("profiles-only", begin(3, "m", "old")))
	first := s.deliver()
	older := s.send(to("profiles-only", begin(2, "m", "old")))
	second := s.deliver()
	first.want(newer[:1], "delivered")
	second.want(older, "skipped event_off")
}

// Sandbox and production purchases are apart, except in an account that gets both.
func TestAnAccountKnowsThePurchasesThatAreSentThere(t *testing.T) {
	type testCase struct {
		account string
		active  bool
	}
	inParallel(t, map[string]testCase{
		"both": {liveAccount, false}, "sandbox-sent": {demoAccount, true}, "same": {demoAccount, true},
	}, func(t *testing.T, app string, test testCase) {
		s, _ := startWithTable(t, options{})
		s.deliver(to(app, begin(1, "a", "test", "environment", `"SANDBOX"`)))
		s.deliver(to(app, begin(2, "a", "old")))
		s.deliver(to(app, event(3, "DEACTIVATE", "a", "old")))
		s.wantActive(test.account, "a", test.active)
		if app == "both" {
			s.wantActive(sandAccount, "a", true)
		}
	})
}

// Apps of one account share what is known of its users, whatever their passcodes; other accounts have their own.
func TestAppsOfOneAccountShareItsState(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{})
	s.deliver(to("second", begin(1, "a", "kept")))
	for _, app := range []string{"demo", "other"} {
		s.deliver(to(app, begin(2, "a", "old")))
		s.deliver(to(app, event(3, "DEACTIVATE", "a", "old")))
	}
	s.wantActive(demoAccount, "a", true)
	s.wantActive(otherAccount, "a", false)
	if n := count(table, "state#"); n != 2 {
		t.Errorf("%d states, want one for each account", n)
	}
}

// Neither a webhook of the future nor an entry that one has left makes later events look old.
func TestAClockThatRunsAheadDoesNoLastingHarm(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{})
	s.ignored = []string{clevertaptest.FutureTime}
	future := strconv.FormatInt(time.Now().Add(1000*time.Hour).UnixMilli(), 10)
	s.deliver(demo(begin(1, "a", "old", "event_created_at", "", "event_created_at_ms", future)))
	s.deliver(demo(event(24*60+90, "DEACTIVATE", "a", "old")))
	s.wantActive(demoAccount, "a", false)

	const active = `{"active":true,"at":"2090-01-01T00:00:00.000Z","rank":"activate"}`
	state := `{"private-old":` + active + `,"private-kept":` + active + `}`
	table.Put(item(stateKey("b"), awstest.Item{"state": awstest.S(state)}))
	s.deliver(demo(event(2, "DEACTIVATE", "b", "old")))
	s.wantActive(demoAccount, "b", true)
	s.deliver(demo(event(3, "DEACTIVATE", "b", "kept")))
	s.wantActive(demoAccount, "b", false)
	s.wantsLine("WARN", "from the future")
}

// A damaged state counts as far as it can be read, and is replaced. This once nobody is called inactive.
func TestADamagedStateIsReplaced(t *testing.T) {
	const kept = `"private-kept":{"active":true,"at":"2026-01-01T00:00:00.000Z","rank":"activate"}`
	state := func(text string) awstest.Item { return awstest.Item{"state": awstest.S(text)} }
	keptWith := func(old, new string) awstest.Item { return state("{" + strings.Replace(kept, old, new, 1) + "}") }
	type testCase struct {
		attributes awstest.Item
		active     bool // after the end of another purchase
	}
	inParallel(t, map[string]testCase{
		"only the key":        {awstest.Item{}, false},
		"an older version's":  {awstest.Item{"version": awstest.N(3), "production": awstest.Value(`{"M":{}}`)}, false},
		"another type":        {awstest.Item{"state": awstest.N(1)}, false},
		"empty":               {state(""), false},
		"not JSON":            {state("active, I think"), false},
		"cut off":             {state(`{` + kept), false},
		"an invalid purchase": {state("{" + kept + `,"private-x":true}`), true},
		"an invalid time":     {keptWith("2026-01-01T00:00:00.000Z", "yesterday"), true},
		"an unknown rank":     {keptWith("activate", "z"), true},
	}, func(t *testing.T, _ string, test testCase) {
		s, table := startWithTable(t, options{})
		table.Put(item(stateKey("a"), test.attributes))
		s.deliver(demo(event(5, "DEACTIVATE", "a", "old")))
		said := s.property(demoAccount, "a", "has_active_subscription")
		if said != map[bool]string{true: "true"}[test.active] {
			t.Errorf("the user is called active: %q", said)
		}
		replaced := table.Item(stateKey("a").Partition, stateKey("a").Sort)
		text := replaced["state"].Text()
		kept := strings.Contains(text, "private-kept")
		if !strings.Contains(text, "private-old") || kept != test.active || len(replaced) != 4 {
			t.Errorf("replaced by %s in %v", text, slices.Collect(maps.Keys(replaced)))
		}
		s.deliver(demo(event(6, "DEACTIVATE", "a", "old")))
		s.wantActive(demoAccount, "a", test.active)
		s.wantsLine("WARN", "state is replaced")
	})
}
