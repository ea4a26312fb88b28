package user

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

var (
	learner   = message.SubscriberID("demo", "user", "learner-1")
	second    = message.SubscriberID("demo", "user", "learner-2")
	anonymous = message.SubscriberID("demo", "anonymous", "A-1")
)

const active = `{"production":{"subs_1":{"active":true,"at":"2026-03-14T12:00:00.000Z","rank":"activate"}}}`

// run executes "bridge user".
func run(t *testing.T, c *clitest.Cloud, in, args string) clitest.Result {
	t.Helper()
	got := clitest.Run(t.Context(), NewCommand(c), in, append([]string{"user"}, strings.Fields(args)...)...)
	got.CheckLeaks(t)
	return got
}

// put stores an entry with a text and other attributes.
func put(c *clitest.Cloud, key string, attributes awstest.Item) {
	attributes["subscriber"] = awstest.S(key)
	c.Table.Put(attributes)
}

func textOf(c *clitest.Cloud, key string) string { return c.Table.Item(key)["state"].Text() }

func TestShow(t *testing.T) {
	expires := awstest.N(1836648000)
	for name, c := range map[string]struct {
		item awstest.Item
		args string
		code int
		out  string
		errs string
	}{
		"what is stored": {awstest.Item{"state": awstest.S(active), "expires": expires}, "", cli.OK, active + "\n", ""},
		"for programs": {awstest.Item{"state": awstest.S(active), "expires": expires}, "--json", cli.OK, `{"subscriber":"` +
			learner + `","stored":true,"expires":"2028-03-14T12:00:00Z","state":` + active + "}\n", ""},
		"of nobody": {nil, "", cli.OK, "{}\n", "nothing is stored"},
		"of nobody, for programs": {nil, "--json", cli.OK,
			`{"subscriber":"` + learner + `","stored":false,"expires":"","state":{}}` + "\n", "nothing is stored"},
		"a damaged entry": {awstest.Item{"state": awstest.S(`{"production":{"x":1,` + active[len(`{"production":{`):])}, "",
			cli.Finding, active + "\n", "cannot be read; this is what is believed"},
		"an entry without a text": {awstest.Item{"version": awstest.N(7)}, "", cli.Finding, "{}\n", "cannot be read"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			if c.item != nil {
				put(cloud, learner, c.item)
			}
			got := run(t, cloud, "", "show --stack purchasely-clevertap --app demo --user learner-1 "+c.args)
			if got.Out != c.out || !got.Has(c.code, "", c.errs) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestForget(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		args string
		code int
		out  string
		left int
	}{
		"after a yes":        {"y\n", "--user learner-1", cli.OK, "deleted\n", 1},
		"without a question": {"", "--user learner-1 --yes", cli.OK, "deleted\n", 1},
		"for programs": {"", "--anonymous A-1 --yes --json", cli.OK,
			`{"subscriber":"` + anonymous + `","deleted":true}` + "\n", 1},
		"nobody's":              {"", "--anonymous learner-1 --yes", cli.OK, "nothing was stored of this user\n", 2},
		"not without a yes":     {"n\n", "--user learner-1", cli.Finding, "", 2},
		"not in silence either": {"", "--user learner-1", cli.Finding, "", 2},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			put(cloud, learner, awstest.Item{"state": awstest.S(active)})
			put(cloud, anonymous, awstest.Item{"state": awstest.S(active)})
			got := run(t, cloud, c.in, "forget --stack purchasely-clevertap --app demo "+c.args)
			if got.Code != c.code || got.Out != c.out || len(cloud.Table.Keys()) != c.left {
				t.Errorf("got %+v, %d entries left", got, len(cloud.Table.Keys()))
			}
			if c.code == cli.OK && !strings.Contains(got.Errs, "at CleverTap") {
				t.Error("it does not say where else something may be")
			}
		})
	}
}

func TestUserCommandsSayWhatIsWrong(t *testing.T) {
	const show = "show --app demo --user u"
	for name, c := range map[string]struct {
		args string
		code int
		errs string
	}{
		"no table":            {show, cli.Usage, "flag --stack is missing"},
		"two tables":          {show + " --stack a --table b", cli.Usage, "give one of them"},
		"no app":              {"show --table t --user u", cli.Usage, "flag --app is missing"},
		"no user":             {"show --table t --app demo", cli.Usage, "by --user or by --anonymous"},
		"two users":           {show + " --table t --anonymous a", cli.Usage, "not by both"},
		"no such stack":       {show + " --stack other", cli.Finding, `stack "other" does not exist in region`},
		"no such table":       {show + " --table other", cli.Finding, "the subscribers table does not exist"},
		"a stack without one": {show + " --stack off", cli.Finding, `stack "off" keeps no subscriber state`},
		"no right to read":    {show + " --table " + clitest.Table, cli.Finding, "DynamoDB GetItem: AccessDeniedException"},
		"no right to delete": {"forget --yes --app demo --user u --table " + clitest.Table, cli.Finding,
			"DynamoDB DeleteItem: AccessDeniedException"},
		"no file":                {"seed --table t none.csv", cli.Usage, "hint: name a file with subscribers"},
		"a rate below zero":      {"seed --rate -1 x.csv", cli.Usage, "want 0 or more"},
		"an integration file":    {"seed --file none.yaml x.csv", cli.Usage, "hint: name an integration file"},
		"a command with a typo":  {"shwo", cli.Usage, `unknown command "shwo"`},
		"forgetting without app": {"forget --table t --user u", cli.Usage, "flag --app is missing"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			cloud.Stacks.Create("off", map[string]string{"SubscribersTable": ""})
			if strings.HasPrefix(name, "no right") {
				cloud.Dynamo.Inject(awstest.Fault{Status: 400, Code: "AccessDeniedException"})
			}
			if got := run(t, cloud, "", c.args); !got.Has(c.code, "", c.errs) || got.Out != "" {
				t.Errorf("got %+v, want %d and %q", got, c.code, c.errs)
			}
		})
	}
}

// seed stores an export.
func runSeed(t *testing.T, c *clitest.Cloud, in, args, text string) clitest.Result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "subscribers")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, c, in, "seed --table "+clitest.Table+" "+args+" "+file)
}

func TestSeed(t *testing.T) {
	const csv = "app,user_id,purchase_id,active,at\n" +
		"demo,learner-1,subs_1,true,2026-03-14T12:00:00Z\n" +
		"demo,learner-2,subs_2,false,2026-03-14T12:00:00Z\n" +
		"demo,learner-1,subs_3,true,2026-03-13\n"
	const jsonl = `{"app":"demo","user_id":"learner-1","purchase_id":"subs_1","active":true,"at":"2026-03-14T12:00:00Z"}

{"app":"demo","user_id":"learner-2","anonymous_user_id":null,"purchase_id":"subs_2","active":"no",` +
		`"at":"2026-03-14T12:00:00Z","environment":"production"}
{"app":"demo","user_id":"learner-1","purchase_id":"subs_3","active":true,"at":"2026-03-13T00:00:00Z"}
`
	const want = `{"production":{"subs_1":{"active":true,"at":"2026-03-14T12:00:00.000Z","rank":"other_grants"},` +
		`"subs_3":{"active":true,"at":"2026-03-13T00:00:00.000Z","rank":"other_grants"}}}`
	for name, text := range map[string]string{
		"CSV": csv, "CSV of a spreadsheet": "\ufeff" + strings.ReplaceAll(csv, "\n", "\r\n"), "JSON lines": jsonl,
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			got := runSeed(t, c, "", "--yes --rate 0 --json", text)
			result := `{"purchases":3,"active":2,"apps":{"demo":2},"users":2,"stored":2,"known":0}` + "\n"
			if got.Code != cli.OK || got.Out != result {
				t.Errorf("got %+v", got)
			}
			if textOf(c, learner) != want || textOf(c, second) == "" {
				t.Errorf("stored %s", textOf(c, learner))
			}
			got = runSeed(t, c, "", "--yes --rate 0 --json", text)
			if !got.Has(cli.OK, `"stored":0,"known":2`, "") || c.Dynamo.Calls("PutItem") != 2 {
				t.Errorf("again: got %+v, %d writes", got, c.Dynamo.Calls("PutItem"))
			}
		})
	}
}

func TestSeedNeverOverwritesNewerStates(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		newer := strings.NewReplacer("true", "false", "03-14", "03-20", `"activate"`, `"deactivate"`).Replace(active)
		put(c, learner, awstest.Item{"state": awstest.S(newer)})
		c.Dynamo.Before(func(operation string) { // a forwarder stores something between our reading and our writing
			if operation == "PutItem" && c.Dynamo.Calls(operation) == 1 {
				put(c, second, awstest.Item{"state": awstest.S(newer)})
			}
		})
		got := runSeed(t, c, "", "--yes --rate 0", "app,user_id,purchase_id,active,at\n"+
			"demo,learner-1,subs_1,true,2026-03-14T12:00:00Z\ndemo,learner-2,subs_1,true,2026-03-14T12:00:00Z\n")
		if got.Code != cli.OK || textOf(c, learner) != newer || textOf(c, second) != newer {
			t.Errorf("got %+v, stored %s and %s", got, textOf(c, learner), textOf(c, second))
		}
	})
}

func TestSeedStopsAndGoesOn(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		text := "app,user_id,purchase_id,active,at\n"
		for i := range 30 {
			text += fmt.Sprintf("demo,u%d,subs_1,true,2026-03-14T12:00:00Z\n", i)
		}
		c.Dynamo.Inject(awstest.Fault{Operation: "PutItem", Status: 400, Code: "ThrottlingException"})
		got := runSeed(t, c, "", "--yes --rate 0", text)
		if !got.Has(cli.Finding, "0 users stored, 0 were known, 30 not stored", "the same command goes on") {
			t.Errorf("got %+v", got)
		}
		c.Dynamo.Inject()
		if got := runSeed(t, c, "y\n", "--rate 10000", text); got.Code != cli.OK || len(c.Table.Keys()) != 30 {
			t.Errorf("got %+v, %d entries", got, len(c.Table.Keys()))
		}
		if got := runSeed(t, c, "n\n", "", text); !got.Has(cli.Finding, "", "nobody said yes") {
			t.Errorf("got %+v", got)
		}
	})
}

func TestSeedChecksTheWholeFileFirst(t *testing.T) {
	const header = "app,user_id,anonymous_user_id,purchase_id,active,at,environment\n"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"an empty file":           {"", []string{"there is nothing in it"}},
		"a header alone":          {header, []string{"there is nothing in it"}},
		"a column nobody knows":   {"app,user,purchase_id,active,at\n", []string{`line 1: column "user"`}},
		"a column twice":          {"app,app,purchase_id,active,at\n", []string{`line 1: column "app"`}},
		"a column that is needed": {"app,user_id,active,at\n", []string{"line 1: no column purchase_id"}},
		"every line's faults": {
			header + "dmeo,u,,p,true,2026-03-14,\ndemo,,,p,true,2026-03-14,\ndemo,null,,p,true,2026-03-14,\n" +
				"demo,u,,,true,2026-03-14,\ndemo,u,,p,maybe,2026-03-14,\ndemo,u,,p,true,yesterday,\n" +
				"demo,u,,p,true,2027-01-01,\ndemo,u,,p,true,2026-03-14,STAGING\ndemo,u,,p\n" +
				`demo,"u"x,,p,true,2026-03-14,` + "\n",
			[]string{
				`line 2: app "dmeo"`, "line 3: neither", "line 4: neither", "line 5: no purchase_id",
				`line 6: active "maybe"`, `line 7: at "yesterday"`, "line 8: at ", `line 9: environment "STAGING"`,
				"line 10: 4 fields, and the header has 7", "line 11: ", "10 faulty lines",
			},
		},
		"JSON with a wrong name": {`{"app":"demo","user":"u"}`, []string{`line 1: member "user"`}},
		"JSON that is cut": {`{"app":"demo",` + "\n{",
			[]string{"line 1: not a JSON object", "line 2: not a JSON object"}},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			got := runSeed(t, cloud, "", "--yes", c.text)
			for _, want := range c.want {
				if !got.Has(cli.Finding, "", want) || cloud.Dynamo.Calls("") > 0 {
					t.Errorf("%+v does not say %q", got, want)
				}
			}
		})
	}
}
