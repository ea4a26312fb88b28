//go:build blackbox

package main_test

import (
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// startWithSettings starts a receiver with a bucket that holds a file, none if it is empty.
func startWithSettings(t *testing.T, refresh, file string) *stack {
	t.Helper()
	s := start(t, "events", map[string]string{"SETTINGS_BUCKET": "settings", "SETTINGS_REFRESH": refresh})
	s.aws.S3.Create("settings")
	s.aws.Secrets.Put(prefix+"/fresh/purchasely", `{"shared_secret":"`+key+`"}`)
	if file != "" {
		s.putSettings(file)
	}
	return s
}

func (s *stack) putSettings(file string) { s.aws.S3.Put("settings", settings.Key, []byte(file)) }

func fresh() event { return signed(body).app("fresh") }

func TestBlackBoxAnAppOfTheBuiltInFileNeedsNoBucket(t *testing.T) {
	for name, fault := range map[string]awstest.Fault{
		"that hangs":     awstest.Hang,
		"that refuses":   {Status: 403, Code: "AccessDenied"},
		"that is gone":   {Status: 404, Code: "NoSuchBucket"},
		"that is down":   awstest.Down,
		"without errors": {Times: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startWithSettings(t, "1ms", "apps: {other: {}}")
			s.aws.S3.Inject(fault)
			for range 3 {
				s.wantsQueued(body, signed(body))
			}
			if got := s.aws.S3.Calls(""); got != 0 {
				t.Errorf("%d looks at the bucket", got)
			}
		})
	}
}

func TestBlackBoxAnAppMayBeInTheObjectOnly(t *testing.T) {
	t.Parallel()
	s := startWithSettings(t, "100ms", "")
	s.wants(404, fresh())
	for _, file := range []string{
		"apps: {demo: {}, fresh: {}}",
		"apps:\n  demo: {enabled: perhaps}\n  fresh: {}\n", // a typo in one app must not stop the purchases of another
		"apps:\n  fresh: {\n",
	} {
		s.putSettings(file)
		time.Sleep(100 * time.Millisecond)
		s.wants(200, fresh())
		s.putSettings("apps: {demo: {}}")
		time.Sleep(100 * time.Millisecond)
		s.wants(404, fresh())
	}
	if got := len(s.queue.Messages()); got != 3 {
		t.Errorf("%d messages on the queue", got)
	}
}

func TestBlackBoxOneLookAMinuteServesAllStrangers(t *testing.T) {
	t.Parallel()
	s := startWithSettings(t, "60s", "apps: {fresh: {}}")
	for _, app := range []string{"a", "b", "c"} {
		for range 10 {
			s.wants(404, signed(body).app(app))
			s.wants(200, fresh())
		}
	}
	if got := s.aws.S3.Calls("GetObject"); got != 1 {
		t.Errorf("%d looks at the bucket", got)
	}
	s.wants(404, signed(body).app("Not A Name"))
}

func TestBlackBoxWithoutTheBucketNobodyKnowsAStranger(t *testing.T) {
	for name, fault := range map[string]awstest.Fault{
		"it hangs": awstest.Hang, "it is down": awstest.Down, "it resets": awstest.Reset,
		"it refuses":      {Status: 403, Code: "AccessDenied"},
		"it is not there": {Status: 404, Code: "NoSuchBucket"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startWithSettings(t, "100ms", "apps: {fresh: {}}")
			s.aws.S3.Inject(fault)
			s.wants(503, fresh())
			if took := s.Took(); took > promised {
				t.Errorf("answered after %s", took)
			}
			s.wants(200, signed(body))
			s.aws.S3.Inject()
			time.Sleep(100 * time.Millisecond)
			s.wants(200, fresh())
			s.aws.S3.Inject(fault) // a warm process goes on with what it has
			time.Sleep(100 * time.Millisecond)
			s.wants(200, fresh())
			s.Kill()
			output := s.Output().Stdout.String()
			if !strings.Contains(output, `"level":"ERROR","message":"settings out of reach"`) ||
				strings.Contains(output, `"code":"0"`) || strings.Contains(output, awstest.ErrorText) {
				t.Errorf("printed %s", output)
			}
		})
	}
}

func TestBlackBoxAnObjectWithoutNamesIsPassedOver(t *testing.T) {
	for name, file := range map[string]string{
		"empty": " ", "binary": "\x00\x01\xff\xfe", "a bomb": "a: &a [x, x]\nb: &b [*a, *a]\napps: *b\n",
		"five megabytes": "apps: {other: {}}\n" + strings.Repeat("# padding\n", 500_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startWithSettings(t, "100ms", "apps: {fresh: {}}")
			s.wants(200, fresh())
			s.putSettings(file)
			time.Sleep(100 * time.Millisecond)
			s.wants(200, fresh())
			s.Kill()
			output := s.Output().Stdout.String()
			if !strings.Contains(output, `"level":"ERROR","message":"settings rejected"`) ||
				!strings.Contains(output, `"SettingsRejected":1`) {
				t.Errorf("printed %.2000s", output)
			}
		})
	}
}
