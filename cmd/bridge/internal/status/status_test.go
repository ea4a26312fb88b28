package status

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// run executes "bridge status" with an integration file of two apps.
func run(t *testing.T, c *clitest.Cloud, flags string) clitest.Result {
	t.Helper()
	const text = "apps: {demo: {relay: {url: 'https://back.example/hook?token=1'}}, shop: {enabled: false}}\n"
	args := strings.Fields("status --stack " + clitest.Stack + flags + " --file " + clitest.File(t, "apps.yaml", text))
	return clitest.Run(t.Context(), NewCommand(c), "", args...)
}

// count puts a metric of an app some time ago.
func count(c *clitest.Cloud, app, name string, ago time.Duration, n float64) {
	c.CloudWatch.Put("PurchaselyCleverTap", name, time.Now().Add(-ago), n, "App="+app)
}

// logged writes a line of the forwarder about a message.
func logged(c *clitest.Cloud, ago time.Duration, id int, outcome, reason, code string) {
	c.Logs.Put(clitest.ForwarderLog, time.Now().Add(-ago), fmt.Sprintf(
		`{"msg":"message %[1]s","messageId":"m-%[2]d","app":"demo","outcome":"%[1]s","reason":%[3]q,"code":%[4]q}`,
		outcome, id, reason, code))
}

// goWrong makes everything go wrong that can.
func goWrong(t *testing.T, c *clitest.Cloud) {
	t.Helper()
	c.UseRelay()
	c.FillRejected()
	for n := range 3 {
		clitest.Put(c.Events, time.Hour, "anna's", clitest.Webhook("anna", n), clitest.Attributes("demo", "", ""))
	}
	c.Events.Receive(1, -1)
	now := time.Now()
	c.CloudWatch.Put("AWS/SQS", "ApproximateAgeOfOldestMessage", now.Add(-2*time.Minute), 3600,
		"QueueName="+clitest.Stack+"-events.fifo")
	for n, name := range []string{"FifoAgeAlarm-1A2B", "BreakerAlarm-3C4D", "RejectedAlarm-5E6F", "Silence-7G8H"} {
		c.CloudWatch.PutAlarm(awstest.Alarm{
			Name: clitest.Stack + "-" + name, State: "ALARM", Since: now.Add(-time.Duration(n) * 11 * time.Hour),
			Description: "It rings. docs/guide/runbook.md#alarm-old-messages",
		})
	}
	c.CloudWatch.PutAlarm(awstest.Alarm{Name: clitest.Stack + "-CredentialsAlarm-9I0J", State: "OK", Since: now})
	c.CloudWatch.PutAlarm(awstest.Alarm{Name: "another-stack-CredentialsAlarm-9I0J", State: "ALARM", Since: now})
	for name, n := range map[string]float64{
		"WebhooksQueued": 100, "MessagesDelivered": 90, "MessagesSkipped": 4, "MessagesRejected": 3, "MessagesRetried": 40,
		"RelayDelivered": 88, "RelayFailed": 5,
	} {
		count(c, "demo", name, 5*time.Hour, n)
		count(c, "demo", name, 30*time.Hour, 1000)
	}
	count(c, "demo", "WebhooksQueued", 4*time.Minute, 1)
	count(c, "demo", "MessagesDelivered", 4*time.Minute, 0)
	count(c, "shop", "WebhooksQueued", 9*24*time.Hour, 1)
	for n := range 12 {
		logged(c, 10*time.Minute, n%9, "retry", "server", "503")
	}
	logged(c, 5*time.Minute, 20, "retry", "link_wait", "")
	logged(c, time.Hour, 21, "retry", "network", "")
	logged(c, 20*time.Hour, 22, "rejected", "clevertap_513", "513")
	c.Logs.Put(clitest.ForwarderLog, now.Add(-time.Minute), "START")
	for n, reason := range []string{"back_end", "back_end", "timeout", "breaker", "secret", "of tomorrow"} {
		c.Logs.Put(clitest.RelayLog, now.Add(-time.Hour), fmt.Sprintf(
			`{"messageId":"r-%d","app":"shop","outcome":"retry","reason":%q,"code":%q}`, n, reason, map[int]string{1: "500"}[n]))
	}
	items := make(map[subscriber.Key]subscriber.Item)
	for _, b := range []subscriber.Breaker{
		{
			App: "demo", Account: "in1.api.clevertap.com/AAA-111-2222", Reason: "server", Code: "503",
			Until: now.Add(2 * time.Minute),
		},
		{App: "shop", Account: "api.clevertap.com/BBB", Reason: "credentials", Code: "401", Until: now.Add(-time.Minute)},
		{App: "demo", Account: "api.clevertap.com/CLOSED", Reason: "network", Until: now, Closed: now},
		{App: "demo", Account: "api.clevertap.com/GONE", Reason: "network", Until: now.Add(-time.Hour)},
	} {
		b.Opened = now.Add(-25 * time.Hour)
		items[subscriber.BreakerKey(b.App, b.Account)] = b.Item()
	}
	c.PutItems(t, items)
}

func TestStatus(t *testing.T) {
	quiet := func(_ *testing.T, c *clitest.Cloud) {
		count(c, "demo", "WebhooksQueued", 2*time.Minute, 7)
		count(c, "demo", "MessagesDelivered", 2*time.Minute, 7)
	}
	for name, test := range map[string]struct {
		prepare func(t *testing.T, c *clitest.Cloud)
		args    string
		code    int
	}{
		"all is well":                    {quiet, "", cli.OK},
		"everything goes wrong":          {goWrong, "", cli.Finding},
		"everything goes wrong, as JSON": {goWrong, " --json", cli.Finding},
		"AWS tells nothing": {func(_ *testing.T, c *clitest.Cloud) {
			refused := awstest.Fault{Status: 403, Code: "AccessDeniedException"}
			c.CloudWatch.Inject(refused)
			c.Logs.Inject(refused)
			c.Dynamo.Inject(refused)
			c.SQS.Inject(refused)
		}, "", cli.Finding},
		"AWS hangs": {func(_ *testing.T, c *clitest.Cloud) {
			c.CloudWatch.Inject(awstest.Hang)
			c.Logs.Inject(awstest.Hang)
			c.Dynamo.Inject(awstest.Hang)
			c.SQS.Inject(awstest.Hang)
		}, "", cli.Finding},
		"a log takes too long, and the metrics know of nothing in it": {func(t *testing.T, c *clitest.Cloud) {
			quiet(t, c)
			c.Logs.Inject(awstest.Hang)
		}, "", cli.OK},
		"a log takes too long": {func(_ *testing.T, c *clitest.Cloud) {
			count(c, "demo", "MessagesRejected", 20*time.Hour, 1)
			count(c, "demo", "MessagesRetried", 20*time.Hour, 1)
			c.Logs.Inject(awstest.Hang)
		}, "", cli.Finding},
		"there is no table": {func(t *testing.T, c *clitest.Cloud) {
			quiet(t, c)
			c.UseNoTable()
		}, "", cli.OK},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			test.prepare(t, c)
			begun := time.Now()
			got := run(t, c, test.args)
			if took := time.Since(begun); got.Code != test.code || got.Errs != "" || took > 3*time.Second {
				t.Errorf("after %s: %+v", took, got)
			}
			got.CheckLeaks(t)
			clitest.Golden(t, filepath.Join("testdata", strings.NewReplacer(" ", "-", ",", "").Replace(name)+".want"), got.Out)
		})
	}
}

// The settings in force are those of the bucket, whose apps are shown; a faulty version does not count.
func TestStatusKnowsTheSettingsInForce(t *testing.T) {
	put := func(c *clitest.Cloud, text string) { c.S3.Put(clitest.Bucket, settings.Key, []byte(text)) }
	for name, test := range map[string]struct {
		prepare func(c *clitest.Cloud)
		code    int
		want    []string
	}{
		"no object": {func(*clitest.Cloud) {}, cli.OK, []string{"settings in force: built-in\n", "shop  off"}},
		"an object": {func(c *clitest.Cloud) { put(c, "apps: {chess: {}}\n") }, cli.OK,
			[]string{"settings in force: ad30b08f6f56\n", "chess  on"}},
		"a faulty one": {func(c *clitest.Cloud) {
			put(c, "apps: {chess: {}}\n")
			put(c, "apps: {chess: {enabled: perhaps}}\n")
		}, cli.Finding, []string{
			": the newest settings are faulty\n",
			", because the newest version is faulty: settings of purchasely-clevertap:1:", "chess  on",
		}},
		"out of reach": {func(c *clitest.Cloud) { c.S3.Inject(awstest.Down) }, cli.Finding,
			[]string{"not known: the settings: S3 GetObject: ServiceUnavailable\n", "shop  off"}},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			test.prepare(c)
			got := run(t, c, "")
			for _, want := range test.want {
				if !got.Has(test.code, want, "") {
					t.Errorf("got %+v, want %q", got, want)
				}
			}
		})
	}
}
