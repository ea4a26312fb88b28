//go:build soak

package soak_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/template"
)

// The simulated day, and what is promised of it.
const (
	outageBegins    = 10 * time.Minute
	outageLasts     = 24 * time.Hour
	watchAfter      = 15 * time.Minute // once the backlog is gone
	usersPerDay     = 20_000           // of each app, at a webhook a second
	environmentLife = 2 * time.Hour    // about how long Lambda keeps one; the new one's breakers know nothing
	slowestEvent    = 10 * time.Second // of the other apps
	longestBacklog  = 2 * time.Hour    // until it is gone
	// sqsSearchDepth is how many messages a FIFO queue searches for free groups (Amazon SQS quotas, November 2026).
	sqsSearchDepth = 120_000
)

// The three apps, each with an account of its own. The first one's account fails.
var outageApps = []string{"down", "near", "far"}

// TestADayWithoutOneAccountHarmsNoOther runs the worst case, an account that does not answer and a FIFO queue, at a
// tenth of the promised rate. With DAY=whole it runs every case at a webhook a second and account, which takes ten
// minutes; only then is the time that the backlog takes worth anything.
func TestADayWithoutOneAccountHarmsNoOther(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // most of the memory is the backlog, which stays
	if os.Getenv("DAY") != "whole" {
		simulate(t, &outage{queueType: template.FIFO, hangs: true, every: 10 * time.Second})
		return
	}
	for _, queueType := range []string{template.FIFO, template.Standard} {
		for failure, hangs := range map[string]bool{"no answer": true, "status 503": false} {
			t.Run(queueType+", "+failure, func(t *testing.T) {
				t.Parallel()
				simulate(t, &outage{queueType: queueType, hangs: hangs, every: time.Second})
			})
		}
	}
}

func simulate(t *testing.T, o *outage) {
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		o.T = t
		o.prepare()
		o.run()
	})
	fmt.Fprintf(t.Output(), "%s; simulated in %s\n", o.summary, time.Since(began).Round(time.Second))
}

// outage is the simulated day, on the virtual clock of its bubble. It is everything around the forwarders:
// the queue, secrets, and CleverTap.
type outage struct {
	*testing.T
	queueType string
	hangs     bool          // the account does not answer at all, else with 503
	every     time.Duration // between two webhooks of one app

	queue, dead *awstest.Queue
	source      awstest.Mapping
	uploads     clevertap.Options
	retryDelay  time.Duration
	file        *integration.File
	from, to    time.Time // of the outage
	generated   int       // webhooks of each app
	deepest     int       // messages on the queue at once
	summary     string

	mu            sync.Mutex
	idle          []environment
	apps          [3]outageApp
	twice, failed int // events delivered twice, uploads that failed
	busiest       int // uploads of one account at once
}

// outageApp is an app with its account.
type outageApp struct {
	due      []time.Time // when each event was queued; zero: it is delivered
	got      int         // events
	slowest  time.Duration
	inFlight int // uploads
}

// environment is one of Lambda's: a forwarder until some time.
type environment struct {
	*forward.Handler
	ends time.Time
}

// prepare creates everything with the values of the template.
func (o *outage) prepare() {
	stack, err := template.Read("../../template.yaml", o.queueType)
	if err != nil {
		o.Fatal(err)
	}
	ending := map[string]string{template.FIFO: ".fifo"}[o.queueType]
	config := awstest.QueueConfig{Name: "dead" + ending, Retention: stack.Retention}
	o.dead = awstest.NewQueue(config, time.Now)
	config.Name, config.DeadLetters = "events"+ending, o.dead
	config.Visibility, config.MaxReceiveCount = stack.Visibility, stack.MaxReceives
	o.queue = awstest.NewQueue(config, time.Now)
	o.source.Queue, o.source.Invoke = o.queue, o.invoke
	o.source.BatchSize, o.source.Concurrency = stack.Batch, stack.Forwarders
	o.source.Timeout, o.source.Window = stack.Timeout, stack.Window
	o.retryDelay = stack.RetryDelay
	o.uploads = clevertap.Options{
		Transport: o, Timeout: stack.UploadTimeout,
		Concurrency: stack.Uploads, BreakerPause: stack.BreakerPause,
	}
	var problems integration.Problems
	o.file, problems = integration.Load("integrations.yaml", []byte("apps: {down: {}, near: {}, far: {}}"))
	if o.file == nil {
		o.Fatal(problems)
	}
	o.from = time.Now().Add(outageBegins)
	o.to = o.from.Add(outageLasts)
}

// newForwarder makes a forwarder with an uploader of its own, as each of Lambda's environments has one.
func (o *outage) newForwarder() *forward.Handler {
	return &forward.Handler{
		Settings: settings.Fixed(o.file), Accounts: o, Mapper: mapping.New(), Uploader: clevertap.NewUploader(o.uploads),
		Rejecter: o, Delayer: o, RetryDelay: o.retryDelay, Log: slog.New(slog.DiscardHandler), Metrics: io.Discard,
	}
}

// run sends webhooks until the backlog is gone.
func (o *outage) run() {
	ctx, stop := context.WithCancel(o.Context())
	ended := make(chan struct{})
	go func() { o.source.Run(ctx); close(ended) }()
	o.sendUntil(o.to)
	backlog := o.generated
	for o.got(0) < backlog && time.Since(o.to) < longestBacklog {
		o.sendUntil(time.Now().Add(10 * time.Second))
	}
	drained := time.Since(o.to)
	o.sendUntil(time.Now().Add(watchAfter))
	time.Sleep(longestBacklog) // nobody sends any more
	stop()
	<-ended
	o.check(backlog, drained, o.source.Stats())
}

// invoke hands a batch to the environment that was busy last, or to a new one.
func (o *outage) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	o.mu.Lock()
	o.idle = slices.DeleteFunc(o.idle, func(e environment) bool { return !time.Now().Before(e.ends) })
	if len(o.idle) == 0 {
		ends := time.Now().Add(environmentLife/2 + rand.N(environmentLife))
		o.idle = append(o.idle, environment{o.newForwarder(), ends})
	}
	e := o.idle[len(o.idle)-1]
	o.idle = o.idle[:len(o.idle)-1]
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.idle = append(o.idle, e)
	}()
	return e.Invoke(ctx, payload)
}

func (o *outage) sendUntil(end time.Time) {
	for time.Now().Before(end) {
		for app := range outageApps {
			o.send(app)
			time.Sleep(o.every / time.Duration(len(outageApps)))
		}
		if o.generated++; o.generated%60 == 0 {
			c := o.queue.Counts()
			o.deepest = max(o.deepest, c.Visible+c.InFlight)
		}
	}
}

func (o *outage) send(app int) {
	now, id := time.Now(), fmt.Sprintf("%d-%d", app, o.generated)
	user := fmt.Sprintf("user-%d", (o.generated*7919+app)%int(usersPerDay*time.Second/o.every))
	body := fmt.Appendf(nil, `{"api_version":3,"event_name":"SUBSCRIPTION_RENEWED","event_id":%q,`+
		`"event_created_at_ms":%d,"user_id":%q,"purchase_type":"RENEWING_SUBSCRIPTION",`+
		`"purchasely_subscription_id":"subs_%s","subscription_status":"AUTO_RENEWING",`+
		`"environment":"PRODUCTION","plan":"monthly"}`, id, now.UnixMilli(), user, user)
	m := message.Message{App: outageApps[app], Received: now, Body: body}
	ids := message.IDs{SubscriberKind: "user", Subscriber: user, EventName: "SUBSCRIPTION_RENEWED", EventID: id}
	e := message.Encode(m, ids, o.queue.FIFO())
	o.mu.Lock()
	o.apps[app].due = append(o.apps[app].due, now)
	o.mu.Unlock()
	_, err := o.queue.Send(awstest.Message{
		Body: e.Body, GroupID: e.GroupID, DeduplicationID: e.DeduplicationID,
		Attributes: awstest.TextAttributes(e.Attributes),
	})
	if err != nil {
		o.Fatal(err)
	}
}

// Get implements forward.Accounts: every app's account is at hand.
func (o *outage) Get(_ context.Context, app string) (clevertap.Accounts, error) {
	account := clevertap.Account{Host: "api.clevertap.com", ID: app, Passcode: secret.New("papaya-" + app)}
	return clevertap.Accounts{Production: account}, nil
}

// Reload implements forward.Accounts.
func (o *outage) Reload(ctx context.Context, app string) (clevertap.Accounts, error) {
	return o.Get(ctx, app)
}

// Reject implements forward.Rejecter: nothing is to be rejected.
func (o *outage) Reject(_ context.Context, messages []message.Rejection) []error {
	o.Errorf("%d messages rejected, the first as %s", len(messages), messages[0].Reason)
	return make([]error, len(messages))
}

// Delay implements message.Delayer.
func (o *outage) Delay(_ context.Context, _ string, messages []message.Delay) (first error) {
	for _, m := range messages {
		if err := o.queue.ChangeVisibility(m.Message.Receipt, m.After); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// RoundTrip is CleverTap: it takes uploads in about a second, but for the first app's account during the outage.
func (o *outage) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	app := slices.Index(outageApps, r.Header.Get("X-CleverTap-Account-Id"))
	o.underWay(app, 1)
	defer o.underWay(app, -1)
	latency := 500*time.Millisecond + rand.N(time.Second)
	status, answer := http.StatusOK, ""
	if now := time.Now(); app == 0 && !now.Before(o.from) && now.Before(o.to) {
		o.mu.Lock()
		o.failed++
		o.mu.Unlock()
		status, latency = http.StatusServiceUnavailable, latency/10
		if o.hangs {
			latency = 24 * time.Hour
		}
	}
	select {
	case <-time.After(latency):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if status == http.StatusOK {
		answer = fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, o.take(body))
	}
	content := io.NopCloser(strings.NewReader(answer))
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: content}, nil
}

func (o *outage) underWay(app, more int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.apps[app].inFlight += more
	o.busiest = max(o.busiest, o.apps[app].inFlight)
}

// take records the events of an upload and counts its records.
func (o *outage) take(body []byte) (records int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, part := range bytes.Split(body, []byte(`"event_id":"`))[1:] {
		var number, n int
		if _, err := fmt.Sscanf(string(part[:bytes.IndexByte(part, '"')]), "%d-%d", &number, &n); err != nil {
			o.Error(err)
			continue
		}
		app := &o.apps[number]
		if app.due[n].IsZero() {
			o.twice++
			continue
		}
		app.slowest = max(app.slowest, time.Since(app.due[n]))
		app.due[n] = time.Time{}
		app.got++
	}
	return bytes.Count(body, []byte(`{"type":"`))
}

// got is how many events of an app have arrived.
func (o *outage) got(app int) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.apps[app].got
}

// check checks what was promised and sums the day up.
func (o *outage) check(backlog int, drained time.Duration, stats awstest.Stats) {
	c := o.queue.Counts()
	if c != (awstest.Counts{}) || len(o.dead.Messages()) > 0 || stats.Failed > 0 {
		o.Errorf("left %+v, %d dead letters, %d invocations failed", c, len(o.dead.Messages()), stats.Failed)
	}
	if drained > longestBacklog {
		o.Errorf("backlog of %d was gone after %s, promised are %s", backlog, drained, longestBacklog)
	}
	for i, app := range o.apps {
		if app.got != o.generated {
			o.Errorf("%s: %d of %d events delivered", outageApps[i], app.got, o.generated)
		}
		if i > 0 && app.slowest > slowestEvent {
			o.Errorf("%s: an event took %s, promised are %s", outageApps[i], app.slowest, slowestEvent)
		}
	}
	if o.deepest > sqsSearchDepth {
		o.Errorf("%d messages on the queue, of which SQS searches %d", o.deepest, sqsSearchDepth)
	}
	if o.busiest > clevertap.MaxInFlight {
		o.Errorf("%d uploads of one account at once", o.busiest)
	}
	if o.twice > 0 {
		o.Errorf("%d events delivered twice", o.twice)
	}
	slowest := max(o.apps[1].slowest, o.apps[2].slowest).Round(time.Millisecond)
	o.summary = fmt.Sprintf("%s queue: 3 × %d webhooks, %d receives, %d invocations, %d uploads failed; "+
		"at most %d messages waiting and %d uploads of one account at once; an event of the others took at most %s; "+
		"a backlog of %d was gone %s after the recovery", o.queueType, o.generated, stats.Received, stats.Invocations,
		o.failed, o.deepest, o.busiest, slowest, backlog, drained.Round(time.Second))
}
