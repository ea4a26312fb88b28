package events_test

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/receive"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// demoAccounts is the demo app's other secret.
const demoAccounts = `{"region":"eu1","account_id":"PRODUCTION","passcode":"p1",` +
	`"sandbox":{"region":"in1","account_id":"SANDBOX","passcode":"p2"}}`

// pipeline is both handlers in one process, with a fake AWS between them, and the strict fake CleverTap at the end.
type pipeline struct {
	receiver     *receive.Handler
	forwarder    *forward.Handler
	clevertap    *clevertaptest.Server
	aws          *awstest.Server
	events       *awstest.Queue
	rejected     *awstest.Queue
	results      []forward.Result
	log, metrics bytes.Buffer
}

func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	file, problems := integration.Load("integrations.yaml", read(t, "integrations.yaml"))
	if file == nil {
		t.Fatal(problems)
	}
	cloud := awstest.NewInProcess(nil)
	cloud.Secrets.Put("demo/purchasely", `{"shared_secret":"`+demoSecret+`"}`)
	cloud.Secrets.Put("demo/clevertap", demoAccounts)
	cloud.Dynamo.Create("subscribers", subscriber.PartitionAttribute, subscriber.SortAttribute)
	p := &pipeline{
		aws: cloud, rejected: cloud.SQS.Create(awstest.QueueConfig{Name: "rejected"}),
		clevertap: clevertaptest.New(clevertaptest.Config{Accounts: []clevertaptest.Account{
			{ID: "PRODUCTION", Region: "eu1", Passcodes: []string{"p1"}},
			{ID: "SANDBOX", Region: "in1", Passcodes: []string{"p2"}},
		}}),
	}
	p.renewQueue()
	log := slog.New(slog.NewJSONHandler(&p.log, nil))
	p.receiver = &receive.Handler{
		Apps: settings.Apps{Store: settings.Fixed(settings.AppNames{"demo": true})}, MaxBody: 262144, FIFO: true,
		Keys: secrets(cloud, "purchasely", webhook.ParseKeys), Log: log, Observer: receive.NewMetrics(&p.metrics),
		Queue: aws.NewQueue(cloud.Config(), cloud.SQS.QueueURL(p.events)),
	}
	rejected := aws.NewQueue(cloud.Config(), cloud.SQS.QueueURL(p.rejected))
	p.forwarder = &forward.Handler{
		Settings: settings.Fixed(file), Accounts: secrets(cloud, "clevertap", clevertap.ParseAccounts),
		Mapper:   mapping.New(),
		Uploader: clevertap.NewUploader(clevertap.Options{Transport: p.clevertap.Transport()}),
		Rejecter: rejected, Delayer: rejected, RetryDelay: 5 * time.Second, Log: log, Metrics: &p.metrics,
		Table: dynamo.NewTable(cloud.Config(), "subscribers", time.Second), Journal: forward.JournalOutcomes,
		JournalLifetime: time.Hour,
		Observe:         func(r forward.Result) { p.results = append(p.results, r) },
	}
	return p
}

// secrets reads apps' secrets as the functions do.
func secrets[T any](cloud *awstest.Server, name string, parse func(text []byte) (T, error)) *secret.Cache[T] {
	fetch := aws.ReadParsed(aws.NewSecrets(cloud.Config()), parse)
	return secret.NewCache(fetch, func(app string) string { return app + "/" + name }, slog.New(slog.DiscardHandler))
}

// renewQueue empties the queue; the ids of what was on it count no longer.
func (p *pipeline) renewQueue() {
	p.events = p.aws.SQS.Create(awstest.QueueConfig{Name: "events.fifo"})
}

// outcome is what became of a message.
type outcome struct {
	Outcome string       `json:"outcome"`
	Reason  fault.Reason `json:"reason"`
}

// forward takes a batch through the forwarder, and returns its answer and the outcome of each message.
func (p *pipeline) forward(t *testing.T, payload []byte) (answer []byte, outcomes []outcome) {
	t.Helper()
	p.results = nil
	answer, err := p.forwarder.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.results {
		o := outcome{Outcome: r.Outcome.String()}
		if r.Fault != nil {
			o.Reason = r.Fault.Reason
		}
		outcomes = append(outcomes, o)
	}
	return answer, outcomes
}

// forwardQueued takes the one message that is queued through the forwarder, and empties the queue.
func (p *pipeline) forwardQueued(t *testing.T) outcome {
	t.Helper()
	payload, err := awstest.Event(p.events, p.events.Receive(10, -1))
	if err != nil {
		t.Fatal(err)
	}
	p.renewQueue()
	answer, outcomes := p.forward(t, payload)
	if string(answer) != `{"batchItemFailures":[]}` || len(outcomes) != 1 {
		t.Fatalf("answered %s, %+v", answer, outcomes)
	}
	return outcomes[0]
}

// stored are the records that an account has; never nil.
func (p *pipeline) stored(account string) []jsontext.Value {
	records := []jsontext.Value{}
	for _, r := range p.clevertap.Records(strings.ToUpper(account)) {
		records = append(records, r.Raw)
	}
	return records
}

// accounts are those of the demo app.
var accounts = []string{"production", "sandbox"}

// want is what becomes of a request; README.md explains the keys.
type want struct {
	Status int            `json:"status"`
	Answer jsontext.Value `json:"answer"`
	outcome
	Account string           `json:"account"`
	Records []jsontext.Value `json:"records"`
}

// receive takes a request through both handlers.
func (p *pipeline) receive(t *testing.T, request request) want {
	t.Helper()
	w := want{outcome: outcome{Outcome: "none"}, Records: []jsontext.Value{}}
	w.Status, w.Answer = answerOf(t, p.receiver, request)
	if len(p.events.Messages()) == 0 {
		return w
	}
	before := map[string]int{}
	for _, account := range accounts {
		before[account] = len(p.stored(account))
	}
	w.outcome = p.forwardQueued(t)
	for _, account := range accounts {
		if records := p.stored(account)[before[account]:]; len(records) > 0 {
			if w.Account != "" {
				t.Errorf("records went to %s and %s", w.Account, account)
			}
			w.Account, w.Records = account, records
		}
	}
	return w
}

// answerOf is what a handler of the HTTP API answers.
func answerOf(t *testing.T, handler interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}, request request) (status int, body jsontext.Value) {
	t.Helper()
	payload, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := handler.Invoke(t.Context(), payload)
	var answer struct {
		Status int    `json:"statusCode"`
		Body   string `json:"body"`
	}
	if err != nil || json.Unmarshal(reply, &answer) != nil {
		t.Fatalf("answered %s, %v", reply, err)
	}
	return answer.Status, jsontext.Value(answer.Body)
}

// Each fixture has a pipeline of its own, but the steps of a series share one.
func TestWhatBecomesOfRequests(t *testing.T) {
	pipelines := map[string]*pipeline{}
	for i, f := range fixtures {
		series := regexp.MustCompile(`-[0-9]-.*`).ReplaceAllString(f.name, "")
		if pipelines[series] == nil {
			pipelines[series] = newPipeline(t)
		}
		p, request := pipelines[series], f.request(t, sent(i))
		golden(t, "receiver-"+f.name+".want.json", p.receive(t, request))
		if f.name != "version-2" { // The second version has no event_id.
			for _, o := range p.clevertap.Warnings() {
				t.Errorf("%s: CleverTap would presumably change a record: %+v", f.name, o)
			}
		}
		private := []string{demoSecret, request.Headers["x-purchasely-request-signature"]}
		var event webhook.Event
		if event.Read([]byte(f.raw(t))) == nil {
			private = append(private, event.Subscriber().ID)
		}
		for _, text := range private {
			if text != "" && strings.Contains(p.log.String()+p.metrics.String(), text) {
				t.Errorf("%s: log or metrics hold %q", f.name, text)
			}
		}
	}
}

// Messages of schema 1 are processed whichever version queued them: an update loses none. The file's cases are never
// changed; see the tests of shared/message.
func TestMessagesOfSchema1AreAlwaysProcessed(t *testing.T) {
	text := read(t, "../shared/message/testdata/schema-1.json")
	var all []struct {
		Name   string
		Queued struct {
			Body       string
			Attributes map[string]string
			GroupID    string `json:"group_id"`
		}
		Outcome  string
		Redriven bool
	}
	if err := json.Unmarshal(text, &all, json.MatchCaseInsensitiveNames(true)); err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	for _, m := range all {
		t.Run(m.Name, func(t *testing.T) {
			p := newPipeline(t)
			p.events.Put(awstest.Message{
				Body: m.Queued.Body, Attributes: awstest.TextAttributes(m.Queued.Attributes), GroupID: m.Queued.GroupID,
				Sent: time.Now(),
			})
			end := p.forwardQueued(t)
			if got := strings.TrimSpace(end.Outcome + " " + string(end.Reason)); got != m.Outcome {
				t.Errorf("%q, want %s\n%s", got, m.Outcome, &p.log)
			}
			stored, rejected := len(p.stored("production")) > 0, len(p.rejected.Messages()) == 1
			if stored != (m.Outcome == "delivered" && !m.Redriven) || rejected != strings.HasPrefix(m.Outcome, "rejected") {
				t.Errorf("stored: %t, on the rejected queue: %t", stored, rejected)
			}
		})
	}
}
