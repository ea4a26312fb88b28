//go:build blackbox

package main_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
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

func begin(minute int, user, purchase string) string {
	return event(minute, "ACTIVATE", user, purchase)
}
func end(minute int, user, purchase string) string {
	return event(minute, "DEACTIVATE", user, purchase)
}

// wantActive checks what an account says of a user; "" is nothing.
func (s *stack) wantActive(account, user, want string) {
	s.Helper()
	got := ""
	for _, p := range s.clevertap.Profiles() {
		if p.Account == account && p.ID == "person-"+user {
			got = string(p.Data["has_active_subscription"])
		}
	}
	if got != want {
		s.Errorf("%s has user %s as active: %q, want %q", account, user, got, want)
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

// items are the table's, by their sort keys, of which each begins with a prefix.
func items(table *awstest.Table, prefix string) (all []awstest.Item) {
	for _, key := range table.Keys() {
		if partition, sort, _ := strings.Cut(key, "\x00"); strings.HasPrefix(sort, prefix) {
			all = append(all, table.Item(partition, sort))
		}
	}
	return all
}

func TestAPayingUserIsNeverInactive(t *testing.T) {
	upgrade := []string{begin(1, "a", "old"), begin(5, "a", "new"), end(6, "a", "old")}
	transfer := []string{
		begin(1, "b", "kept"), begin(2, "b", "moved"),
		event(3, "SUBSCRIPTION_RECEIVED", "c", "moved", "transferred_from_user_id", `"person-b"`), end(3, "b", "moved"),
	}
	inParallel(t, map[string]string{"subscribers": "true", "": "false"}, func(t *testing.T, name, active string) {
		s, table := startWithTable(t, options{env: map[string]string{"SUBSCRIBERS_TABLE": name}})
		for _, body := range slices.Concat(upgrade, transfer) {
			s.deliver(demo(body))
		}
		s.wantActive(demoAccount, "a", active)
		s.wantActive(demoAccount, "b", active)
		s.wantActive(demoAccount, "c", "true")
		if keys := table.Keys(); (len(keys) > 0) != (name != "") {
			t.Errorf("the table has %q", keys)
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
		s.deliver(to(app, end(3, "a", "old")))
	}
	s.wantActive(demoAccount, "a", "true")
	s.wantActive(otherAccount, "a", "false")
	if n := len(items(table, "state#")); n != 2 {
		t.Errorf("%d states, want one for each account", n)
	}
}

// What a clock that ran ahead has left in the table makes no later event look old.
func TestAStateFromTheFutureDoesNoLastingHarm(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{})
	const active = `{"active":true,"at":"2090-01-01T00:00:00.000Z","rank":"activate"}`
	state := `{"private-old":` + active + `,"private-kept":` + active + `}`
	table.Put(item(stateKey("a"), awstest.Item{"state": awstest.S(state)}))
	s.deliver(demo(end(2, "a", "old")))
	s.wantActive(demoAccount, "a", "true")
	s.deliver(demo(end(3, "a", "kept")))
	s.wantActive(demoAccount, "a", "false")
	s.wantsLine("WARN", "from the future")
}

// A damaged state counts as far as it can be read, and is replaced. This once nobody is called inactive.
func TestADamagedStateIsReplaced(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{})
	table.Put(item(stateKey("a"), awstest.Item{"version": awstest.N(3), "production": awstest.Value(`{"M":{}}`)}))
	s.deliver(demo(end(5, "a", "old")))
	s.wantActive(demoAccount, "a", "")
	replaced := table.Item(stateKey("a").Partition, stateKey("a").Sort)
	if !strings.Contains(replaced["state"].Text(), "private-old") || len(replaced) != 4 {
		t.Errorf("replaced by %v", replaced)
	}
	s.deliver(demo(end(6, "a", "old")))
	s.wantActive(demoAccount, "a", "false")
	s.wantsLine("WARN", "state is replaced")
}

// What a company's back end has said of its people counts for one app and no other.
func TestLinksAndSuppressions(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{})
	person := func(kind, id string, attributes awstest.Item) {
		table.Put(item(subscriber.PersonKey(subscriber.Partition(kind, id), "demo"), attributes))
	}
	person("anonymous", "person-linked", awstest.Item{"clevertap_id": awstest.S("__person")})
	person("user", "person-gone", awstest.Item{"suppressed_at": awstest.S("2026-11-01T10:00:00Z")})
	person("user", "person-broken", awstest.Item{"suppressed_at": awstest.S("private-words")})
	ids := s.send(demo(anonymous("linked")), to("other", anonymous("linked")), demo(renewal("gone")),
		to("other", renewal("gone")), demo(renewal("broken")))
	s.invoke().want(ids, "delivered", "delivered", "skipped suppressed", "delivered", "retry table")
	var addressed []string
	for _, r := range s.clevertap.Records(demoAccount) {
		addressed = append(addressed, r.Type+" "+r.Key+" "+r.ID)
	}
	if want := []string{"event objectId __person", "profile objectId __person"}; !slices.Equal(addressed, want) {
		t.Errorf("the demo account has %q", addressed)
	}
	if n := s.stored(otherAccount, ""); n != 4 {
		t.Errorf("the other account has %d records", n)
	}
}

// While the table fails, the messages that need it come back, all others go on, and there is a response in time.
func TestMessagesThatNeedTheTableWaitForIt(t *testing.T) {
	inParallel(t, map[string]awstest.Fault{
		"down": awstest.Down, "hanging": awstest.Hang,
		"writes throttled": {Operation: "PutItem", Status: 400, Code: "ThrottlingException"},
	}, func(t *testing.T, _ string, fault awstest.Fault) {
		s, _ := startWithTable(t, options{})
		s.aws.Dynamo.Inject(fault)
		ids := s.send(demo(renewal("a")), demo(consumable("b")), to("silent", renewal("c")), to("off", renewal("d")),
			demo("private-words"))
		first := s.invokeWithin(20 * time.Second)
		if first.took > 15*time.Second {
			t.Errorf("responded after %s", first.took)
		}
		s.aws.Dynamo.Inject()
		second := s.deliver()
		consumables, waited := "retry table", 3
		if fault.Operation == "PutItem" { // they change no state
			consumables, waited = "delivered", 2
		}
		first.want(ids, "retry table", consumables, "retry table", "skipped disabled", "rejected malformed")
		second.want(ids[2:3], "skipped event_off")
		if n := s.stored(demoAccount, ""); n != 3 || len(second.messages) != waited {
			t.Errorf("%d records stored, want 3; %d messages came back", n, len(second.messages))
		}
	})
}

// A time-out, a throttled call, a lost answer or unprocessed keys pass within the batch.
func TestABatchGetsOverTheTablesHiccups(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{queue: "events"})
	for i, fault := range []awstest.Fault{
		{Status: 400, Code: "ThrottlingException", Times: 2}, {Hang: true, Times: 1},
		{Operation: "PutItem", Reset: true, AfterEffect: true, Times: 1}, {Times: 1},
	} {
		s.aws.Dynamo.Inject(fault)
		if fault == (awstest.Fault{Times: 1}) {
			table.LeaveUnprocessed(2)
		}
		user := strconv.Itoa(i)
		s.deliver(demo(begin(1, user+"a", "old")), demo(begin(1, user+"b", "old")))
		states, journal := len(items(table, "state#")), len(items(table, "event#"))
		if n := s.stored(demoAccount, "profile"); states != 2*i+2 || journal != 2*i+2 || n != 2*i+2 {
			t.Errorf("%+v: %d states, %d journal entries, %d profiles", fault, states, journal, n)
		}
	}
}

func TestAcceptedRecordsAreNotSentAgain(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{queue: "events", env: map[string]string{"JOURNAL": "off"}})
	s.clevertap.AddFault(transient(`"type":"profile"`))
	m := queued{body: renewal("a"), changes: []string{"received_at", timestamp(time.Now().Add(-time.Hour))}}
	s.send(m, demo(consumable("b")))
	for range 2 {
		if b := s.invoke(); len(b.returned) != 1 || s.stored(demoAccount, "event") != 2 {
			t.Fatalf("%d come back, %d events stored", len(b.returned), s.stored(demoAccount, "event"))
		}
	}
	saved := items(table, "delivered#")
	if len(saved) != 1 || saved[0]["accepted"].Text() != "event" || s.aws.Dynamo.Calls("BatchWriteItem") != 1 {
		t.Errorf("saved %v in %d calls", saved, s.aws.Dynamo.Calls("BatchWriteItem"))
	}
	s.events.Purge() // as after too many receives
	s.clevertap.ClearFaults()
	s.deliver(m) // a new message of the same bytes, sent again from the dead-letter queue
	s.wantStored(2, 1)
}

// A standard queue hands messages to two forwarders in any order, and some twice.
func TestTwoForwardersDoNotUndoEachOther(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{
		queue: "events", env: map[string]string{"UPLOAD_CONCURRENCY": "1", "RETRY_DELAY": "1ms"},
	})
	s.ignored = []string{clevertaptest.Repeated}
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Latency, Wait: 30 * time.Millisecond, Rate: 0.5})
	const users, purchases, minutes = 5, 4, 6
	random := rand.New(rand.NewPCG(1, 2))
	var webhooks []string
	active := make(map[string]bool)
	for n := range users * purchases * minutes {
		user, purchase, minute := strconv.Itoa(n/minutes%users), strconv.Itoa(n/minutes/users), n%minutes
		last := random.IntN(2) == 0
		name := map[bool]string{true: "ACTIVATE", false: "DEACTIVATE"}[last]
		webhooks = append(webhooks, event(minute, name, user, purchase))
		active[user] = active[user] || last && minute == minutes-1
	}
	random.Shuffle(len(webhooks), func(i, j int) { webhooks[i], webhooks[j] = webhooks[j], webhooks[i] })
	for i, body := range webhooks {
		s.send(demo(body))
		if i%10 == 0 {
			s.send(demo(body))
		}
	}
	second := s.another()
	ctx, cancel := context.WithTimeout(t.Context(), busy)
	defer cancel()
	var all sync.WaitGroup
	for _, forwarder := range []*stack{s, second} {
		mapping := &awstest.Mapping{
			Queue: s.events, BatchSize: 7, Concurrency: 1,
			Invoke: func(ctx context.Context, event []byte) ([]byte, error) {
				return forwarder.function.Invoke(ctx, event, timeout)
			},
		}
		all.Go(func() { mapping.Run(ctx) })
	}
	for len(s.events.Messages()) > 0 && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	cancel()
	all.Wait()
	s.ended, second.ended = true, true // The batches are not those of invoke.
	if n := len(s.events.Messages()); n > 0 {
		t.Fatalf("%d messages are left", n)
	}
	for user, want := range active {
		s.wantActive(demoAccount, user, strconv.FormatBool(want))
	}
	if n := len(items(table, "state#")); n != users {
		t.Errorf("%d states, want %d", n, users)
	}
}
