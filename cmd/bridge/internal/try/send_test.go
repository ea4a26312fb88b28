package try

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// fakeReceiver checks what send promises: the path, the headers and the signature over the bytes.
type fakeReceiver struct{ bodies []string }

func (r *fakeReceiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	h := hmac.New(sha256.New, []byte(clitest.DemoSecret))
	h.Write([]byte(request.Header.Get("X-Purchasely-Timestamp")))
	h.Write(body)
	signed := request.Header.Get("X-Purchasely-Request-Signature") == hex.EncodeToString(h.Sum(nil))
	if request.Method != http.MethodPost || request.URL.Path != "/purchasely/demo" || !signed {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error": "unauthorized"}`)
		return
	}
	r.bodies = append(r.bodies, string(body))
	_, _ = io.WriteString(w, `{"status": "queued"}`)
}

// RoundTrip lets the receiver be reached within the process.
func (r *fakeReceiver) RoundTrip(request *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r.ServeHTTP(w, request)
	return w.Result(), nil
}

func send(ctx context.Context, network http.RoundTripper, in string, args ...string) clitest.Result {
	return clitest.Run(ctx, NewSendCommand(network), in, append([]string{"send", "--app", "demo"}, args...)...)
}

func TestSendSignsTheBytes(t *testing.T) {
	const file = "../../../../events/webhooks/subscription-renewed.json"
	renewed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		secret, url string // in the environment
		in, args    string
		out         string
		want        []string // that the bodies contain
	}{
		"of a file": {clitest.DemoSecret, "", "", "--url https://demo.test " + file,
			`^SUBSCRIPTION_RENEWED, event id 83106c68-[-0-9a-f]+, user learner-40213: ` +
				`200 \{"status":"queued"\}, after \d+ ms\n$`,
			[]string{strings.TrimSpace(string(renewed))}},
		"with a secret from standard input": {"another secret", "https://demo.test/purchasely/demo",
			"\ufeff\u00a0" + clitest.DemoSecret + " \r\n", "--secret-stdin --json --sample TRIAL_STARTED --set user_id=anna",
			`^\{"event":"TRIAL_STARTED","event_id":"[-0-9a-f]{36}","user_id":"anna","status":200,` +
				`"answer":\{"status":"queued"\},"milliseconds":\d+\}\n$`, []string{`"user_id": "anna"`}},
		"of an anonymous user": {clitest.DemoSecret, "", `{"event_name":"X","anonymous_user_id":"a\nb"}`,
			"--url https://demo.test", `^X, event id none, user "a\\nb": 200`, []string{"anonymous_user_id"}},
		"of no webhook at all": {clitest.DemoSecret, "", `[]`, "--url https://demo.test -",
			`^no event, event id none, no user: 200`, []string{"[]"}},
		"that is made up from a seed": {clitest.DemoSecret, "", "",
			"--url https://demo.test --sample ACTIVATE --seed 7 --set plan=gold",
			`^ACTIVATE, event id f4fa2b5c-e860-496d-bf2c-977daea09e50, user learner-75549: 200`, []string{`"plan": "gold"`}},
		"of many, in their order": {clitest.DemoSecret, "", "{\"n\":1}\n{\"n\":2}\n", "--url https://demo.test -",
			`(?s)200.*\n.*200`, []string{`{"n":1}`, `{"n":2}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(secretVariable, c.secret)
			t.Setenv("BRIDGE_URL", c.url)
			var r fakeReceiver
			got := send(t.Context(), &r, c.in, strings.Fields(c.args)...)
			if got.Code != cli.OK || !regexp.MustCompile(c.out).MatchString(got.Out) {
				t.Errorf("got %+v", got)
			}
			if !slices.EqualFunc(r.bodies, c.want, strings.Contains) {
				t.Errorf("the receiver got %q, want %q", r.bodies, c.want)
			}
		})
	}
}

func TestSendSaysWhatIsWrong(t *testing.T) {
	failing := func(err error) clitest.RoundTrip {
		return func(*http.Request) (*http.Response, error) { return nil, err }
	}
	breaksOff := func(r *http.Request) (*http.Response, error) {
		body := io.NopCloser(io.MultiReader(strings.NewReader("{"), errorReader{}))
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body, Request: r}, nil
	}
	t.Setenv(secretVariable, clitest.DemoSecret)
	for name, c := range map[string]struct {
		answer    clitest.RoundTrip
		out, errs string
	}{
		"a wrong secret":            {clitest.Answer(401, `{"error":"unauthorized"}`), "401", "hint: the secret is not"},
		"an unknown app":            {clitest.Answer(404, `{"error":"unknown_app"}`), "404", "hint: the app is not in"},
		"too large":                 {clitest.Answer(413, `{"error":"too_large"}`), "413", "hint: MAX_BODY_BYTES"},
		"the queue out of reach":    {clitest.Answer(503, `{"error":"unavailable"}`), "503", "hint: the queue"},
		"no bridge":                 {clitest.Answer(404, `<html>`), "404 and no JSON", "hint: this is no answer"},
		"a redirect":                {clitest.Answer(302, ``), "302 and no JSON", "hint: this is no answer"},
		"another 2xx than 200":      {clitest.Answer(202, `{"status":"queued"}`), "202", "refused the webhook with 202"},
		"nobody there":              {failing(errors.New("connection refused")), "", "does not answer: connection refused"},
		"an answer that breaks off": {breaksOff, "", "breaks off"},
	} {
		t.Run(name, func(t *testing.T) {
			got := send(t.Context(), c.answer, `{"event_name":"ACTIVATE","user_id":"berta"}`, "--url", "http://127.0.0.1:9/")
			if !got.Has(cli.Finding, c.out, c.errs) || strings.Contains(got.Out+got.Errs, "127.0.0.1:9") {
				t.Errorf("got %+v, want code 1, %q and %q, without the address", got, c.out, c.errs)
			}
			got.CheckLeaks(t)
		})
	}
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestNamesUnderLocalhostAreThisMachine covers the local AWS, whose API is a name that few resolvers know.
func TestNamesUnderLocalhostAreThisMachine(t *testing.T) {
	var r fakeReceiver
	server := httptest.NewServer(&r)
	defer server.Close()
	t.Setenv(secretVariable, clitest.DemoSecret)
	url := strings.Replace(server.URL, "127.0.0.1", "a1b2c3.execute-api.localhost", 1)
	if got := send(t.Context(), nil, "{}", "--url", url); got.Code != cli.OK || len(r.bodies) != 1 {
		t.Errorf("got %+v; the receiver got %q", got, r.bodies)
	}
}

func TestSendEndsWhenItIsInterrupted(t *testing.T) {
	t.Setenv(secretVariable, clitest.DemoSecret)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	send(ctx, nil, "{}", "--url", "http://127.0.0.1:9").Want(t, cli.Finding, "", "context canceled")
}

func TestSendFindsURLAndSecretInTheStack(t *testing.T) {
	const secret = `{"shared_secret":"` + clitest.DemoSecret + `"}`
	for name, c := range map[string]struct {
		secret string
		args   string
		in     string
		code   int
		errs   string
		bodies int
	}{
		"all from the stack": {secret, "", "", cli.OK, "", 1},
		"another URL":        {secret, "--url https://other.test", "", cli.OK, "", 1},
		"another secret":     {"", "--secret-stdin", clitest.DemoSecret, cli.OK, "", 1},
		"no secret in the stack": {"", "", "", cli.Finding,
			"bridge: secret " + clitest.PurchaselySecret + " is missing\n" +
				"hint: is the app's name right? 'bridge app add demo' creates its secrets\n", 0},
		"a secret that nobody can read": {"shared-4711", "", "", cli.Finding,
			"bridge: secret " + clitest.PurchaselySecret + " cannot be used\nhint: 'bridge app check demo' says more\n", 0},
		"another app's secret": {`{"shared_secret":"shared-4711"}`, "", "", cli.Finding, "hint: the secret is not", 0},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			t.Setenv(secretVariable, "not this one")
			t.Setenv("BRIDGE_URL", "http://127.0.0.1:1")
			var r fakeReceiver
			cloud.Receiver = r.RoundTrip
			if c.secret != "" {
				cloud.Secrets.Put(clitest.PurchaselySecret, c.secret)
			}
			args := append(strings.Fields(c.args), "--stack", clitest.Stack, "--sample", "ACTIVATE",
				"--set", "user_id=berta")
			got := send(t.Context(), cloud, c.in, args...)
			if !got.Has(c.code, "", c.errs) || len(r.bodies) != c.bodies {
				t.Errorf("got %+v, want %d and %q; the receiver got %d", got, c.code, c.errs, len(r.bodies))
			}
			got.CheckLeaks(t)
		})
	}
}

// outcome is what a forwarder writes some time after the webhook was accepted.
type outcome struct {
	after time.Duration
	entry subscriber.Event
}

// settle makes the receiver accept webhooks, and a forwarder write what became of them.
func settle(t *testing.T, c *clitest.Cloud, id string, outcomes ...outcome) {
	t.Helper()
	c.Receiver = func(r *http.Request) (*http.Response, error) {
		received := time.Now()
		for _, o := range outcomes {
			time.AfterFunc(o.after, func() {
				e := o.entry
				e.App, e.Event, e.EventID, e.Received, e.Settled = "demo", "TRIAL_STARTED", id, received, time.Now()
				e.Settings, e.Account = "built-in", "AAA-111-2222"
				c.Settle(t, "casey", e)
			})
		}
		return clitest.Answer(http.StatusOK, `{"status":"queued"}`)(r)
	}
}

func TestSendWaitsForTheOutcome(t *testing.T) {
	delivered := subscriber.Event{Outcome: "delivered", Records: "event", Attempt: 1}
	retried := subscriber.Event{Outcome: "retry", Reason: "network", Attempt: 1}
	rejected := subscriber.Event{Outcome: "rejected", Reason: "clevertap_513", Code: "513", Attempt: 2}
	for name, test := range map[string]struct {
		outcomes  []outcome
		args      string
		code      int
		out, errs string
		took      time.Duration
	}{
		"delivered": {[]outcome{{2 * time.Second, delivered}}, "--wait", cli.OK,
			"200 {\"status\":\"queued\"}, after 0 ms\n  It does not say when Purchasely created it.\n" +
				"  Delivered 2 seconds later: CleverTap account AAA-111-2222 has the event.\n", "", 3 * time.Second},
		"for programs": {[]outcome{{2 * time.Second, delivered}}, "--wait --json", cli.OK,
			`,"status":200,"answer":{"status":"queued"},"milliseconds":0,"outcome":{"app":"demo","event":"TRIAL_STARTED",`, "",
			3 * time.Second},
		"after two attempts": {
			[]outcome{{time.Second, retried}, {10 * time.Second, rejected}}, "--wait", cli.Finding,
			"Not delivered, because CleverTap refused it for good with the code 513",
			"attempt 1: not yet, because CleverTap could not be reached\n", 11 * time.Second,
		},
		"still under way": {[]outcome{{time.Second, retried}}, "--wait=1m", cli.Finding, "Still on its way",
			"bridge: it is still on its way after 1m0s\nhint: the bridge goes on trying", time.Minute},
		"no outcome": {
			nil, "--wait", cli.Finding, "200 {", "bridge: the journal has no outcome of it after 2m0s\n", 2 * time.Minute,
		},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			c.Secrets.Put(clitest.PurchaselySecret, `{"shared_secret":"`+clitest.DemoSecret+`"}`)
			settle(t, c, "event-1", test.outcomes...)
			begun := time.Now()
			args := append(strings.Fields(test.args), "--stack", clitest.Stack)
			got := send(t.Context(), c, clitest.Webhook("casey", 1), args...)
			took := time.Since(begun)
			if !got.Has(test.code, test.out, test.errs) || took < test.took-time.Second || took > test.took+time.Second {
				t.Errorf("after %s: %+v", took, got)
			}
		})
	}
}

// A webhook that the queue swallows, because it has had the same event, has the outcome of the first one.
func TestSendWaitsForTheOutcomeOfTheSameEvent(t *testing.T) {
	const body = `{"event_name": "TRIAL_STARTED","user_id":"casey","event_id":"not legal"}`
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.Secrets.Put(clitest.PurchaselySecret, `{"shared_secret":"`+clitest.DemoSecret+`"}`)
		delivered := subscriber.Event{Outcome: "delivered", Records: "event", Attempt: 1}
		settle(t, c, subscriber.JournalID("", []byte(body)), outcome{time.Second, delivered})
		send(t.Context(), c, body, "--stack", clitest.Stack).Want(t, cli.OK, "", "")
		time.Sleep(4 * time.Minute)
		c.Receiver = clitest.Answer(http.StatusOK, `{"status":"queued"}`)
		send(t.Context(), c, body, "--stack", clitest.Stack, "--wait").Want(t, cli.OK, "Delivered 1 second later", "")
		time.Sleep(time.Hour)
		send(t.Context(), c, body, "--stack", clitest.Stack, "--wait").Want(t, cli.Finding, "", "has no outcome of it")
	})
}

func TestSendSaysWhyItCannotWait(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(c *clitest.Cloud)
		body    string
		args    string
		code    int
		errs    string
	}{
		"no stack": {nil, clitest.Webhook("casey", 1), "--url https://demo.test", cli.Usage, "flag --wait needs --stack"},
		"no table": {
			(*clitest.Cloud).UseNoTable, clitest.Webhook("casey", 1), "--stack " + clitest.Stack,
			cli.Finding, "its parameter Subscribers is off",
		},
		"no journal": {func(c *clitest.Cloud) {
			c.Stacks.SetParameters(clitest.Stack, map[string]string{"Journal": "off"})
		}, clitest.Webhook("casey", 1), "--stack " + clitest.Stack, cli.Finding, "its parameter Journal is off"},
		"nobody's webhook": {nil, `{"event_name":"TRIAL_STARTED","event_id":"e"}`, "--stack " + clitest.Stack, cli.Usage,
			"a webhook without an id of a person has no entry"},
		"no right to read the table": {func(c *clitest.Cloud) {
			c.Dynamo.Inject(awstest.Fault{Status: 400, Code: "AccessDeniedException"})
		}, clitest.Webhook("casey", 1), "--stack " + clitest.Stack, cli.Finding, "DynamoDB Query: AccessDeniedException"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			c.Secrets.Put(clitest.PurchaselySecret, `{"shared_secret":"`+clitest.DemoSecret+`"}`)
			if test.prepare != nil {
				test.prepare(c)
			}
			t.Setenv(secretVariable, clitest.DemoSecret)
			file := clitest.File(t, "webhook.json", test.body)
			send(t.Context(), c, "", append(strings.Fields(test.args), "--wait", file)...).Want(t, test.code, "", test.errs)
		})
	}
}
