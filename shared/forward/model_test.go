package forward_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// The model test takes random histories of users and their purchases through one or two whole handlers at once, over
// a queue that repeats, delays and reorders, with uploads and table calls that fail. After every step CleverTap must
// have of every user what an oracle says that has seen all events.

// eventKind is a kind of event and what it says about its purchase.
type eventKind struct {
	name, status  string
	known, active bool
	rank          int
}

var (
	activate   = eventKind{"ACTIVATE", "", true, true, 3}
	deactivate = eventKind{"DEACTIVATE", "AUTO_RENEWING", true, false, 2}
	receive    = eventKind{"SUBSCRIPTION_RECEIVED", "", true, true, 1}

	eventKinds = []eventKind{
		activate, deactivate, receive,
		{"SUBSCRIPTION_RENEWED", "AUTO_RENEWING", true, true, 1},
		{"TRANSACTION_PROCESSED", "UNPAID", true, false, 0},
		{"SUBSCRIPTION_TERMINATED", "", true, false, 0},
		{"RETENTION_MESSAGE_REQUESTED", "", false, false, 0},
	}
)

const (
	users      = 3
	lateMinute = 600 // later than the reception, as by a clock that runs ahead
)

// noon is before the time at which synctest's bubbles begin.
var noon = time.Date(1999, 12, 31, 12, 0, 0, 0, time.UTC)

// appNames are the apps of a scenario. The first two have the same accounts, the third has its own for production.
var appNames = []string{"first", "second", "third"}

// event is one webhook of a history.
type event struct {
	eventKind

	app      int
	user     int
	purchase int // 0: it names none
	minute   int // past noon
	sandbox  bool
	from     int // the former user of a received subscription
}

// account is where the event's records go.
func (e event) account() string {
	switch {
	case e.sandbox:
		return "SANDBOX"
	case e.app == 2:
		return "OTHER"
	default:
		return "PRODUCTION"
	}
}

func drawEvent(t *rapid.T, apps int) event {
	e := event{
		eventKind: rapid.SampledFrom(eventKinds).Draw(t, "kind"),
		app:       rapid.IntRange(0, apps-1).Draw(t, "app"),
		user:      rapid.IntRange(0, users-1).Draw(t, "user"),
		purchase:  rapid.IntRange(1, 3).Draw(t, "purchase"),
		minute:    rapid.OneOf(rapid.IntRange(0, 6), rapid.Just(lateMinute)).Draw(t, "minute"),
		sandbox:   rapid.IntRange(0, 5).Draw(t, "sandbox") == 5,
	}
	e.from = (e.user + rapid.IntRange(1, users-1).Draw(t, "from")) % users
	// Only an end may name no purchase: a beginning without one cannot be stored.
	if e.eventKind == deactivate && rapid.IntRange(0, 5).Draw(t, "no purchase") == 5 {
		e.purchase = 0
	}
	return e
}

func drawHistory(t *rapid.T, apps int) []event {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event { return drawEvent(t, apps) }), 1, 8).Draw(t, "history")
}

func (e event) concerns(user int) bool {
	return e.user == user || e.eventKind == receive && e.from == user
}

// update is what an event says about one purchase of one user.
type update struct {
	at            time.Time
	known, active bool
	rank          int
}

// update returns what an event says about a user.
func (e event) update(user int, received time.Time) update {
	at := noon.Add(time.Duration(e.minute) * time.Minute)
	if at.After(received) {
		at = received
	}
	if e.user != user {
		return update{at, true, false, 0} // the former user of a received subscription
	}
	return update{at, e.known, e.active, e.rank}
}

// oracle considers all that has arrived at once: of each purchase the newest update counts, at the same instant the
// one that ranks highest. It returns "" while nothing is known.
func (s *system) oracle(user int, account string) string {
	newest, known := make(map[int]update), false
	for _, item := range s.arrived {
		e := s.history[item.event]
		if e.account() != account || !e.concerns(user) {
			continue
		}
		u := e.update(user, item.received)
		known = known || u.known
		best, exists := newest[e.purchase]
		if u.known && e.purchase > 0 && (!exists || u.at.After(best.at) || u.at.Equal(best.at) && u.rank > best.rank) {
			newest[e.purchase] = u
		}
	}
	if !known {
		return ""
	}
	active := false
	for _, u := range newest {
		active = active || u.active
	}
	return fmt.Sprint(active)
}

// check compares what CleverTap knows with the oracle, of every user of whom no message waits.
func (s *system) check() string {
	for user := range users {
		if slices.ContainsFunc(s.queue, func(item *queueItem) bool { return s.history[item.event].concerns(user) }) {
			continue
		}
		for _, account := range []string{"PRODUCTION", "OTHER", "SANDBOX"} {
			if got, want := s.active(account, user), s.oracle(user, account); got != want {
				return fmt.Sprintf("%s has user %d as active: %q, all that arrived says %q", account, user, got, want)
			}
		}
	}
	if repeated := s.clevertap.Duplicates(); len(repeated) > 0 && !s.mayRepeat {
		return fmt.Sprintf("CleverTap has accepted an event twice: %v", repeated)
	}
	return ""
}

// step is one batch, or one for each forwarder at the same time.
type step struct {
	batches [2][]int // indexes into the queue, modulo its length
	latency []int    // of calls, in milliseconds, in turn
	fault   string
}

func drawStep(t *rapid.T) step {
	batch := rapid.SliceOfN(rapid.IntRange(0, 7), 0, 4)
	return step{
		batches: [2][]int{batch.Draw(t, "first batch"), batch.Draw(t, "second batch")},
		latency: rapid.SliceOfN(rapid.IntRange(1, 40), 1, 6).Draw(t, "latency"),
		fault:   rapid.SampledFrom(append(slices.Sorted(maps.Keys(faults)), "", "", "")).Draw(t, "fault"),
	}
}

// scenario is a history and the messages that bring it.
type scenario struct {
	fifo     bool
	apps     int // how many of them there are
	history  []event
	messages []int // what the receiver queues, in order: indexes into the history, some more than once
}

func TestCleverTapKnowsOfEveryUserWhatAllEventsSay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := scenario{fifo: rapid.Bool().Draw(rt, "fifo"), apps: rapid.IntRange(1, len(appNames)).Draw(rt, "apps")}
		c.history = drawHistory(rt, c.apps)
		c.messages = rapid.SliceOfN(rapid.IntRange(0, len(c.history)-1), 1, 12).Draw(rt, "messages")
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 8).Draw(rt, "steps")
		var problem, log string
		synctest.Test(t, func(t *testing.T) {
			s := newSystem(t, c)
			problem = s.run(steps)
			log = strings.Join(s.log, "\n")
		})
		if problem != "" {
			rt.Fatalf("%+v\n%s\n%s", c, log, problem)
		}
	})
}

// run takes the steps, and then lets everything that still waits end without faults. It returns the first problem.
func (s *system) run(steps []step) (problem string) {
	for i := 0; i < len(steps) || len(s.queue) > 0; i++ {
		next := step{batches: [2][]int{make([]int, len(s.queue))}, latency: []int{1}}
		switch {
		case i < len(steps):
			next = steps[i]
		case i > len(steps)+40:
			return fmt.Sprintf("messages never end: %v", s.queue)
		}
		if problem = s.step(next); problem != "" {
			return problem
		}
	}
	return ""
}

// However a history is cut into batches, and whatever the order inside them, CleverTap ends with the same profiles as
// if all webhooks had come one by one in the order in which they happened.
func TestABatchLeavesWhatItsWebhooksWouldLeaveOneByOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		apps := rapid.IntRange(1, len(appNames)).Draw(rt, "apps")
		history := drawHistory(rt, apps)
		inOrder := make([]int, len(history))
		for i := range history {
			history[i].minute = i // each at an instant of its own: ties are another matter
			inOrder[i] = i
		}
		sizes := rapid.SliceOfN(rapid.IntRange(1, 4), 1, 4).Draw(rt, "sizes")
		shuffled := slices.Clone(inOrder)
		for _, batch := range cut(shuffled, sizes) {
			copy(batch, rapid.Permutation(batch).Draw(rt, "order in a batch"))
		}
		batched := scenario{apps: apps, history: history, messages: shuffled}
		var want, got map[string]any
		synctest.Test(t, func(t *testing.T) {
			want = profilesAfter(t, scenario{apps: apps, history: history, messages: inOrder}, []int{1})
			got = profilesAfter(t, batched, sizes)
		})
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("%+v in batches of %v leaves something else (-one by one +in batches):\n%s", batched, sizes, diff)
		}
	})
}

// cut cuts a list into parts of these sizes, in turn.
func cut[T any](list []T, sizes []int) (parts [][]T) {
	for i := 0; len(list) > 0; i++ {
		size := min(sizes[i%len(sizes)], len(list))
		parts, list = append(parts, list[:size]), list[size:]
	}
	return parts
}

// profilesAfter returns the profiles that a scenario leaves if its messages come in batches of these sizes.
func profilesAfter(t *testing.T, c scenario, sizes []int) map[string]any {
	s := newSystem(t, c)
	for _, batch := range cut(s.queue, sizes) {
		s.deliver(0, batch)
	}
	profiles := make(map[string]any)
	for _, p := range s.clevertap.Profiles() {
		profiles[p.Account+" "+p.ID] = p.Data
	}
	return profiles
}

// The faults of a step.
const (
	answersLost = "CleverTap's answers are lost"
	noSecrets   = "secrets cannot be read"
	noReads     = "the table cannot be read"
	readsPanic  = "reading the table panics" // for a test of its own
	noWrites    = "the table cannot be written"
	writesLost  = "the table's answers to writes are lost"
)

var faults = map[string]clevertaptest.Fault{
	"CleverTap is down":            {Kind: clevertaptest.Status},
	answersLost:                    {Kind: clevertaptest.ResetAfter},
	"profiles are refused for now": {Kind: clevertaptest.Transient, Marker: `"type":"profile"`, Times: 99},
	"events are refused for now":   {Kind: clevertaptest.Transient, Marker: `"type":"event"`, Times: 99},
	noSecrets:                      {},
	noReads:                        {},
	noWrites:                       {},
	writesLost:                     {},
}
