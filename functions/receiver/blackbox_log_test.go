//go:build blackbox

package main_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// wantsLine looks for a line of the log that has all these words.
func (s *stack) wantsLine(words ...string) {
	s.Helper()
	s.Kill() // All that was printed is there once the process is gone.
	out := s.Output().Stdout.String()
	for text := range strings.Lines(out) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) }) {
			return
		}
	}
	s.Errorf("no line has %q:\n%s", words, out)
}

// Whoever is on call has the log and nothing else.
func TestBlackBoxEveryRefusalSaysWhyInTheLog(t *testing.T) {
	fails := func(service func(*stack) *awstest.Service, f awstest.Fault) func(*stack) {
		return func(s *stack) { service(s).Inject(f) }
	}
	sqs := func(s *stack) *awstest.Service { return &s.aws.SQS.Service }
	secrets := func(s *stack) *awstest.Service { return &s.aws.Secrets.Service }
	stored := func(text string) func(*stack) { return func(s *stack) { s.aws.Secrets.Put(secretName, text) } }
	for name, c := range map[string]struct {
		change func(*stack)
		event  event
		status int
		words  []string
	}{
		"KMS refuses the queue": {
			fails(sqs, awstest.Fault{Status: 400, Code: "KMS.DisabledException"}), signed(body), 503,
			[]string{"ERROR", `"reason":"unavailable"`, `"code":"KMS.DisabledException"`,
				"SQS SendMessage: KMS.DisabledException"},
		},
		"SQS resets": {
			fails(sqs, awstest.Reset), signed(body), 503,
			[]string{"WARN", `"reason":"unavailable"`, "SQS SendMessage: connection closed before the answer"},
		},
		"SQS hangs": {
			fails(sqs, awstest.Hang), signed(body), 503,
			[]string{"WARN", `"reason":"unavailable"`, "SQS SendMessage: no answer in time"},
		},
		"SQS answers what nobody knows": {
			fails(sqs, awstest.Fault{Status: 400, Code: "Unheard.Of"}), signed(body), 503,
			[]string{"WARN", `"code":"Unheard.Of"`},
		},
		"IAM refuses the secret": {
			fails(secrets, awstest.Fault{Status: 400, Code: "AccessDeniedException"}), signed(body), 503,
			[]string{"ERROR", `"reason":"secret"`, `"code":"AccessDeniedException"`, "GetSecretValue: AccessDeniedException"},
		},
		"a secret without the key": {
			stored(`{"shared-secret":"` + key + `"}`), signed(body), 503,
			[]string{"ERROR", `"reason":"secret"`, "shared_secret is missing or empty"},
		},
		"another secret": {
			nil, signedWith("other", timestamp, body), 401, []string{"ERROR", "bad_signature", "signature matches no secret"},
		},
		"a secret in quotation marks": {
			stored(`{"shared_secret":"\"` + key + `\""}`), signed(body), 401, []string{"ERROR", "one is in quotation marks"},
		},
		"no signature": {
			nil, signed(body).without(signatureHeader), 401, []string{"ERROR", "header with the timestamp or the signature"},
		},
		"too large": {
			nil, signed(strings.Repeat("x", 262145)), 413, []string{"ERROR", "body has 262145 bytes, more than 262144"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "events.fifo", nil)
			if c.change != nil {
				c.change(s)
			}
			s.wants(c.status, c.event)
			s.wantsLine(c.words...)
			if out := s.Output().Stdout.String(); strings.Contains(out, key) || strings.Contains(out, awstest.ErrorText) {
				t.Errorf("something private is in %s", out)
			}
		})
	}
}

// Otherwise a refusal would show only once the known secret is too old to be used, an hour later.
func TestBlackBoxASecretThatCannotBeReadAgainIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, "events.fifo", nil)
	s.wants(200, signed(body))
	s.aws.Secrets.Deny(secretName, true)
	s.wants(401, signedWith("other", timestamp, body)) // which makes it look whether the secret has changed
	s.wants(200, signed(`{"event_id":"second"}`))
	s.wantsLine("ERROR", "secret not read again", `"app":"demo"`, "GetSecretValue: AccessDeniedException")
}

// A pasted newline is the commonest cause of a refused signature.
func TestBlackBoxWhiteSpaceAroundASecretDoesNotCount(t *testing.T) {
	t.Parallel()
	for _, text := range []string{key + `\n`, `\u00a0 ` + key + `\r\n`, `\ufeff` + key} {
		s := start(t, "events.fifo", nil)
		s.aws.Secrets.Put(secretName, `{"shared_secret":"`+text+`"}`)
		s.wants(200, signed(body))
		s.aws.Secrets.Put(secretName, `{"shared_secret":"new","previous_shared_secret":"`+text+`"}`)
		s.wants(200, signed(`{"event_id":"second"}`))
	}
}
