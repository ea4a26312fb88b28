//go:build local

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What is wrong with the day, by person: e-4 is the event of person 4.
const (
	people, lostPerson, deletedPerson, pricePerson = 40, 20, 16, 31
)

var (
	dropped = []string{"e-4", "e-8", "e-12"}
	moved   = []string{"e-24", "e-28"}
)

// testABadDay wants bridge reconcile to find every fault of a day and to name it, and nothing else.
func testABadDay(p *proof) {
	began := time.Now()
	// Where it is about noon, a day does not end while this goes on.
	zone := fmt.Sprintf("Etc/GMT%+d", began.UTC().Hour()-12)
	place, err := time.LoadLocation(zone)
	if err != nil {
		p.Fatal(err)
	}
	p.fake("/accounts", map[string]any{
		"id": productionAccount, "region": "eu1", "passcodes": []string{demoPasscode}, "time_zone": zone,
	})
	p.sendHosted(began)
	for _, id := range dropped {
		p.fake("/faults", map[string]string{"kind": "drop", "marker": `"event_id":"` + id + `"`})
	}
	p.loseOne(began)
	for n := 1; n <= people; n++ {
		if n != lostPerson {
			p.sendWebhook(webhookOf(n, began))
		}
	}
	demo := []dimension{{"App", "demo"}}
	var refused time.Time
	err = poll(p.Context(), time.Minute, func() (bool, error) {
		if time.Since(refused) > 2*time.Second { // The receiver writes what it has counted when the next webhook comes.
			refused = time.Now()
			if _, _, err := p.post(p.Context(), fixture{path: "/purchasely/demo", body: []byte("{}")}); err != nil {
				return false, err
			}
		}
		queued, _, err := p.statistic(namespace, "WebhooksQueued", "Sum", demo, began)
		if err != nil || queued < people {
			return false, err
		}
		delivered, _, err := p.statistic(namespace, "MessagesDelivered", "Sum", demo, began)
		if err != nil || delivered < people-1 {
			return false, err
		}
		return p.deleteFromJournal(deletedPerson)
	})
	if err != nil {
		p.Fatal(err)
	}
	day := began.In(place).Format(time.DateOnly)
	ready, err := p.serve("127.0.0.1", 0, nil, proxy(p.clevertap.endpoint, untilReady{}))
	if err != nil {
		p.Fatal(err)
	}
	p.Logf("all faults are there %s later", seconds(time.Since(began)))
	shown, exit, err := p.shell(p.Context(), "CLEVERTAP_ENDPOINT='"+ready+"/{host}' bridge reconcile --json --app demo"+
		" --stack "+documented+" --hosted-prefix '' --zone "+zone+" --from "+day+" --to "+day+" 2>/dev/null", "")
	var report struct {
		Books struct {
			Queued    int `json:"queued"`
			Delivered int `json:"delivered"`
			Residue   int `json:"residue"`
		} `json:"books"`
		Findings []struct {
			Kind   string `json:"kind"`
			Events []struct {
				EventID string `json:"event_id"`
			} `json:"events"`
		} `json:"findings"`
		Requests int `json:"requests"`
	}
	if err != nil || exit != 1 || json.Unmarshal([]byte(shown), &report) != nil {
		p.Fatalf("exit code %d, %v:\n%s", exit, err, shown)
	}
	var found []string
	for _, f := range report.Findings {
		var ids []string
		for _, e := range f.Events {
			ids = append(ids, e.EventID)
		}
		slices.Sort(ids)
		found = append(found, strings.Join(append([]string{f.Kind}, ids...), " "))
	}
	want := []string{
		"lost e-20", "dropped e-12 e-4 e-8", "not_in_journal e-16", "other_profile e-24 e-28", "value e-31",
	}
	b := report.Books
	if !slices.Equal(found, want) || b.Queued != people || b.Delivered != people-1 || b.Residue != 1 {
		p.Errorf("found %q, want %q, in\n%s", found, want, shown)
	}
	p.Logf("%q found after %d requests, %s later", found, report.Requests, seconds(time.Since(began)))
}

// untilReady repeats questions to the fake that take longer, for which the tool would wait a second or more each.
type untilReady struct{}

var notReady = regexp.MustCompile(`^\{"status":"partial","req_id":"?([0-9]+)"?\}`)

func (untilReady) RoundTrip(r *http.Request) (*http.Response, error) {
	for {
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		match := notReady.FindSubmatch(text)
		if err != nil || match == nil {
			response.Body = io.NopCloser(bytes.NewReader(text))
			return response, err
		}
		r = r.Clone(r.Context())
		r.Method, r.Body, r.ContentLength, r.URL.RawQuery = http.MethodGet, nil, 0, "req_id="+string(match[1])
	}
}

// eventOf is what happens to a person: a renewal, or its payment.
func eventOf(n int, began time.Time) (name string, at time.Time) {
	name = []string{"SUBSCRIPTION_RENEWED", "TRANSACTION_PROCESSED"}[n%2]
	return name, began.Add(-time.Duration(n) * time.Second).UTC()
}

// webhookOf is the webhook about it.
func webhookOf(n int, began time.Time) []byte {
	name, at := eventOf(n, began)
	return fmt.Appendf(nil, `{"api_version":3,"event_name":%q,"event_id":"e-%d","user_id":"learner-1%d",`+
		`"event_created_at":%q,"event_created_at_ms":%d,"environment":"PRODUCTION","store":"APPLE_APP_STORE",`+
		`"purchase_type":"RENEWING_SUBSCRIPTION","plan":"gold","customer_currency":"EUR","amount_in_eur":9.99,`+
		`"amount_in_customer_currency":9.99,"store_transaction_id":"t-%d","purchasely_subscription_id":"s-%d",`+
		`"subscription_status":"AUTO_RENEWING","source_event_name":"SUBSCRIPTION_RENEWED"}`,
		name, n, n, at.Format("2006-01-02T15:04:05.000Z"), at.UnixMilli(), n, n)
}

// sendHosted sends what the hosted integration would: of every webhook the event, without a prefix. Two people are on
// other profiles there, and one price differs.
func (p *proof) sendHosted(began time.Time) {
	p.Helper()
	var events []string
	for n := 1; n <= people; n++ {
		name, at := eventOf(n, began)
		identity, price := fmt.Sprintf("learner-1%d", n), "9.99"
		if slices.Contains(moved, fmt.Sprintf("e-%d", n)) {
			identity = fmt.Sprintf("guest-%d", n)
		}
		if n == pricePerson {
			price = "4.99"
		}
		events = append(events, fmt.Sprintf(`{"type":"event","identity":%q,"ts":%d,"evtName":%q,`+
			`"evtData":{"event_id":"e-%d","amount_in_eur":%s,"plan":"gold"}}`, identity, at.Unix(), name, n, price))
	}
	target := p.clevertap.endpoint + "/eu1.api.clevertap.com/1/upload"
	upload, err := http.NewRequestWithContext(p.Context(), http.MethodPost, target,
		strings.NewReader(`{"d":[`+strings.Join(events, ",")+`]}`))
	if err != nil {
		p.Fatal(err)
	}
	upload.Header.Set("Content-Type", "application/json")
	upload.Header.Set("X-CleverTap-Account-Id", productionAccount)
	upload.Header.Set("X-CleverTap-Passcode", demoPasscode)
	var answer struct {
		Status string `json:"status"`
	}
	if err := exchange(http.DefaultClient, upload, &answer); err != nil || answer.Status != "success" {
		p.Fatalf("%v, %v", answer, err)
	}
}

// loseOne deletes a webhook from the queue before the forwarder has seen it.
func (p *proof) loseOne(began time.Time) {
	p.Helper()
	p.forward(false)
	p.sendWebhook(webhookOf(lostPerson, began))
	queue := p.outputs["EventsQueueUrl"]
	var received struct {
		Messages []struct{ Body, ReceiptHandle string }
	}
	p.call("sqs", "AmazonSQS.ReceiveMessage", map[string]any{"QueueUrl": queue, "WaitTimeSeconds": 5}, &received)
	if len(received.Messages) != 1 || received.Messages[0].Body != string(webhookOf(lostPerson, began)) {
		p.Fatalf("received %v", received)
	}
	lost := map[string]string{"QueueUrl": queue, "ReceiptHandle": received.Messages[0].ReceiptHandle}
	p.call("sqs", "AmazonSQS.DeleteMessage", lost, nil)
	p.forward(true)
}

// forward switches the forwarder on or off.
func (p *proof) forward(on bool) {
	p.Helper()
	const path = "/2015-03-31/event-source-mappings/"
	var mappings struct {
		EventSourceMappings []struct {
			ID  string `json:"UUID"`
			ARN string `json:"EventSourceArn"`
		}
	}
	p.rest("lambda", http.MethodGet, path, nil, &mappings)
	for _, m := range mappings.EventSourceMappings {
		if strings.HasSuffix(m.ARN, ":"+p.queue("EventsQueueUrl")) {
			p.rest("lambda", http.MethodPut, path+m.ID, map[string]bool{"Enabled": on}, nil)
			return
		}
	}
	p.Fatalf("the mappings are %v", mappings)
}

// deleteFromJournal deletes a person's item when the journal has all, and reports whether it has.
func (p *proof) deleteFromJournal(n int) (bool, error) {
	type key struct {
		Subscriber jsontext.Value `json:"subscriber"`
		Item       jsontext.Value `json:"item"`
	}
	var scanned struct{ Items []key }
	table := map[string]any{"TableName": p.outputs["SubscribersTable"], "ProjectionExpression": "subscriber, #i",
		"ExpressionAttributeNames": map[string]string{"#i": "item"}}
	if err := p.aws.call(p.Context(), "dynamodb", "DynamoDB_20120810.Scan", table, &scanned); err != nil {
		return false, err
	}
	entries := slices.DeleteFunc(scanned.Items, func(k key) bool { return !strings.Contains(string(k.Item), "#e-") })
	i := slices.IndexFunc(entries, func(k key) bool { return strings.Contains(string(k.Item), fmt.Sprintf(`#e-%d"`, n)) })
	if len(entries) < people-1 || i < 0 {
		return false, nil
	}
	request := map[string]any{"TableName": table["TableName"], "Key": entries[i]}
	return true, p.aws.call(p.Context(), "dynamodb", "DynamoDB_20120810.DeleteItem", request, nil)
}
