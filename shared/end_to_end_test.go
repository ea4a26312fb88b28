package shared_test

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/receive"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	demoSecret   = `{"shared_secret":"demo-secret-not-for-production"}`
	demoAccounts = `{"region":"eu1","account_id":"PRODUCTION","passcode":"p1",` +
		`"sandbox":{"region":"in1","account_id":"SANDBOX","passcode":"p2"}}`
)

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
	file, problems := integration.Load("integrations.yaml", []byte(read(t, "events/integrations.yaml")))
	if file == nil {
		t.Fatal(problems)
	}
	cloud := awstest.NewInProcess(nil)
	cloud.Secrets.Put("demo/purchasely", demoSecret)
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

// forward takes what is queued through the forwarder, and returns the outcome of each message.
func (p *pipeline) forward(t *testing.T) []string {
	t.Helper()
	payload, err := awstest.Event(p.events, p.events.Receive(10, -1))
	if err != nil {
		t.Fatal(err)
	}
	p.renewQueue()
	return p.invoke(t, payload, `{"batchItemFailures":[]}`)
}

func (p *pipeline) invoke(t *testing.T, payload []byte, want string) (outcomes []string) {
	t.Helper()
	p.results = nil
	answer, err := p.forwarder.Invoke(t.Context(), payload)
	if err != nil || string(answer) != want {
		t.Errorf("answer %s, %v, want %s", answer, err, want)
	}
	for _, r := range p.results {
		outcome := r.Outcome.String()
		if r.Fault != nil {
			outcome += " " + string(r.Fault.Reason)
		}
		outcomes = append(outcomes, outcome)
	}
	return outcomes
}

// stored compares what CleverTap has of an account with what is wanted after what was there before.
func (p *pipeline) stored(t *testing.T, account string, before int, want []jsontext.Value) {
	t.Helper()
	var records, wanted []string
	for _, r := range p.clevertap.Records(account)[before:] {
		records = append(records, string(r.Raw))
	}
	for _, w := range want {
		wanted = append(wanted, compact(t, w))
	}
	if diff := cmp.Diff(wanted, records); diff != "" {
		t.Errorf("%s (-want +stored):\n%s", account, diff)
	}
}

func compact(t *testing.T, value jsontext.Value) string {
	t.Helper()
	value = value.Clone()
	if err := value.Compact(); err != nil {
		t.Fatal(err)
	}
	return string(value)
}

// fixtures calls a test for each of a kind, in the order of their names.
func fixtures(t *testing.T, pattern string,
	test func(t *testing.T, name string, payload []byte, want func(into any))) {
	t.Helper()
	paths, err := filepath.Glob("../events/" + pattern + ".want.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".want.json")
		t.Run(name, func(t *testing.T) {
			test(t, name, []byte(read(t, "events/"+name+".json")), func(into any) {
				text := read(t, "events/"+name+".want.json")
				if err := json.Unmarshal([]byte(text), into, json.RejectUnknownMembers(true)); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// Each fixture has a pipeline of its own, but the steps of a series share one.
func TestEveryWebhookEndsAsItsFixtureSays(t *testing.T) {
	pipelines := map[string]*pipeline{}
	fixtures(t, "receiver-*", func(t *testing.T, name string, request []byte, want func(any)) {
		var wanted struct {
			Status  int              `json:"status"`
			Answer  jsontext.Value   `json:"answer"`
			Outcome string           `json:"outcome"`
			Reason  string           `json:"reason"`
			Account string           `json:"account"`
			Records []jsontext.Value `json:"records"`
		}
		want(&wanted)
		series := regexp.MustCompile(`-[0-9]-.*`).ReplaceAllString(name, "")
		if pipelines[series] == nil {
			pipelines[series] = newPipeline(t)
		}
		p := pipelines[series]
		records := map[string][]jsontext.Value{strings.ToUpper(wanted.Account): wanted.Records}
		before := map[string]int{}
		for _, account := range []string{"PRODUCTION", "SANDBOX"} {
			before[account] = len(p.clevertap.Records(account))
		}
		reply, err := p.receiver.Invoke(t.Context(), request)
		var answer struct {
			StatusCode int    `json:"statusCode"`
			Body       string `json:"body"`
		}
		if err != nil || json.Unmarshal(reply, &answer) != nil {
			t.Fatalf("answer %s, %v", reply, err)
		}
		if answer.StatusCode != wanted.Status || answer.Body != compact(t, wanted.Answer) {
			t.Errorf("answered %d %s, want %d %s", answer.StatusCode, answer.Body, wanted.Status, wanted.Answer)
		}
		outcomes := []string{"none"}
		if len(p.events.Messages()) > 0 {
			outcomes = p.forward(t)
		}
		if want := strings.TrimSpace(wanted.Outcome + " " + wanted.Reason); !slices.Equal(outcomes, []string{want}) {
			t.Errorf("%q, want %s", outcomes, want)
		}
		for account, n := range before {
			p.stored(t, account, n, records[account])
		}
		if name != "receiver-version-2" { // The second version has no event_id.
			for _, o := range p.clevertap.Warnings() {
				t.Errorf("CleverTap would presumably change a record: %+v", o)
			}
		}
		p.logsNothingPrivate(t, request)
	})
}

// logsNothingPrivate searches log and metrics for whatever is secret or personal in a request.
func (p *pipeline) logsNothingPrivate(t *testing.T, request []byte) {
	t.Helper()
	var r struct {
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	if err := json.Unmarshal(request, &r); err != nil {
		t.Fatal(err)
	}
	private := []string{"demo-secret-not-for-production", r.Headers["x-purchasely-request-signature"]}
	var event webhook.Event
	if event.Read([]byte(r.Body)) == nil {
		private = append(private, event.Subscriber().ID)
	}
	for _, text := range private {
		if text != "" && strings.Contains(p.log.String()+p.metrics.String(), text) {
			t.Errorf("log or metrics hold %q", text)
		}
	}
}

func TestEveryBatchEndsAsItsFixtureSays(t *testing.T) {
	fixtures(t, "forwarder-*", func(t *testing.T, _ string, payload []byte, want func(any)) {
		var wanted struct {
			Failures jsontext.Value `json:"batchItemFailures"`
			Outcomes []struct {
				MessageID string `json:"messageId"`
				Outcome   string `json:"outcome"`
				Reason    string `json:"reason"`
			} `json:"outcomes"`
			Uploads []struct {
				Account string           `json:"account"`
				Records []jsontext.Value `json:"records"`
			} `json:"uploads"`
		}
		want(&wanted)
		p := newPipeline(t)
		outcomes := p.invoke(t, payload, `{"batchItemFailures":`+compact(t, wanted.Failures)+`}`)
		for i, o := range wanted.Outcomes {
			want := strings.TrimSpace(o.Outcome + " " + o.Reason)
			if len(outcomes) != len(wanted.Outcomes) || outcomes[i] != want {
				t.Errorf("message %d of %q: want %s", i, outcomes, want)
			}
			logged := strings.Contains(p.log.String(), `"messageId":"`+o.MessageID+`"`)
			if logged != (o.Outcome != "delivered") {
				t.Errorf("message %s, %s, is logged: %t", o.MessageID, want, logged)
			}
		}
		for _, u := range wanted.Uploads {
			p.stored(t, strings.ToUpper(u.Account), 0, u.Records)
		}
		for _, m := range p.rejected.Messages() {
			if m.Attribute("reason") == "" || m.Attribute("error") == "" {
				t.Errorf("a rejected message lacks its reason: %v", m.Attributes)
			}
		}
	})
}

// Messages of schema 1 are processed whichever version queued them: an update loses none. The file's cases are never
// changed; see the tests of shared/message.
func TestMessagesOfSchema1AreAlwaysProcessed(t *testing.T) {
	text := []byte(read(t, "shared/message/testdata/schema-1.json"))
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
			if got := p.forward(t); !slices.Equal(got, []string{m.Outcome}) {
				t.Errorf("%q, want %s\n%s", got, m.Outcome, &p.log)
			}
			stored, rejected := len(p.clevertap.Records("PRODUCTION")) > 0, len(p.rejected.Messages()) == 1
			if stored != (m.Outcome == "delivered" && !m.Redriven) || rejected != strings.HasPrefix(m.Outcome, "rejected") {
				t.Errorf("stored: %t, on the rejected queue: %t", stored, rejected)
			}
		})
	}
}
