package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// inFile writes a file for a test.
func inFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backfill.jsonl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// backfill is a text of webhooks of a few users, one a line.
func backfill(n int) (text string, bodies []string) {
	for i := range n {
		bodies = append(bodies, webhookOf(fmt.Sprint("user-", i%7), i))
	}
	return strings.Join(bodies, "\n") + "\n", bodies
}

// replayArgs is the command line of a replay at full speed.
func replayArgs(args ...string) []string {
	return append([]string{"replay", "--stack", testStack, "--app", "demo", "--rate", "0"}, args...)
}

func TestReplaySendsWhatTheReceiverWouldSend(t *testing.T) {
	cloud := newFakeCloud(t)
	const odd = `{ "event_name" : "ACTIVATE","user_id":"anna","amount":9.90,"event_id":"e-1" }`
	path := inFile(t, odd+"\r\n{\"event_name\":\"DEACTIVATE\",\"user_id\":\"anna\"}\n")
	got := execute(t, "y\n", replayArgs(path)...)
	if got.code != fine || got.out != path+": 2 webhooks sent\n" || !strings.Contains(got.errs, "Send 2 webhooks? [y/N]") ||
		!strings.Contains(got.errs, "CleverTap does not deduplicate") || !strings.Contains(got.errs, "2 younger than two hours or without a time: they may set off campaigns") {
		t.Fatalf("got %+v", got)
	}
	messages := cloud.queues[eventsName].messages
	if len(messages) != 2 || messages[0].Body != odd {
		t.Fatalf("sent %q", cloud.bodies(eventsName))
	}
	for _, m := range messages {
		read, err := message.Decode(m.Body, func(name string) string { return m.Attributes[name].Value })
		if err != nil || read.App != "demo" || time.Since(read.Received) > time.Minute || len(m.Attributes) != 4 {
			t.Errorf("the message is %+v, %v", read, err)
		}
		if m.Group != message.SubscriberID("demo", webhook.ByUser.String(), "anna") || !message.LegalID(m.Unique) {
			t.Errorf("ids are %q and %q", m.Group, m.Unique)
		}
	}
}

func TestAReplayGoesOnWhereItStopped(t *testing.T) {
	cloud := newFakeCloud(t)
	text, bodies := backfill(230)
	path := inFile(t, text)
	ctx, cancel := context.WithCancel(t.Context())
	var calls atomic.Int32
	cloud.before = func(operation string) {
		if operation == "SendMessageBatch" && calls.Add(1) == 8 {
			cancel()
		}
	}
	got := executeIn(ctx, "", replayArgs("--yes", path)...)
	if got.code != finding || !strings.Contains(got.errs, "bridge: interrupted\nhint: the same command goes on where it stopped") {
		t.Errorf("got %+v", got)
	}
	cloud.before = nil
	cloud.queues[eventsName].accepted = map[string]time.Time{} // The queue has forgotten by now.
	part := len(cloud.bodies(eventsName))
	if part == 0 || part == 230 {
		t.Errorf("%d were sent before the interrupt", part)
	}
	got = execute(t, "", replayArgs("--yes", "--json", path)...)
	want := fmt.Sprintf(`{"sent":%d,"files":[{"file":"%s","sent":%d,"before":%d,"bad":0,"line":230}]}`+"\n", 230-part, path, 230-part, part)
	if got.code != fine || got.out != want || !strings.Contains(got.errs, fmt.Sprint(part, " more were sent before")) {
		t.Errorf("got %+v, want %s", got, want)
	}
	sent := cloud.bodies(eventsName)
	slices.Sort(sent)
	if slices.Sort(bodies); !slices.Equal(sent, bodies) {
		t.Errorf("%d webhooks became %d", len(bodies), len(sent))
	}
	got = execute(t, "", replayArgs(path)...)
	if got.code != fine || got.out != path+": 0 webhooks sent, 230 were before (--restart sends them again)\n" || len(cloud.bodies(eventsName)) != 230 {
		t.Errorf("got %+v", got)
	}
	got = execute(t, "", replayArgs("--restart", "--yes", path)...)
	if got.code != fine || len(cloud.bodies(eventsName)) != 460 {
		t.Errorf("got %+v; %d were sent", got, len(cloud.bodies(eventsName)))
	}
}

// TestAReplayLosesNothing interrupts replays and lets calls fail at random: every webhook is sent, once, and a user's in their order.
func TestAReplayLosesNothing(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cloud := newFakeCloud(t)
			chance := rand.New(rand.NewPCG(seed, 2))
			text, bodies := backfill(180)
			path := inFile(t, text)
			cloud.queues[eventsName].fail = func(fakeEntry) string {
				if chance.IntN(40) == 0 {
					return "InvalidMessageContents"
				}
				return ""
			}
			for code := finding; code != fine; {
				ctx, cancel := context.WithCancel(t.Context())
				var left atomic.Int32
				left.Store(int32(chance.IntN(30)))
				cloud.before = func(string) {
					if left.Add(-1) == 0 {
						cancel()
					}
				}
				got := executeIn(ctx, "", replayArgs("--yes", path)...)
				cancel()
				if code = got.code; code == usage {
					t.Fatalf("got %+v", got)
				}
				cloud.queues[eventsName].accepted = map[string]time.Time{}
			}
			got := cloud.bodies(eventsName)
			slices.Sort(bodies)
			if slices.Sort(got); !slices.Equal(got, bodies) {
				t.Errorf("%d webhooks became %d", len(bodies), len(got))
			}
		})
	}
}

func TestReplayTellsWhatIsNoWebhook(t *testing.T) {
	const text = "{\"event_name\":\"ACTIVATE\"}\n{\"event_name\":\n{\"user_id\":\"anna\"}\n[]\n{\"event_name\":\"DEACTIVATE\"}\n"
	cloud := newFakeCloud(t)
	path := inFile(t, text)
	got := execute(t, "", replayArgs("--yes", path)...)
	if got.code != finding || len(cloud.bodies(eventsName)) != 0 || !strings.Contains(got.errs, "bridge: 3 of the input are no webhooks; nothing was sent\nhint: mend them, or leave them out with --skip-bad") ||
		!strings.Contains(got.errs, "  line 2: ") || !strings.Contains(got.errs, "  line 3: event name is missing") || !strings.Contains(got.errs, "  line 4: a list; one webhook on each line is wanted") {
		t.Errorf("got %+v", got)
	}
	got = execute(t, "", replayArgs("--yes", "--skip-bad", path)...)
	if got.code != fine || got.out != path+": 2 webhooks sent, 3 left out\n" || len(cloud.bodies(eventsName)) != 2 {
		t.Errorf("got %+v", got)
	}
	if strings.Contains(got.errs, "anna") {
		t.Errorf("the output tells who it is: %+v", got)
	}
}

func TestReplayOfStandardInput(t *testing.T) {
	cloud := newFakeCloud(t)
	text, bodies := backfill(120)
	bad := strings.Replace(text, bodies[77], "{", 1)
	got := execute(t, bad, replayArgs("--yes", "-")...)
	if got.code != finding || !strings.Contains(got.errs, "bridge: line 78: ") || !strings.Contains(got.errs, "hint: leave it out with --skip-bad; what was sent is not noted anywhere") ||
		got.out != "-: 77 webhooks sent\n" {
		t.Errorf("got %+v", got)
	}
	if got := execute(t, text, replayArgs("-")...); got.code != usage {
		t.Errorf("nobody could be asked: %+v", got)
	}
	noted := filepath.Join(t.TempDir(), "progress")
	if got := execute(t, bad, replayArgs("--yes", "--checkpoint", noted, "-")...); got.code != finding || got.out != "-: 77 webhooks sent\n" {
		t.Errorf("got %+v", got)
	}
	got = execute(t, text, replayArgs("--yes", "--checkpoint", noted, "-")...)
	if got.code != fine || got.out != "-: 43 webhooks sent, 77 were before (--restart sends them again)\n" || len(cloud.bodies(eventsName)) != 77+120 {
		t.Errorf("got %+v", got)
	}
}

func TestWhatWasSentMustNotHaveChanged(t *testing.T) {
	text, bodies := backfill(60)
	for name, c := range map[string]struct {
		text string
		args []string
		code int
		errs string
	}{
		"the same file":                 {text, nil, fine, "10 webhooks for demo"},
		"more behind it":                {text + bodies[0] + "\n", nil, fine, "11 webhooks for demo"},
		"a change in what is not sent":  {strings.Replace(text, bodies[55], webhookOf("eve", 55), 1), nil, fine, ""},
		"a change in what was sent":     {strings.Replace(text, bodies[5], webhookOf("eve", 5), 1), nil, finding, "the file has changed where it was sent already\nhint: --restart sends the file from its beginning"},
		"another length of what was":    {strings.Replace(text, bodies[5], webhookOf("evelyne", 5), 1), nil, finding, "has changed"},
		"a shorter file":                {text[:len(bodies[0])+1], nil, finding, "has changed"},
		"an empty file":                 {"", nil, finding, "has changed"},
		"a change, and from the start":  {strings.Replace(text, bodies[5], webhookOf("eve", 5), 1), []string{"--restart"}, fine, ""},
		"another app":                   {text, []string{"--app", "shop"}, usage, "not in the integration file"},
		"a file that is no progress":    {text, []string{"--checkpoint", "replay_test.go"}, finding, "replay_test.go is no progress file of a replay"},
		"a folder that is not there":    {text, []string{"--checkpoint", "none/progress"}, finding, "--checkpoint names a file in another folder"},
		"a progress file beside others": {text, []string{"--checkpoint", "p", "x.jsonl"}, usage, "is for one file"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newFakeCloud(t)
			path := inFile(t, text)
			cloud.queues[eventsName].fail = func(e fakeEntry) string {
				if slices.Index(bodies, e.Body) >= 50 {
					return "InvalidMessageContents"
				}
				return ""
			}
			if got := execute(t, "", replayArgs("--yes", path)...); got.code != finding || !strings.Contains(got.errs, "bridge: line 51: the events queue refuses it: InvalidMessageContents") {
				t.Fatalf("got %+v", got)
			}
			cloud.queues[eventsName].fail = nil
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got := execute(t, "", replayArgs(append([]string{"--yes", path}, c.args...)...)...)
			if got.code != c.code || !strings.Contains(got.errs, c.errs) {
				t.Errorf("got %+v, want %d and %q", got, c.code, c.errs)
			}
			if c.code != fine && len(cloud.bodies(eventsName)) != 50 {
				t.Errorf("%d were sent", len(cloud.bodies(eventsName)))
			}
		})
	}
}

func TestAProgressFileBelongsToItsReplay(t *testing.T) {
	newFakeCloud(t)
	text, _ := backfill(3)
	path := inFile(t, text)
	for _, before := range []string{
		`{"app":"shop","stack":"purchasely-clevertap","run":"x","offset":0,"digest":"","line":0,"sent":0,"bad":0}`,
		`{"app":"demo","stack":"another","run":"x","offset":0,"digest":"","line":0,"sent":0,"bad":0}`,
	} {
		if err := os.WriteFile(path+".progress", []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := execute(t, "", replayArgs("--yes", path)...); got.code != finding || !strings.Contains(got.errs, "belongs to a replay for app") {
			t.Errorf("got %+v", got)
		}
	}
}

func TestReplayOfSeveralFiles(t *testing.T) {
	cloud := newFakeCloud(t)
	one, two := inFile(t, "{\n  \"event_name\": \"ACTIVATE\"\n}\n"), inFile(t, "{\"event_name\":\"DEACTIVATE\",\"event_created_at\":\"2026-01-02T03:04:05.000Z\"}\n")
	got := execute(t, "y\n", replayArgs(one, two)...)
	if got.code != fine || got.out != one+": 1 webhook sent\n"+two+": 1 webhook sent\n" || !strings.Contains(got.errs, two+": 1 webhook for demo, created from 2026-01-02 to 2026-01-02\n") {
		t.Errorf("got %+v", got)
	}
	want := []string{"{\n  \"event_name\": \"ACTIVATE\"\n}", `{"event_name":"DEACTIVATE","event_created_at":"2026-01-02T03:04:05.000Z"}`}
	if diff := cmp.Diff(want, cloud.bodies(eventsName)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := execute(t, "n\n", replayArgs("--restart", one, two)...); got.code != finding || len(cloud.bodies(eventsName)) != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestReplayToAStandardQueue(t *testing.T) {
	cloud := newFakeCloud(t)
	const name = "purchasely-clevertap-events"
	cloud.queues[name] = &fakeQueue{accepted: make(map[string]time.Time)}
	cloud.outputs["EventsQueueUrl"] = "https://sqs.eu-west-1.amazonaws.com/000000000000/" + name
	text, bodies := backfill(30)
	got := execute(t, "", replayArgs("--yes", inFile(t, text))...)
	sent := cloud.bodies(name)
	slices.Sort(sent)
	if slices.Sort(bodies); got.code != fine || !slices.Equal(sent, bodies) {
		t.Errorf("got %+v and %d messages", got, len(sent))
	}
}
