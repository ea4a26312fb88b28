//go:build blackbox

package main_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// Whoever is on call has the log and nothing else: each failure names its cause there, at the first message.
func TestEveryFailureLeavesALineThatSaysWhy(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	denied := awstest.Fault{Status: 400, Code: "AccessDeniedException"}
	fails := func(f awstest.Fault, operation string, service func(*awstest.Server) *awstest.Service) func(*stack) {
		f.Operation = operation
		return func(s *stack) { service(s.aws).Inject(f) }
	}
	sqs := func(a *awstest.Server) *awstest.Service { return &a.SQS.Service }
	secrets := func(a *awstest.Server) *awstest.Service { return &a.Secrets.Service }
	table := func(a *awstest.Server) *awstest.Service { return &a.Dynamo.Service }
	type testCase struct {
		change func(*stack)
		body   string // a renewal if empty
		level  string
		words  []string
	}
	cause := func(text string) string { return `"cause":"` + text }
	inParallel(t, map[string]testCase{
		"CleverTap resets": {
			func(s *stack) { s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.ResetBefore}) }, "", "WARN",
			[]string{`"reason":"network"`, cause("upload: connection reset by peer")},
		},
		"CleverTap hangs": {
			func(s *stack) { s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Hang}) }, "", "WARN",
			[]string{`"reason":"timeout"`, cause("upload: no answer in time")},
		},
		"CleverTap's certificate is somebody's": {
			func(s *stack) {
				s.function.Kill()
				s.env["CLEVERTAP_ENDPOINT"] = secure.URL
				s.run()
			}, "", "WARN", []string{`"reason":"network"`, cause("upload: certificate of an unknown authority")},
		},
		"IAM refuses the secret": {
			fails(denied, "", secrets), "", "ERROR",
			[]string{`"reason":"secret"`, `"code":"AccessDeniedException"`, "GetSecretValue: AccessDeniedException"},
		},
		"Secrets Manager resets": {
			fails(awstest.Reset, "", secrets), "", "WARN",
			[]string{`"reason":"secret"`, "GetSecretValue: connection closed before the answer"},
		},
		"KMS refuses the rejected queue": {
			fails(awstest.Fault{Status: 400, Code: "KMS.AccessDeniedException"}, "SendMessageBatch", sqs),
			"private words", "ERROR",
			[]string{`"reason":"rejected_queue"`, `"code":"KMS.AccessDeniedException"`, cause("SQS SendMessageBatch: KMS.")},
		},
		"IAM refuses the new visibility": {
			func(s *stack) {
				s.clevertap.AddFault(status(503))
				fails(denied, "ChangeMessageVisibilityBatch", sqs)(s)
			}, "", "ERROR", []string{"new visibility refused", `"retried":1`, "ChangeMessageVisibilityBatch: AccessDenied"},
		},
		"IAM refuses the table": {
			fails(denied, "", table), "", "ERROR",
			[]string{`"reason":"table"`, `"code":"AccessDeniedException"`, cause("DynamoDB BatchGetItem: AccessDenied")},
		},
		"the table is throttled": {
			fails(awstest.Throttle, "", table), "", "WARN", []string{`"reason":"table"`, `"code":"ThrottlingException"`},
		},
		"IAM refuses the journal": {
			fails(denied, "BatchWriteItem", table), "", "ERROR",
			[]string{"journal not written", cause("DynamoDB BatchWriteItem: AccessDenied")},
		},
	}, func(t *testing.T, _ string, test testCase) {
		s, _ := startWithTable(t, options{env: map[string]string{"UPLOAD_TIMEOUT": "1s"}})
		test.change(s)
		if test.body == "" {
			test.body = renewal("a")
		}
		s.send(demo(test.body))
		s.invoke()
		s.wantsLine(test.level, test.words...)
	})
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
