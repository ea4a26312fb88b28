//go:build blackbox

package main_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// Whoever is on call has the log and nothing else: each failure names its cause there, at the first message.
func TestEveryFailureLeavesALineThatSaysWhy(t *testing.T) {
	denied := awstest.Fault{Status: 400, Code: "AccessDeniedException"}
	keyDenied := awstest.Fault{Status: 400, Code: "KMS.AccessDeniedException"}
	upload := func(f clevertaptest.Fault) func(*stack) { return func(s *stack) { s.clevertap.AddFault(f) } }
	fails := func(f awstest.Fault, operation string, service func(*stack) *awstest.Service) func(*stack) {
		f.Operation = operation
		return func(s *stack) { service(s).Inject(f) }
	}
	sqs := func(s *stack) *awstest.Service { return &s.aws.SQS.Service }
	secrets := func(s *stack) *awstest.Service { return &s.aws.Secrets.Service }
	table := func(s *stack) *awstest.Service { return &s.aws.Dynamo.Service }
	type testCase struct {
		change func(*stack)
		body   string // a renewal if empty
		level  string
		words  []string
	}
	cause := func(text string) string { return `"cause":"` + text }
	inParallel(t, map[string]testCase{
		"CleverTap resets": {
			upload(clevertaptest.Fault{Kind: clevertaptest.ResetBefore}), "", "WARN",
			[]string{`"reason":"network"`, cause("upload: connection reset by peer")},
		},
		"CleverTap hangs": {
			upload(clevertaptest.Fault{Kind: clevertaptest.Hang}), "", "WARN",
			[]string{`"reason":"timeout"`, cause("upload: no answer in time")},
		},
		"CleverTap answers 502": {
			upload(clevertaptest.Fault{Kind: clevertaptest.Status, Status: 502}), "", "WARN",
			[]string{`"reason":"server"`, `"code":"502"`, cause("upload: status 502")},
		},
		"CleverTap answers in HTML": {
			upload(clevertaptest.Fault{Kind: clevertaptest.Garbage}), "", "WARN",
			[]string{`"reason":"unreadable_answer"`, cause("upload: status 200, answer not of CleverTap's form")},
		},
		"CleverTap's answer is cut off": {
			upload(clevertaptest.Fault{Kind: clevertaptest.Half}), "", "WARN",
			[]string{`"reason":"unreadable_answer"`, cause("upload: status 200, answer ends too early")},
		},
		"CleverTap counts too few": {
			upload(clevertaptest.Fault{Kind: clevertaptest.BadCount, By: -1}), "", "WARN",
			[]string{`"reason":"unmatched"`, "success true, sent 2, processed 1, unprocessed 0"},
		},
		"CleverTap refuses the passcode": {
			upload(clevertaptest.Fault{Kind: clevertaptest.Expire, Passcode: "passcode-new"}), "", "ERROR",
			[]string{`"reason":"credentials"`, `"code":"401"`, cause("upload: status 401")},
		},
		"CleverTap refuses a record": {
			nil, consumable("a", "event_name", `"DISCARDED"`), "ERROR",
			[]string{`"reason":"clevertap_528"`, `"code":"528"`, cause("record refused: event discarded in the dashboard")},
		},
		"the webhook cannot be read": {
			nil, "private words", "ERROR", []string{`"reason":"malformed"`, cause("body is not JSON at byte 0")},
		},
		"IAM refuses the secret": {
			fails(denied, "", secrets), "", "ERROR",
			[]string{`"reason":"secret"`, `"code":"AccessDeniedException"`, "GetSecretValue: AccessDeniedException"},
		},
		"the secret is missing": {
			func(s *stack) { s.aws.Secrets.Remove("bridge/test/demo/clevertap") }, "", "ERROR",
			[]string{`"reason":"secret"`, `"code":"ResourceNotFoundException"`},
		},
		"Secrets Manager resets": {
			fails(awstest.Reset, "", secrets), "", "WARN",
			[]string{`"reason":"secret"`, "GetSecretValue: connection closed before the answer"},
		},
		"KMS refuses the rejected queue": {
			fails(keyDenied, "SendMessageBatch", sqs), "private words", "ERROR",
			[]string{`"reason":"rejected_queue"`, `"code":"KMS.AccessDeniedException"`, cause("SQS SendMessageBatch: KMS.")},
		},
		"IAM refuses the rejected queue": {
			fails(denied, "SendMessageBatch", sqs), "private words", "ERROR",
			[]string{`"reason":"rejected_queue"`, `"code":"AccessDeniedException"`},
		},
		"a code of AWS that nobody knows": {
			fails(awstest.Fault{Status: 400, Code: "Unheard.Of"}, "SendMessageBatch", sqs), "private words", "WARN",
			[]string{`"reason":"rejected_queue"`, `"code":"Unheard.Of"`, cause("SQS SendMessageBatch: Unheard.Of")},
		},
		"IAM refuses the new visibility": {
			func(s *stack) {
				s.clevertap.AddFault(status(503))
				fails(denied, "ChangeMessageVisibilityBatch", sqs)(s)
			}, "", "ERROR", []string{"new visibility refused", `"retried":1`, "ChangeMessageVisibilityBatch: AccessDenied"},
		},
		"the new visibility fails": {
			func(s *stack) {
				s.clevertap.AddFault(status(503))
				fails(awstest.Reset, "ChangeMessageVisibilityBatch", sqs)(s)
			}, "", "WARN", []string{"new visibility refused", "connection closed before the answer"},
		},
		"IAM refuses the table": {
			fails(denied, "", table), "", "ERROR",
			[]string{`"reason":"table"`, `"code":"AccessDeniedException"`, cause("DynamoDB BatchGetItem: AccessDenied")},
		},
		"the table is throttled": {
			fails(awstest.Throttle, "", table), "", "WARN", []string{`"reason":"table"`, `"code":"ThrottlingException"`},
		},
	}, func(t *testing.T, _ string, test testCase) {
		s, _ := startWithTable(t, options{env: map[string]string{"UPLOAD_TIMEOUT": "1s"}})
		if test.change != nil {
			test.change(s)
		}
		if test.body == "" {
			test.body = renewal("a")
		}
		s.send(demo(test.body))
		s.invoke()
		s.wantsLine(test.level, test.words...)
	})
}

// What lies between the forwarder and CleverTap fails in ways of its own.
func TestTheWayToCleverTapIsNamedWhereItFails(t *testing.T) {
	page := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	secure := httptest.NewTLSServer(page(http.StatusOK))
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(page(http.StatusOK))
	t.Cleanup(plain.Close)
	for name, c := range map[string]struct{ endpoint, cause string }{
		"nobody listens":            {"http://127.0.0.1:1", "connection refused"},
		"a certificate of somebody": {secure.URL, "certificate of an unknown authority"},
		"no TLS":                    {strings.Replace(plain.URL, "http", "https", 1), "peer does not speak TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, options{env: map[string]string{"CLEVERTAP_ENDPOINT": c.endpoint}})
			ids := s.send(demo(consumable("a")))
			s.invoke().want(ids, "retry network")
			s.wantsLine("WARN", `"reason":"network"`, `"cause":"upload: `+c.cause)
		})
	}
}

func TestUploadsGoThroughTheProxyOfTheEnvironment(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		w.WriteHeader(http.StatusProxyAuthRequired)
		_, _ = io.WriteString(w, "private words of the proxy")
	}))
	t.Cleanup(proxy.Close)
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, options{env: map[string]string{
		"CLEVERTAP_ENDPOINT": "", "HTTPS_PROXY": "http://person:passcode-proxy@" + address.Host,
	}})
	ids := s.send(demo(consumable("a")))
	s.invoke().want(ids, "retry network")
	s.wantsLine("WARN", `"cause":"upload: proxy answered 407"`)
	if got := <-asked; got != "CONNECT api.clevertap.com:443" {
		t.Errorf("the proxy was asked to %s", got)
	}
}
