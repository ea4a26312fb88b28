package users_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/users"
)

// Keys of the demo app, and of another one. They open nothing.
const (
	demoKey     = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	previousKey = "whsec_cHJldmlvdXMga2V5IG9mIHRoZSBkZW1vIGFwcCwgMzI="
	otherKey    = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIz"
)

// one is a request about one person.
const one = `{"links":[{"user_id":"person-1","clevertap_id":"__h1f2e"}]}`

type object = map[string]any

// harness is a handler whose dependencies work, until a test changes them.
type harness struct {
	t         *testing.T
	cloud     *awstest.Server
	table     *awstest.Table
	keys      func(ctx context.Context) error // fails Get
	fresh     string                          // the key that Refresh finds; empty: the same
	read      int                             // how often keys were read
	knowsApps func() error
	users.Handler
	log bytes.Buffer
}

func newHarness(t *testing.T) *harness {
	h := &harness{t: t, cloud: awstest.NewInProcess(nil)}
	h.table = h.cloud.Dynamo.Create("subscribers", subscriber.PartitionAttribute, subscriber.SortAttribute)
	h.Handler = users.Handler{
		Apps: h, Keys: h, Table: dynamo.NewTable(h.cloud.Config(), "subscribers", time.Second),
		Log: slog.New(slog.NewJSONHandler(&h.log, nil)),
	}
	return h
}

func (h *harness) Has(_ context.Context, app string) (bool, error) {
	if h.knowsApps != nil {
		return false, h.knowsApps()
	}
	return app == "demo" || app == "other", nil
}

func parse(t testing.TB, current, previous string) standardwebhooks.Keys {
	text := fmt.Appendf(nil, `{"signing_secret":%q,"previous_signing_secret":%q}`, current, previous)
	keys, err := standardwebhooks.ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (h *harness) Get(ctx context.Context, app string) (standardwebhooks.Keys, error) {
	h.read++
	if h.keys != nil {
		if err := h.keys(ctx); err != nil {
			return standardwebhooks.Keys{}, err
		}
	}
	if app == "other" {
		return parse(h.t, otherKey, ""), nil
	}
	return parse(h.t, demoKey, previousKey), nil
}

func (h *harness) Refresh(ctx context.Context, app string, _ time.Time) (standardwebhooks.Keys, error) {
	if h.fresh == "" {
		return h.Get(ctx, app)
	}
	return parse(h.t, h.fresh, ""), nil
}

// request is a signed request; edits change it afterwards.
func request(t testing.TB, body, key string, at time.Time) object {
	signature := parse(t, key, "").Sign("msg-1", at, []byte(body))
	return object{
		"version": "2.0", "rawPath": "/users/demo", "pathParameters": object{"app": "demo"}, "isBase64Encoded": false,
		"headers": object{
			"Webhook-Id": "msg-1", "webhook-timestamp": strconv.FormatInt(at.Unix(), 10), "WEBHOOK-SIGNATURE": signature,
		},
		"body": body,
	}
}

// send invokes the handler and returns the answer.
func (h *harness) send(event object) (status int, body string) {
	h.t.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		h.t.Fatal(err)
	}
	answer, err := h.Invoke(h.t.Context(), payload)
	if err != nil {
		h.t.Fatal(err)
	}
	var got struct {
		Status  int               `json:"statusCode"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	if err := json.Unmarshal(answer, &got, json.RejectUnknownMembers(true)); err != nil {
		h.t.Fatalf("answer %s: %v", answer, err)
	}
	if len(got.Headers) != 1 || got.Headers["content-type"] != "application/json" {
		h.t.Errorf("headers %v", got.Headers)
	}
	return got.Status, got.Body
}

// post sends a genuine request.
func (h *harness) post(body string) (status int, answer string) {
	h.t.Helper()
	return h.send(request(h.t, body, demoKey, time.Now()))
}

// person is what the table has of a person of the demo app.
func (h *harness) person(kind, id string) awstest.Item {
	return h.table.Item(subscriber.Partition(kind, id), "person#demo")
}

func TestARequestIsEntered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
		status, answer := h.post(`{"links":[
			{"user_id":"person-1","clevertap_id":"__h1f2e","observed_at":"1999-12-31T12:00:00+01:00"},
			{"anonymous_user_id":"A-1","user_id":null,"clevertap_id":"-hB","observed_at":"2999-01-01T00:00:00Z"}],
			"suppress":[{"user_id":"person-2"}],"restore":[{"user_id":"person-1","observed_at":null}]}`)
		if status != 200 || answer != `{"links":2,"suppressed":1,"restored":1}` {
			t.Errorf("answered %d %s", status, answer)
		}
		for who, want := range map[[2]string]map[string]string{
			{"user", "person-1"}: {"clevertap_id": "__h1f2e", "observed_at": "1999-12-31T11:00:00.000Z", "restored_at": now},
			{"anonymous", "A-1"}: {"clevertap_id": "-hB", "observed_at": now},
			{"user", "person-2"}: {"suppressed_at": now},
		} {
			item := h.person(who[0], who[1])
			for _, name := range subscriber.PersonAttributes {
				if got := item[name].Text(); got != want[name] {
					t.Errorf("%s of %v is %q, want %q", name, who, got, want[name])
				}
			}
			if _, expires := item["expires"]; expires == (who[1] == "person-2") {
				t.Errorf("%v expires: %t", who, expires)
			}
		}
		if n := len(h.table.Keys()); n != 3 {
			t.Errorf("%d items", n)
		}
	})
}

func TestARequestThatSaysNothingChangesNothing(t *testing.T) {
	for _, body := range []string{`{}`, `{"links":[]}`, ` {"links":null,"suppress":[],"restore":[]} `} {
		h := newHarness(t)
		status, answer := h.post(body)
		if status != 200 || answer != `{"links":0,"suppressed":0,"restored":0}` || h.cloud.Dynamo.Calls("") != 0 {
			t.Errorf("%s: answered %d %s after %d calls", body, status, answer, h.cloud.Dynamo.Calls(""))
		}
	}
}

// Whatever is wrong besides, the first check in the promised order decides.
func TestChecksComeInTheirOrder(t *testing.T) {
	h := newHarness(t)
	long := `{"links":[` + strings.Repeat(" ", users.MaxBody) + `]}`
	event := request(t, long, otherKey, time.Now())
	h.keys = func(context.Context) error {
		return fault.New(fault.Operator, fault.Secret, errors.New("secret is missing"))
	}
	wants := func(status int, answer string) {
		t.Helper()
		if got, text := h.send(event); got != status || text != answer {
			t.Errorf("answered %d %s, want %d %s", got, text, status, answer)
		}
	}
	event["pathParameters"] = object{"app": "unknown-app"}
	wants(404, `{"error":"unknown_app"}`)
	event["pathParameters"] = object{"app": "demo"}
	wants(413, `{"error":"too_large"}`)
	event["body"] = `{"links":[7]}`
	wants(503, `{"error":"unavailable"}`)
	h.keys = nil
	wants(401, `{"error":"unauthorized"}`)
	if h.cloud.Dynamo.Calls("") != 0 {
		t.Error("the table was asked before anything was signed")
	}
	event = request(t, `{"links":[7]}`, demoKey, time.Now())
	wants(422, `{"error":"invalid","entries":[{"path":"links[0]","problem":"not an object"}]}`)
	event = request(t, one, demoKey, time.Now())
	h.cloud.Dynamo.Inject(awstest.Down)
	wants(503, `{"error":"unavailable"}`)
	h.cloud.Dynamo.Inject()
	wants(200, `{"links":1,"suppressed":0,"restored":0}`)
}

func TestOnlyWhatIsSignedIsEntered(t *testing.T) {
	for name, c := range map[string]struct {
		key    string
		age    time.Duration
		edit   func(object)
		status int
	}{
		"genuine":                     {status: 200},
		"as base64":                   {edit: encode, status: 200},
		"with the previous key":       {key: previousKey, status: 200},
		"more than five minutes late": {age: 6 * time.Minute, status: 401},
		"with another app's key":      {key: otherKey, status: 401},
		"to another app":              {edit: func(e object) { e["pathParameters"] = object{"app": "other"} }, status: 401},
		"another body":                {edit: func(e object) { e["body"] = one + " " }, status: 401},
		"without a signature": {edit: func(e object) {
			delete(e["headers"].(object), "WEBHOOK-SIGNATURE")
		}, status: 401},
		"without headers": {edit: func(e object) { delete(e, "headers") }, status: 401},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			event := request(t, one, cmp.Or(c.key, demoKey), time.Now().Add(-c.age))
			if c.edit != nil {
				c.edit(event)
			}
			if status, _ := h.send(event); status != c.status || (h.person("user", "person-1") != nil) != (status == 200) {
				t.Errorf("answered %d, stored %v", status, h.person("user", "person-1"))
			}
			if calls := h.cloud.Dynamo.Calls(""); c.status == 401 && calls != 0 || event["headers"] == nil && h.read != 0 {
				t.Errorf("%d calls of the table, keys read %d times", calls, h.read)
			}
		})
	}
}

func encode(e object) {
	e["body"], e["isBase64Encoded"] = base64.StdEncoding.EncodeToString([]byte(e["body"].(string))), true
}

func TestAKeyThatHasChangedNeedsNoWait(t *testing.T) {
	h := newHarness(t)
	h.fresh = otherKey
	if status, _ := h.send(request(t, one, otherKey, time.Now())); status != 200 {
		t.Errorf("answered %d", status)
	}
}

func TestTheAppComesFromThePath(t *testing.T) {
	h := newHarness(t)
	event := request(t, one, demoKey, time.Now())
	delete(event, "pathParameters")
	if status, _ := h.send(event); status != 200 {
		t.Errorf("answered %d", status)
	}
	event["rawPath"] = "/purchasely/demo"
	if status, _ := h.send(event); status != 404 {
		t.Errorf("answered %d on another route", status)
	}
	h.knowsApps = func() error { return fault.New(fault.Retry, fault.Unavailable, errors.New("bucket")) }
	if status, _ := h.post(one); status != 503 {
		t.Errorf("answered %d while nobody knows the apps", status)
	}
}

// Nothing is entered of a request with one wrong entry.
func TestAllOrNothingIsEntered(t *testing.T) {
	h := newHarness(t)
	status, answer := h.post(`{"links":[{"user_id":"person-1","clevertap_id":"__h1"},
		{"user_id":"person-2","clevertap_id":"é"}]}`)
	if status != 422 || !strings.Contains(answer, `"path":"links[1].clevertap_id"`) || len(h.table.Keys()) != 0 {
		t.Errorf("answered %d %s, stored %q", status, answer, h.table.Keys())
	}
}

func TestWhatHangsOrFailsIsAnsweredInTime(t *testing.T) {
	inject := func(f awstest.Fault) func(*harness) { return func(h *harness) { h.cloud.Dynamo.Inject(f) } }
	for name, c := range map[string]struct {
		prepare func(h *harness)
		level   string
		text    string // in the log
	}{
		"a table that hangs":     {inject(awstest.Hang), "WARN", `"reason":"table"`},
		"a table that throttles": {inject(awstest.Throttle), "WARN", "ThrottlingException"},
		"no right to write": {
			inject(awstest.Fault{Operation: "PutItem", Status: 400, Code: "AccessDeniedException"}),
			"ERROR", "DynamoDB PutItem: AccessDeniedException",
		},
		"a secret that is missing": {func(h *harness) {
			h.keys = func(context.Context) error { return fault.New(fault.Operator, fault.Secret, errors.New("no secret")) }
		}, "ERROR", "no secret"},
		"a person that cannot be read": {func(h *harness) {
			h.table.Put(awstest.Item{
				"subscriber": awstest.S(subscriber.Partition("user", "person-1")), "item": awstest.S("person#demo"),
				"suppressed_at": awstest.S("no time"),
			})
		}, "ERROR", "person item cannot be read"},
		"a panic": {func(h *harness) {
			h.keys = func(context.Context) error { panic(one) }
		}, "ERROR", "TestWhatHangsOrFails"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t)
				c.prepare(h)
				began := time.Now()
				status, answer := h.post(one)
				if status != http.StatusServiceUnavailable || answer != `{"error":"unavailable"}` {
					t.Errorf("answered %d %s", status, answer)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("answered after %s", took)
				}
				line := h.log.String()
				if !strings.Contains(line, `"level":"`+c.level+`"`) || !strings.Contains(line, c.text) ||
					!strings.Contains(line, `"app":"demo"`) || strings.Count(line, "\n") != 1 {
					t.Errorf("logged %s", line)
				}
			})
		})
	}
}

func TestNothingPrivateIsLoggedOrAnswered(t *testing.T) {
	const secrets = "person-1 person-2 A-1 __h1f2e __hother msg-1 Webhook-Id MDEyMzQ1 subscriber 0a1b2c"
	bodies := []string{
		one, `{"suppress":[{"user_id":"person-1"}],"restore":[{"user_id":"person-1"}]}`, `{"person-1":[]}`, `person-1`,
		`{"links":[{"anonymous_user_id":"A-1","user_id":"person-2","clevertap_id":"__hother"}]}`,
		`{"links":[{"user_id":"person-1"}]}`,
		`{"links":[{"user_id":"person-1","person-2":1,"clevertap_id":"__hother é","observed_at":"person-2"}]}`,
		`{"links":[{"user_id":"person-1","user_id":"person-1"}]}`, `{"links":[{"person-1":1,"person-1":2}]}`,
		`{"links":"person-1"}`, `["person-1"]`, `{"links":[{"user_id":["person-1"]}]}`,
	}
	for _, body := range bodies {
		for _, f := range []awstest.Fault{{}, awstest.Down, awstest.Reset, {Operation: "PutItem", Status: 400, Code: "X"}} {
			h := newHarness(t)
			h.cloud.Dynamo.Inject(f)
			_, answer := h.post(body)
			for secret := range strings.FieldsSeq(secrets) {
				if strings.Contains(answer+h.log.String(), secret) {
					t.Errorf("%s: %q shows in %s\n%s", body, secret, answer, &h.log)
				}
			}
		}
	}
}

// Nobody learns from an answer whether the bridge knows somebody.
func TestTheAnswerIsTheSameForKnownAndUnknownPeople(t *testing.T) {
	h := newHarness(t)
	for _, body := range []string{one, `{"suppress":[{"user_id":"person-1"}]}`, `{"restore":[{"user_id":"person-1"}]}`} {
		first, firstAnswer := h.post(body)
		again, againAnswer := h.post(body)
		if first != 200 || again != first || againAnswer != firstAnswer {
			t.Errorf("%s: answered %d %s, then %d %s", body, first, firstAnswer, again, againAnswer)
		}
	}
}
