package reconcile

import (
	"cmp"
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/explain"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/query"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/metric"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// queues are where a webhook may be that has no outcome yet.
var queues = []string{
	stack.FIFOEvents, stack.StandardEvents, stack.FIFODeadLetters, stack.StandardDeadLetters,
}

// readBooks adds up what was queued and what became of it.
func (r *run) readBooks(ctx context.Context) error {
	b, heartbeats := &r.Books, 0
	sums := []struct {
		name metric.Name
		into *int
	}{
		{metric.WebhooksQueued, &b.Queued}, {metric.MessagesDelivered, &b.Delivered}, {metric.MessagesSkipped, &b.Skipped},
		{metric.MessagesRejected, &b.Rejected}, {metric.HeartbeatOk, &b.Heartbeats}, {metric.HeartbeatOk, &heartbeats},
	}
	var metrics []stack.Metric
	for _, s := range sums {
		metrics = append(metrics, stack.Metric{
			Namespace: metric.Namespace, Name: string(s.name), Dimension: "App", Value: r.app, Number: s.into == &heartbeats,
		})
	}
	end := r.days.end()
	if now := time.Now(); now.Before(end) {
		end = now
		r.remark("%s is not over: what is under way is not in every figure yet", r.days.to)
	}
	// Zones begin their days at whole hours, or at quarters of them.
	period := time.Hour
	if r.days.begin().Unix()%3600 != 0 {
		period = time.Minute
	}
	points, err := r.stack.Metrics(ctx, metrics, period, r.days.begin(), end)
	if err != nil {
		return err
	}
	for i, s := range sums {
		for _, p := range points[i] {
			*s.into += int(p.Value)
		}
	}
	// A heartbeat is not counted as queued, and ends as delivered or skipped.
	b.Delivered -= b.Heartbeats
	b.Skipped -= heartbeats - b.Heartbeats
	for _, output := range queues {
		size, err := r.stack.Queue(output, output).Size(ctx)
		if err != nil {
			return err
		}
		b.OnQueues += size
	}
	rest := b.Queued - b.Delivered - b.Skipped - b.Rejected
	b.Waiting = max(0, min(rest, b.OnQueues))
	b.Residue = rest - b.Waiting
	return nil
}

// accepted are the events that CleverTap has accepted, by name, day and event id.
type accepted map[string]map[query.Day]map[string]event

// event is one of them.
type event struct {
	at     time.Time
	amount float64 // of Charged; 0: unknown
}

func (a accepted) add(name string, day query.Day, id string, e event) {
	if a[name] == nil {
		a[name] = make(map[query.Day]map[string]event)
	}
	if a[name][day] == nil {
		a[name][day] = make(map[string]event)
	}
	a[name][day][id] = e
}

// charged is CleverTap's own event of a purchase.
const charged = "Charged"

// readJournal reads what became of every webhook, and what CleverTap has accepted of it. An event counts on the day on
// which it happened; its webhook may have come much later.
func (r *run) readJournal(ctx context.Context) error {
	table, err := journal.Current(r.stack)
	if err != nil {
		r.remark("%v: events are not compared one by one", err)
		r.residue(nil)
		return nil
	}
	r.Journal = &Journal{}
	bar := cli.NewProgress(r.cmd, "reading the journal", -1)
	defer bar.Done()
	var purchases []journal.Entry // with a body, for their amounts
	var stuck []Named
	selection := journal.Selection{From: r.days.begin().Add(-10 * time.Minute), App: r.app}
	for e, err := range journal.Scan(ctx, table, selection, subscriber.Key{}, time.Now()) {
		if err != nil {
			return stack.Explain(err)
		}
		bar.Add(1)
		r.seen[e.EventID] = true
		if !e.Received.Before(r.days.begin()) && e.Received.Before(r.days.end()) {
			if e.Outcome == forward.Retried.String() && time.Since(e.Received) > time.Hour {
				stuck = append(stuck, Named{e.Event.Event, e.EventID, e.Received, "because " + journal.Because(e.Reason, e.Code)})
			}
			r.Journal.count(e, r.Account)
		}
		if r.accept(e) && e.Body != nil {
			purchases = append(purchases, e)
		}
		if len(purchases) == atOnce {
			if err := r.readAmounts(ctx, purchases); err != nil {
				return err
			}
			purchases = nil
		}
	}
	r.residue(stuck)
	return r.readAmounts(ctx, purchases)
}

func (j *Journal) count(e journal.Entry, account string) {
	switch e.Outcome {
	case forward.Delivered.String():
		j.Delivered++
		if e.Account != "" && e.Account != account {
			j.Sandbox++
		}
	case forward.Skipped.String():
		j.Skipped++
	case forward.Rejected.String():
		j.Rejected++
	default:
		j.Retried++
	}
}

// accept notes what CleverTap has accepted of a webhook, and reports whether a purchase is among it.
func (r *run) accept(e journal.Entry) (purchase bool) {
	at := e.Created
	if at.IsZero() {
		at = e.Received
	}
	day := query.DayOf(at.In(r.days.zone))
	if e.Account != r.Account || !r.days.has(day) {
		return false
	}
	kinds := forward.ParseKinds(e.Records)
	if kinds&forward.Event != 0 {
		r.accepted.add(cmp.Or(e.Name, e.Event.Event), day, e.EventID, event{at: at})
	}
	if kinds&forward.Charged != 0 {
		r.accepted.add(charged, day, e.EventID, event{at: at})
	}
	return kinds&forward.Charged != 0
}

// atOnce is how many webhooks are held, and taken through the settings, at a time.
const atOnce = 500

// readAmounts computes what purchases cost, as the forwarder does. The journal has it only where it has bodies.
func (r *run) readAmounts(ctx context.Context, purchases []journal.Entry) error {
	bodies := make([][]byte, len(purchases))
	for i, e := range purchases {
		bodies[i] = e.Body
	}
	results, err := explain.Batch{
		File: r.file, App: r.app, Bodies: bodies, Received: time.Now(), SandboxAccount: r.accounts.Sandbox != nil,
	}.Results(ctx)
	if err != nil {
		return err
	}
	for i, e := range purchases {
		amount := amountIn(results[i].JSON[forward.Charged])
		for _, events := range r.accepted[charged] {
			if known, ok := events[e.EventID]; ok {
				known.amount = amount
				events[e.EventID] = known
			}
		}
	}
	return nil
}

// residue names what has no outcome.
func (r *run) residue(stuck []Named) {
	r.find("waiting", "'bridge status' says why messages wait, 'bridge user trace' what became of one person's webhooks.",
		"On the way for more than an hour", stuck)
	b := r.Books
	switch {
	case b.Residue > 0:
		r.add("lost", "Somebody has deleted them from a queue, or CloudWatch is late: look again in an hour. What has left "+
			"no trace has no id here; --hosted-prefix names what the hosted integration has of them.",
			"Without an outcome, and on no queue: "+cli.Quantity(b.Residue, "webhook")+".", []Named{})
	case b.Residue < 0:
		r.remark("%s more have an outcome than were queued: what was sent back or replayed has one each time, and so has "+
			"what was under way as the first day began", cli.Quantity(-b.Residue, "webhook"))
	}
	if b.Waiting > 0 {
		r.remark("%s on the queues, of all apps: they are taken for what is still without an outcome",
			cli.Quantity(b.OnQueues, "message"))
	}
}

// amountIn is the amount of a record of a purchase, 0 if there is none.
func amountIn(record string) float64 {
	var form struct {
		Data struct {
			Amount float64 `json:"Amount"`
		} `json:"evtData"`
	}
	if json.Unmarshal([]byte(record), &form, stored.Lenient...) != nil {
		return 0 // under today's settings nothing is sent
	}
	return form.Data.Amount
}
