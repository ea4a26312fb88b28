//go:build blackbox

package main_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// promised is when an answer must be there. The function itself gives up after four seconds.
const promised = 5 * time.Second

func TestBlackBoxTroubleIsAnsweredInTime(t *testing.T) {
	for name, c := range map[string]struct {
		warm    bool // after a webhook that went well
		secrets []awstest.Trouble
		sqs     []awstest.Trouble
		status  int
	}{
		"SQS hangs":                          {true, nil, []awstest.Trouble{awstest.Hang}, 503},
		"SQS hangs at a cold start":          {false, nil, []awstest.Trouble{awstest.Hang}, 503},
		"Secrets Manager hangs":              {false, []awstest.Trouble{awstest.Hang}, nil, 503},
		"both hang at a cold start":          {false, []awstest.Trouble{awstest.Hang}, []awstest.Trouble{awstest.Hang}, 503},
		"Secrets Manager hangs, keys known":  {true, []awstest.Trouble{awstest.Hang}, nil, 200},
		"one call of each hangs":             {false, once(awstest.Hang), once(awstest.Hang), 200},
		"Secrets Manager slow, SQS hangs":    {false, []awstest.Trouble{{Delay: time.Second}}, []awstest.Trouble{awstest.Hang}, 503},
		"SQS down":                           {true, nil, []awstest.Trouble{awstest.Down}, 503},
		"SQS broken":                         {true, nil, []awstest.Trouble{awstest.Broken}, 503},
		"SQS resets connections":             {true, nil, []awstest.Trouble{awstest.Reset}, 503},
		"SQS resets one":                     {true, nil, once(awstest.Reset), 200},
		"SQS throttles once":                 {true, nil, once(awstest.Throttle), 200},
		"SQS denies":                         {true, nil, []awstest.Trouble{{Status: 403, Code: "AccessDenied"}}, 503},
		"Secrets Manager down":               {false, []awstest.Trouble{awstest.Down}, nil, 503},
		"Secrets Manager throttles for good": {false, []awstest.Trouble{awstest.Throttle}, nil, 503},
		"Secrets Manager throttles once":     {false, once(awstest.Throttle), nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "events.fifo", nil)
			if c.warm {
				s.wants(200, signed(body))
			}
			s.aws.Secrets.Trouble(c.secrets...)
			s.aws.SQS.Trouble(c.sqs...)
			s.wants(c.status, signed(`{"event_id":"second"}`))
			if took := s.Took(); took > promised {
				t.Errorf("answered after %s", took)
			}
		})
	}
}

func once(t awstest.Trouble) []awstest.Trouble {
	t.Times = 1
	return []awstest.Trouble{t}
}

func TestBlackBoxSecretsThatCannotBeUsed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *awstest.Secrets)
		secret string // with which the webhook is signed
		status int
	}{
		"is not there":       {func(s *awstest.Secrets) { s.Remove(secrets) }, key, 503},
		"may not be read":    {func(s *awstest.Secrets) { s.Deny(secrets, true) }, key, 503},
		"is not JSON":        {func(s *awstest.Secrets) { s.Put(secrets, key) }, key, 503},
		"has no key":         {func(s *awstest.Secrets) { s.Put(secrets, `{}`) }, key, 503},
		"has an empty key":   {func(s *awstest.Secrets) { s.Put(secrets, `{"shared_secret":""}`) }, "", 503},
		"is binary and good": {func(s *awstest.Secrets) { s.PutBinary(secrets, []byte(`{"shared_secret":"`+key+`"}`)) }, key, 200},
		"has a predecessor": {func(s *awstest.Secrets) {
			s.Put(secrets, `{"shared_secret":"new","previous_shared_secret":"`+key+`"}`)
		}, key, 200},
		"has an empty predecessor": {func(s *awstest.Secrets) {
			s.Put(secrets, `{"shared_secret":"new","previous_shared_secret":""}`)
		}, "", 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "events", nil)
			c.change(s.aws.Secrets)
			s.wants(c.status, signedWith(c.secret, timestamp, body))
			s.Kill() // Then all that it has printed is there.
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
	s.aws.Secrets.Put(secrets, `{"shared_secret":"new","previous_shared_secret":"`+key+`"}`)
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
	at := func(d time.Duration) event {
		return signedWith(key, strconv.FormatInt(time.Now().Add(d).Unix(), 10), body)
	}
	s.wants(200, at(0))
	s.wants(200, at(-4*time.Minute))
	s.wants(200, at(4*time.Minute))
	s.wants(401, at(-6*time.Minute))
	s.wants(401, at(6*time.Minute))
	s.wants(401, signedWith(key, "yesterday", body))
}

// Lambda gives functions with snapshots no keys in the environment but an address to fetch them from.
func TestBlackBoxCredentialsFromAnAddress(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	address := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"AccessKeyId":"AKIDOTHER","SecretAccessKey":"x","Token":"y","Expiration":"2099-01-01T00:00:00Z"}`))
	}))
	t.Cleanup(address.Close)
	s := start(t, "events", map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": address.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
	})
	s.wants(200, signed(body))
	if got := <-asked; got != "token" {
		t.Errorf("asked with %q", got)
	}
}

// The address exists only for the proxy, which is the stand-in itself here.
func TestBlackBoxCallsGoThroughAProxy(t *testing.T) {
	t.Parallel()
	s := prepare(t, "events", nil)
	s.Function = lambdatest.Start(t, lambdatest.Build(t, "functions/receiver"), map[string]string{
		"AWS_ENDPOINT_URL": "http://aws.invalid", "HTTP_PROXY": s.aws.URL, "QUEUE_URL": s.aws.SQS.QueueURL(s.queue), "SECRETS_PREFIX": prefix,
	})
	s.wants(200, signed(body))
	if got := len(s.queue.Messages()); got != 1 {
		t.Errorf("%d messages on the queue", got)
	}
}
