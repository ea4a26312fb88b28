package forward_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// memoryTable implements forward.Table. Its hook may fail, wait, or write an item first, as another forwarder would;
// it makes the call itself.
type memoryTable struct {
	*tableItems

	hook func(ctx context.Context, operation, key string, call func() error) error
}

// tableItems is what several views of one table share.
type tableItems struct {
	*subscriber.LocalTable

	loads, replaces atomic.Int64
}

func newTable() *memoryTable {
	return &memoryTable{tableItems: &tableItems{LocalTable: subscriber.NewLocalTable()}}
}

// The operations.
const (
	opLoad    = "load"
	opReplace = "replace"
	opPut     = "put"
)

func (t *memoryTable) call(ctx context.Context, operation string, keys []subscriber.Key, call func() error) error {
	if t.hook == nil {
		return call()
	}
	var names []string
	for _, key := range keys {
		names = append(names, key.Partition+" "+key.Sort)
	}
	slices.Sort(names)
	return t.hook(ctx, operation, strings.Join(names, "\n"), call)
}

func (t *memoryTable) Load(
	ctx context.Context, keys []subscriber.Key,
) (found map[subscriber.Key]subscriber.Item, err error) {
	err = t.call(ctx, opLoad, keys, func() (err error) {
		t.loads.Add(1)
		found, err = t.LocalTable.Load(ctx, keys)
		return err
	})
	return found, err
}

func (t *memoryTable) Replace(
	ctx context.Context, key subscriber.Key, read, item subscriber.Item, attributes ...string,
) error {
	return t.call(ctx, opReplace, []subscriber.Key{key}, func() error {
		t.replaces.Add(1)
		return t.LocalTable.Replace(ctx, key, read, item, attributes...)
	})
}

func (t *memoryTable) Put(
	ctx context.Context, items map[subscriber.Key]subscriber.Item,
) (failed []subscriber.Key, err error) {
	keys := slices.Collect(maps.Keys(items))
	err = t.call(ctx, opPut, keys, func() (err error) {
		failed, err = t.LocalTable.Put(ctx, items)
		return err
	})
	if err != nil {
		failed = keys
	}
	return failed, err
}

// with returns a table that has an item of Anna's.
func (t *memoryTable) with(key subscriber.Key, item subscriber.Item) *memoryTable {
	t.Items[key] = item
	return t
}

// fail makes all calls of an operation fail, or all calls if it is empty.
func (t *memoryTable) fail(operation string) *memoryTable {
	t.hook = func(_ context.Context, called, _ string, call func() error) error {
		if operation == "" || called == operation {
			return errDown
		}
		return call()
	}
	return t
}

// conflict lets another forwarder write one of these states before each of our first writes of Anna's.
func (t *memoryTable) conflict(states ...string) *memoryTable {
	t.hook = func(_ context.Context, operation, _ string, call func() error) error {
		if operation == opReplace && len(states) > 0 {
			t.Items[annaKey] = subscriber.Item{"state": states[0]}
			states = states[1:]
		}
		return call()
	}
	return t
}

// Anna is the subscriber of most of these tests; times are in minutes of one morning.
var (
	anna    = subscriber.Partition("user", "person-anna")
	annaKey = subscriber.StateKey(anna, "DEMO")
	morning = time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
)

// annas is a webhook about one of Anna's purchases.
func annas(event, purchase string, minute int) queued {
	at := morning.Add(time.Duration(minute) * time.Minute)
	return queued{app: "demo", group: "anna", body: fmt.Sprintf(`{"event_name":%q,"event_id":"%s-%d","plan":"of-%[2]s",`+
		`"user_id":"person-anna","purchasely_subscription_id":%[2]q,"event_created_at_ms":%[4]d,`+
		`"purchase_type":"RENEWING_SUBSCRIPTION"}`, event, purchase, minute, at.UnixMilli())}
}

// stateOf is the state of a subscriber with one purchase.
func stateOf(purchase string, active bool, minute int) string {
	at := morning.Add(time.Duration(minute) * time.Minute)
	return subscriber.State{purchase: {Active: active, At: at, Rank: subscriber.Activate}}.Encode()
}

// profiles makes CleverTap collect the data of the profiles that it receives.
func (h *harness) profiles() *[]string {
	var all []string
	h.onUpload(func(_ string, body []byte) {
		for _, part := range strings.Split(string(body), `"profileData":`)[1:] {
			all = append(all, part[:strings.IndexByte(part, '}')+1])
		}
	})
	return &all
}

func TestAProfileSaysWhatTheEntryAllows(t *testing.T) {
	const (
		active     = `"has_active_subscription":true`
		inactive   = `"has_active_subscription":false`
		onlyActive = `{"user_id":"person-anna",` + active + `}`
	)
	type messages = []queued
	begin := func(purchase string, minute int) queued { return annas("ACTIVATE", purchase, minute) }
	end := func(purchase string, minute int) queued { return annas("DEACTIVATE", purchase, minute) }
	for name, test := range map[string]struct {
		entry    string
		messages messages
		profile  string // a part of the one that is sent; empty: none
		writes   int
	}{
		"the only purchase ends":          {stateOf("a", true, 1), messages{end("a", 2)}, inactive, 1},
		"an older event makes no profile": {stateOf("a", false, 5), messages{begin("a", 2)}, "", 0},
		"another purchase is active":      {stateOf("b", true, 1), messages{end("a", 2)}, onlyActive, 1},
		"an upgrade, the end last":        {stateOf("a", true, 1), messages{begin("b", 3), end("a", 4)}, active, 1},
		"a damaged state says nothing false": {
			"words about person-anna", messages{end("a", 1)}, `{"plan":"of-a","user_id":"person-anna"}`, 1,
		},
		"a state of the future is ignored": {stateOf("a", true, 1<<26), messages{end("a", 1)}, inactive, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h, table := newHarness(t), newTable()
			if test.entry != "" {
				table.Items[annaKey] = subscriber.Item{"state": test.entry}
			}
			h.Table = table
			sent := h.profiles()
			h.runAll(test.messages...)
			all := strings.Join(*sent, "\n")
			if (all != "") != (test.profile != "") || !strings.Contains(all, test.profile) || len(*sent) > 1 {
				t.Errorf("profiles %s, want %s", all, test.profile)
			}
			if table.replaces.Load() != int64(test.writes) {
				t.Errorf("%d writes, want %d", table.replaces.Load(), test.writes)
			}
			h.checkPrivacy()
		})
	}
}

// DynamoDB deletes what has expired in its own time. What could not be read stays in doubt, whatever is written since.
func TestAnEntryIsBelievedNeitherAfterItsTimeNorAfterDamage(t *testing.T) {
	expired := subscriber.Item{"state": stateOf("b", true, 1), subscriber.ExpiresAttribute: int64(1)}
	damaged := subscriber.Item{"state": "words about person-anna"}
	for want, table := range map[string]*memoryTable{
		`"has_active_subscription":false`:         newTable().with(annaKey, expired),
		`{"plan":"of-a","user_id":"person-anna"}`: newTable().with(annaKey, damaged).conflict(stateOf("a", true, 1)),
	} {
		h := newHarness(t)
		h.Table = table
		sent := h.profiles()
		h.runAll(annas("DEACTIVATE", "a", 2))
		if all := strings.Join(*sent, "\n"); !strings.Contains(all, want) {
			t.Errorf("profiles %s, want %s", all, want)
		}
	}
}

func TestAfterAConflictTheOthersEntryCounts(t *testing.T) {
	h, table := newHarness(t), newTable()
	h.Table = table.conflict(stateOf("b", true, 9), stateOf("b", true, 10))
	sent := h.profiles()
	h.runAll(annas("DEACTIVATE", "a", 2))
	state, err := subscriber.DecodeState(table.Items[annaKey].Text("state"))
	if err != nil || len(state) != 2 || table.replaces.Load() != 3 {
		t.Errorf("stored %+v after %d writes, %v", state, table.replaces.Load(), err)
	}
	if want := []string{`{"user_id":"person-anna","has_active_subscription":true}`}; !slices.Equal(*sent, want) {
		t.Errorf("profiles %v, want %v", *sent, want)
	}
}

func TestATableThatFailsConcernsOnlyTheMessagesThatNeedIt(t *testing.T) {
	var others []string
	for i := range 9 {
		others = append(others, stateOf("b", true, 10+i))
	}
	for name, test := range map[string]struct {
		table      *memoryTable
		consumable string // needs to know the person, but no state
	}{
		"it cannot be read":         {newTable().fail(opLoad), "retry table"},
		"it cannot be written":      {newTable().fail(opReplace), "delivered"},
		"others always write first": {newTable().conflict(others...), "delivered"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.Table = test.table
			h.run(annas("ACTIVATE", "a", 1), newMessage("demo", "consumable"),
				newMessage("silent", "no user"), newMessage("demo", "malformed"))
			h.wantOutcomes("retry table", test.consumable, "skipped no_identity", "rejected malformed")
		})
	}
}

// An event that is switched off is skipped, and yet its state is stored; without the table it is retried.
func TestTheStateOfASwitchedOffEventIsStored(t *testing.T) {
	for want, table := range map[string]*memoryTable{
		"skipped event_off": newTable(), "retry table": newTable().fail(opLoad),
	} {
		h, m := newHarness(t), annas("ACTIVATE", "a", 1)
		h.Table, m.app = table, "silent"
		h.run(m)
		h.wantOutcomes(want)
		if stored := len(table.Items) == 1; stored != (table.hook == nil) {
			t.Errorf("%s: stored %t", want, stored)
		}
	}
}

// Corrections. The other forwarder acts before the first one's upload reaches CleverTap.

var (
	begins   = event{eventKind: activate, purchase: 1, minute: 1}
	ends     = event{eventKind: deactivate, purchase: 1, minute: 5}
	beginsB  = event{eventKind: activate, purchase: 2, minute: 6}
	endsNone = event{eventKind: deactivate, minute: 3} // names no purchase
)

// overtake calls a function before the first upload of the first forwarder arrives.
func (s *system) overtake(f func()) {
	once := sync.OnceFunc(f)
	s.forwarders[0].onUpload(func(string, []byte) { once() })
}

// deliver lets a forwarder handle messages of which none may come back.
func (s *system) deliver(forwarder int, items []*queueItem) {
	s.t.Helper()
	if returned := s.invoke(forwarder, items); len(returned) > 0 {
		s.t.Errorf("%d of %d messages come back", len(returned), len(items))
	}
}

// activeSent returns the values of has_active_subscription in the order in which they reached CleverTap.
func (s *system) activeSent() (values []string) {
	for _, r := range s.clevertap.Records("PRODUCTION") {
		if _, rest, ok := strings.Cut(string(r.Raw), `"has_active_subscription":`); ok {
			values = append(values, rest[:strings.IndexAny(rest, ",}")])
		}
	}
	return values
}

func TestAnUploadThatIsOvertakenIsCorrected(t *testing.T) {
	for name, c := range map[string]struct {
		history []event
		want    []string
	}{
		"by the end of the purchase":      {[]event{begins, ends}, []string{"false", "true", "false"}},
		"after an end without a purchase": {[]event{endsNone, begins}, []string{"true", "false", "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, scenario{apps: 1, history: c.history, messages: []int{0, 1}})
			s.overtake(func() { s.deliver(1, s.queue[1:]) })
			s.deliver(0, s.queue[:1])
			if got := s.activeSent(); !slices.Equal(got, c.want) {
				t.Errorf("CleverTap received %v, want %v", got, c.want)
			}
		})
	}
}

// The messages of a subscriber of one app are never with two forwarders at once.
func TestOnAFIFOQueueAStateIsReadAgainOnlyIfAnotherAppMayWriteIt(t *testing.T) {
	for name, test := range map[string]struct {
		app, apps int
		others    error // of reading the other apps' secrets
		want      int
	}{
		"the only app":                       {0, 1, nil, 1},
		"another one on the same account":    {0, 2, nil, 2},
		"the others on another account":      {2, 3, nil, 1},
		"the others without a secret":        {0, 2, fault.New(fault.Operator, fault.Secret, errDown), 1},
		"the others' secrets cannot be read": {0, 2, fault.New(fault.Retry, fault.Secret, errDown), 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := begins
				e.app = test.app
				s := newSystem(t, scenario{fifo: true, apps: test.apps, history: []event{e}, messages: []int{0, 0}})
				if get := s.forwarders[0].accounts; test.others != nil {
					s.forwarders[0].accounts = func(ctx context.Context, app string) (clevertap.Accounts, error) {
						if app != appNames[test.app] {
							return clevertap.Accounts{}, test.others
						}
						return get(ctx, app)
					}
				}
				s.deliver(0, s.queue[:1]) // by then the accounts are known
				before := s.table.loads.Load()
				s.deliver(0, s.queue[1:])
				if loads := s.table.loads.Load() - before; loads != int64(test.want) {
					t.Errorf("%d reads, want %d", loads, test.want)
				}
			})
		})
	}
}

// The subscriber from whom a subscription came is in another group.
func TestTheFormerSubscriberOfATransferIsCorrectedOnAFIFOQueue(t *testing.T) {
	transfer := event{eventKind: receive, user: 1, from: 0, purchase: 1, minute: 5}
	s := newSystem(t, scenario{fifo: true, apps: 1, history: []event{begins, transfer, beginsB},
		messages: []int{0, 1, 2}})
	s.deliver(0, s.queue[:1])
	s.overtake(func() { s.deliver(1, s.queue[2:]) })
	s.deliver(0, s.queue[1:2])
	for user := range 2 {
		if got := s.active("PRODUCTION", user); got != "true" {
			t.Errorf("user %d is active: %s", user, got)
		}
	}
}

func TestWithoutASecondReadWhatWasSentStays(t *testing.T) {
	for _, fault := range []string{noReads, readsPanic} {
		s := newSystem(t, scenario{apps: 1, history: []event{begins}, messages: []int{0}})
		s.overtake(func() { s.fault = fault })
		s.deliver(0, s.queue)
		if got := s.active("PRODUCTION", 0); got != "true" {
			t.Errorf("%s: active: %s", fault, got)
		}
	}
}

func TestNothingIsReadAgainIfCleverTapCannotHaveReceivedAnything(t *testing.T) {
	s := newSystem(t, scenario{apps: 1, history: []event{begins}, messages: []int{0}})
	s.clevertap.SetAccount(clevertaptest.Account{ID: "PRODUCTION", Region: "eu1", Passcodes: []string{"another"}})
	if returned := s.invoke(0, s.queue); len(returned) != 1 || s.table.loads.Load() != 1 {
		t.Errorf("%d come back after %d reads", len(returned), s.table.loads.Load())
	}
}
