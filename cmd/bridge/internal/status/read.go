// Package status says in one look how a deployed bridge is: what arrives and what becomes of it, what waits and why,
// and what needs somebody.
//
// It promises an answer within three seconds: what AWS has not told by then is named as not known. Every number says
// where it comes from. It changes nothing.
//
// [Read] returns it as data, for the command and for pages alike.
package status

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/metric"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Status is how a stack is.
type Status struct {
	Stack        string            `json:"stack"`
	Region       string            `json:"region"`
	At           time.Time         `json:"at"`
	Attention    []string          `json:"attention"` // what needs somebody, in sentences
	Unknown      []string          `json:"unknown"`   // what could not be read, and why
	Settings     Settings          `json:"settings"`
	Alarms       []stack.Alarm     `json:"alarms"` // that ring
	Apps         []App             `json:"apps"`
	Queues       []Queue           `json:"queues"`
	Breakers     []Breaker         `json:"breakers"`      // that are open
	Retried      []Reason          `json:"retried"`       // why messages came back
	RelayRetried []Reason          `json:"relay_retried"` // why those for the apps' own back ends did
	Rejected     []Reason          `json:"rejected"`
	Sources      map[string]string `json:"sources"` // where the numbers come from
}

// Settings is the integration file in force.
type Settings struct {
	Name   string `json:"name"`
	Faulty string `json:"faulty,omitzero"` // why the newest version does not count
}

// App is one app of the settings.
type App struct {
	Name     string    `json:"name"`
	Enabled  bool      `json:"enabled"`
	Relay    string    `json:"relay,omitzero"` // the host of its own back end, if webhooks are passed on to it
	Activity *Activity `json:"activity"`       // null: unknown
}

// Activity is what became of an app's webhooks in a day.
type Activity struct {
	LastWebhook  time.Time `json:"last_webhook,omitzero"` // to the minute, or to the hour if it is longer ago
	LastDelivery time.Time `json:"last_delivery,omitzero"`
	Counts                 // of all the hours
	Hours        []Hour    `json:"hours"` // the oldest first; the last one is under way
}

// Hour is what became of an app's webhooks in an hour.
type Hour struct {
	From time.Time `json:"from"`
	Counts
}

// Counts are how many webhooks there were, by what became of them.
type Counts struct {
	Queued      int `json:"queued"`
	Delivered   int `json:"delivered"`
	Skipped     int `json:"skipped"`
	Rejected    int `json:"rejected"`
	Retried     int `json:"retried"` // attempts, not webhooks
	Relayed     int `json:"relayed,omitzero"`
	RelayFailed int `json:"relay_failed,omitzero"` // requests to the back end
}

// Queue is what lies on a queue.
type Queue struct {
	Name     string `json:"name"`
	Visible  int    `json:"visible"`
	InFlight int    `json:"in_flight"`
	Oldest   int    `json:"oldest_seconds"` // age of the oldest message; 0: unknown
	Alarming bool   `json:"alarming"`       // nothing should lie on it
}

// Breaker is why an app's messages wait for an account, and until when.
type Breaker struct {
	App     string    `json:"app"`
	Account string    `json:"account"`
	Reason  string    `json:"reason"`
	Because string    `json:"because"`
	Since   time.Time `json:"since"`
	NextTry time.Time `json:"next_try"`
}

const (
	// timeLimit is how long AWS may take for everything.
	timeLimit = 2500 * time.Millisecond
	day       = 24 * time.Hour
	hours     = 24 // that are counted, the one under way included
	// minutesBack is for how long a metric is looked at by the minute, and daysBack by the hour.
	minutesBack = 3 * time.Hour
	daysBack    = 14 * day
)

// sources are where the numbers come from.
var sources = map[string]string{
	"settings":      "S3, or the file at hand where the stack has no object there",
	"alarms":        "CloudWatch",
	"apps":          "CloudWatch metrics, a minute or two late; counts are of this hour and the 23 before it",
	"queues":        "SQS, approximate; ages from CloudWatch, up to five minutes late",
	"breakers":      "the subscribers table, as the forwarder wrote it that opened or closed one last",
	"retried":       "the forwarder's log of the last 20 minutes",
	"relay_retried": "the relay's log of the last 70 minutes",
	"rejected":      "the forwarder's log of the last 24 hours",
}

// reader reads the parts of a status side by side.
type reader struct {
	Status
	stack *stack.Stack

	mu sync.Mutex
}

// Read asks AWS about everything at once. builtIn stands for the integration file that is built into the functions.
func Read(ctx context.Context, s *stack.Stack, builtIn *integration.File) Status {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	r := &reader{stack: s, Status: Status{
		Stack: s.Name, Region: s.Config.Region, At: time.Now().UTC(), Sources: maps.Clone(sources),
	}}
	var parts sync.WaitGroup
	read := func(what string, part func(ctx context.Context) error) {
		parts.Go(func() {
			if err := part(ctx); err != nil {
				r.unknown(what, err)
			}
		})
	}
	read("the apps", func(ctx context.Context) error { return r.readApps(ctx, builtIn) })
	read("the alarms", r.readAlarms)
	read("the queues", r.readQueues)
	read("the breakers", r.readBreakers)
	var retriedErr, relayedErr, rejectedErr error
	parts.Go(func() { r.Retried, retriedErr = retried.reasons(ctx, s, r.At) })
	parts.Go(func() { r.Rejected, rejectedErr = rejected.reasons(ctx, s, r.At) })
	if r.relays() {
		parts.Go(func() { r.RelayRetried, relayedErr = relayed.reasons(ctx, s, r.At) })
	}
	parts.Wait()
	r.checkReasons(retriedErr, relayedErr, rejectedErr)
	slices.Sort(r.Unknown)
	r.Attention = r.needs()
	return r.Status
}

func (r *reader) unknown(what string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Unknown = append(r.Unknown, fmt.Sprintf("%s: %v", what, err))
}

// readApps reads the settings, and the metrics of their apps.
func (r *reader) readApps(ctx context.Context, builtIn *integration.File) error {
	current, err := r.stack.Settings(ctx, builtIn)
	if err != nil { // the apps are the same as a rule
		r.unknown("the settings", err)
		current.File = builtIn
	}
	r.Settings.Name = current.Name
	if current.Faulty != nil {
		r.Settings.Faulty = current.Faulty.Err.Error()
	}
	names := slices.Sorted(maps.Keys(current.File.Apps))
	for _, name := range names {
		app := App{Name: name, Enabled: current.File.Apps[name].Enabled}
		if to := current.File.Apps[name].Relay; to != nil && r.relays() {
			u, _ := url.Parse(to.URL) // it was checked when the file was read; the rest of it may hold a token
			app.Relay = u.Host
		}
		r.Apps = append(r.Apps, app)
	}
	return r.readMetrics(ctx, names)
}

// counted are the metrics of Counts.
var counted = []metric.Name{
	metric.WebhooksQueued,
	metric.MessagesDelivered, metric.MessagesSkipped, metric.MessagesRejected, metric.MessagesRetried,
	metric.RelayDelivered, metric.RelayFailed, // the last two only of a stack that has a relay
}

func (r *reader) relays() bool { return r.stack.Output(stack.RelayQueue) != "" }

func (r *reader) readMetrics(ctx context.Context, names []string) error {
	counted := counted
	if !r.relays() {
		counted = counted[:len(counted)-2]
	}
	var metrics []stack.Metric
	for _, app := range names {
		for _, name := range counted {
			metrics = append(metrics, stack.Metric{
				Namespace: metric.Namespace, Name: string(name), Dimension: "App", Value: app,
			})
		}
	}
	// CloudWatch lays periods from the first time on: they are to be those of the clock.
	thisHour := r.At.Truncate(time.Hour)
	var byHour, byMinute [][]stack.Point
	var hourErr, minuteErr error
	var calls sync.WaitGroup
	calls.Go(func() { byHour, hourErr = r.stack.Metrics(ctx, metrics, time.Hour, thisHour.Add(-daysBack), r.At) })
	calls.Go(func() {
		byMinute, minuteErr = r.stack.Metrics(ctx, metrics, time.Minute, thisHour.Add(-minutesBack), r.At)
	})
	calls.Wait()
	if err := cmp.Or(hourErr, minuteErr); err != nil {
		return err
	}
	for i := range r.Apps {
		first := i * len(counted)
		a := newActivity(byHour[first:first+len(counted)], thisHour.Add(-(hours-1)*time.Hour))
		a.LastWebhook = last(byMinute[first], byHour[first])
		a.LastDelivery = last(byMinute[first+1], byHour[first+1])
		r.Apps[i].Activity = a
	}
	return nil
}

// newActivity puts together what the counted metrics have from an hour on.
func newActivity(series [][]stack.Point, from time.Time) *Activity {
	a := &Activity{Hours: make([]Hour, hours)}
	for i := range a.Hours {
		a.Hours[i].From = from.Add(time.Duration(i) * time.Hour)
	}
	for n, points := range series {
		for _, p := range points {
			if i := int(p.At.Sub(from) / time.Hour); !p.At.Before(from) && i < hours {
				*a.Hours[i].number(n) += int(p.Value)
				*a.number(n) += int(p.Value)
			}
		}
	}
	return a
}

// number is the one that a counted metric counts.
func (c *Counts) number(n int) *int {
	return []*int{&c.Queued, &c.Delivered, &c.Skipped, &c.Rejected, &c.Retried, &c.Relayed, &c.RelayFailed}[n]
}

// last is when there was something last, by the finer series that has anything.
func last(series ...[]stack.Point) time.Time {
	for _, points := range series {
		for _, p := range points { // the newest first
			if p.Value > 0 {
				return p.At
			}
		}
	}
	return time.Time{}
}

func (r *reader) readAlarms(ctx context.Context) (err error) {
	r.Alarms, err = r.stack.Ringing(ctx)
	return err
}

// queues are the stack's, by their outputs.
var queues = []struct {
	output, name string
	alarming     bool
}{
	{stack.FIFOEvents, "events, FIFO", false}, {stack.StandardEvents, "events, standard", false},
	{stack.RejectedQueue, "rejected", true}, {stack.FIFODeadLetters, "dead letters, FIFO", true},
	{stack.StandardDeadLetters, "dead letters, standard", true},
	{stack.RelayQueue, "relay", false}, {stack.RelayDeadLetters, "dead letters, relay", true},
}

// readQueues reads how many messages there are on each queue, and how old the oldest is.
func (r *reader) readQueues(ctx context.Context) error {
	var ages []stack.Metric
	var all []*stack.Queue
	var read []Queue
	for _, q := range queues {
		if r.stack.Output(q.output) == "" {
			continue
		}
		queue := r.stack.Queue(q.output, q.name)
		all = append(all, queue)
		read = append(read, Queue{Name: q.name, Alarming: q.alarming})
		ages = append(ages, stack.Metric{
			Namespace: "AWS/SQS", Name: "ApproximateAgeOfOldestMessage", Largest: true,
			Dimension: "QueueName", Value: queue.ID(),
		})
	}
	errs := make([]error, len(all))
	var calls sync.WaitGroup
	for i, queue := range all {
		calls.Go(func() {
			var depth stack.Depth
			depth, errs[i] = queue.Depth(ctx)
			read[i].Visible, read[i].InFlight = depth.Visible+depth.Delayed, depth.InFlight
		})
	}
	var points [][]stack.Point // none: the ages are unknown
	calls.Go(func() { points, _ = r.stack.Metrics(ctx, ages, time.Minute, r.At.Add(-15*time.Minute), r.At) })
	calls.Wait()
	if err := cmp.Or(errs...); err != nil {
		return err
	}
	for i := range points {
		if len(points[i]) > 0 && read[i].Visible+read[i].InFlight > 0 {
			read[i].Oldest = int(points[i][0].Value)
		}
	}
	r.Queues = read
	return nil
}

// readBreakers reads which accounts are left alone.
func (r *reader) readBreakers(ctx context.Context) error {
	name := r.stack.Output(stack.SubscribersTable)
	if name == "" {
		r.Sources["breakers"] = "nowhere: the parameter Subscribers is off"
		return nil
	}
	table := dynamo.NewTable(r.stack.Config, name, 0)
	for e, err := range table.Partition(ctx, subscriber.BreakersPartition, subscriber.BreakerPrefix) {
		if err != nil {
			return stack.Explain(err)
		}
		b := subscriber.ReadBreaker(e.Item)
		if b.Closed.IsZero() && !e.Item.Expired(r.At) {
			_, account, _ := strings.Cut(b.Account, "/")
			because := journal.Because(b.Reason, b.Code)
			r.Breakers = append(r.Breakers, Breaker{b.App, account, b.Reason, because, b.Opened, b.Until})
		}
	}
	return nil
}

// needs is what needs somebody, in sentences.
func (r *reader) needs() (needs []string) {
	if n := len(r.Alarms); n > 0 {
		needs = append(needs, cli.Quantity(n, "alarm")+" ringing")
	}
	if n := len(r.Breakers); n > 0 {
		needs = append(needs, cli.Quantity(n, "open breaker"))
	}
	for _, q := range r.Queues {
		if n := q.Visible + q.InFlight; q.Alarming && n > 0 {
			needs = append(needs, fmt.Sprintf("%s on the queue %q", cli.Quantity(n, "message"), q.Name))
		}
	}
	if r.Settings.Faulty != "" {
		needs = append(needs, "the newest settings are faulty")
	}
	return needs
}
