//go:build blackbox

package main_test

import (
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// promised is how soon an answer must come. The function itself gives up after four seconds.
const promised = 5 * time.Second

func TestBlackBoxTroubleIsAnsweredInTime(t *testing.T) {
	type faults = []awstest.Fault
	hang, denied := faults{awstest.Hang}, faults{{Status: 403, Code: "AccessDenied"}}
	for name, c := range map[string]struct {
		warm         bool // after a webhook that was queued
		secrets, sqs faults
		status       int
	}{
		"SQS hangs":                          {true, nil, hang, 503},
		"SQS hangs at a cold start":          {false, nil, hang, 503},
		"Secrets Manager hangs":              {false, hang, nil, 503},
		"both hang at a cold start":          {false, hang, hang, 503},
		"Secrets Manager hangs, keys known":  {true, hang, nil, 200},
		"one call of each hangs":             {false, once(awstest.Hang), once(awstest.Hang), 200},
		"Secrets Manager slow, SQS hangs":    {false, faults{{Delay: time.Second}}, hang, 503},
		"SQS down":                           {true, nil, faults{awstest.Down}, 503},
		"SQS broken":                         {true, nil, faults{awstest.Broken}, 503},
		"SQS resets connections":             {true, nil, faults{awstest.Reset}, 503},
		"SQS resets one":                     {true, nil, once(awstest.Reset), 200},
		"SQS throttles once":                 {true, nil, once(awstest.Throttle), 200},
		"SQS denies":                         {true, nil, denied, 503},
		"Secrets Manager down":               {false, faults{awstest.Down}, nil, 503},
		"Secrets Manager throttles for good": {false, faults{awstest.Throttle}, nil, 503},
		"Secrets Manager throttles once":     {false, once(awstest.Throttle), nil, 200},
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
		})
	}
}

func once(t awstest.Fault) []awstest.Fault {
	t.Times = 1
	return []awstest.Fault{t}
}

func TestBlackBoxASecretThat(t *testing.T) {
	put := func(text string) func(*awstest.Secrets) {
		return func(s *awstest.Secrets) { s.Put(secretName, text) }
	}
	for name, c := range map[string]struct {
		change func(s *awstest.Secrets)
		key    string // the webhook is signed with
		status int
	}{
		"is missing":                {func(s *awstest.Secrets) { s.Remove(secretName) }, key, 503},
		"may not be read":           {func(s *awstest.Secrets) { s.Deny(secretName, true) }, key, 503},
		"is not JSON":               {put(key), key, 503},
		"has no key":                {put(`{}`), key, 503},
		"has an empty key":          {put(`{"shared_secret":""}`), "", 503},
		"has a previous key":        {put(`{"shared_secret":"new","previous_shared_secret":"` + key + `"}`), key, 200},
		"has an empty previous key": {put(`{"shared_secret":"new","previous_shared_secret":""}`), "", 401},
		"is binary and good": {func(s *awstest.Secrets) {
			s.PutBinary(secretName, []byte(`{"shared_secret":"`+key+`"}`))
		}, key, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "events", nil)
			c.change(s.aws.Secrets)
			s.wants(c.status, signedWith(c.key, timestamp, body))
			s.Kill() // so that everything it printed is there
			if strings.Contains(s.Output().Stdout.String()+s.Output().Stderr.String(), key) {
				t.Error("the key is in the output")
			}
		})
	}
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
	s.aws.Secrets.Put(secretName, `{"shared_secret":"new","previous_shared_secret":"`+key+`"}`)
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

// A captured request stays genuine unless a window is set. Without one the queue takes it once in five minutes;
// after that it is taken again, with the same deduplication id.
func TestACapturedRequestIsSentAgain(t *testing.T) {
	t.Parallel()
	const fiveMinutes = int64(5 * time.Minute)
	var passed atomic.Int64 // on the queue's clock
	began := time.Now()
	s := startAt(t, func() time.Time { return began.Add(time.Duration(passed.Load())) }, "events.fifo", nil)
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
