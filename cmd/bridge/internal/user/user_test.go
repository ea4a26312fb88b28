package user

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// People of the table, and the accounts of the apps.
var (
	learner   = subscriber.Partition("user", "learner-1")
	second    = subscriber.Partition("user", "learner-2")
	anonymous = subscriber.Partition("anonymous", "A-1")
)

const (
	account = "AAA-111-2222"
	sandbox = "TEST-AAA-111-2222"

	active = `{"subs_1":{"active":true,"at":"2026-03-14T12:00:00.000Z","rank":"activate"}}`
	other  = `{"subs_9":{"active":false,"at":"2026-03-14T12:00:00.000Z","rank":"deactivate"}}`
)

// run executes "bridge user". The demo app has both accounts.
func run(t *testing.T, c *clitest.Cloud, in, args string) clitest.Result {
	t.Helper()
	const production = `{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass"`
	c.Secrets.Put(clitest.CleverTapSecret,
		production+`,"sandbox":{"region":"eu1","account_id":"TEST-AAA-111-2222","passcode":"sandbox-pass"}}`)
	got := clitest.Run(t.Context(), NewCommand(c), in, append([]string{"user"}, strings.Fields(args)...)...)
	got.CheckLeaks(t)
	return got
}

// put stores an item.
func put(c *clitest.Cloud, partition, sort string, attributes awstest.Item) {
	item := awstest.Item{"subscriber": awstest.S(partition), "item": awstest.S(sort)}
	maps.Copy(item, attributes)
	c.Table.Put(item)
}

// putState stores a state at the production account.
func putState(c *clitest.Cloud, partition, text string) {
	put(c, partition, "state#"+account, awstest.Item{"state": awstest.S(text)})
}

func stateOf(c *clitest.Cloud, partition, account string) string {
	return c.Table.Item(partition, "state#"+account)["state"].Text()
}

func TestShow(t *testing.T) {
	type items = map[string]awstest.Item // of the learner, by sort key
	state := func(text string, expires int64) awstest.Item {
		return awstest.Item{"state": awstest.S(text), "expires": awstest.N(expires)}
	}
	const later = 1836648000
	everywhere := items{
		"state#" + account: state(active, later), "state#" + sandbox: {"state": awstest.S(other)},
		"state#ELSEWHERE": state(other, later), "person#demo": {
			"clevertap_id": awstest.S("__x"), "observed_at": awstest.S("2026-11-01T08:00:00Z"),
			"suppressed_at": awstest.S("2026-11-02T08:00:00Z"),
		},
		"person#shop": {
			"suppressed_at": awstest.S("2026-11-01T08:00:00Z"), "restored_at": awstest.S("2026-11-02T08:00:00Z"),
		},
		"event#demo#2026-11-01T08:00:00.000Z#e-1": {"app": awstest.S("demo"), "event": awstest.S("ACTIVATE")},
	}
	nobody := `{"subscriber":"` + learner + `","states":{},"accounts":{},"apps":{},"webhooks":0}` + "\n"
	const purchase = ": an active subscription\n  subs_1  active  as of 14 Mar 2026 12:00:00 UTC\n"
	for name, c := range map[string]struct {
		items items
		args  string
		code  int
		out   string
		errs  string
	}{
		"every account": {everywhere, "", cli.OK, "account AAA-111-2222" + purchase +
			"account ELSEWHERE: no purchase is active\n" +
			"  subs_9  ended  as of 14 Mar 2026 12:00:00 UTC\naccount TEST-AAA-111-2222: no purchase is active\n", ""},
		"an app's accounts": {everywhere, "--app demo", cli.OK, "production account AAA-111-2222" + purchase +
			"sandbox account TEST-AAA-111-2222: no purchase is active\n" +
			"  subs_9  ended  as of 14 Mar 2026 12:00:00 UTC\n" +
			"demo: suppressed since 2 Nov 2026 08:00:00 UTC: nothing is sent or stored of the person\n" +
			"demo: linked to the CleverTap ID __x since 1 Nov 2026 08:00:00 UTC\n" +
			"1 webhook in the journal: 'bridge user trace' shows what became of each\n", ""},
		"an app's accounts, for programs": {everywhere, "--app demo --json", cli.OK, `{"subscriber":"` + learner +
			`","states":{"production":` + active + `,"sandbox":` + other + `},"accounts":{"production":{"id":"AAA-111-2222",` +
			`"active":true,"expires":"2028-03-14T12:00:00Z"},"sandbox":{"id":"TEST-AAA-111-2222","active":false}},` +
			`"apps":{"demo":{` +
			`"clevertap_id":"__x","observed_at":"2026-11-01T08:00:00Z","suppressed":true,` +
			`"suppressed_at":"2026-11-02T08:00:00Z"}},` +
			`"webhooks":1}` + "\n", ""},
		"another app": {everywhere, "--table " + clitest.Table, cli.OK,
			"shop: restored on 2 Nov 2026 08:00:00 UTC, after a suppression\n1 webhook in the journal", ""},
		"of nobody":               {nil, "--app demo", cli.OK, "nothing is stored of this person\n", ""},
		"of nobody, for programs": {nil, "--json", cli.OK, nobody, ""},
		"a state that has expired": {items{"state#" + account: state(active, 1700000000)}, "", cli.OK,
			"nothing is stored of this person\n", ""},
		"a damaged state": {items{"state#" + account: {"state": awstest.S(`{"x":1,` + active[1:])}}, "", cli.Finding,
			"account AAA-111-2222" + purchase, "cannot be read; this is what is believed"},
		"a state without a text": {items{"state#" + account: {"version": awstest.N(7)}}, "--app demo", cli.Finding,
			"production account AAA-111-2222: no purchase is active\n", "production: subscriber state cannot be read"},
		"a person that cannot be read": {items{"person#demo": {"suppressed_at": awstest.S("?")}}, "", cli.Finding,
			"no purchase is known\n", "demo: person item cannot be read; the person's webhooks wait"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			for sort, item := range c.items {
				put(cloud, learner, sort, item)
			}
			run(t, cloud, "", "show --stack purchasely-clevertap --user learner-1 "+c.args).Want(t, c.code, c.out, c.errs)
		})
	}
}

func TestUserCommandsSayWhatIsWrong(t *testing.T) {
	const show = "show --user u"
	for name, c := range map[string]struct {
		args string
		code int
		errs string
	}{
		"no user":             {"show --table t --app demo", cli.Usage, "by --user or by --anonymous"},
		"two users":           {show + " --table t --anonymous a", cli.Usage, "not by both"},
		"no such table":       {show + " --table other", cli.Finding, "the subscribers table does not exist"},
		"a stack without one": {show + " --stack off", cli.Finding, `stack "off" keeps no subscriber state`},
		"an app of a table":   {show + " --table t --app demo", cli.Usage, "the table alone does not say"},
		"an app without a secret": {show + " --app gone --stack " + clitest.Stack, cli.Finding,
			"secret purchasely-clevertap/gone/clevertap is missing\n" +
				"hint: is the app's name right? 'bridge app add gone' creates its secrets"},
		"an app with an unusable secret": {show + " --app broken --stack " + clitest.Stack, cli.Finding,
			"secret purchasely-clevertap/broken/clevertap cannot be used\nhint: 'bridge app check broken' says more"},
		"no right to read": {show + " --table " + clitest.Table, cli.Finding, "DynamoDB Query: AccessDeniedException"},
		"no right to erase": {"erase --yes --app demo --user u --stack " + clitest.Stack, cli.Finding,
			"DynamoDB Query: AccessDeniedException"},
		"no file":               {"seed --table t none.csv", cli.Usage, "hint: name a file with subscribers"},
		"seeding a table alone": {"seed --table t ../../testdata/subscribers.csv", cli.Usage, "hint: give --stack, too"},
		"erasing nobody":        {"erase --stack " + clitest.Stack, cli.Usage, "name the person by --user"},
		"showing a word":        {"show --user (null) --stack " + clitest.Stack, cli.Usage, "a word for nothing"},
		"erasing a word":        {"erase --user null --stack " + clitest.Stack, cli.Usage, "a word for nothing"},
		"erasing at Purchasely": {"erase --user u --purchasely --stack " + clitest.Stack, cli.Usage,
			"set BRIDGE_PURCHASELY_API_KEY"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			cloud.Stacks.Create("off", map[string]string{"SubscribersTable": "", "SecretsPrefix": clitest.Stack})
			cloud.Secrets.Put("purchasely-clevertap/broken/clevertap", `{"passcode":"right-pass"}`)
			if strings.HasPrefix(name, "no right") {
				cloud.Dynamo.Inject(awstest.Fault{Status: 400, Code: "AccessDeniedException"})
			}
			if got := run(t, cloud, "", c.args); !got.Has(c.code, "", c.errs) || got.Out != "" {
				t.Errorf("got %+v, want %d and %q", got, c.code, c.errs)
			}
		})
	}
}

// runSeed stores an export.
func runSeed(t *testing.T, c *clitest.Cloud, in, args, text string) clitest.Result {
	t.Helper()
	return run(t, c, in, "seed --stack "+clitest.Stack+" "+args+" "+clitest.File(t, "export", text))
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
	const want = `{"subs_1":{"active":true,"at":"2026-03-14T12:00:00.000Z","rank":"other_grants"},` +
		`"subs_3":{"active":true,"at":"2026-03-13T00:00:00.000Z","rank":"other_grants"}}`
	quoted := strings.NewReplacer(",", `","`, "\n", "\"\r\n\"")
	for name, text := range map[string]string{
		"CSV of a spreadsheet":  "\ufeff" + strings.ReplaceAll(csv, "\n", "\r\n"),
		"JSON lines of Windows": "\ufeff" + strings.ReplaceAll(jsonl, "\n", "\r\n"),
		"semicolons and quotes of Windows": "\ufeff" +
			strings.ReplaceAll(quoted.Replace(`"`+strings.TrimSuffix(csv, "\n")+`"`), `","`, `";"`),
		"blanks around fields and no end": strings.TrimSpace(strings.ReplaceAll(csv, ",", " , ")),
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			got := runSeed(t, c, "", "--yes --rate 0 --json", text)
			result := `{"purchases":3,"active":2,"apps":{"demo":2},"users":2,"left_out":0,` +
				`"states":2,"stored":2,"known":0}` + "\n"
			if got.Code != cli.OK || got.Out != result {
				t.Errorf("got %+v", got)
			}
			if stateOf(c, learner, account) != want || stateOf(c, second, account) == "" {
				t.Errorf("stored %s", stateOf(c, learner, account))
			}
			got = runSeed(t, c, "", "--yes --rate 0 --json", text)
			if !got.Has(cli.OK, `"stored":0,"known":2`, "") || c.Dynamo.Calls("PutItem") != 2 {
				t.Errorf("again: got %+v, %d writes", got, c.Dynamo.Calls("PutItem"))
			}
		})
	}
}

// A purchase counts for the account that its webhooks are sent to, whichever app sends them there.
func TestSeedStoresByAccount(t *testing.T) {
	const apps = "apps: {demo: {}, other: {}, sent: {sandbox: send}, skipped: {sandbox: skip}, none: {}}"
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		for _, app := range []string{"other", "sent", "skipped", "none"} {
			c.Secrets.Put("purchasely-clevertap/"+app+"/clevertap",
				`{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass"}`)
		}
		const text = `app,user_id,purchase_id,active,at,environment
demo,learner-1,subs_0,true,2026-03-14,
other,learner-1,subs_1,true,2026-03-14,
demo,learner-1,subs_2,true,2026-03-14,SANDBOX
sent,learner-1,subs_3,true,2026-03-14,SANDBOX
skipped,learner-1,subs_4,true,2026-03-14,SANDBOX
none,learner-1,subs_5,true,2026-03-14,SANDBOX
`
		got := runSeed(t, c, "", "--yes --rate 0 --json --file "+clitest.File(t, "apps.yaml", apps), text)
		result := `"users":5,"left_out":2,"states":2,"stored":2,"known":0}` + "\n"
		got.Want(t, cli.OK, result, "2 purchases of the sandbox left out")
		for account, want := range map[string]string{account: "subs_0 subs_1 subs_3", sandbox: "subs_2"} {
			state, err := subscriber.DecodeState(stateOf(c, learner, account))
			if got := strings.Join(slices.Sorted(maps.Keys(state)), " "); got != want || err != nil {
				t.Errorf("stored at %s: %s, %v, want %s", account, got, err, want)
			}
		}
	})
}

func TestSeedNeverOverwritesNewerStates(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		newer := strings.NewReplacer("true", "false", "03-14", "03-20", `"activate"`, `"deactivate"`).Replace(active)
		putState(c, learner, newer)
		c.Dynamo.Before(func(operation string) { // a forwarder stores something between our reading and our writing
			if operation == "PutItem" && c.Dynamo.Calls(operation) == 1 {
				putState(c, second, newer)
			}
		})
		got := runSeed(t, c, "", "--yes --rate 0", "app,user_id,purchase_id,active,at\n"+
			"demo,learner-1,subs_1,true,2026-03-14T12:00:00Z\ndemo,learner-2,subs_1,true,2026-03-14T12:00:00Z\n")
		if got.Code != cli.OK || stateOf(c, learner, account) != newer || stateOf(c, second, account) != newer {
			t.Errorf("got %+v, stored %s and %s", got, stateOf(c, learner, account), stateOf(c, second, account))
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
		got.Want(t, cli.Finding, "0 states stored, 0 were known, 30 not stored", "the same command goes on")
		c.Dynamo.Inject()
		if got := runSeed(t, c, "y\n", "--rate 10000", text); got.Code != cli.OK || len(c.Table.Keys()) != 30 {
			t.Errorf("got %+v, %d entries", got, len(c.Table.Keys()))
		}
		runSeed(t, c, "n\n", "", text).Want(t, cli.Finding, "", "nobody said yes")
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
		"a column nobody knows":   {"app,user,purchase_id,active,at\n", []string{"line 1: column 2 is unknown"}},
		"a column twice":          {"app,app,purchase_id,active,at\n", []string{"line 1: column 2 is unknown or there"}},
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
		"an id of another encoding": {header + "demo,M\xfcller,,p,true,2026-03-14,\n", []string{"line 2: not UTF-8"}},
		"semicolons in the header alone": {"app;user_id;purchase_id;active;at\ndemo,u,p,true,2026-03-14\n",
			[]string{"line 2: 1 fields, and the header has 5"}},
		"JSON with a wrong name": {`{"app":"demo","user":"u"}`, []string{"line 1: unknown member"}},
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
