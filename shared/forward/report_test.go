package forward_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// private words are in every value of these bodies, secrets and answers that must not be printed.
var private = []string{"person-", "private-", "passcode-", "words about", "https://", "127.0.0.1"}

// bodies are webhooks of every kind that the handler distinguishes.
var bodies = map[string]string{
	"renewal": `{"event_name":"SUBSCRIPTION_RENEWED","event_id":"e-1","user_id":"person-7","plan":"private-plan",` +
		`"event_created_at_ms":1795402927191,"environment":"PRODUCTION","purchase_type":"RENEWING_SUBSCRIPTION",` +
		`"purchasely_subscription_id":"private-s","subscription_status":"AUTO_RENEWING"}`,
	"anonymous":     `{"event_name":"ACTIVATE","event_id":"e-2","anonymous_user_id":"person-8"}`,
	"no user":       `{"event_name":"ACTIVATE","event_id":"e-3","device_id":"private-device"}`,
	"sandbox":       `{"event_name":"ACTIVATE","event_id":"e-4","user_id":"person-9","environment":"SANDBOX"}`,
	"unknown event": `{"event_name":"BRAND_NEW","event_id":"e-5","user_id":"person-7","novelty":"private-value"}`,
	"consumable":    `{"event_name":"ACTIVATE","event_id":"e-6","user_id":"person-9","purchase_type":"CONSUMABLE"}`,
	"heartbeat":     `{"event_name":"BRIDGE_HEARTBEAT","event_id":"e-7"}`,
	"malformed":     `{"event_name":"ACTIVATE","user_id":"person-7`,
	"no event name": `{"user_id":"person-7"}`,
}

// responses are what CleverTap may do with an upload; each has something private in it.
var responses = map[string]upload{
	"accepts all":          acceptAll,
	"rejects the first":    refuseOne(513, 1),
	"transient code":       refuseOne(555, 1),
	"unknown code":         refuseOne(599, 1),
	"wrong count":          responding(200, `{"status":"success","processed":99,"words about":"person-7"}`),
	"HTML":                 responding(200, `<p>words about person-7</p>`),
	"301":                  responding(301, ``),
	"400":                  responding(400, `{"error":"words about person-7"}`),
	"401":                  responding(401, `{"error":"words about passcode-77"}`),
	"404":                  responding(404, `{"error":"words about person-7"}`),
	"429":                  responding(429, `{"error":"words about person-7"}`),
	"500":                  responding(500, `words about person-7`),
	"connection lost":      func(*http.Request, []byte) (*http.Response, error) { return nil, errPrivate },
	"panic":                func(*http.Request, []byte) (*http.Response, error) { panic("words about person-7") },
	"no response":          func(r *http.Request, _ []byte) (*http.Response, error) { return nil, hang(r.Context()) },
	"rejects renewals":     refuseRenewals,
	"transient code, last": refuseOne(555, 2),
}

var errPrivate = errors.New("post https://127.0.0.1 passcode-77 refuses person-7")

func responding(status int, body string) upload {
	return func(*http.Request, []byte) (*http.Response, error) { return respond(status, body) }
}

// refuseOne accepts all records but one, the last if there are fewer.
func refuseOne(code, number int) upload {
	return func(_ *http.Request, body []byte) (*http.Response, error) {
		n := countRecords(body)
		return respond(200, fmt.Sprintf(`{"status":"partial","processed":%d,"unprocessed":[{"status":"fail","code":%d,`+
			`"error":"Skipped record number : %d, words about person-7","record":{"identity":"person-7"}}]}`,
			n-1, code, min(n, number)))
	}
}

// refuseRenewals answers uploads that have a renewal in them with status 400.
func refuseRenewals(r *http.Request, body []byte) (*http.Response, error) {
	if bytes.Contains(body, []byte("private-plan")) {
		return respond(400, `{"error":"words about person-7"}`)
	}
	return acceptAll(r, body)
}

func hang(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// secrets are what may come of reading an app's secret.
var secrets = map[string]func(context.Context, string) (clevertap.Accounts, error){
	"missing":        noAccounts(fault.New(fault.Operator, fault.Secret, errors.New("ResourceNotFoundException"))),
	"unmarked error": noAccounts(errPrivate),
	"panic":          func(context.Context, string) (clevertap.Accounts, error) { panic("passcode-77") },
	"not JSON":       accountsIn(`passcode-77`),
	"invalid region": accountsIn(`{"region":"https://passcode-77","account_id":"A","passcode":"passcode-77"}`),
}

func noAccounts(err error) func(context.Context, string) (clevertap.Accounts, error) {
	return func(context.Context, string) (clevertap.Accounts, error) { return clevertap.Accounts{}, err }
}

func accountsIn(secret string) func(context.Context, string) (clevertap.Accounts, error) {
	return func(context.Context, string) (clevertap.Accounts, error) {
		return clevertap.ParseAccounts([]byte(secret))
	}
}

// line is one of the log, with every key that a line may have.
type line struct {
	Timestamp, Level, Message                       string
	RequestID, MessageID, EventID, Event, App       string
	Outcome, Reason, Code, Cause, Stack, Drift      string
	Settings                                        string
	Attempt, Duration                               int
	Received, Delivered, Skipped, Rejected, Retried int
	Records                                         int
}

// printed is what the handler has written about a batch.
type printed struct {
	messages []line // those that were not delivered
	batch    []line
	metrics  map[string]map[string]int // sums by app and name
}

// read parses the output.
func (h *harness) read() printed {
	h.t.Helper()
	p := printed{metrics: make(map[string]map[string]int)}
	for text := range strings.Lines(h.out.String()) {
		if strings.HasPrefix(text, `{"_aws":`) {
			p.addMetrics(h.t, text)
			continue
		}
		var l line
		strict := json.JoinOptions(json.MatchCaseInsensitiveNames(true), json.RejectUnknownMembers(true))
		if err := json.Unmarshal([]byte(text), &l, strict); err != nil {
			h.t.Errorf("%s: %v", text, err)
		}
		switch {
		case l.Message == "batch":
			p.batch = append(p.batch, l)
		case l.Outcome != "":
			p.messages = append(p.messages, l)
		}
	}
	return p
}

func (p *printed) addMetrics(t rapid.TB, text string) {
	t.Helper()
	var members map[string]jsontext.Value
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		t.Errorf("%s: %v", text, err)
	}
	app := strings.Trim(string(members["App"]), `"`)
	if p.metrics[app] == nil {
		p.metrics[app] = make(map[string]int)
	}
	for name, value := range members {
		if n := 0; value.Kind() == '0' && json.Unmarshal(value, &n) == nil {
			p.metrics[app][name] += n
		}
	}
}

// outcomes returns what became of each of so many messages: "delivered", or what the log says, such as "retry panic".
func (h *harness) outcomes(n int) []string {
	h.t.Helper()
	lines := h.read().messages
	all := slices.Repeat([]string{"delivered"}, n)
	for i := range all {
		for _, l := range lines {
			if l.MessageID == messageID(i) {
				all[i] = l.Outcome + " " + l.Reason
			}
		}
	}
	return all
}

func (h *harness) wantOutcomes(want ...string) {
	h.t.Helper()
	if got := h.outcomes(len(want)); !slices.Equal(got, want) {
		h.t.Errorf("got %q\nwant %q\n%s", got, want, &h.out)
	}
}

// checkCounts checks that every message has one outcome on which response, log, metrics and rejected queue agree.
func (h *harness) checkCounts(messages []forward.Message, returned []string) {
	h.t.Helper()
	p := h.read()
	names := map[string]string{"skipped": "MessagesSkipped", "rejected": "MessagesRejected", "retry": "MessagesRetried"}
	sent, want := make(map[string]int), make(map[string]map[string]int)
	for _, m := range messages {
		sent[m.ID]++
		app := m.Attributes["app"].Value()
		if current, _ := h.Settings.Current(); current.Value.Apps[app] == nil {
			app = "unknown"
		}
		if want[app] == nil {
			want[app] = map[string]int{"MessagesSkipped": 0, "MessagesRejected": 0, "MessagesRetried": 0}
		}
		want[app]["MessagesReceived"]++
		want[app]["MessagesDelivered"]++ // unless there is a line
	}
	counts, retried := make(map[string]int), []string(nil)
	for _, l := range p.messages {
		if sent[l.MessageID]--; sent[l.MessageID] < 0 {
			h.t.Errorf("message %q has two outcomes", l.MessageID)
		}
		if l.Reason == "" || l.Attempt < 1 || want[l.App] == nil || names[l.Outcome] == "" {
			h.t.Errorf("incomplete line %+v", l)
			continue
		}
		counts[l.Outcome]++
		want[l.App]["MessagesDelivered"]--
		want[l.App][names[l.Outcome]]++
		if l.Outcome == "retry" && l.MessageID != "" { // Lambda would take an empty id for an invalid response.
			retried = append(retried, l.MessageID)
		}
	}
	if !slices.Equal(retried, returned) || len(h.rejected) != counts["rejected"] {
		h.t.Errorf("%v come back, %d are rejected; the log says %v and %v", returned, len(h.rejected), retried, counts)
	}
	batch := [...]int{
		len(messages), len(messages) - len(p.messages), counts["skipped"], counts["rejected"], counts["retry"],
	}
	if b := p.batch; len(b) != 1 ||
		batch != [...]int{b[0].Received, b[0].Delivered, b[0].Skipped, b[0].Rejected, b[0].Retried} {
		h.t.Errorf("lines of the batch: %+v, want %d", b, batch)
	}
	for _, metrics := range p.metrics {
		maps.DeleteFunc(metrics, func(name string, _ int) bool { return !strings.HasPrefix(name, "Messages") })
	}
	if diff := gocmp.Diff(want, p.metrics); diff != "" {
		h.t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// checkPrivacy searches all that leaves the handler, except uploads and bodies, for private words.
func (h *harness) checkPrivacy() {
	h.t.Helper()
	text := h.out.String()
	for _, r := range h.rejected {
		text += string(r.Reason) + "\n" + r.Code + "\n" + r.Error + "\n" + r.Accepted + "\n"
	}
	for _, word := range private {
		if at := strings.Index(text, word); at >= 0 {
			h.t.Errorf("%q is printed: …%s…", word, text[max(0, at-80):min(len(text), at+80)])
		}
	}
}

// Random batches meet a random CleverTap, and secrets, queues and tables that fail.
func TestCountsAddUpAndNothingPrivateIsPrinted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		messages := drawBatch(r)
		sequence := rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(responses))), 1, 8).Draw(r, "responses")
		secret := secrets[rapid.SampledFrom(append(slices.Sorted(maps.Keys(secrets)), "", "", "", "", "")).Draw(r, "secret")]
		rejectFails := rapid.IntRange(0, 3).Draw(r, "rejected queue fails") == 0
		delayFails := rapid.Bool().Draw(r, "visibility fails")
		tables := []*memoryTable{nil, newTable(), newTable().fail(opReplace), newTable().fail(opPut), newTable().fail("")}
		table := rapid.SampledFrom(tables).Draw(r, "table")
		synctest.Test(t, func(t *testing.T) {
			h := newHarness(r)
			if table != nil {
				h.Table, h.Journal = table, forward.JournalBodies
			}
			var uploads atomic.Int64 // accounts upload side by side
			h.clevertap = func(r *http.Request, body []byte) (*http.Response, error) {
				return responses[sequence[uploads.Add(1)%int64(len(sequence))]](r, body)
			}
			if secret != nil {
				h.accounts = secret
			}
			if rejectFails {
				h.reject = rejectNone
			}
			if delayFails {
				h.delay = delayNone
			}
			read, err := message.ReadEvent(payload(t, messages...))
			if err != nil {
				t.Fatal(err)
			}
			h.checkCounts(read, h.run(messages...))
			h.checkPrivacy()
		})
	})
}

func rejectNone(_ context.Context, m []message.Rejection) []error {
	return slices.Repeat([]error{errPrivate}, len(m))
}
func delayNone(context.Context, string, []message.Delay) error { return errPrivate }

// Every reason that a message can have, one by one, with what somebody on call must find in the log about it.
func TestNothingPrivateIsPrintedOnAnyPath(t *testing.T) {
	t.Parallel()
	const warning, failure, panicked = `"level":"WARN"`, `"level":"ERROR"`, `"cause":"panic of type `
	type messages = []queued
	type logs = []string
	renewal := func(m queued) messages { m.app, m.body = cmp.Or(m.app, "demo"), bodies["renewal"]; return messages{m} }
	body := func(name string) messages { return messages{newMessage("demo", name)} }
	app := func(app, name string) messages { return messages{newMessage(app, name)} }
	response := func(name string) func(h *harness) { return func(h *harness) { h.clevertap = responses[name] } }
	secret := func(name string) func(h *harness) { return func(h *harness) { h.accounts = secrets[name] } }
	table := func(t *memoryTable) func(h *harness) { return func(h *harness) { h.Table = t } }
	words := subscriber.Item{"state": `{"person-7":"words about"}`}
	damaged := newTable().with(subscriber.StateKey(person7, "DEMO"), words)
	unreadable := newTable().with(subscriber.PersonKey(person7, "demo"), subscriber.Item{"clevertap_id": int64(7)})
	for name, path := range map[string]struct {
		change   func(h *harness)
		messages messages // a renewal if empty
		last     string   // outcome and reason of the last message
		logs     logs
	}{
		"delivered":                   {nil, nil, "delivered", nil},
		"drift":                       {nil, body("unknown event"), "delivered", nil},
		"the app is disabled":         {nil, app("disabled", "renewal"), "skipped disabled", nil},
		"sandbox is skipped":          {nil, app("no-sandbox", "sandbox"), "skipped sandbox", nil},
		"no user":                     {nil, body("no user"), "skipped no_identity", nil},
		"anonymous users are skipped": {nil, app("users-only", "anonymous"), "skipped anonymous", nil},
		"the event is off":            {nil, app("silent", "renewal"), "skipped event_off", nil},

		"not JSON": {
			nil, body("malformed"), "rejected malformed", logs{failure, `"cause":"body ends too early at byte 44"`},
		},
		"no event name": {
			nil, body("no event name"), "rejected malformed", logs{`"cause":"event name is missing, empty or no text"`},
		},
		"unknown encoding": {
			nil, renewal(queued{encoding: "private-encoding"}), "rejected malformed",
			logs{`"cause":"message encoding is neither raw nor base64"`},
		},
		"unknown schema": {nil, renewal(queued{schema: "private-schema"}), "rejected unknown_schema", nil},
		"unknown app":    {nil, app("private-app", "renewal"), "rejected unknown_app", nil},
		"a known code": {
			response("rejects the first"), nil, "rejected clevertap_513",
			logs{`"code":"513"`, `"cause":"record refused: event name is CleverTap's own"`},
		},
		"an unknown code": {response("unknown code"), nil, "rejected clevertap_599", nil},
		"a fifth panic": {
			nil, renewal(queued{app: "panics", receives: 5}), "rejected panic", logs{failure, panicked, `"stack":"github.com/`},
		},
		"one record answers 400": {response("rejects renewals"), messages{
			newMessage("demo", "sandbox"), newMessage("demo", "renewal"),
		}, "rejected clevertap_http_400", nil},

		"a fourth panic": {
			nil, renewal(queued{app: "panics", receives: 4}), "retry panic", logs{failure, panicked, `"stack":"github.com/`},
		},
		"a transient code": {
			response("transient code"), nil, "retry transient",
			logs{warning, `"code":"555"`, `"cause":"record refused: fault within the API"`},
		},
		"a wrong count": {
			response("wrong count"), nil, "retry unmatched",
			logs{`answer does not account for the record: success true, sent 2, processed 99, unprocessed 0`},
		},
		"an answer in HTML": {
			response("HTML"), nil, "retry unreadable_answer",
			logs{warning, `"cause":"upload: status 200, answer not of CleverTap's form"`},
		},
		"a redirect": {
			response("301"), nil, "retry credentials", logs{failure, `"code":"301"`, `"cause":"upload: status 301"`},
		},
		"credentials refused": {response("401"), nil, "retry credentials", logs{failure, `"code":"401"`}},
		"too many requests":   {response("429"), nil, "retry rate_limited", logs{warning, `"code":"429"`}},
		"CleverTap fails":     {response("500"), nil, "retry server", nil},
		"CleverTap cuts off": {
			response("connection lost"), nil, "retry network", logs{warning, `"cause":"upload: error of type `},
		},
		"CleverTap hangs": {
			response("no response"), nil, "retry timeout", logs{warning, `"cause":"upload: no answer in time"`},
		},
		"the HTTP client panics": {response("panic"), nil, "retry panic", logs{failure, panicked, `RoundTrip:`}},
		"CleverTap rejects all": {
			response("400"), slices.Repeat(body("renewal"), 4), "retry account_rejects_all",
			logs{`"cause":"record: account rejects whatever it is sent"`},
		},
		"an open breaker": {openBreaker, nil, "retry breaker", nil},
		"no time":         {func(h *harness) { h.timeout = 50 * time.Millisecond }, nil, "retry no_time", nil},
		"a group that waits": {nil, messages{
			{app: "panics", body: bodies["renewal"], group: "g"}, {app: "demo", body: bodies["renewal"], group: "g"},
		}, "retry group_order", logs{`"cause":"record: an earlier message of its group is retried"`}},
		"no secret":         {secret("missing"), nil, "retry secret", logs{failure}},
		"an unmarked error": {secret("unmarked error"), nil, "retry unknown", nil},
		"a secret that is not JSON": {
			secret("not JSON"), nil, "retry secret", logs{failure, `"cause":"clevertap secret: not a JSON object of strings"`},
		},
		"a secret with a wrong region": {
			secret("invalid region"), nil, "retry credentials",
			logs{failure, `"cause":"clevertap secret: region is not a region's code"`},
		},
		"a panic while reading secrets": {
			secret("panic"), nil, "retry secret", logs{failure, panicked, `"stack":"github.com/`},
		},
		"no rejected queue": {
			func(h *harness) { h.reject = rejectNone }, body("malformed"), "retry rejected_queue", logs{`"cause":"`},
		},
		"no new visibility": {func(h *harness) {
			h.clevertap, h.delay = responses["500"], delayNone
		}, nil, "retry server", logs{`"level":"WARN","message":"new visibility refused"`, `"cause":"error of type `}},
		"no subscriber table": {table(newTable().fail("")), nil, "retry table", logs{`"cause":"`}},
		"a damaged entry":     {table(damaged), nil, "delivered", logs{`subscriber state is replaced`, `"cause":"`}},
		"an unreadable person": {
			table(unreadable), nil, "retry table", logs{failure, `"cause":"person item cannot be read"`},
		},
		"accepted records and journal not saved": {func(h *harness) {
			h.Table, h.Journal = newTable().fail(opPut), forward.JournalBodies
			h.clevertap = responses["transient code, last"]
		}, nil, "retry transient", logs{`accepted records not saved`, `journal not written`, `"cause":"`}},
		"metrics not written": {
			func(h *harness) { h.Metrics = brokenWriter{} }, nil, "delivered",
			logs{`metrics not written`, `"cause":"error of type `},
		},
	} {
		inBubble(t, name, func(t *testing.T, h *harness) {
			if path.change != nil {
				path.change(h)
			}
			if path.messages == nil {
				path.messages = body("renewal")
			}
			h.run(path.messages...)
			if all := h.outcomes(len(path.messages)); all[len(all)-1] != path.last {
				t.Errorf("%q, want %s\n%s", all, path.last, &h.out)
			}
			h.checkPrivacy()
			for _, words := range path.logs {
				if !strings.Contains(h.out.String(), words) {
					t.Errorf("no line has %s:\n%s", words, &h.out)
				}
			}
		})
	}
}

func openBreaker(h *harness) {
	h.clevertap = responses["500"]
	for range 3 {
		h.run(newMessage("demo", "renewal"))
	}
	h.out.Reset()
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errPrivate }

// CloudWatch charges by the byte, and no other cost is in the bridge's own hands as much.
func TestADeliveredBatchOfTenLogsLessThanAHundredBytesAnEvent(t *testing.T) {
	renewal := webhook.EmbeddedCatalogue().Event([]byte("SUBSCRIPTION_RENEWED"))
	for _, age := range []time.Duration{3 * time.Second, 24 * time.Hour, 365 * 24 * time.Hour} {
		h := newHarness(t)
		at := time.Now().Add(-age).UTC()
		created := fmt.Sprintf(`,"event_created_at":%q,"event_created_at_ms":%d}`, at.Format(time.RFC3339), at.UnixMilli())
		messages := make([]queued, 10)
		for i := range messages { // of two members of one name the last counts
			body := strings.TrimSuffix(strings.TrimSpace(string(sample.Webhook(renewal, uint64(i)))), "}") + created
			messages[i] = queued{app: "demo", body: body}
		}
		h.runAll(messages...)
		if h.out.Len() >= 10*100 {
			t.Errorf("%d bytes about events %s old:\n%s", h.out.Len(), age, &h.out)
		}
	}
}
