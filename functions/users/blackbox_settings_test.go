//go:build blackbox

package main_test

import (
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

func TestBlackBoxAnAppMayBeInTheObjectOnly(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"SETTINGS_BUCKET": "settings", "SETTINGS_REFRESH": "100ms"})
	s.aws.S3.Create("settings")
	s.aws.Secrets.Put("bridge/fresh/users", `{"signing_secret":"`+key+`"}`)
	const link = `{"links":[{"user_id":"person-1","clevertap_id":"__h1"}]}`
	s.wants(404, `{"error":"unknown_app"}`, "fresh", link, key)
	s.aws.S3.Put("settings", settings.Key, []byte("apps: {fresh: {enabled: perhaps}}"))
	time.Sleep(100 * time.Millisecond)
	s.wants(200, `{"links":1,`, "fresh", link, key)
	s.aws.S3.Inject(awstest.Hang)
	time.Sleep(100 * time.Millisecond)
	s.wants(200, `{"links":1,`, "fresh", link, key)
	s.wants(200, `{"links":1,`, "demo", link, key)
	s.wants(503, `{"error":"unavailable"}`, "nobodys-app", link, key)
	if took := s.Took(); took > 5*time.Second {
		t.Errorf("answered after %s", took)
	}
}
