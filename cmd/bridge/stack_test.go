package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// onStack are command lines of the commands that need a stack.
var onStack = map[string][]string{
	"app add": {"app", "add", "demo"}, "app check": {"app", "check", "demo"}, "send": {"send", "--app", "demo", "--sample", "ACTIVATE"},
	"rejected list": {"rejected", "list"}, "rejected show": {"rejected", "show"}, "rejected redrive": {"rejected", "redrive"}, "rejected purge": {"rejected", "purge"},
	"replay": {"replay", "--app", "demo", "--yes", "../../events/webhooks/trial-started.json"},
}

func TestWithoutAWSEveryCommandSaysWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, c *fakeCloud)
		stack   string
		code    int
		errs    string
	}{
		"no region": {
			func(t *testing.T, _ *fakeCloud) { t.Setenv("AWS_REGION", "") }, testStack, usage,
			"bridge: no AWS region is set\nhint: set AWS_REGION, or give your AWS profile a region\n",
		},
		"no credentials": {
			func(t *testing.T, _ *fakeCloud) { t.Setenv("AWS_ACCESS_KEY_ID", "") }, testStack, usage,
			"bridge: no AWS credentials are found\nhint: set AWS_PROFILE, or sign in with 'aws sso login' or 'aws configure'\n",
		},
		"a profile that is not there": {
			func(t *testing.T, _ *fakeCloud) { t.Setenv("AWS_PROFILE", "nobody") }, testStack, usage,
			"bridge: AWS profile \"nobody\" does not exist\nhint: AWS_PROFILE names one of those in ~/.aws/config\n",
		},
		"a stack that is not there": {
			nil, "purchasely-clevertop", finding,
			"bridge: stack \"purchasely-clevertop\" does not exist in region eu-west-1\nhint: is it another region, account or name? 'aws cloudformation list-stacks' names those that are there\n",
		},
		"no right to look": {
			func(_ *testing.T, c *fakeCloud) { c.refuse["DescribeStacks"] = "AccessDenied" }, testStack, finding,
			"bridge: CloudFormation DescribeStacks: AccessDenied\nhint: your AWS identity may not do this\n",
		},
		"a sign-in that has expired": {
			func(_ *testing.T, c *fakeCloud) { c.refuse["DescribeStacks"] = "ExpiredToken" }, testStack, finding,
			"bridge: CloudFormation DescribeStacks: ExpiredToken\nhint: your AWS sign-in has expired: sign in again\n",
		},
		"another stack": {
			func(_ *testing.T, c *fakeCloud) { c.outputs = map[string]string{"Else": "x"} }, testStack, finding,
			"hint: deploy the present version of the bridge, or name its stack\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for command, args := range onStack {
				cloud := newFakeCloud(t)
				if c.prepare != nil {
					c.prepare(t, cloud)
				}
				got := execute(t, "", append(args, "--stack", c.stack)...)
				ok := got.errs == c.errs || name == "another stack" && strings.HasSuffix(got.errs, c.errs)
				if got.code != c.code || !ok || got.out != "" {
					t.Errorf("%s: got %+v, want %d and %q", command, got, c.code, c.errs)
				}
			}
		})
	}
}

func TestWithoutAStackEveryCommandAsksForIt(t *testing.T) {
	newFakeCloud(t)
	for command, args := range onStack {
		want := errNoStack.Error()
		if command == "send" {
			want = "no receiver's URL is given"
		}
		if got := execute(t, "", args...); got.code != usage || !strings.Contains(got.errs, want) {
			t.Errorf("%s: got %+v", command, got)
		}
	}
}

func TestAnInterruptedCommandSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for command, args := range onStack {
		newFakeCloud(t)
		got := executeIn(ctx, "", append(args, "--stack", testStack)...)
		if got.code != finding || got.errs != "bridge: interrupted\n" {
			t.Errorf("%s: got %+v", command, got)
		}
	}
}

func TestTheEnvironmentNamesAnotherAWS(t *testing.T) {
	cloud := newFakeCloud(t)
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	cloudClient = nil // as it is outside of tests
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	cloud.queues[rejects].put(time.Hour, "", webhookOf("anna", 1), attributesOf("demo", "malformed", "2026-11-22T10:00:00.000Z"))
	if got := execute(t, "", "rejected", "list", "--stack", testStack); got.code != fine || !strings.HasSuffix(got.out, "1 message in the rejected queue\n") {
		t.Errorf("got %+v", got)
	}
	server.Close()
	got := execute(t, "", "rejected", "list", "--stack", testStack)
	if got.code != finding || got.errs != "bridge: CloudFormation DescribeStacks: AWS does not answer\nhint: is the network up, and AWS_ENDPOINT_URL right if it is set?\n" {
		t.Errorf("got %+v", got)
	}
}

func TestSendFindsURLAndSecretInTheStack(t *testing.T) {
	var bodies []string
	server := receiver(t, &bodies)
	for name, c := range map[string]struct {
		secret string
		args   []string
		in     string
		code   int
		errs   string
		bodies int
	}{
		"all from the stack":             {`{"shared_secret":"` + demoSecret + `"}`, nil, "", fine, "", 1},
		"another URL":                    {`{"shared_secret":"` + demoSecret + `"}`, []string{"--url", server.URL}, "", fine, "", 1},
		"another secret":                 {"", []string{"--secret-stdin"}, demoSecret, fine, "", 1},
		"no secret in the stack":         {"", nil, "", finding, "bridge: secret " + purchaselyName + " is missing\nhint: 'bridge app add demo' creates it\n", 0},
		"a secret that nobody can read":  {"shared-4711", nil, "", finding, "bridge: secret " + purchaselyName + " cannot be used\nhint: 'bridge app check demo' says more\n", 0},
		"a secret that is another app's": {`{"shared_secret":"shared-4711"}`, nil, "", finding, "hint: the secret is not the one", 0},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newFakeCloud(t)
			t.Setenv(secretVariable, "not this one")
			t.Setenv(urlVariable, "http://127.0.0.1:1")
			cloud.outputs["WebhookUrl"] = server.URL + "/purchasely/{app}"
			if c.secret != "" {
				cloud.secrets[purchaselyName] = c.secret
			}
			bodies = nil
			got := execute(t, c.in, append([]string{"send", "--stack", testStack, "--app", "demo", "--sample", "ACTIVATE"}, c.args...)...)
			if got.code != c.code || !strings.Contains(got.errs, c.errs) || len(bodies) != c.bodies {
				t.Errorf("got %+v, want %d and %q; the receiver got %d", got, c.code, c.errs, len(bodies))
			}
			leaks(t, got)
		})
	}
}

func TestCommandLinesThatAreWrong(t *testing.T) {
	for name, c := range map[string]struct{ args, errs string }{
		"app alone with a word":                  {"app ad", `unknown command "ad"`},
		"app add without an app":                 {"app add", "accepts 1 arg(s)"},
		"app add with a passcode":                {"app add --passcode x demo", "unknown flag: --passcode"},
		"app check of two apps":                  {"app check demo shop", "accepts 1 arg(s)"},
		"rejected with a word":                   {"rejected lst", `unknown command "lst"`},
		"rejected list of an age that is none":   {"rejected list --older tomorrow", "want an age such as 30m, 12h or 3d"},
		"rejected list of nothing":               {"rejected list --older 2d --newer 1d", "nothing is older than --older and newer than --newer"},
		"dead letters by reason":                 {"rejected list --dead-letters --reason malformed", "dead letters have no reason"},
		"rejected redrive with a negative limit": {"rejected redrive --limit -1", "want 0 or more"},
		"rejected redrive with a negative rate":  {"rejected redrive --rate -1", "want 0 or more"},
		"rejected show of two":                   {"rejected show a b", "accepts at most 1 arg(s)"},
		"replay without a file":                  {"replay --app demo", "requires at least 1 arg(s)"},
		"replay without an app":                  {"replay x.jsonl", "flag --app is missing"},
		"replay of an unknown app":               {"replay --app dmeo x.jsonl", "hint: the apps in shared/config/integrations.yaml: demo"},
		"replay with a negative rate":            {"replay --app demo --rate -1 x.jsonl", "want 0 or more"},
		"replay of standard input and a file":    {"replay --app demo --yes - x.jsonl", "standard input goes alone"},
		"replay of a file that is not there":     {"replay --stack purchasely-clevertap --app demo none.jsonl", "hint: name a file with webhooks"},
	} {
		t.Run(name, func(t *testing.T) {
			newFakeCloud(t)
			if got := execute(t, "", strings.Fields(c.args)...); got.code != usage || !strings.Contains(got.errs, c.errs) || got.out != "" {
				t.Errorf("got %+v, want %q", got, c.errs)
			}
		})
	}
	for _, group := range []string{"app", "rejected"} {
		if got := execute(t, "", group); got.code != fine || !strings.Contains(got.out, "Available Commands:") {
			t.Errorf("got %+v", got)
		}
	}
}

// inhabited makes a cloud where every example finds something to do.
func inhabited(t *testing.T) *fakeCloud {
	t.Helper()
	cloud := newFakeCloud(t)
	fillRejected(cloud)
	cloud.queues[rejects].put(9*oneDay, "", webhookOf("eve", 1), attributesOf("demo", "malformed", "2026-11-14T10:00:00.000Z"))
	cloud.queues[deadName].put(2*oneDay, "anna's", webhookOf("anna", 1), attributesOf("demo", "", "2026-11-21T10:00:00.000Z"))
	cleverTap(t)
	cloud.secrets[purchaselyName] = `{"shared_secret":"` + demoSecret + `"}`
	cloud.secrets[clevertapName] = `{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass"}`
	cloud.table.put(subscriberKey("demo", webhook.Subscriber{Kind: webhook.ByUser, ID: "anna"}), fakeItem{"state": {"S": oneActive}, "expires": {"N": "1836648000"}})
	answering(t, said(http.StatusOK, `{"status":"queued"}`))
	return cloud
}

// TestExamplesOnAStackWorkAsPrinted runs every line of the examples of the commands that need a stack.
func TestExamplesOnAStackWorkAsPrinted(t *testing.T) {
	commands := make(map[string]*cobra.Command)
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		commands[strings.TrimPrefix(cmd.CommandPath(), "bridge ")] = cmd
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRootCommand())
	const typed = `{"purchasely":{"shared_secret":"shared-4711"},"clevertap":{"account_id":"AAA-111-2222","passcode":"right-pass"}}`
	inputs := map[string]string{"app add": typed, "rejected redrive": "y\n", "rejected purge": "y\n4\n", "replay": ""}
	for name := range onStack {
		for line := range strings.Lines(commands[name].Example) {
			if !strings.Contains(line, "--stack") {
				continue
			}
			t.Run(strings.TrimSpace(line), func(t *testing.T) {
				cloud := inhabited(t)
				folder := t.TempDir() // for what replay notes
				if err := os.CopyFS(filepath.Join(folder, "events"), os.DirFS("../../events")); err != nil {
					t.Fatal(err)
				}
				t.Chdir(folder)
				if name == "app add" && !strings.Contains(line, "--replace") {
					clear(cloud.secrets)
				}
				in := inputs[name]
				for part := range strings.SplitSeq(line, "|") {
					got := execute(t, in, strings.Fields(part)[1:]...)
					if got.code != fine || got.out == "" {
						t.Fatalf("%q ended with code %d and printed %q and %q", part, got.code, got.out, got.errs)
					}
					in = got.out
				}
			})
		}
	}
}
