package replay

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// run replays for the demo app at full speed.
func run(ctx context.Context, c *clitest.Cloud, in string, args ...string) clitest.Result {
	args = append([]string{"replay", "--stack", clitest.Stack, "--app", "demo", "--rate", "0"}, args...)
	return clitest.Run(ctx, NewCommand(c), in, args...)
}

func writeFile(t *testing.T, text string) (path string) {
	return clitest.File(t, "backfill.jsonl", text)
}

// backfill is webhooks of a few users, one a line.
func backfill(n int) (text string, bodies []string) {
	for i := range n {
		bodies = append(bodies, clitest.Webhook(fmt.Sprint("user-", i%7), i))
	}
	return strings.Join(bodies, "\n") + "\n", bodies
}

// checkSent checks that each body was sent, in any order.
func checkSent(t *testing.T, q *awstest.Queue, want []string) {
	t.Helper()
	sorted := slices.Sorted(slices.Values(want))
	if got := slices.Sorted(slices.Values(clitest.Bodies(q))); !slices.Equal(got, sorted) {
		t.Errorf("%d webhooks became %d", len(want), len(got))
	}
}

// refuseSome refuses the bodies of which a function says so.
func refuseSome(q *awstest.Queue, refused func(body string) bool) {
	q.Refuse(func(_ string, m awstest.Message) string {
		return map[bool]string{true: "InvalidMessageContents"}[refused(m.Body)]
	})
}

// What was received long before it was sent looks to the forwarder as if it were sent again, and costs a look-up each.
func TestAWebhookCountsAsReceivedWhenItIsSent(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		text, bodies := backfill(60)
		began := time.Now()
		run(t.Context(), c, "", "--rate", "5", "--yes", writeFile(t, text)).Want(t, cli.OK, "", "")
		checkSent(t, c.Events, bodies)
		for _, m := range c.Events.Messages() {
			if waited := m.Sent.Sub(message.ParseTime(m.Attribute("received_at"))); waited < 0 || waited > time.Second {
				t.Errorf("sent %s after it was received", waited)
			}
		}
		if took := time.Since(began); took < 10*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestReplaySendsWhatTheReceiverWouldSend(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		const odd = `{ "event_name" : "ACTIVATE","user_id":"anna","amount":9.90,"event_id":"e-1" }`
		path := writeFile(t, odd+"\r\n{\"event_name\":\"DEACTIVATE\",\"user_id\":\"anna\"}\n")
		got := run(t.Context(), c, "y\n", path)
		for _, want := range []string{
			"Send 2 webhooks? [y/N]", "CleverTap does not deduplicate",
			"2 younger than two hours or without a time: they may set off campaigns",
		} {
			if got.Out != path+": 2 webhooks sent\n" || !got.Has(cli.OK, "", want) {
				t.Fatalf("got %+v, want %q", got, want)
			}
		}
		messages := c.Events.Messages()
		if len(messages) != 2 || messages[0].Body != odd {
			t.Fatalf("sent %q", clitest.Bodies(c.Events))
		}
		for _, m := range messages {
			read, err := message.Decode([]byte(m.Body), m.Attribute)
			if err != nil || read.App != "demo" || time.Since(read.Received) > time.Minute || len(m.Attributes) != 4 {
				t.Errorf("the message is %+v, %v", read, err)
			}
			if m.GroupID != clitest.Group("anna") || !message.LegalID(m.DeduplicationID) {
				t.Errorf("ids are %q and %q", m.GroupID, m.DeduplicationID)
			}
		}
	})
}

// Files come as editors and shells write them. What belongs to no webhook is not sent.
func TestReplayReadsFilesAsEditorsWriteThem(t *testing.T) {
	one, two := clitest.Webhook("anna", 1), clitest.Webhook("anna", 2)
	for name, c := range map[string]struct {
		text string
		want []string
		errs string
	}{
		"joined files with marks": {"\ufeff" + one + "\r\n\ufeff" + two + "\r\n", []string{one, two}, ""},
		"UTF-16":                  {"\xff\xfe{\x00}\x00", nil, "bridge: webhooks: it is UTF-16, not UTF-8"},
	} {
		for _, source := range []string{"a file", "standard input"} {
			clitest.Subtest(t, name+" as "+source, func(t *testing.T, cloud *clitest.Cloud) {
				path, in := writeFile(t, c.text), ""
				if source == "standard input" {
					path, in = "-", c.text
				}
				got := run(t.Context(), cloud, in, "--yes", path)
				if (got.Code == cli.OK) != (c.errs == "") || !strings.Contains(got.Errs, c.errs) {
					t.Errorf("got %+v", got)
				}
				checkSent(t, cloud.Events, c.want)
			})
		}
	}
}

func TestAReplayGoesOnWhereItStopped(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		text, bodies := backfill(230)
		path := writeFile(t, text)
		got := run(c.InterruptAt(t, 8), c, "", "--yes", path)
		got.Want(t, cli.Finding, "", "bridge: interrupted\nhint: the same command goes on where it stopped")
		part := len(c.Events.Messages())
		if part == 0 || part == 230 {
			t.Errorf("%d were sent before the interrupt", part)
		}
		time.Sleep(10 * time.Minute) // the queue forgets what it has accepted
		got = run(t.Context(), c, "", "--yes", "--json", path)
		want := fmt.Sprintf(`{"sent":%d,"files":[{"file":"%s","sent":%d,"before":%d,"bad":0,"line":230}]}`+"\n",
			230-part, path, 230-part, part)
		if got.Out != want || !got.Has(cli.OK, "", fmt.Sprint(part, " more were sent before")) {
			t.Errorf("got %+v, want %s", got, want)
		}
		checkSent(t, c.Events, bodies)
		got = run(t.Context(), c, "", path)
		got.Want(t, cli.OK, path+": 0 webhooks sent, 230 were before (--restart sends them again)\n", "")
		checkSent(t, c.Events, bodies)
		run(t.Context(), c, "", "--restart", "--yes", path).Want(t, cli.OK, "", "")
		checkSent(t, c.Events, append(bodies, bodies...))
	})
}

// TestAReplayLosesNothing interrupts replays and lets calls fail at random: every webhook is sent, once.
func TestAReplayLosesNothing(t *testing.T) {
	for seed := range uint64(12) {
		clitest.Subtest(t, fmt.Sprint(seed), func(t *testing.T, c *clitest.Cloud) {
			chance := rand.New(rand.NewPCG(seed, 2))
			text, bodies := backfill(180)
			path := writeFile(t, text)
			refuseSome(c.Events, func(string) bool { return chance.IntN(40) == 0 })
			for code := cli.Finding; code != cli.OK; time.Sleep(10 * time.Minute) {
				got := run(c.InterruptAt(t, chance.IntN(30)), c, "", "--yes", path)
				if code = got.Code; code == cli.Usage {
					t.Fatalf("got %+v", got)
				}
			}
			checkSent(t, c.Events, bodies)
		})
	}
}

// What will become of the webhooks is said before anything is sent, and nothing is announced that does not happen.
func TestReplaySaysWhatWillBecomeOfAFile(t *testing.T) {
	file := clitest.File(t, "integrations.yaml",
		"apps: {demo: {server_events: {events: {ACTIVATE: {send: false}, DEACTIVATE: {name: Lapsed}}}}}")
	const text = `{"event_name":"ACTIVATE","user_id":"u"}
{"event_name":"DEACTIVATE","user_id":"u"}
{"event_name":"DEACTIVATE","user_id":"v"}
{"event_name":"DEACTIVATE","user_id":"v","environment":"SANDBOX"}
{"event_name":"ACTIVATE"}
`
	for name, c := range map[string]struct{ text, secret, want, not string }{
		"without a sandbox account": {text, `{"account_id":"A","passcode":"wrong-pass"}`,
			"       2  DEACTIVATE: event Lapsed\n       1  ACTIVATE: no event\n       1  ACTIVATE: skipped, no_identity\n" +
				"       1  DEACTIVATE: skipped, sandbox\nThey go to the events queue", ""},
		"with a sandbox account": {text,
			`{"account_id":"A","passcode":"wrong-pass","sandbox":{"account_id":"B","passcode":"wrong-pass"}}`,
			"       3  DEACTIVATE: event Lapsed\n", ""},
		"with a line that is none": {text + "no webhook\n", "", "bridge: 1 faulty line; nothing was sent", "They go"},
		"of nothing":               {"\n", "", "0 webhooks for demo\n", "today's settings"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			if c.secret != "" {
				cloud.Secrets.Put(clitest.CleverTapSecret, c.secret)
			}
			got := run(t.Context(), cloud, "n\n", "--file", file, writeFile(t, c.text))
			if !strings.Contains(got.Errs, c.want) || c.not != "" && strings.Contains(got.Errs, c.not) {
				t.Errorf("got %+v, want %q", got, c.want)
			}
			got.CheckLeaks(t)
			checkSent(t, cloud.Events, nil)
		})
	}
}

func TestReplayNamesWhatIsNoWebhook(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		path := writeFile(t, `{"event_name":"ACTIVATE"}
{"event_name":
{"user_id":"anna"}
[]
{"event_name":"DEACTIVATE"}
`)
		got := run(t.Context(), c, "", "--yes", path)
		for _, want := range []string{
			"bridge: 3 faulty lines; nothing was sent\nhint: fix them, or leave them out with --skip-bad",
			"  line 2: ", "  line 3: event name is missing", "  line 4: a list; one webhook on each line is wanted",
		} {
			got.Want(t, cli.Finding, "", want)
		}
		checkSent(t, c.Events, nil)
		got = run(t.Context(), c, "", "--yes", "--skip-bad", path)
		if got.Code != cli.OK || got.Out != path+": 2 webhooks sent, 3 left out\n" || len(c.Events.Messages()) != 2 {
			t.Errorf("got %+v", got)
		}
		got.CheckLeaks(t)
	})
}

func TestReplayOfStandardInput(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		text, bodies := backfill(120)
		bad := strings.Replace(text, bodies[77], "{", 1)
		got := run(t.Context(), c, bad, "--yes", "-")
		if got.Out != "-: 77 webhooks sent\n" || !got.Has(cli.Finding, "", "bridge: line 78: ") ||
			!strings.Contains(got.Errs, "counted as they are sent\nThey go to the events queue, as fast as it goes.\n") ||
			!strings.Contains(got.Errs, "hint: leave it out with --skip-bad; what was sent is not noted anywhere") {
			t.Errorf("got %+v", got)
		}
		run(t.Context(), c, text, "-").Want(t, cli.Usage, "", "")
		noted := filepath.Join(t.TempDir(), "progress")
		run(t.Context(), c, bad, "--yes", "--checkpoint", noted, "-").Want(t, cli.Finding, "-: 77 webhooks sent\n", "")
		got = run(t.Context(), c, bodies[0], "--yes", "--checkpoint", noted, "-")
		got.Want(t, cli.Finding, "", "-: the file has changed where it was sent already")
		got = run(t.Context(), c, text, "--yes", "--checkpoint", noted, "-")
		want := "-: 43 webhooks sent, 77 were before (--restart sends them again)\n"
		if got.Code != cli.OK || got.Out != want || len(c.Events.Messages()) != 77+120 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestWhatWasSentMustNotHaveChanged(t *testing.T) {
	text, bodies := backfill(60)
	change := func(n int, user string) string { return strings.Replace(text, bodies[n], clitest.Webhook(user, n), 1) }
	for name, c := range map[string]struct {
		text string
		args string
		code int
		errs string
	}{
		"the same file":                {text, "", cli.OK, "10 webhooks for demo"},
		"more behind it":               {text + bodies[0] + "\n", "", cli.OK, "11 webhooks for demo"},
		"a change in what is not sent": {change(55, "eve"), "", cli.OK, ""},
		"a change in what was sent": {change(5, "eve"), "", cli.Finding,
			"the file has changed where it was sent already\nhint: --restart sends the file from its beginning"},
		"another length of what was":   {change(5, "evelyne"), "", cli.Finding, "has changed"},
		"a shorter file":               {text[:len(bodies[0])+1], "", cli.Finding, "has changed"},
		"an empty file":                {"", "", cli.Finding, "has changed"},
		"a change, and from the start": {change(5, "eve"), "--restart", cli.OK, ""},
		"another app":                  {text, "--app shop", cli.Usage, "not in the integration file"},
		"a file that is no progress": {text, "--checkpoint replay_test.go", cli.Finding,
			"replay_test.go is no progress file of a replay"},
		"a folder that is not there": {text, "--checkpoint none/progress", cli.Finding,
			"--checkpoint names a file in another folder"},
		"a progress file beside others": {text, "--checkpoint p x.jsonl", cli.Usage, "is for one file"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			path := writeFile(t, text)
			refuseSome(cloud.Events, func(body string) bool { return slices.Index(bodies, body) >= 50 })
			got := run(t.Context(), cloud, "", "--yes", path)
			got.Want(t, cli.Finding, "", "bridge: line 51: the events queue refuses it: InvalidMessageContents")
			cloud.Events.Refuse(nil)
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got = run(t.Context(), cloud, "", append([]string{"--yes", path}, strings.Fields(c.args)...)...)
			got.Want(t, c.code, "", c.errs)
			if n := len(cloud.Events.Messages()); c.code != cli.OK && n != 50 {
				t.Errorf("%d were sent", n)
			}
		})
	}
}

func TestAProgressFileBelongsToItsReplay(t *testing.T) {
	for _, before := range []string{
		`{"app":"shop","stack":"purchasely-clevertap","run":"x","offset":0,"digest":"","line":0,"sent":0,"bad":0}`,
		`{"app":"demo","stack":"another","run":"x","offset":0,"digest":"","line":0,"sent":0,"bad":0}`,
	} {
		clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
			text, _ := backfill(3)
			path := writeFile(t, text)
			if err := os.WriteFile(path+".progress", []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
			run(t.Context(), c, "", "--yes", path).Want(t, cli.Finding, "", "belongs to a replay for app")
		})
	}
}

func TestReplayOfSeveralFiles(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		bodies := []string{
			"{\n  \"event_name\": \"ACTIVATE\"\n}", `{"event_name":"DEACTIVATE","event_created_at":"2026-01-02T03:04:05.000Z"}`,
		}
		one, two := writeFile(t, bodies[0]+"\n"), writeFile(t, bodies[1]+"\n")
		got := run(t.Context(), c, "y\n", one, two)
		if got.Out != one+": 1 webhook sent\n"+two+": 1 webhook sent\n" ||
			!got.Has(cli.OK, "", two+": 1 webhook for demo, created from 2026-01-02 to 2026-01-02\n") {
			t.Errorf("got %+v", got)
		}
		if diff := cmp.Diff(bodies, clitest.Bodies(c.Events)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		got = run(t.Context(), c, "n\n", "--restart", one, two)
		if got.Code != cli.Finding || len(c.Events.Messages()) != 2 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestReplayToAStandardQueue(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.UseStandardQueue()
		text, bodies := backfill(30)
		run(t.Context(), c, "", "--yes", writeFile(t, text)).Want(t, cli.OK, "", "")
		checkSent(t, c.Events, bodies)
		if m := c.Events.Messages()[0]; m.GroupID != "demo" || m.DeduplicationID != "" {
			t.Errorf("ids are %q and %q", m.GroupID, m.DeduplicationID)
		}
	})
}
