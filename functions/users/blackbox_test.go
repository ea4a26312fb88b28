//go:build blackbox

package main_test

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

const (
	// Keys that open nothing.
	key      = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	otherKey = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIz"

	// timeout is the function's, as in the template.
	timeout = 8 * time.Second
)

// stack is the built function with a fake Runtime API and a fake AWS.
type stack struct {
	testing.TB
	*lambdatest.Function
	aws   *awstest.Server
	table *awstest.Table
}

func start(t testing.TB, env map[string]string) *stack {
	t.Helper()
	cloud := awstest.New(t, nil)
	table := cloud.Dynamo.Create("people", subscriber.PartitionAttribute, subscriber.SortAttribute)
	cloud.Secrets.Put("bridge/demo/users", `{"signing_secret":"`+key+`"}`)
	cloud.Secrets.Put("bridge/other/users", `{"signing_secret":"`+otherKey+`"}`)
	all := cloud.Env()
	all["SUBSCRIBERS_TABLE"], all["SECRETS_PREFIX"] = "people", "bridge"
	all["INTEGRATIONS_FILE"] = templatetest.File(t, "apps: {demo: {}, other: {}, keyless: {}}\n")
	maps.Copy(all, env)
	return &stack{t, lambdatest.Run(t, "functions/users", all), cloud, table}
}

// payload is a signed request of an app.
func payload(t testing.TB, app, body, key string) []byte {
	keys, err := standardwebhooks.ParseKeys(fmt.Appendf(nil, `{"signing_secret":%q}`, key))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	event, err := json.Marshal(map[string]any{
		"version": "2.0", "rawPath": "/users/" + app, "pathParameters": map[string]string{"app": app},
		"headers": map[string]string{
			"webhook-id": "msg-1", "webhook-timestamp": strconv.FormatInt(now.Unix(), 10),
			"webhook-signature": keys.Sign("msg-1", now, []byte(body)),
		},
		"body": body, "isBase64Encoded": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// wants sends a request and checks the answer.
func (s *stack) wants(status int, answer, app, body, key string) {
	s.Helper()
	out, err := s.Invoke(s.Context(), payload(s.TB, app, body, key), timeout)
	if err != nil {
		s.Fatal(err)
	}
	var got struct {
		Status int    `json:"statusCode"`
		Body   string `json:"body"`
	}
	if err := json.Unmarshal(out, &got); err != nil || got.Status != status || !strings.HasPrefix(got.Body, answer) {
		s.Errorf("answered %s, %v, want %d %s\n%s", out, err, status, answer, &s.Function.Output().Stdout)
	}
}

func (s *stack) person(app, id string) awstest.Item {
	return s.table.Item(subscriber.Partition("user", id), "person#"+app)
}

func TestBlackBoxRequests(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const link = `{"links":[{"user_id":"person-1","clevertap_id":"__h1"}]}`
	s.wants(200, `{"links":1,"suppressed":0,"restored":0}`, "demo", link, key)
	s.wants(200, `{"links":0,"suppressed":1,"restored":0}`, "other", `{"suppress":[{"user_id":"person-1"}]}`, otherKey)
	s.wants(401, `{"error":"unauthorized"}`, "demo", link, otherKey)
	s.wants(404, `{"error":"unknown_app"}`, "nobodys-app", link, key)
	s.wants(413, `{"error":"too_large"}`, "demo", strings.Repeat(" ", 256<<10+1), key)
	s.wants(422, `{"error":"invalid","entries":[{"path":"links[0]","problem":"neither`, "demo",
		`{"links":[{"clevertap_id":"__h2"}],"suppress":[{"user_id":"person-2"}]}`, key)
	s.wants(503, `{"error":"unavailable"}`, "keyless", link, key)
	if s.person("demo", "person-1")["clevertap_id"].Text() != "__h1" || len(s.table.Keys()) != 2 {
		t.Errorf("stored %q", s.table.Keys())
	}
	if _, expires := s.person("other", "person-1")["expires"]; expires {
		t.Error("a suppression expires")
	}
	s.wants(200, `{"links":1,`, "demo", `{"links":[{"user_id":"person-1","clevertap_id":"__h3"}]}`, key)
	if s.person("demo", "person-1")["clevertap_id"].Text() != "__h3" {
		t.Error("the newer link does not count")
	}
	s.WantsOutput(t, []string{
		`"requestId"`, `"app":"unknown"`, `"reason":"bad_signature"`, `"reason":"invalid"`, `"problems":1`, `"suppressed":1`,
		"Secrets Manager GetSecretValue: ResourceNotFoundException",
	}, []string{"person-1", "person-2", "__h1", "msg-1", "MDEyMzQ1", s.aws.URL, "nobodys-app"})
}

func TestBlackBoxFiveHundredPeopleAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	var entries []string
	for i := range 500 {
		entries = append(entries, fmt.Sprintf(`{"anonymous_user_id":"A-%d","clevertap_id":"-h%d"}`, i, i))
	}
	s.table.LeaveUnprocessed(2)
	s.wants(200, `{"links":500,`, "demo", `{"links":[`+strings.Join(entries, ",")+`]}`, key)
	if n := len(s.table.Keys()); n != 500 {
		t.Errorf("%d items", n)
	}
}

func TestBlackBoxAnAWSThatHangsIsAnsweredFor(t *testing.T) {
	t.Parallel()
	once := awstest.Hang
	once.Times = 1
	for name, c := range map[string]struct {
		table, secrets awstest.Fault
		status         int
		answer         string
	}{
		"the table":        {awstest.Hang, awstest.Fault{}, 503, `{"error":"unavailable"}`},
		"the secret":       {awstest.Fault{}, awstest.Hang, 503, `{"error":"unavailable"}`},
		"one call of each": {once, once, 200, `{"links":0,"suppressed":1,`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			s.aws.Dynamo.Inject(c.table)
			s.aws.Secrets.Inject(c.secrets)
			s.wants(c.status, c.answer, "demo", `{"suppress":[{"user_id":"person-1"}]}`, key)
			if took := s.Took(); took > 5*time.Second {
				t.Errorf("answered after %s", took)
			}
		})
	}
}

func TestBlackBoxStrangersCostNeitherTableNorSecret(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for range 20 {
		s.wants(401, `{"error":"unauthorized"}`, "demo", `{"links":[]}`, otherKey)
	}
	if calls := s.aws.Dynamo.Calls(""); calls != 0 {
		t.Errorf("%d calls of the table", calls)
	}
	if calls := s.aws.Secrets.Calls(""); calls > 2 { // at first, and once more because a signature is wrong
		t.Errorf("%d calls of Secrets Manager", calls)
	}
}

func TestBlackBoxAnAppMayBeInTheObjectOnly(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"SETTINGS_BUCKET": "settings", "SETTINGS_REFRESH": "50ms"})
	s.aws.S3.Create("settings")
	s.aws.Secrets.Put("bridge/fresh/users", `{"signing_secret":"`+key+`"}`)
	const link = `{"links":[{"user_id":"person-1","clevertap_id":"__h1"}]}`
	s.wants(404, `{"error":"unknown_app"}`, "fresh", link, key)
	s.aws.S3.Put("settings", settings.Key, []byte("apps: {fresh: {enabled: perhaps}}"))
	time.Sleep(50 * time.Millisecond)
	s.wants(200, `{"links":1,`, "fresh", link, key)
	s.aws.S3.Inject(awstest.Hang)
	time.Sleep(50 * time.Millisecond)
	s.wants(200, `{"links":1,`, "fresh", link, key)
	s.wants(200, `{"links":1,`, "demo", link, key)
	s.wants(503, `{"error":"unavailable"}`, "nobodys-app", link, key)
	if took := s.Took(); took > 5*time.Second {
		t.Errorf("answered after %s", took)
	}
}

func TestBlackBoxAFaultyEnvironmentStopsTheStart(t *testing.T) {
	t.Parallel()
	lambdatest.StopsAtStart(t, "users", map[string]string{
		"INTEGRATIONS_FILE": "/nowhere.yaml", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
	}, "users: SECRETS_PREFIX: not set; SUBSCRIBERS_TABLE: not set; INTEGRATIONS_FILE: cannot be read: no such file or "+
		"directory; AWS_REGION: not set\n")
}
