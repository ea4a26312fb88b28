//go:build soak

package soak_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// What the day looks like.
const (
	outageBegins = 10 * time.Minute
	outageLasts  = 24 * time.Hour
	outageAfter  = 15 * time.Minute // of watching, once the backlog is gone
	usersPerDay  = 20_000           // of each app, at a webhook a second
)

// What is promised.
const (
	slowestEvent   = 10 * time.Second
	longestDrain   = 2 * time.Hour
	sqsSearchDepth = 120_000 // messages that a FIFO queue searches for free groups (Amazon SQS quotas, November 2026)
)

// The three apps, each with an account of its own. The first one's account fails.
var outageApps = [...]string{"down", "near", "far"}

// TestADayWithoutOneAccountHarmsNoOther runs the worst case, an account that does not answer and a FIFO queue, at a tenth of the promised
// rate. With DAY=whole it runs every case at a webhook a second and account, which takes ten minutes; only then is the time that
// the backlog takes worth anything.
func TestADayWithoutOneAccountHarmsNoOther(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // most of the memory is the backlog, which stays
	if os.Getenv("DAY") != "whole" {
		simulate(t, outage{queueType: "fifo", hangs: true, every: 10 * time.Second})
		return
	}
	for _, queueType := range []string{"fifo", "standard"} {
		for failure, hangs := range map[string]bool{"no answer": true, "status 503": false} {
			t.Run(queueType+", "+failure, func(t *testing.T) {
				t.Parallel()
				simulate(t, outage{queueType: queueType, hangs: hangs, every: time.Second})
			})
		}
	}
}

func simulate(t *testing.T, o outage) {
	o.deployment = readDeployment(t, o.queueType)
	began := time.Now()
	synctest.Test(t, func(t *testing.T) { o.T = t; o.prepare(); o.run() })
	_, _ = fmt.Fprintf(t.Output(), "%s; simulated in %s\n", o.summary, time.Since(began).Round(time.Second))
}

// outage is the simulated day. Everything in it runs on the virtual clock of its bubble.
type outage struct {
	*testing.T
	queueType  string
	hangs      bool          // the account does not answer at all, else with 503
	every      time.Duration // between two webhooks of one app
	deployment deployment

	queue      *awstest.Queue
	dead       *awstest.Queue
	cleverTap  *failingCleverTap
	forwarders *forwarders
	sent       int // webhooks of each app
	deepest    int // messages on the queue at once
	summary    string
}

// prepare makes everything, inside the bubble.
func (o *outage) prepare() {
	name := map[string]string{"fifo": ".fifo"}[o.queueType]
	d, now := o.deployment, time.Now()
	o.dead = awstest.NewQueue(awstest.QueueConfig{Name: "dead" + name, Retention: d.retention}, time.Now)
	o.queue = awstest.NewQueue(awstest.QueueConfig{
		Name: "events" + name, Visibility: d.visibility, Retention: d.retention, DeadLetters: o.dead, MaxReceiveCount: d.maxReceives,
	}, time.Now)
	o.cleverTap = &failingCleverTap{
		hangs: o.hangs, from: now.Add(outageBegins), to: now.Add(outageBegins + outageLasts),
	}
	o.forwarders = &forwarders{start: o.forwarder}
}

// forwarder is the forwarder with its own uploader, as each of Lambda's environments has one.
func (o *outage) forwarder() *forward.Handler {
	file, problems := integration.Load("integrations.yaml", []byte("apps: {down: {}, near: {}, far: {}}"))
	if file == nil {
		o.Fatal(problems)
	}
	return &forward.Handler{
		Integrations: file,
		Accounts:     knownAccounts{},
		Mapper:       mapping.New(),
		Uploader: clevertap.NewUploader(clevertap.Options{
			Transport: o.cleverTap, Timeout: o.deployment.uploadTimeout,
			Concurrency: o.deployment.uploads, BreakerPause: o.deployment.breakerPause,
		}),
		Rejecter: noRejections{o.T}, Delayer: visibilities{o.queue},
		RetryDelay: o.deployment.retryDelay, Log: slog.New(slog.DiscardHandler), Metrics: io.Discard,
	}
}

// run sends webhooks until the backlog is gone.
func (o *outage) run() {
	ctx, stop := context.WithCancel(o.Context())
	mapping := &awstest.Mapping{
		Queue: o.queue, Invoke: o.forwarders.invoke, Concurrency: o.deployment.concurrency,
		BatchSize: o.deployment.batch, Window: o.deployment.window, Timeout: o.deployment.timeout,
	}
	ended := make(chan struct{})
	go func() { mapping.Run(ctx); close(ended) }()

	o.sendUntil(o.cleverTap.to)
	backlog, limit := o.sent, o.cleverTap.to.Add(longestDrain)
	for o.cleverTap.has(0) < backlog && time.Now().Before(limit) {
		o.sendUntil(time.Now().Add(10 * time.Second))
	}
	drained := time.Since(o.cleverTap.to)
	o.sendUntil(time.Now().Add(outageAfter))
	time.Sleep(longestDrain) // nobody sends any more
	stop()
	<-ended
	o.verdict(backlog, drained, mapping.Stats())
}

func (o *outage) sendUntil(end time.Time) {
	for time.Now().Before(end) {
		for app, name := range outageApps {
			o.send(app, name)
			time.Sleep(o.every / time.Duration(len(outageApps)))
		}
		o.sent++
		if o.sent%60 == 0 {
			c := o.queue.Counts()
			o.deepest = max(o.deepest, c.Visible+c.InFlight)
		}
	}
}

func (o *outage) send(app int, name string) {
	now := time.Now()
	user := fmt.Sprintf("user-%d", (o.sent*7919+app)%int(usersPerDay*time.Second/o.every))
	body := fmt.Appendf(nil, `{"api_version":3,"event_name":"SUBSCRIPTION_RENEWED","event_id":"%d-%d","event_created_at_ms":%d,"user_id":%q,`+
		`"purchase_type":"RENEWING_SUBSCRIPTION","purchasely_subscription_id":"subs_%s","subscription_status":"AUTO_RENEWING",`+
		`"environment":"PRODUCTION","plan":"monthly"}`, app, o.sent, now.UnixMilli(), user, user)
	e := message.Encode(message.Message{App: name, Received: now, Body: body}, "user", user, fmt.Sprintf("%d-%d", app, o.sent), o.queue.FIFO())
	m := awstest.Message{Body: e.Body, GroupID: e.GroupID, DeduplicationID: e.DeduplicationID, Attributes: map[string]awstest.Attribute{}}
	for name, value := range e.Attributes {
		m.Attributes[name] = awstest.Attribute{DataType: "String", StringValue: value}
	}
	if _, err := o.queue.Send(m); err != nil {
		o.Fatal(err)
	}
	o.cleverTap.expect(app, now)
}

// verdict checks what was promised and sums the day up.
func (o *outage) verdict(backlog int, drained time.Duration, stats awstest.Stats) {
	counts := o.queue.Counts()
	if left := counts.Visible + counts.InFlight; left > 0 || counts.Expired > 0 || len(o.dead.Messages()) > 0 || stats.Errors+stats.Unreadable > 0 {
		o.Errorf("%d messages left, %d expired, %d dead letters, %d invocations failed", left, counts.Expired, len(o.dead.Messages()), stats.Errors+stats.Unreadable)
	}
	if drained > longestDrain {
		o.Errorf("backlog of %d drained after %s, promised are %s", backlog, drained, longestDrain)
	}
	c := o.cleverTap
	for app, name := range outageApps {
		if c.has(app) != o.sent {
			o.Errorf("%s: %d of %d events delivered", name, c.has(app), o.sent)
		}
		if app > 0 && c.slowest[app] > slowestEvent {
			o.Errorf("%s: an event took %s, promised are %s", name, c.slowest[app], slowestEvent)
		}
	}
	if o.deepest > sqsSearchDepth {
		o.Errorf("%d messages on the queue, of which SQS searches %d", o.deepest, sqsSearchDepth)
	}
	if most := c.busiest; most > clevertap.MaxInFlight {
		o.Errorf("%d uploads of one account at once", most)
	}
	if c.twice > 0 {
		o.Errorf("%d events delivered twice", c.twice)
	}
	o.summary = fmt.Sprintf("%s queue: 3 × %d webhooks, %d receives, %d invocations, at most %d messages waiting; events of the others took at most %s and %s; "+
		"%d uploads failed in vain; a backlog of %d was gone %s after the recovery; at most %d uploads of one account at once",
		o.queueType, o.sent, stats.Received, stats.Invocations, o.deepest, c.slowest[1].Round(time.Millisecond), c.slowest[2].Round(time.Millisecond),
		c.failed, backlog, drained, c.busiest)
}
