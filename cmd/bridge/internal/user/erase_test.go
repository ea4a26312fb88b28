package user

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

const eraseLearner = "erase --stack " + clitest.Stack + " --app demo --user learner-1 --anonymous A-1"

// webhookOf is a webhook of one person, or of several ids.
func webhookOf(event, ids string) string {
	return `{"event_name":"` + event + `","event_id":"e",` + ids + `}`
}

// plainQueues are those that erase looks through, without the rejected queue.
func plainQueues(c *clitest.Cloud) []*awstest.Queue {
	return []*awstest.Queue{c.DeadLetters, c.FIFODeadLetters, c.RelayDeadLetters, c.Events, c.StandardEvents}
}

// fillPerson makes a stack that knows the learner, under two ids, and others.
func fillPerson(c *clitest.Cloud) {
	c.UseRelay()
	clitest.Put(c.Relay, time.Hour, "g", webhookOf("ACTIVATE", `"user_id":"learner-1"`),
		clitest.Attributes("demo", "", ""))
	putState(c, learner, active)
	putState(c, second, active)
	for _, sort := range []string{
		"state#" + sandbox, "state#ELSEWHERE", "event#demo#2026-03-14T12:00:00.000Z#e-1", "delivered#f00",
		"event#shop#2026-03-14T12:00:00.000Z#e-1", "person#shop",
	} {
		put(c, learner, sort, awstest.Item{"other": awstest.S("f00")})
	}
	put(c, anonymous, "person#demo", awstest.Item{
		"clevertap_id": awstest.S("__linked"), "observed_at": awstest.S("2026-10-01T00:00:00Z"),
	})
	const user = `"user_id":"learner-1"`
	attributes := clitest.Attributes("demo", "malformed", "2026-11-20T10:00:00.000Z")
	for _, q := range append(plainQueues(c), c.Rejected) {
		for i, ids := range []string{user, `"user_id":"learner-2"`, `"user_id":"x","anonymous_user_id":"A-1"`} {
			clitest.Put(q, time.Hour, fmt.Sprint("g", i), webhookOf("ACTIVATE", ids), attributes)
		}
	}
	named := `"user_id":"learner-2","transferred_from_user_id":"learner-1"`
	clitest.Put(c.Rejected, time.Hour, "", webhookOf("SUBSCRIPTION_RECEIVED", named), attributes)
	clitest.Put(c.Rejected, time.Hour, "", webhookOf("ACTIVATE", user), clitest.Attributes("shop", "", ""))
	clitest.Put(c.Rejected, time.Hour, "", `{"user_id":"learner-1"`, attributes)
}

func TestErase(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		fillPerson(c)
		began := time.Now()
		c.Dynamo.Before(func(operation string) {
			if n := len(c.CleverTap.Deletions()); operation == "DeleteItem" && n > 0 {
				t.Errorf("%d profiles were deleted before the items", n)
			}
			if operation == "DeleteItem" && time.Since(began) < 30*time.Second {
				t.Error("items were deleted while a forwarder could write them")
			}
		})
		got := run(t, c, "y\n", eraseLearner)
		got.Want(t, cli.OK, "", "")
		clitest.Golden(t, "testdata/erase.want", got.Errs+got.Out)
		want := []string{
			learner + "\x00event#shop#2026-03-14T12:00:00.000Z#e-1", learner + "\x00person#demo", learner + "\x00person#shop",
			learner + "\x00state#ELSEWHERE", anonymous + "\x00person#demo", second + "\x00state#" + account,
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(want)), c.Table.Keys()); diff != "" {
			t.Error(diff)
		}
		if words := strings.Fields(personOf(c, anonymous)); len(words) != 2 || words[0] < "2026-11-23" {
			t.Errorf("the link is %q", personOf(c, anonymous))
		}
		if n := len(c.Rejected.Messages()); n != 4 {
			t.Errorf("%d messages are left: %q", n, clitest.Bodies(c.Rejected))
		}
		for _, q := range plainQueues(c) {
			if bodies := clitest.Bodies(q); len(bodies) != 1 || !strings.Contains(bodies[0], "learner-2") {
				t.Errorf("%s has %q", q.Name(), bodies)
			}
		}
		if len(c.Relay.Messages()) != 1 {
			t.Error("what is on its way to the company's own back end was deleted")
		}
		if deleted := fmt.Sprint(c.CleverTap.Deletions()); !strings.Contains(deleted, "{AAA-111-2222 objectId __linked}") {
			t.Errorf("deleted %s", deleted)
		}
	})
}

// What an erased person does afterwards makes nothing at CleverTap, and a second run has nothing left to do.
func TestAnErasedPersonStaysErased(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		fillPerson(c)
		renewal := webhookOf("SUBSCRIPTION_RENEWED", `"user_id":"learner-1","purchasely_subscription_id":"subs_1"`)
		deliver(t, c, renewal)
		if n := len(c.CleverTap.Records("")); n != 2 {
			t.Fatalf("%d records before the deletion", n)
		}
		run(t, c, "", eraseLearner+" --yes").Want(t, cli.OK, "", "")
		keys := c.Table.Keys()
		deliver(t, c, renewal, webhookOf("ACTIVATE", `"anonymous_user_id":"A-1","purchasely_subscription_id":"subs_2"`))
		if n, profiles := len(c.CleverTap.Records("")), c.CleverTap.Profiles(); n != 2 || len(profiles) > 0 {
			t.Errorf("%d records, profiles %v", n, profiles)
		}
		if strings.Join(c.Table.Keys(), " ") != strings.Join(keys, " ") {
			t.Errorf("stored are %q", c.Table.Keys())
		}
		report := `{"subscribers":["` + learner + `","` + anonymous + `"],"apps":["demo"],` +
			`"suppressed_at":"2026-11-23T10:00:00Z","erased":true,"steps":[{"step":"suppress","done":true,"count":0},` +
			`{"step":"messages","done":true,"count":0},{"step":"stored","done":true,"count":0},` +
			`{"step":"profiles","done":true,"count":4},{"step":"links","done":true,"count":0}]}` + "\n"
		if got := run(t, c, "", eraseLearner+" --yes --json"); got.Code != cli.OK || got.Out != report {
			t.Errorf("got %+v", got)
		}
	})
}

// deliver runs the forwarder over a batch.
func deliver(t *testing.T, c *clitest.Cloud, bodies ...string) {
	t.Helper()
	file, problems := integration.Load("integrations.yaml", []byte("apps: {demo: {}}"))
	if file == nil {
		t.Fatal(problems)
	}
	handler := &forward.Handler{
		Settings: settings.Fixed(file), Accounts: fixedAccount{}, Mapper: mapping.New(),
		Uploader: clevertap.NewUploader(clevertap.Options{Transport: c}), Rejecter: nobody{}, Delayer: nobody{},
		Table: dynamo.NewTable(c.Config(), clitest.Table, 0), Journal: forward.JournalOutcomes, JournalLifetime: time.Hour,
		Log: slog.New(slog.DiscardHandler), Metrics: io.Discard,
	}
	q := c.SQS.Create(awstest.QueueConfig{Name: "of the forwarder"})
	for _, body := range bodies {
		clitest.Put(q, 0, "", body, clitest.Attributes("demo", "", message.FormatTime(time.Now())))
	}
	event, err := awstest.Event(q, q.Receive(len(bodies), time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if answer, err := handler.Invoke(ctx, event); err != nil || string(answer) != `{"batchItemFailures":[]}` {
		t.Fatalf("the forwarder answers %s, %v", answer, err)
	}
}

// fixedAccount is the demo app's production account.
type fixedAccount struct{}

func (fixedAccount) Get(context.Context, string) (clevertap.Accounts, error) {
	return clevertap.ParseAccounts([]byte(`{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass"}`))
}

func (a fixedAccount) Reload(ctx context.Context, app string) (clevertap.Accounts, error) {
	return a.Get(ctx, app)
}

// nobody rejects and delays nothing.
type nobody struct{}

func (nobody) Reject(_ context.Context, messages []message.Rejection) []error {
	return make([]error, len(messages))
}
func (nobody) Delay(context.Context, string, []message.Delay) error { return nil }

func TestWhatIsLeftIsSaidAndDoneByTheNextRun(t *testing.T) {
	for name, c := range map[string]struct {
		prepare, repair func(c *clitest.Cloud)
		left            string // what the first run says
		deleted         int    // profiles that it has deleted
	}{
		"CleverTap refuses the credentials": {
			func(c *clitest.Cloud) { setPasscode(c, "other-pass") }, func(c *clitest.Cloud) { setPasscode(c, "right-pass") },
			"profiles    left: account AAA-111-2222: delete: status 401\n", 3,
		},
		"CleverTap is down": {
			func(c *clitest.Cloud) {
				c.CleverTap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Status, Path: "/1/delete/profiles.json", Status: 503})
			}, func(c *clitest.Cloud) { c.CleverTap.ClearFaults() },
			"delete: status 503\n  links       left: waits for the steps before it\n", 0,
		},
		"the table refuses deletions": {
			func(c *clitest.Cloud) {
				c.Dynamo.Inject(awstest.Fault{Operation: "DeleteItem", Status: 400, Code: "AccessDeniedException"})
			}, func(c *clitest.Cloud) { c.Dynamo.Inject() }, "stored      left: DynamoDB DeleteItem: AccessDeniedException", 6,
		},
		"the suppression cannot be written": {
			func(c *clitest.Cloud) {
				c.Dynamo.Inject(awstest.Fault{Operation: "PutItem", Status: 400, Code: "ThrottlingException"})
			}, func(c *clitest.Cloud) { c.Dynamo.Inject() }, "profiles    left: waits for the steps before it", 0,
		},
		"somebody restores the person": {
			func(c *clitest.Cloud) {
				c.SQS.Before(func(string) {
					put(c, learner, "person#demo", awstest.Item{
						"suppressed_at": awstest.S("2026-11-23T10:00:00Z"), "restored_at": awstest.S("2026-11-23T10:00:01Z"),
					})
				})
			}, func(c *clitest.Cloud) { c.SQS.Before(nil) }, "profiles    left: somebody has restored the person meanwhile", 0,
		},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			fillPerson(cloud)
			c.prepare(cloud)
			got := run(t, cloud, "", eraseLearner+" --yes")
			deleted := len(cloud.CleverTap.Deletions())
			if !got.Has(cli.Finding, "something is left: run the same command again\n", c.left) || deleted != c.deleted {
				t.Errorf("got %+v, deleted %d", got, deleted)
			}
			c.repair(cloud)
			run(t, cloud, "", eraseLearner+" --yes").Want(t, cli.OK, "", "")
			if stateOf(cloud, learner, account) != "" || strings.Contains(personOf(cloud, anonymous), "__linked") {
				t.Errorf("left are %q", cloud.Table.Keys())
			}
		})
	}
}

func setPasscode(c *clitest.Cloud, passcode string) {
	c.CleverTap.SetAccount(clevertaptest.Account{ID: account, Region: "in1", Passcodes: []string{passcode}})
}

// A message that a forwarder has is skipped when it comes back: until then it is left.
func TestMessagesInFlightAreLeftForAWhile(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		body := webhookOf("ACTIVATE", `"user_id":"learner-1"`)
		clitest.Put(c.Events, time.Minute, "g", body, clitest.Attributes("demo", "", ""))
		receive(t, c)
		got := run(t, c, "", eraseLearner+" --yes")
		got.Want(t, cli.Finding, "", "fifo events: forwarders have about 1, and skip the person's by 10:16:00 UTC")
		time.Sleep(16 * time.Minute)
		receive(t, c)
		run(t, c, "", eraseLearner+" --yes").Want(t, cli.OK, "", "")
	})
}

// receive takes a message of the events queue, as a forwarder does, and hides it for a while.
func receive(t *testing.T, c *clitest.Cloud) {
	t.Helper()
	q := stack.NewQueue(c.Config(), c.Outputs["EventsQueueUrl"], "events")
	if messages, _, err := q.Receive(t.Context(), 10*time.Minute); err != nil || len(messages) != 1 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
}

// Apps that share an account, or share one with an app that does, would bring back what the other deletes.
func TestAppsThatShareAnAccountAreErasedTogether(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		const second = `{"region":"in1","account_id":"BBB","passcode":"right-pass"`
		c.CleverTap.SetAccount(clevertaptest.Account{ID: "BBB", Region: "in1", Passcodes: []string{"right-pass"}})
		c.Secrets.Put("purchasely-clevertap/other/clevertap",
			second+`,"sandbox":{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass"}}`)
		c.Secrets.Put("purchasely-clevertap/far/clevertap", second+"}")
		c.Secrets.Put("purchasely-clevertap/alone/clevertap", `{"region":"eu1","account_id":"CCC","passcode":"p"}`)
		c.Secrets.Put("purchasely-clevertap/broken/clevertap", "{")
		const apps = "apps: {demo: {}, far: {}, other: {anonymous: object_id}, alone: {}, none: {}, broken: {}}"
		c.S3.Put(clitest.Bucket, settings.Key, []byte(apps)) // the settings that the stack uses
		put(c, learner, "event#other#2026-03-14T12:00:00.000Z#e-1", nil)
		put(c, learner, "event#alone#2026-03-14T12:00:00.000Z#e-1", nil)
		run(t, c, "", eraseLearner+" --yes").Want(t, cli.OK, "", "Plan for one person with 2 ids, of demo, far, other:")
		suppressed := c.Table.Item(learner, "person#other") != nil && c.Table.Item(learner, "person#alone") == nil
		if !suppressed || len(c.Table.Keys()) != 7 {
			t.Errorf("left are %q", c.Table.Keys())
		}
		if deleted := fmt.Sprint(c.CleverTap.Deletions()); !strings.Contains(deleted, "objectId __hA-1") {
			t.Errorf("deleted %s", deleted)
		}
	})
}

func TestADamagedPersonIsSuppressedAllTheSame(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		put(c, learner, "person#demo", awstest.Item{"suppressed_at": awstest.S("no time")})
		got := run(t, c, "", eraseLearner+" --yes")
		if got.Code != cli.OK || !strings.HasPrefix(personOf(c, learner), "  2026-11-23") {
			t.Errorf("got %+v, stored %q", got, personOf(c, learner))
		}
	})
}

func TestNothingHappensWithoutAYes(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		fillPerson(c)
		before := strings.Join(c.Table.Keys(), " ")
		run(t, c, "n\n", eraseLearner).Want(t, cli.Finding, "", "nobody said yes")
		run(t, c, "", eraseLearner+" --dry-run --json").Want(t, cli.OK,
			`"erased":false,"steps":[{"step":"suppress","plan":"2 of 2`, "")
		calls := len(c.CleverTap.Requests()) + c.SQS.Calls("ReceiveMessage")
		if left := strings.Join(c.Table.Keys(), " "); left != before || calls > 0 {
			t.Errorf("%d calls, left are %s", calls, left)
		}
	})
}

func TestPurchaselyIsAskedLastAndOnlyIfNothingElseIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		status, code, asked int
		left                string
	}{
		"it agrees":              {200, cli.OK, 1, ""},
		"it refuses":             {401, cli.Finding, 1, "purchasely  left: demo: status 401"},
		"it leads elsewhere":     {307, cli.Finding, 1, "purchasely  left: demo: status 307"},
		"something else is left": {0, cli.Finding, 0, "purchasely  left: waits for the steps before it"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			fillPerson(cloud)
			t.Setenv("BRIDGE_PURCHASELY_API_KEY", " key-of-demo ")
			cloud.Secrets.Put(clitest.PurchaselySecret, `{"shared_secret":"shared-4711"}`)
			if c.status == 0 {
				setPasscode(cloud, "other-pass")
			}
			asked := 0
			cloud.Receiver = func(r *http.Request) (*http.Response, error) {
				asked++
				body, _ := io.ReadAll(r.Body)
				mac := hmac.New(sha256.New, []byte("shared-4711"))
				mac.Write(body)
				signed := r.Header.Get("Authorization") == hex.EncodeToString(mac.Sum(nil))
				if r.URL.String() != purchaselyURL || string(body) != `{"user_id":"learner-1"}` || !signed ||
					r.Header.Get("X-Api-Key") != "key-of-demo" {
					t.Errorf("%s %s with %s", r.URL, body, r.Header)
				}
				if len(cloud.CleverTap.Profiles()) > 0 || stateOf(cloud, learner, account) != "" {
					t.Error("Purchasely was asked before all else was gone")
				}
				return clitest.Answer(c.status, `{"id":"00001111"}`)(r)
			}
			got := run(t, cloud, "", eraseLearner+" --yes --purchasely")
			if !got.Has(c.code, "", c.left) || asked != c.asked {
				t.Errorf("got %+v, asked %d times", got, asked)
			}
		})
	}
}

func TestAnInterruptedErasureSaysWhatIsLeft(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		fillPerson(c)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(40*time.Second, cancel)
		c.CleverTap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Latency, Wait: 10 * time.Second})
		c.Secrets.Put(clitest.CleverTapSecret, `{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass"}`)
		got := clitest.Run(ctx, NewCommand(c), "", strings.Fields("user "+eraseLearner+" --yes")...)
		if !got.Has(cli.Finding, "something is left", "profiles    left: interrupted") ||
			!strings.HasSuffix(got.Errs, "bridge: interrupted\n") {
			t.Errorf("got %+v", got)
		}
		run(t, c, "", eraseLearner+" --yes").Want(t, cli.OK, "", "")
	})
}
