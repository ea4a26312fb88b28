package forward_test

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// system is two forwarders, the queue before them, and the table and CleverTap behind them.
type system struct {
	scenario

	t          *testing.T
	clevertap  *clevertaptest.Server
	forwarders [2]*harness
	latencies  [2]latency
	table      *memoryTable // without hooks; each forwarder has a view of it
	fault      string
	mu         sync.Mutex
	queue      []*queueItem
	arrived    []*queueItem // that a forwarder is done with
	mayRepeat  bool         // events may reach CleverTap twice
	log        []string
}

// queueItem is one message on the queue.
type queueItem struct {
	number   int
	event    int
	received time.Time
	receives int
}

// String is the message in a counter-example.
func (i *queueItem) String() string { return fmt.Sprint("message ", i.number) }

func newSystem(t *testing.T, c scenario) *system {
	t.Helper()
	s := &system{t: t, scenario: c, table: newTable()}
	s.clevertap = clevertaptest.New(clevertaptest.Config{Accounts: []clevertaptest.Account{
		{ID: "PRODUCTION", Region: "eu1", Passcodes: []string{"p1"}},
		{ID: "OTHER", Region: "us1", Passcodes: []string{"p1"}},
		{ID: "SANDBOX", Region: "in1", Passcodes: []string{"p2"}},
	}})
	for i := range s.forwarders {
		s.forwarders[i] = s.newForwarder(&s.latencies[i])
	}
	for number, event := range c.messages {
		received := noon.Add(time.Hour + time.Duration(number)*time.Second)
		s.queue = append(s.queue, &queueItem{number: number, event: event, received: received})
		s.mayRepeat = s.mayRepeat || slices.Contains(c.messages[:number], event)
	}
	return s
}

func (s *system) newForwarder(l *latency) *harness {
	l.set([]int{1})
	h := newHarness(s.t)
	h.Settings = settings.Fixed(loadApps(s.t, "apps: {"+strings.Join(appNames[:s.apps], ": {}, ")+": {}}"))
	h.accounts = func(_ context.Context, app string) (clevertap.Accounts, error) {
		if s.fault == noSecrets {
			return clevertap.Accounts{}, errDown
		}
		const sandbox = `"sandbox":{"region":"in1","account_id":"SANDBOX","passcode":"p2"}`
		if app == appNames[2] {
			return clevertap.ParseAccounts([]byte(`{"region":"us1","account_id":"OTHER","passcode":"p1",` + sandbox + `}`))
		}
		return clevertap.ParseAccounts([]byte(`{"region":"eu1","account_id":"PRODUCTION","passcode":"p1",` + sandbox + `}`))
	}
	h.reject = func(_ context.Context, messages []message.Rejection) []error {
		panic(fmt.Sprintf("%s is rejected: %s", messages[0].Message.ID, messages[0].Error))
	}
	h.Log, h.Metrics = slog.New(slog.DiscardHandler), io.Discard
	next := s.clevertap.Transport()
	h.clevertap = func(r *http.Request, _ []byte) (*http.Response, error) {
		l.wait(r.Host)
		defer l.wait(r.Host)
		return next.RoundTrip(r)
	}
	view := &memoryTable{tableItems: s.table.tableItems}
	view.hook = func(_ context.Context, operation, key string, call func() error) error {
		l.wait(operation + key)
		defer l.wait(operation + key)
		if operation == opLoad && s.fault == noReads || operation == opReplace && s.fault == noWrites {
			return errDown
		}
		if operation == opLoad && s.fault == readsPanic {
			panic(s.fault)
		}
		err := call()
		if operation == opReplace && s.fault == writesLost {
			return errDown
		}
		return err
	}
	h.Table = view
	return h
}

// latency is how long a forwarder's calls take. It depends on what is called and how often it was, not on what runs
// first, and the second forwarder begins half a millisecond after the first: no two calls end at the same time, so
// that a scenario always ends alike.
type latency struct {
	mu           sync.Mutex
	milliseconds []int
	calls        map[string]int // by what is called
}

func (l *latency) set(milliseconds []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.milliseconds, l.calls = milliseconds, make(map[string]int)
}

func (l *latency) wait(what string) {
	l.mu.Lock()
	i := l.calls[what] + int(crc32.ChecksumIEEE([]byte(what))%64)
	l.calls[what]++
	wait := time.Duration(l.milliseconds[i%len(l.milliseconds)]) * time.Millisecond
	l.mu.Unlock()
	time.Sleep(wait)
}

// step handles one or two batches at the same time and checks CleverTap when they have ended.
func (s *system) step(c step) (problem string) {
	time.Sleep(time.Hour) // so that no breaker is open any more
	if f := faults[c.fault]; f.Kind != "" {
		s.clevertap.AddFault(f)
	}
	s.fault, s.mayRepeat = c.fault, s.mayRepeat || c.fault == answersLost
	first := s.takeFromQueue(c.batches[0], nil)
	second := s.takeFromQueue(c.batches[1], first)
	s.log = append(s.log, fmt.Sprintf("with forwarder 1 %v, with forwarder 2 %v %s", first, second, c.fault))
	var all sync.WaitGroup
	for i, batch := range [][]*queueItem{first, second} {
		s.latencies[i].set(c.latency)
		all.Go(func() {
			time.Sleep(time.Duration(i) * time.Millisecond / 2)
			s.forward(i, batch)
		})
	}
	all.Wait()
	s.clevertap.ClearFaults()
	return s.check()
}

// takeFromQueue takes messages for a batch. A FIFO queue hands out a user's messages of one app in their order, and
// none while others of them are with the other forwarder.
func (s *system) takeFromQueue(indexes []int, elsewhere []*queueItem) (batch []*queueItem) {
	for _, i := range indexes {
		if len(s.queue) == 0 {
			break
		}
		i %= len(s.queue)
		taken := s.history[s.queue[i].event]
		same := func(item *queueItem) bool {
			e := s.history[item.event]
			return e.user == taken.user && e.app == taken.app
		}
		if s.fifo {
			if slices.ContainsFunc(elsewhere, same) {
				continue
			}
			i = slices.IndexFunc(s.queue, same)
		}
		batch = append(batch, s.queue[i])
		s.queue = slices.Delete(s.queue, i, i+1)
	}
	return batch
}

// forward handles a batch and puts what comes back where it was in the queue.
func (s *system) forward(forwarder int, batch []*queueItem) {
	returned := s.invoke(forwarder, batch)
	s.mu.Lock() // The other forwarder does the same.
	defer s.mu.Unlock()
	for _, item := range batch {
		if slices.Contains(returned, item) {
			s.queue = append(s.queue, item)
		} else {
			s.arrived = append(s.arrived, item)
		}
	}
	slices.SortFunc(s.queue, func(a, b *queueItem) int { return a.number - b.number })
}

// invoke hands messages to a forwarder and returns those that come back.
func (s *system) invoke(forwarder int, batch []*queueItem) (returned []*queueItem) {
	var messages []queued
	for _, item := range batch {
		item.receives++
		messages = append(messages, s.message(item))
	}
	ids := s.forwarders[forwarder].run(messages...)
	for _, item := range batch {
		if slices.Contains(ids, item.String()) {
			returned = append(returned, item)
		}
	}
	return returned
}

func (s *system) message(item *queueItem) queued {
	e := s.history[item.event]
	webhook := map[string]any{
		"event_name": e.name, "event_id": fmt.Sprint("event-", item.event), "user_id": fmt.Sprint("user-", e.user),
		"event_created_at": noon.Add(time.Duration(e.minute) * time.Minute).Format("2006-01-02T15:04:05.000Z"),
		"purchase_type":    "RENEWING_SUBSCRIPTION", "environment": "PRODUCTION", "plan": fmt.Sprint("plan-", item.event),
	}
	if e.status != "" {
		webhook["subscription_status"] = e.status
	}
	if e.purchase > 0 {
		webhook["purchasely_subscription_id"] = fmt.Sprint("subs_", e.purchase)
	}
	if e.sandbox {
		webhook["environment"] = "SANDBOX"
	}
	if e.eventKind == receive {
		webhook["transferred_from_user_id"] = fmt.Sprint("user-", e.from)
	}
	body, err := json.Marshal(webhook, json.Deterministic(true))
	if err != nil {
		s.t.Fatal(err)
	}
	return queued{
		id: item.String(), app: appNames[e.app], body: string(body), received: item.received, receives: item.receives,
		group: fmt.Sprint(e.app, e.user), standard: !s.fifo,
	}
}

// active is what an account has of a user: "true", "false", or nothing.
func (s *system) active(account string, user int) string {
	for _, p := range s.clevertap.Profiles() {
		if p.Account == account && p.ID == fmt.Sprint("user-", user) {
			return string(p.Data["has_active_subscription"])
		}
	}
	return ""
}
