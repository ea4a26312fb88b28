package forward_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// The model test tells random stories of users and their purchases to the whole corridor, over a queue that repeats, delays and reorders,
// through one or two forwarders at once, with uploads and table calls that fail. After every step CleverTap must know of every user what an
// oracle says that has heard all of it.

// happening is a kind of event, and what it says of its purchase.
type happening struct {
	name, status  string
	known, active bool
	rank          int
}

var happenings = []happening{
	{"ACTIVATE", "", true, true, 3},
	{"DEACTIVATE", "AUTO_RENEWING", true, false, 2},
	{"SUBSCRIPTION_RENEWED", "AUTO_RENEWING", true, true, 1},
	{"TRANSACTION_PROCESSED", "UNPAID", true, false, 0},
	{"SUBSCRIPTION_TERMINATED", "", true, false, 0},
	{"RETENTION_MESSAGE_REQUESTED", "", false, false, 0},
	{received, "", true, true, 1},
}

const (
	received    = "SUBSCRIPTION_RECEIVED"
	subscribers = 3
)

// news is one webhook of a story.
type news struct {
	happening

	subscriber int
	purchase   int // 0: it names none
	minute     int // past noon; later than the reception from lateMinute on
	sandbox    bool
	from       int // of SUBSCRIPTION_RECEIVED
}

// lateMinute is what a clock says that runs ahead.
const lateMinute = 600

func drawNews(t *rapid.T) news {
	n := news{
		happening:  rapid.SampledFrom(happenings).Draw(t, "event"),
		subscriber: rapid.IntRange(0, subscribers-1).Draw(t, "subscriber"),
		purchase:   rapid.IntRange(1, 3).Draw(t, "purchase"),
		minute:     rapid.OneOf(rapid.IntRange(0, 6), rapid.Just(lateMinute)).Draw(t, "minute"),
		sandbox:    rapid.IntRange(0, 5).Draw(t, "sandbox") == 5,
	}
	n.from = (n.subscriber + rapid.IntRange(1, subscribers-1).Draw(t, "from")) % subscribers
	// Without a purchase only an end is in the story: a grant that nobody can store is no state.
	if n.name == "DEACTIVATE" && rapid.IntRange(0, 5).Draw(t, "nameless") == 5 {
		n.purchase = 0
	}
	return n
}

// concerns tells whether a webhook says anything about a subscriber.
func (n news) concerns(subscriber int) bool {
	return n.subscriber == subscriber || n.name == received && n.from == subscriber
}

// String is the webhook in a counter-example.
func (n news) String() string {
	text := fmt.Sprintf("%s of reader-%d", n.name, n.subscriber)
	if n.purchase > 0 {
		text += fmt.Sprintf(", subscription %d", n.purchase)
	}
	if n.name == received {
		text += fmt.Sprintf(" from reader-%d", n.from)
	}
	if n.sandbox {
		text += " in the sandbox"
	}
	if n.minute == lateMinute {
		return text + ", in the future"
	}
	return text + fmt.Sprintf(", at 12:%02d", n.minute)
}

// Troubles of a step.
const (
	noTrouble       = ""
	down            = "CleverTap is down"
	answersLost     = "CleverTap's answers are lost"
	profilesRefused = "profiles are refused for now"
	eventsRefused   = "events are refused for now"
	noReads         = "the table cannot be read"
	noWrites        = "the table cannot be written"
	writesLost      = "the table's answers to writes are lost"
)

// step is one batch, or two at once with a forwarder each.
type step struct {
	first, second []int // which of the waiting messages, counted around
	pace          []int // how long the calls take, in turn
	trouble       string
}

func drawStep(t *rapid.T) step {
	picks := rapid.SliceOfN(rapid.IntRange(0, 7), 0, 4)
	return step{
		first: picks.Draw(t, "first"), second: picks.Draw(t, "second"),
		pace: rapid.SliceOfN(rapid.IntRange(1, 40), 1, 6).Draw(t, "pace"),
		trouble: rapid.SampledFrom([]string{
			noTrouble, noTrouble, noTrouble, down, answersLost, profilesRefused, eventsRefused, noReads, noWrites, writesLost,
		}).Draw(t, "trouble"),
	}
}

// plan is a story and how it is told.
type plan struct {
	fifo     bool
	story    []news
	messages []int // what the receiver queues, in order: places in the story, some more than once
	steps    []step
}

func drawPlan(t *rapid.T) plan {
	p := plan{
		fifo:  rapid.Bool().Draw(t, "fifo"),
		story: rapid.SliceOfN(rapid.Custom(drawNews), 1, 8).Draw(t, "story"),
		steps: rapid.SliceOfN(rapid.Custom(drawStep), 1, 8).Draw(t, "steps"),
	}
	p.messages = rapid.SliceOfN(rapid.IntRange(0, len(p.story)-1), 1, 12).Draw(t, "messages")
	return p
}

// String is the plan as a counter-example shows it.
func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "on a standard queue:\n")
	if p.fifo {
		b.Reset()
		fmt.Fprintf(&b, "on a FIFO queue:\n")
	}
	for place, n := range p.messages {
		fmt.Fprintf(&b, "  message %d: webhook %d, %v\n", place, n, p.story[n])
	}
	return b.String()
}

func TestCleverTapKnowsOfEveryUserWhatAllThatArrivedSays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawPlan(rt)
		var w *world
		synctest.Test(t, func(t *testing.T) {
			w = newWorld(t, p)
			w.tell()
		})
		if w.violation != "" {
			rt.Fatalf("%v%s%s", p, strings.Join(w.journal, ""), w.violation)
		}
	})
}

// tell goes through the plan's steps, and then lets everything that still waits end in peace.
func (w *world) tell() {
	for _, s := range w.plan.steps {
		w.step(s)
	}
	for range 40 {
		if len(w.waiting) == 0 || w.violation != "" {
			return
		}
		w.step(step{first: make([]int, len(w.waiting)), pace: []int{1}})
	}
	w.violate("messages never end: %v", w.waiting)
}

// step hands out one or two batches, and looks at CleverTap when they have ended.
func (w *world) step(s step) {
	if w.violation != "" {
		return
	}
	// Long after the last one, so that no account is left alone any more for what went wrong then.
	time.Sleep(time.Hour)
	w.befall(s)
	first := w.take(s.first, nil)
	second := w.take(s.second, first)
	w.log("with forwarder 1 %v, with forwarder 2 %v %s\n", first, second, s.trouble)
	w.forward(first, second)
	w.befall(step{pace: []int{1}})
	w.look()
}

// take picks waiting messages for a batch. A FIFO queue gives a subscriber's messages in their order, and none while others of theirs are with
// the other forwarder.
func (w *world) take(picks []int, elsewhere []*letter) (batch []*letter) {
	for _, pick := range picks {
		if len(w.waiting) == 0 {
			break
		}
		at := pick % len(w.waiting)
		subscriber := w.news(w.waiting[at]).subscriber
		same := func(l *letter) bool { return w.news(l).subscriber == subscriber }
		if w.plan.fifo {
			if slices.ContainsFunc(elsewhere, same) {
				continue
			}
			at = slices.IndexFunc(w.waiting, same)
		}
		batch = append(batch, w.waiting[at])
		w.waiting = slices.Delete(w.waiting, at, at+1)
	}
	return batch
}
