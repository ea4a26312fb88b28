//go:build blackbox

package main_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// Whoever is on call has the log and nothing else.
func TestBlackBoxTroubleIsAnsweredInTimeAndLogged(t *testing.T) {
	type faults = []awstest.Fault
	hang := faults{awstest.Hang}
	once := func(f awstest.Fault) faults {
		f.Times = 1
		return faults{f}
	}
	for name, c := range map[string]struct {
		warm         bool // after a webhook that was queued
		secrets, sqs faults
		status       int
		words        []string // of one line of the log
	}{
		"SQS hangs":                         {true, nil, hang, 503, []string{"WARN", "SQS SendMessage: no answer in time"}},
		"both hang at a cold start":         {false, hang, hang, 503, []string{"WARN"}},
		"Secrets Manager hangs, keys known": {true, hang, nil, 200, nil},
		"one call of each hangs":            {false, once(awstest.Hang), once(awstest.Hang), 200, nil},
		"SQS throttles once":                {true, nil, once(awstest.Throttle), 200, nil},
		"SQS resets connections": {
			true, nil, faults{awstest.Reset}, 503,
			[]string{"WARN", `"reason":"unavailable"`, "SQS SendMessage: connection closed before the answer"},
		},
		"KMS refuses the queue": {
			false, nil, faults{{Status: 400, Code: "KMS.DisabledException"}}, 503,
			[]string{"ERROR", `"reason":"unavailable"`, `"code":"KMS.DisabledException"`, "SQS SendMessage: KMS."},
		},
		"IAM refuses the secret": {
			false, faults{{Status: 400, Code: "AccessDeniedException"}}, nil, 503,
			[]string{"ERROR", `"reason":"secret"`, `"code":"AccessDeniedException"`, "GetSecretValue: AccessDeniedException"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "events.fifo", nil)
			if c.warm {
				s.wants(200, signed(body))
			}
			s.aws.Secrets.Inject(c.secrets...)
			s.aws.SQS.Inject(c.sqs...)
			s.wants(c.status, signed(`{"event_id":"second"}`))
			if took := s.Took(); took > promised {
				t.Errorf("answered after %s", took)
			}
			s.WantsLine(t, c.words...)
			s.WantsOutput(t, nil, []string{key, awstest.ErrorText})
		})
	}
}

func TestBlackBoxASecretWithoutTheKeyIsNamed(t *testing.T) {
	t.Parallel()
	s := start(t, "events", nil)
	s.aws.Secrets.Put(secretName, `{"shared-secret":"`+key+`"}`)
	s.wants(503, signed(body))
	s.WantsLine(t, "ERROR", `"reason":"secret"`, "shared_secret is missing or empty")
}

// Otherwise a refusal would show only once the known secret is too old to be used, an hour later.
func TestBlackBoxASecretThatCannotBeReadAgainIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, "events.fifo", nil)
	s.wants(200, signed(body))
	s.aws.Secrets.Deny(secretName, true)
	s.wants(401, signedWith("other", timestamp, body)) // which makes it look whether the secret has changed
	s.wants(200, signed(`{"event_id":"second"}`))
	s.WantsLine(t, "ERROR", "secret not read again", `"app":"demo"`, "GetSecretValue: AccessDeniedException")
}

func TestBlackBoxKeysAreReadOnceAndAgainWhenTheyChange(t *testing.T) {
	t.Parallel()
	s := start(t, "events", nil)
	for range 5 {
		s.wants(200, signed(body))
	}
	if got := s.aws.Secrets.Calls("GetSecretValue"); got != 1 {
		t.Errorf("%d reads of the secret", got)
	}
	const pasted = `new\n`
	s.aws.Secrets.Put(secretName, `{"shared_secret":"`+pasted+`","previous_shared_secret":"`+key+`"}`)
	s.wants(200, signedWith("new", timestamp, body))
	s.wants(200, signed(body))
	for range 5 {
		s.wants(401, signedWith("forged", timestamp, body))
	}
	if got := s.aws.Secrets.Calls("GetSecretValue"); got != 2 {
		t.Errorf("%d reads of the secret", got)
	}
}

func TestBlackBoxTheReplayWindow(t *testing.T) {
	t.Parallel()
	s := start(t, "events", map[string]string{"TIMESTAMP_TOLERANCE": "5m"})
	for age, status := range map[time.Duration]int{
		0: 200, 4 * time.Minute: 200, -4 * time.Minute: 200, 6 * time.Minute: 401, -6 * time.Minute: 401,
	} {
		s.wants(status, signedWith(key, strconv.FormatInt(time.Now().Add(-age).Unix(), 10), body))
	}
}

func TestBlackBoxOnlyAllowedSourcesAreAccepted(t *testing.T) {
	t.Parallel()
	s := start(t, "events", map[string]string{"ALLOWED_SOURCES": "198.51.100.7"})
	s.wants(401, signed(body))
	s.wants(200, signed(body).with("requestContext", map[string]any{"http": map[string]any{"sourceIp": "198.51.100.7"}}))
}

// A captured request stays genuine unless a window is set. Without one the queue takes it once in five minutes;
// after that it is taken again, with the same deduplication id.
func TestACapturedRequestIsSentAgain(t *testing.T) {
	t.Parallel()
	const fiveMinutes = int64(5 * time.Minute)
	var passed atomic.Int64 // on the queue's clock
	began := time.Now()
	s := prepare(t, func() time.Time { return began.Add(time.Duration(passed.Load())) }, "events.fifo")
	s.run(nil)
	captured := signed(body)
	for _, at := range []int64{0, 0, fiveMinutes - 1} {
		passed.Store(at)
		s.wants(200, captured)
	}
	if got := len(s.queue.Messages()); got != 1 {
		t.Errorf("%d messages within five minutes", got)
	}
	passed.Store(fiveMinutes + 1)
	s.wants(200, captured)
	m := s.queue.Messages()
	if len(m) != 2 || m[0].DeduplicationID != m[1].DeduplicationID || m[0].Body != m[1].Body {
		t.Errorf("after five minutes the queue has %d messages", len(m))
	}
}
