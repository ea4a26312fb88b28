package forward_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// Everything in these bodies, secrets and answers that nobody may read in a log has one of these words in it.
var private = []string{"person-", "private-", "passcode-", "words about", "https://", "127.0.0.1"}

// bodies are webhooks of every kind that there is for the forwarder.
var bodies = map[string]string{
	"event": `{"event_name":"SUBSCRIPTION_RENEWED","event_id":"e-1","user_id":"person-7","event_created_at_ms":1795402927191,"environment":"PRODUCTION",` +
		`"purchase_type":"RENEWING_SUBSCRIPTION","purchasely_subscription_id":"private-s","subscription_status":"AUTO_RENEWING","plan":"private-plan"}`,
	"anonymous":  `{"event_name":"ACTIVATE","event_id":"e-2","anonymous_user_id":"person-8","environment":"PRODUCTION"}`,
	"nobody":     `{"event_name":"ACTIVATE","event_id":"e-3","device_id":"private-device"}`,
	"sandbox":    `{"event_name":"ACTIVATE","event_id":"e-4","user_id":"person-9","environment":"SANDBOX"}`,
	"surprising": `{"event_name":"BRAND_NEW","event_id":"e-5","user_id":"person-7","novelty":"private-value","store":"private-store"}`,
	"broken":     `{"event_name":"ACTIVATE","user_id":"person-7`,
	"no event":   `{"user_id":"person-7"}`,
}

// moods are what CleverTap may do with an upload; each has something in it that must not be told on.
var moods = map[string]func(r *http.Request) (*http.Response, error){
	"accepts": acceptAll,
	"refuses one record": func(r *http.Request) (*http.Response, error) {
		n := records(r)
		return reply(200, fmt.Sprintf(`{"status":"partial","processed":%d,"unprocessed":[{"status":"fail","code":513,`+
			`"error":"Skipped record number : 1, words about person-7","record":{"identity":"person-7"}}]}`, n-1)), nil
	},
	"refuses one with a code that passes": func(r *http.Request) (*http.Response, error) {
		n := records(r)
		return reply(200, fmt.Sprintf(`{"status":"partial","processed":%d,"unprocessed":[{"status":"fail","code":555,`+
			`"error":"Skipped record number : 1, words about person-7"}]}`, n-1)), nil
	},
	"refuses one with a code that nobody knows": func(r *http.Request) (*http.Response, error) {
		n := records(r)
		return reply(200, fmt.Sprintf(`{"status":"partial","processed":%d,"unprocessed":[{"status":"fail","code":599,`+
			`"error":"Skipped record number : 1, words about person-7"}]}`, n-1)), nil
	},
	"miscounts":   answers(200, `{"status":"success","processed":1000,"unprocessed":[],"words about":"person-7"}`),
	"writes HTML": answers(200, `<p>words about person-7</p>`),
	"answers 301": answers(301, ``),
	"answers 400": answers(400, `{"error":"words about person-7"}`),
	"answers 401": answers(401, `{"error":"words about passcode-77"}`),
	"answers 404": answers(404, `{"error":"words about person-7"}`),
	"answers 429": answers(429, `{"error":"words about person-7"}`),
	"answers 500": answers(500, `words about person-7`),
	"hangs up": func(*http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("Post https://127.0.0.1 passcode-77")
	},
	"never answers": func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() },
	"panics":        func(*http.Request) (*http.Response, error) { panic("words about person-7") },
}

func answers(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return reply(status, body), nil }
}

func records(r *http.Request) int {
	body, _ := io.ReadAll(r.Body)
	return bytes.Count(body, []byte(`"ts":`))
}

// stores are what may come of an app's secret.
var stores = map[string]func(app string) (clevertap.Accounts, error){
	"missing": func(string) (clevertap.Accounts, error) {
		return clevertap.Accounts{}, &fault.Fault{Kind: fault.Operator, Reason: fault.Secret, Code: "ResourceNotFoundException"}
	},
	"unmarked error": func(string) (clevertap.Accounts, error) {
		return clevertap.Accounts{}, fmt.Errorf("secret is passcode-77")
	},
	"not JSON": func(string) (clevertap.Accounts, error) { return clevertap.ParseAccounts([]byte(`passcode-77`)) },
	"odd host": func(string) (clevertap.Accounts, error) {
		return clevertap.ParseAccounts([]byte(`{"region":"https://passcode-77","account_id":"A","passcode":"passcode-77"}`))
	},
	"panic": func(string) (clevertap.Accounts, error) { panic("passcode-77") },
}

// TestTheFourOutcomesAddUpInEveryRun puts random batches before a random CleverTap, with random trouble around it. Answer, log, metrics
// and rejected queue must tell one and the same story, and none of them anything private.
func TestTheFourOutcomesAddUpInEveryRun(t *testing.T) {
	t.Parallel()
	apps := []string{"demo", "demo", "other", "shut", "known", "unsent", "silent", "mystery"}
	rapid.Check(t, func(r *rapid.T) {
		messages := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) queued {
			return queued{
				app:      rapid.SampledFrom(apps).Draw(r, "app"),
				body:     bodies[rapid.SampledFrom(slices.Sorted(maps.Keys(bodies))).Draw(r, "body")],
				schema:   rapid.SampledFrom([]string{"1", "1", "1", "1", "2"}).Draw(r, "schema"),
				encoding: rapid.SampledFrom([]string{"raw", "raw", "raw", "raw", "rot13"}).Draw(r, "encoding"),
				accepted: rapid.SampledFrom([]string{"", "", "", "event", "event,profile,charged"}).Draw(r, "accepted"),
				receives: rapid.IntRange(1, 6).Draw(r, "receives"),
				group:    rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "group"),
			}
		}), 0, 12).Draw(r, "messages")
		mood := rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(moods))), 1, 8).Draw(r, "moods")
		store := rapid.SampledFrom(append(slices.Sorted(maps.Keys(stores)), "", "", "", "", "")).Draw(r, "store")
		rejects, delays := rapid.IntRange(0, 3).Draw(r, "rejected queue works") > 0, rapid.Bool().Draw(r, "visibility works")
		synctest.Test(t, func(t *testing.T) {
			c := newCorridor(t)
			var uploads atomic.Int64 // lanes upload side by side
			c.clevertap = func(r *http.Request) (*http.Response, error) {
				return moods[mood[uploads.Add(1)%int64(len(mood))]](r)
			}
			if store != "" {
				c.accounts = stores[store]
			}
			if !rejects {
				c.reject = func(m []forward.Rejection) []error { return slices.Repeat([]error{errDown}, len(m)) }
			}
			if !delays {
				c.delay = func() error { return fmt.Errorf("words about person-7") }
			}
			c.agrees(r, messages, c.run(t, messages))
		})
	})
}

// line is one of the log.
type line struct {
	MessageID, App, Outcome, Reason, Code, Event string
	Attempt                                      int
	Received                                     *int
	Delivered, Skipped, Rejected, Retried        int
}

// keys are all that a line of the log may have.
var keys = strings.Fields("timestamp level message requestId messageId eventId event app outcome reason code attempt received delivered skipped " +
	"rejected retried drift duration")

// agrees checks that everything that was told about a batch fits together.
func (c *corridor) agrees(t rapid.TB, messages []queued, returned []string) {
	t.Helper()
	told, batch := map[string]line{}, line{}
	sums := map[string]map[string]int{}
	for _, members := range c.lines(t) {
		if members["_aws"] != nil {
			sum(t, sums, members)
			continue
		}
		for key := range members {
			if !slices.Contains(keys, key) {
				t.Errorf("a line has the key %q", key)
			}
		}
		l := read[line](t, members)
		switch {
		case l.Outcome != "" && told[l.MessageID].Outcome != "":
			t.Errorf("message %s has two outcomes", l.MessageID)
		case l.Outcome != "" && (l.Reason == "" || l.App == "" || l.MessageID == "" || l.Attempt < 1):
			t.Errorf("a line says too little: %+v", l)
		case l.Outcome != "":
			told[l.MessageID] = l
		case l.Received != nil && batch.Received != nil:
			t.Error("two lines about one invocation")
		case l.Received != nil:
			batch = l
		}
	}
	counts, retried := map[string]int{}, []string(nil)
	for i, m := range messages {
		outcome := or(told[messageID(i)].Outcome, "delivered")
		counts[outcome]++
		app := m.app
		if app == "mystery" {
			app = "unknown"
		}
		name := map[string]string{"delivered": "MessagesDelivered", "skipped": "MessagesSkipped", "rejected": "MessagesRejected", "retry": "MessagesRetried"}[outcome]
		if sums[app] == nil {
			t.Errorf("no metrics of %s", app)
			continue
		}
		sums[app]["MessagesReceived"]--
		sums[app][name]--
		if outcome == "retry" {
			retried = append(retried, messageID(i))
		}
	}
	if batch.Received == nil || *batch.Received != len(messages) || batch.Delivered != counts["delivered"] || batch.Skipped != counts["skipped"] ||
		batch.Rejected != counts["rejected"] || batch.Retried != counts["retry"] {
		t.Errorf("line of the invocation: %+v, want %v of %d", batch, counts, len(messages))
	}
	for app, left := range sums {
		for name, n := range left {
			if strings.HasPrefix(name, "Messages") && n != 0 {
				t.Errorf("%s of %s is %d too high", name, app, n)
			}
		}
	}
	if !slices.Equal(retried, returned) {
		t.Errorf("%v come back, the log says %v", returned, retried)
	}
	if len(c.rejected) != counts["rejected"] {
		t.Errorf("%d messages on the rejected queue, the log says %d", len(c.rejected), counts["rejected"])
	}
	c.keepsQuiet(t)
}

// sum adds a line of metrics to what is known of its app.
func sum(t rapid.TB, sums map[string]map[string]int, members map[string]jsontext.Value) {
	t.Helper()
	app := read[struct{ App string }](t, members).App
	if sums[app] == nil {
		sums[app] = map[string]int{}
	}
	for name, value := range members {
		if value.Kind() == '0' {
			n := 0
			if err := json.Unmarshal(value, &n); err != nil {
				t.Errorf("%s is %s", name, value)
			}
			sums[app][name] += n
		}
	}
}

// keepsQuiet searches everything that leaves the forwarder, but for uploads and bodies, for something private.
func (c *corridor) keepsQuiet(t rapid.TB) {
	t.Helper()
	var said strings.Builder
	said.WriteString(c.out.String())
	for _, r := range c.rejected {
		said.WriteString(string(r.Reason) + "\n" + r.Code + "\n" + r.Error + "\n" + r.Accepted + "\n")
	}
	for _, word := range private {
		if at := strings.Index(said.String(), word); at >= 0 {
			t.Errorf("%q is told: …%s…", word, said.String()[max(0, at-80):min(len(said.String()), at+80)])
		}
	}
}

func read[T any](t rapid.TB, members map[string]jsontext.Value) T {
	t.Helper()
	var value T
	text, err := json.Marshal(members)
	if err == nil {
		err = json.Unmarshal(text, &value, json.MatchCaseInsensitiveNames(true))
	}
	if err != nil {
		t.Errorf("%v: %v", members, err)
	}
	return value
}
