//go:build blackbox

package main_test

import (
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// refresh is how old what a receiver of these tests knows of the bucket may be.
const refresh = 50 * time.Millisecond

// startWithSettings starts a receiver with a bucket that holds a file.
func startWithSettings(t *testing.T, refresh time.Duration, file string) *stack {
	t.Helper()
	s := start(t, "events", map[string]string{"SETTINGS_BUCKET": "settings", "SETTINGS_REFRESH": refresh.String()})
	s.aws.S3.Create("settings")
	s.aws.Secrets.Put(prefix+"/fresh/purchasely", `{"shared_secret":"`+key+`"}`)
	s.putSettings(file)
	return s
}

// putSettings puts a file in force at the next look.
func (s *stack) putSettings(file string) {
	s.aws.S3.Put("settings", settings.Key, []byte(file))
	time.Sleep(refresh)
}

func fresh() event { return signed(body).app("fresh") }

func TestBlackBoxAnAppOfTheBuiltInFileNeedsNoBucket(t *testing.T) {
	t.Parallel()
	s := startWithSettings(t, time.Millisecond, "apps: {other: {}}")
	s.aws.S3.Inject(awstest.Hang)
	for range 3 {
		s.wantsQueued(body, signed(body))
	}
	if got := s.aws.S3.Calls(""); got != 0 {
		t.Errorf("%d looks at the bucket", got)
	}
}

func TestBlackBoxAnAppMayBeInTheObjectOnly(t *testing.T) {
	t.Parallel()
	s := startWithSettings(t, refresh, "apps: {demo: {}}")
	for _, file := range []string{
		"apps:\n  demo: {enabled: perhaps}\n  fresh: {}\n", // a typo in one app must not stop the purchases of another
		"apps:\n  fresh: {\n",
	} {
		s.wants(404, fresh())
		s.putSettings(file)
		s.wants(200, fresh())
		s.putSettings("apps: {demo: {}}")
	}
	for _, faulty := range []string{"\x00\x01\xff\xfe", "apps: {other: {}}\n" + strings.Repeat("# padding\n", 500_000)} {
		s.putSettings("apps: {fresh: {}}")
		s.wants(200, fresh())
		s.putSettings(faulty)
		s.wants(200, fresh())
	}
	if output := s.AllOutput(); strings.Count(output, `"level":"ERROR","message":"settings rejected"`) < 2 ||
		!strings.Contains(output, `"SettingsRejected":1`) {
		t.Errorf("printed %.2000s", output)
	}
}

func TestBlackBoxOneLookAMinuteServesAllStrangers(t *testing.T) {
	t.Parallel()
	s := startWithSettings(t, time.Minute, "apps: {fresh: {}}")
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
		"it hangs": awstest.Hang, "it refuses": {Status: 403, Code: "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startWithSettings(t, refresh, "apps: {fresh: {}}")
			s.aws.S3.Inject(fault)
			s.wants(503, fresh())
			if took := s.Took(); took > promised {
				t.Errorf("answered after %s", took)
			}
			s.wants(200, signed(body))
			s.aws.S3.Inject()
			time.Sleep(refresh)
			s.wants(200, fresh())
			s.aws.S3.Inject(fault) // a warm process goes on with what it has
			time.Sleep(refresh)
			s.wants(200, fresh())
			s.WantsOutput(t, []string{`"level":"ERROR","message":"settings out of reach"`}, []string{awstest.ErrorText})
		})
	}
}
