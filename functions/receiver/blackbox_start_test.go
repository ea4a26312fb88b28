//go:build blackbox

package main_test

import (
	"context"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

func TestBlackBoxAFaultyEnvironmentStopsTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		env   map[string]string
		wants []string
	}{
		"nothing set": {
			map[string]string{"QUEUE_URL": "", "SECRETS_PREFIX": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": ""},
			[]string{"QUEUE_URL: not set", "SECRETS_PREFIX: not set", "AWS_REGION: not set"},
		},
		"everything wrong": {
			map[string]string{
				"QUEUE_URL": "events", "SECRETS_PREFIX": "bridge/", "INTEGRATIONS_FILE": "/nowhere.yaml", "MAX_BODY_BYTES": "999999999",
				"TIMESTAMP_TOLERANCE": "soon", "AWS_MAX_ATTEMPTS": "many",
			},
			[]string{"QUEUE_URL", "SECRETS_PREFIX", "INTEGRATIONS_FILE", "MAX_BODY_BYTES", "TIMESTAMP_TOLERANCE", "AWS"},
		},
		"a file without apps": {map[string]string{"INTEGRATIONS_FILE": file(t, "apps: {}\n")}, []string{"INTEGRATIONS_FILE: no app name"}},
		"a file that is none": {map[string]string{"INTEGRATIONS_FILE": file(t, "\x00\x01")}, []string{"INTEGRATIONS_FILE: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "events", c.env)
			ctx, cancel := context.WithTimeout(t.Context(), busy)
			defer cancel()
			if code, err := s.Wait(ctx); code != 1 || err != nil {
				t.Errorf("exit code %d, %v", code, err)
			}
			stderr := s.Output().Stderr.String()
			if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "receiver: ") || s.Output().Stdout.String() != "" {
				t.Errorf("printed %q and %q", stderr, &s.Output().Stdout)
			}
			for _, want := range c.wants {
				if !strings.Contains(stderr, want) {
					t.Errorf("no %q in %s", want, stderr)
				}
			}
		})
	}
}

func TestBlackBoxAnyFileThatGivesAppNamesWill(t *testing.T) {
	for name, text := range map[string]string{
		"good":            "apps:\n  demo: {}\n",
		"wrong values":    "apps:\n  demo: {enabled: perhaps, colour: red}\n  Not A Name: {}\n",
		"disabled":        "apps:\n  demo: {enabled: false}\n",
		"null for an app": "apps:\n  demo:\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "events", map[string]string{"INTEGRATIONS_FILE": file(t, text)})
			s.wantsQueued(body, signed(body))
			s.wants(404, signed(body).app("Not A Name"))
		})
	}
}

func TestBlackBoxTheOutputHoldsNothingPersonalOrSecret(t *testing.T) {
	t.Parallel()
	s := start(t, "events.fifo", nil)
	s.wants(200, signed(body))
	s.wants(404, signed(body).app("rosée-8"))
	s.wants(401, signed(body).header(stamp, "1773474113"))
	s.wants(413, signed(strings.Repeat(body, 5000)))
	s.wants(401, signed(body).with("isBase64Encoded", true))
	s.aws.SQS.Trouble(awstest.Trouble{Status: 403, Code: "AccessDenied"})
	s.wants(503, signed(`{"event_id":"other","user_id":"rosée-9"}`))
	s.Kill()

	output := s.Output().Stdout.String() + s.Output().Stderr.String()
	for _, leak := range []string{
		key, "rosée", "ros\\u00e9e", "ACTIVATE", "8b0ffd4c", timestamp, "1773474113", signed(body).headers[digest].(string), "203.0.113.17",
		s.aws.URL, "AKIDEXAMPLE", prefix, "event_id",
	} {
		if strings.Contains(output, leak) {
			t.Errorf("%q is in the output:\n%s", leak, output)
		}
	}
	if got := strings.Count(output, `"webhook refused"`); got != 5 {
		t.Errorf("%d refusals logged:\n%s", got, output)
	}
	for _, want := range []string{`"requestId"`, `"app":"unknown"`, `"reason":"bad_signature"`, `"code":"AccessDenied"`, `"WebhooksQueued":1`, `"WebhooksRefused":1`} {
		if !strings.Contains(output, want) {
			t.Errorf("no %s in the output:\n%s", want, output)
		}
	}
}
