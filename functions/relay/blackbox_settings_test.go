//go:build blackbox

package main_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// refresh is how old what a relay of these tests knows of the bucket may be.
const refresh = 50 * time.Millisecond

// startWithSettings starts a relay with a bucket, which has no object yet.
func startWithSettings(t *testing.T) *stack {
	t.Helper()
	s := start(t, false, map[string]string{"SETTINGS_BUCKET": "settings", "SETTINGS_REFRESH": refresh.String()})
	s.aws.S3.Create("settings")
	return s
}

// put puts a file in force that leads the demo app's webhooks elsewhere.
func (s *stack) put(to *backEnd) {
	text := fmt.Appendf(nil, "apps: {demo: {relay: {url: '%s/hook?token=%s'}}}\n", to.URL, token)
	s.aws.S3.Put("settings", settings.Key, text)
}

// relayed relays a webhook once what the relay knows is due for a look: by the file before, and by the one in force.
func (s *stack) relayed(name string) {
	s.Helper()
	for n := range 2 {
		time.Sleep(refresh)
		s.send("demo", "7", activate("7", fmt.Sprint(name, "-", n)))
		if b := s.invoke(); len(b.back) > 0 {
			s.Errorf("%s: %q come back", name, b.back)
		}
	}
}

func TestTheSettingsSayWhereWebhooksGo(t *testing.T) {
	t.Parallel()
	s := startWithSettings(t)
	s.relayed("built-in")
	s.put(s.other)
	s.relayed("put")
	s.aws.S3.Put("settings", settings.Key, []byte("apps: {demo: {relay: {url: 7}}}\n"))
	s.relayed("faulty")
	s.put(s.backEnd)
	s.aws.S3.Inject(awstest.Down)
	s.relayed("down")
	if got := s.other.ids(); !slices.Equal(got, []string{"put-1", "faulty-0", "faulty-1", "down-0", "down-1"}) {
		t.Errorf("the other back end got %q", got)
	}
	s.aws.S3.Inject()
	s.relayed("up")
	if got := s.backEnd.ids(); !slices.Equal(got, []string{"built-in-0", "built-in-1", "put-0", "up-1"}) {
		t.Errorf("the back end got %q", got)
	}
	if s.count("unknown", "SettingsRejected") == 0 {
		t.Error("a faulty object is not counted")
	}
}

func TestAColdRelayDoesNotGuess(t *testing.T) {
	t.Parallel()
	s := startWithSettings(t)
	s.put(s.other)
	s.aws.S3.Inject(awstest.Fault{Status: 403, Code: "AccessDenied"})
	s.send("demo", "7", activate("7", "e-1"))
	_, err := s.call()
	if _, ok := errors.AsType[*lambdatest.FunctionError](err); !ok {
		t.Errorf("the batch ends with %v", err)
	}
	if n := len(s.backEnd.got()) + len(s.other.got()); n > 0 {
		t.Errorf("%d webhooks were sent", n)
	}
	s.aws.S3.Inject()
	if b := s.invoke(); len(b.back) > 0 || !slices.Equal(s.other.ids(), []string{"e-1"}) {
		t.Errorf("afterwards %q come back, the other back end got %q", b.back, s.other.ids())
	}
	s.function.WantsLine(t, "settings out of reach")
}
