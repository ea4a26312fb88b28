//go:build soak

package soak_test

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// checks account for every webhook, by everything that a run left behind.
type checks struct {
	*run
	webhooks  []*testWebhook
	byKey     map[string]*testWebhook
	byDigest  map[string]*testWebhook // of an event record
	histories map[string]*history     // by message id
	messages  map[*testWebhook][]*history
	uploads   []*upload
	byRequest map[int]*upload
	stored    map[string][]clevertaptest.Record // events by digest, in order
	report
}

// history is what happened to one message of a queue.
type history struct {
	id, queue, group string
	webhook          *testWebhook // nil if nobody sent it
	receives         int
	invocations      []*invocation
	outcome          forward.Outcome // of the invocation after which the queue deleted it
	reason           string
	retries          []string // the reasons for which it came back
}

// givenUp reports whether a message was rejected because CleverTap may have stored it often enough: a machine that is
// busy lets a message meet so many faults.
func (h *history) givenUp() bool {
	reasons := []string{string(fault.Unmatched), string(fault.UnreadableAnswer)}
	return h.outcome == forward.Rejected && slices.Contains(reasons, h.reason) && len(h.retries) >= 3
}

func (c *checks) givenUp(w *testWebhook) bool {
	return slices.ContainsFunc(c.messages[w], (*history).givenUp)
}

func (r *run) check() {
	c := &checks{run: r, report: report{outcomes: totals{}, retries: totals{}, copies: totals{}}}
	for _, s := range r.senders {
		c.webhooks = append(c.webhooks, s.sent...)
	}
	for _, f := range c.processes() {
		f.Kill() // so that everything it printed has arrived
	}
	c.index()
	c.readLogs()
	c.checkOutcomes()
	c.checkRejected()
	c.checkDuplicates()
	c.checkOrder()
	c.checkProfiles()
	for account := range c.passcodes {
		c.busiest = max(c.busiest, c.cleverTap.HighestInFlight(account))
	}
	if limit := uploadConcurrency * (fifoForwarders + standardForwarders); c.busiest > limit {
		c.Errorf("%d uploads of one account at once, allowed are %d", c.busiest, limit)
	}
	if c.backEnd != nil {
		c.checkRelay()
	}
	c.checkSecrecy()
	c.print()
}

func (c *checks) index() {
	c.byKey, c.byDigest = map[string]*testWebhook{}, map[string]*testWebhook{}
	for _, w := range c.webhooks {
		c.byKey[w.key] = w
		for _, digest := range []string{w.event, w.charged} {
			if digest != "" {
				c.byDigest[digest] = w
			}
		}
	}
	c.histories, c.messages = map[string]*history{}, map[*testWebhook][]*history{}
	for _, call := range c.forwarders.invocations {
		for _, m := range call.messages {
			h := c.histories[m.id]
			if h == nil {
				h = &history{id: m.id, queue: call.queue, group: m.group, webhook: c.byKey[m.webhook]}
				c.histories[m.id] = h
				c.messages[h.webhook] = append(c.messages[h.webhook], h)
			}
			h.invocations, h.receives = append(h.invocations, call), m.receives
		}
	}
	c.uploads, c.byRequest = c.recorder.recorded(), map[int]*upload{}
	for _, u := range c.uploads {
		if u.request != nil {
			c.byRequest[u.request.Number] = u
		}
	}
	c.stored = map[string][]clevertaptest.Record{}
	for _, record := range c.cleverTap.Records("") {
		if record.Type == "event" {
			name := digest([]byte(record.Raw))
			c.stored[name] = append(c.stored[name], record)
		}
	}
}

// readLogs checks that what every invocation counted is what the queue was answered, and takes each message's outcome
// from the log.
func (c *checks) readLogs() {
	for _, f := range c.forwarders.all {
		logs, err := readLogs(f.Output().Stdout.String())
		if err != nil && !f.killed {
			c.Error(err)
		}
		for n, call := range f.invocations {
			if call.err != nil {
				c.unanswered++
				continue
			}
			call.log = logs[fmt.Sprintf("00000000-0000-4000-8000-%012d", n+1)]
			if call.log == nil {
				c.Errorf("an invocation of %d messages wrote nothing", len(call.messages))
				continue
			}
			n := call.log.counts
			if n.Received != len(call.messages) || n.Retried != len(call.failed) ||
				n.Received != n.Delivered+n.Skipped+n.Rejected+n.Retried {
				c.Errorf("%d messages, %d failures, but counts are %+v", len(call.messages), len(call.failed), n)
			}
			for _, m := range call.messages {
				c.takeOutcome(call, m.id)
			}
		}
	}
}

func (c *checks) takeOutcome(call *invocation, id string) {
	h, line := c.histories[id], call.log.lines[id]
	if !call.returned(id) {
		h.outcome = map[string]forward.Outcome{
			"": forward.Delivered, "skipped": forward.Skipped, "rejected": forward.Rejected,
		}[line.Outcome]
		h.reason = line.Reason
		return
	}
	if line.Outcome != "retry" {
		c.Errorf("a message that came back was logged as %q", line.Outcome)
	}
	h.retries = append(h.retries, line.Reason)
	c.retries.add(line.Reason)
}

// checkOutcomes checks that every webhook ended as it has to, and that nothing else is stored.
func (c *checks) checkOutcomes() {
	for _, q := range []*awstest.Queue{c.fifo, c.standard, c.fifoDead, c.standardDead} {
		if n := len(q.Messages()); n > 0 {
			c.Errorf("%d messages left on %s", n, q.Name())
		}
	}
	if n := len(c.messages[nil]); n > 0 {
		c.Errorf("%d messages of webhooks that nobody sent", n)
	}
	for _, w := range c.webhooks {
		if len(c.messages[w]) == 0 {
			c.Errorf("a webhook for %s was taken and never seen again", w.app)
		}
		for _, h := range c.messages[w] {
			c.mostReceives = max(c.mostReceives, h.receives)
			last := h.invocations[len(h.invocations)-1]
			switch {
			case last.err != nil || last.returned(h.id):
				c.Errorf("a message for %s was not settled after %d receives", w.app, h.receives)
			case w.event == "" && w.outcome == forward.Delivered && h.reason == string(fault.EventOff):
				c.outdated++ // its profile record was all there was to send, and the state knows newer things by now
			case h.givenUp() && w.outcome == forward.Delivered:
				c.abandoned++
			case h.outcome != w.outcome || h.reason != string(w.reason):
				c.Errorf("a webhook for %s was %s %s, want %s %s", w.app, h.outcome, h.reason, w.outcome, w.reason)
			}
		}
		c.outcomes.add(strings.TrimSpace(w.outcome.String() + " " + string(w.reason)))
		wantsEvent, wantsCharged := w.event != "" && w.outcome == forward.Delivered, w.charged != ""
		event, charged := c.isStored(w.event, w.account), c.isStored(w.charged, w.account)
		if !c.givenUp(w) && (wantsEvent != event || wantsCharged != charged) {
			c.Errorf("a webhook for %s, %s %s: want event stored %t, Charged stored %t, and it is not so\n%s",
				w.app, w.outcome, w.reason, wantsEvent, wantsCharged, c.describe(w))
		}
	}
	if c.abandoned*50 > len(c.histories) {
		c.Errorf("%d of %d messages were given up", c.abandoned, len(c.histories))
	}
	for digest, records := range c.stored {
		if c.byDigest[digest] == nil {
			c.Errorf("%s is stored %d times, but no webhook makes this record", records[0].Name, len(records))
		}
	}
}

// isStored reports whether a record is stored, and checks that it is in no other account.
func (c *checks) isStored(digest, account string) bool {
	for _, record := range c.stored[digest] {
		if record.Account != account {
			c.Errorf("a record of %s is stored in %s", account, record.Account)
		}
	}
	return len(c.stored[digest]) > 0
}

// checkRejected checks the rejected queue: whole messages, the right reasons, and no other messages.
func (c *checks) checkRejected() {
	times := map[*testWebhook]int{}
	for _, m := range c.rejected.Messages() {
		w := c.byKey[webhookKey(m.Attribute("app"), m.Body, m.Attribute("encoding"))]
		if w == nil {
			c.Errorf("a rejected message is no webhook of this run: %v", m.Attributes)
			continue
		}
		times[w]++
		if c.givenUp(w) {
			continue
		}
		if m.Attribute("reason") != string(w.reason) || w.outcome != forward.Rejected {
			c.Errorf("rejected as %s, but the webhook is %s %s", m.Attribute("reason"), w.outcome, w.reason)
		}
		if m.Attribute("schema") != message.Schema || m.Attribute("received_at") == "" {
			c.Errorf("a rejected message lost its attributes: %v", m.Attributes)
		}
		accepted := m.Attribute("accepted")
		if strings.Contains(accepted, "event") || strings.Contains(accepted, "charged") != (w.charged != "") {
			c.Errorf("a rejected message with Charged %t says that %q was accepted", w.charged != "", accepted)
		}
		for name, a := range m.Attributes {
			if strings.Contains(a.StringValue, personal) {
				c.Errorf("attribute %s of a rejected message names a person", name)
			}
		}
	}
	for _, w := range c.webhooks {
		if w.outcome == forward.Rejected && times[w] == 0 {
			c.Errorf("a webhook was rejected as %s and is not in the rejected queue", w.reason)
		}
		for range max(0, times[w]-1) {
			cause := c.whyRejectedAgain(w)
			if cause == "" {
				c.Errorf("a webhook is in the rejected queue twice, and nobody knows why\n%s", c.describe(w))
			}
			c.copies.add("rejected again: " + cause)
		}
	}
}

func (c *checks) whyRejectedAgain(w *testWebhook) string {
	for _, h := range c.messages[w] {
		if slices.ContainsFunc(h.invocations, func(i *invocation) bool { return i.err != nil }) {
			return "the forwarder was killed"
		}
		if slices.Contains(h.retries, string(fault.RejectedQueue)) {
			return "the answer of the rejected queue was lost"
		}
	}
	switch {
	case len(c.messages[w]) > 1:
		return "sent again by Purchasely"
	case c.chaos.happened["SQS "+lostAnswers] > 0:
		return "the SDK repeated a call"
	}
	return ""
}

// checkProfiles checks the users' last states. Where the FIFO queue carried all of a user's webhooks, the state is
// exactly what the last of them says; but whose plan a user of two purchases has depends on which webhooks came in
// one batch.
func (c *checks) checkProfiles() {
	profiles := map[profileKey]clevertaptest.Profile{}
	for _, p := range c.cleverTap.Profiles() {
		profiles[profileKey{p.Account, p.Key, p.ID}] = p
	}
	for _, w := range c.webhooks {
		for _, key := range w.profiles {
			if _, ok := profiles[key]; !ok && !c.givenUp(w) {
				c.Errorf("a user of a webhook for %s, %s, has no profile", w.app, w.outcome)
			}
		}
	}
	for _, s := range c.senders {
		for _, u := range s.generator.users {
			if u.app == "" || len(u.sent) == 0 || slices.ContainsFunc(u.sent, c.givenUp) {
				continue
			}
			data, states := profiles[u.sent[0].profiles[0]].Data, u.states[:len(u.sent)]
			active, plan, last := string(data["has_active_subscription"]), string(data["plan"]), states[len(states)-1]
			ordered := !slices.ContainsFunc(u.sent, func(w *testWebhook) bool { return !c.carriedByFIFO(w) })
			known := slices.ContainsFunc(states, func(s planState) bool { return plan == strconv.Quote(s.plan) })
			if !known || ordered && active != strconv.FormatBool(last.active) ||
				ordered && u.purchases == 1 && plan != strconv.Quote(last.plan) {
				c.Errorf("a profile of %s says %s and %s, want %t and %s", u.app, active, plan, last.active, last.plan)
			}
			if ordered {
				c.exact++
			}
		}
	}
}

// checkSecrecy checks that no process printed anything secret or personal.
func (c *checks) checkSecrecy() {
	var printed strings.Builder
	for _, f := range c.processes() {
		printed.WriteString(f.Output().Stdout.String() + f.Output().Stderr.String())
	}
	for _, word := range []string{personal, "lantern-", "quartz-", "event_name", "profileData"} {
		if strings.Contains(printed.String(), word) {
			c.Errorf("a process printed %q", word)
		}
	}
}

// totals counts things by name.
type totals map[string]int

func (t totals) add(name string) { t[name]++ }

// print lists the things, the most frequent first.
func (t totals) print(w io.Writer, title string) {
	fmt.Fprintln(w, title)
	order := func(a, b string) int { return cmp.Or(t[b]-t[a], cmp.Compare(a, b)) }
	for _, name := range slices.SortedFunc(maps.Keys(t), order) {
		fmt.Fprintf(w, "  %7d  %s\n", t[name], name)
	}
}

// report is what a run amounts to.
type report struct {
	unanswered   int    // invocations
	outcomes     totals // of the webhooks
	retries      totals // of the messages, by reason
	copies       totals
	mostReceives int // of one message
	busiest      int // the most uploads of one account at once
	ordered      int // events whose order was checked
	overtaken    int // events, after a refusal
	outdated     int // messages whose only record would have been older news
	abandoned    int // messages that CleverTap may have stored four times
	exact        int // profiles foreseen to the last property
}

// print prints what the run was like.
func (c *checks) print() {
	w := c.Output()
	answers, repeated := totals{}, 0
	for _, s := range c.senders {
		for status, n := range s.answers {
			answers[status] += n
		}
		repeated += s.repeated
	}
	fmt.Fprintf(w, "seed %d: %s of webhooks, queue %s; drained %s after the last fault\n",
		c.seed, c.duration, c.queue, c.drained.Sub(c.calmed).Round(100*time.Millisecond))
	fmt.Fprintf(w, "%d webhooks, %d sent again on purpose, %d messages\n", len(c.webhooks), repeated, len(c.histories))
	answers.print(w, "answers of the receivers, 0 for none:")
	c.outcomes.print(w, "outcomes of the webhooks:")
	fmt.Fprintf(w, "%d invocations, %d without an answer; killed %d forwarders, %d receivers\n",
		len(c.forwarders.invocations), c.unanswered, c.forwarders.kills, c.chaos.receiversKilled)
	c.retries.print(w, fmt.Sprintf("a message was received at most %d times; retries by reason:", c.mostReceives))
	fmt.Fprintf(w, "%d uploads, at most %d of one account at once\n", len(c.uploads), c.busiest)
	c.chaos.happened.print(w, "faults:")
	c.copies.print(w, "copies and their causes:")
	fmt.Fprintf(w, "%d events in the order of their users, %d overtaken after a refusal\n", c.ordered, c.overtaken)
	fmt.Fprintf(w, "%d profiles exactly as foreseen; %d messages had only older news, %d were given up\n",
		c.exact, c.outdated, c.abandoned)
}
