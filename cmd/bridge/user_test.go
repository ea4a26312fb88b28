package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

const subscriberStack = "purchasely-clevertap"

var learner = message.SubscriberID("demo", "user", "learner-1")

const oneActive = `{"production":{"subs_1":{"active":true,"at":"2026-03-14T12:00:00.000Z","rank":"activate"}}}`

func TestSubscriberShow(t *testing.T) {
	expires := map[string]string{"N": "1836648000"}
	for name, c := range map[string]struct {
		item fakeItem
		args []string
		code int
		out  string
		errs string
	}{
		"what is stored":           {fakeItem{"state": {"S": oneActive}, "expires": expires}, nil, fine, oneActive + "\n", ""},
		"for programs":             {fakeItem{"state": {"S": oneActive}, "expires": expires}, []string{"--json"}, fine, `{"subscriber":"` + learner + `","stored":true,"expires":"2028-03-14T12:00:00Z","state":` + oneActive + "}\n", ""},
		"of nobody":                {nil, nil, fine, "{}\n", "nothing is stored"},
		"of nobody, for programs":  {nil, []string{"--json"}, fine, `{"subscriber":"` + learner + `","stored":false,"expires":"","state":{}}` + "\n", "nothing is stored"},
		"an entry that is damaged": {fakeItem{"state": {"S": `{"production":{"x":1,` + oneActive[len(`{"production":{`):]}}, nil, finding, oneActive + "\n", "cannot be read; this is what is believed"},
		"an entry without a text":  {fakeItem{"version": {"N": "7"}}, nil, finding, "{}\n", "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeTable(t)
			if c.item != nil {
				f.put(learner, c.item)
			}
			got := execute(t, "", append([]string{"user", "show", "--stack", subscriberStack, "--app", "demo", "--user", "learner-1"}, c.args...)...)
			if got.code != c.code || got.out != c.out || !strings.Contains(got.errs, c.errs) {
				t.Errorf("code %d, printed %q and %q", got.code, got.out, got.errs)
			}
		})
	}
}

// What show prints is what explain takes.
func TestExplainTakesWhatShowPrints(t *testing.T) {
	f := newFakeTable(t)
	f.put(learner, fakeItem{"state": {"S": oneActive}})
	state := filepath.Join(t.TempDir(), "state.json")
	for _, flags := range [][]string{nil, {"--json"}} {
		shown := execute(t, "", append([]string{"user", "show", "--table", subscriberTableName, "--app", "demo", "--user", "learner-1"}, flags...)...)
		if err := os.WriteFile(state, []byte(shown.out), 0o600); err != nil {
			t.Fatal(err)
		}
		webhook := `{"event_name":"DEACTIVATE","user_id":"learner-1","purchasely_subscription_id":"subs_2","event_created_at":"2026-03-15T00:00:00Z"}`
		if got := execute(t, webhook, "explain", "--app", "demo", "--state", state); got.code != fine || !strings.Contains(got.out, `"has_active_subscription":true`) {
			t.Errorf("%v: code %d, printed %q and %q", flags, got.code, got.out, got.errs)
		}
	}
}

func TestSubscriberForget(t *testing.T) {
	anonymous := message.SubscriberID("demo", "anonymous", "A-1")
	for name, c := range map[string]struct {
		in   string
		args []string
		code int
		out  string
		left int
	}{
		"after a yes":           {"y\n", []string{"--user", "learner-1"}, fine, "deleted\n", 1},
		"without a question":    {"", []string{"--user", "learner-1", "--yes"}, fine, "deleted\n", 1},
		"for programs":          {"", []string{"--anonymous", "A-1", "--yes", "--json"}, fine, `{"subscriber":"` + anonymous + `","deleted":true}` + "\n", 1},
		"nobody's":              {"", []string{"--anonymous", "learner-1", "--yes"}, fine, "nothing was stored of this user\n", 2},
		"not without a yes":     {"n\n", []string{"--user", "learner-1"}, finding, "", 2},
		"not in silence either": {"", []string{"--user", "learner-1"}, finding, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeTable(t)
			f.put(learner, fakeItem{"state": {"S": oneActive}})
			f.put(anonymous, fakeItem{"state": {"S": oneActive}})
			got := execute(t, c.in, append([]string{"user", "forget", "--stack", subscriberStack, "--app", "demo"}, c.args...)...)
			if got.code != c.code || got.out != c.out || len(f.items) != c.left {
				t.Errorf("code %d, printed %q and %q, %d entries left", got.code, got.out, got.errs, len(f.items))
			}
			if c.code == fine && !strings.Contains(got.errs, "at CleverTap") {
				t.Error("it does not say where else something may be")
			}
			if strings.Contains(got.errs, "learner-1") {
				t.Errorf("it prints the user's id: %s", got.errs)
			}
		})
	}
}

func TestSubscriberCommandsSayWhatIsWrong(t *testing.T) {
	show := []string{"user", "show", "--app", "demo", "--user", "u"}
	for name, c := range map[string]struct {
		change func(*fakeTable)
		args   []string
		code   int
		errs   string
	}{
		"no table":                  {nil, show, usage, "flag --stack is missing"},
		"two tables":                {nil, append(show, "--stack", "a", "--table", "b"), usage, "give one of them"},
		"no app":                    {nil, []string{"user", "show", "--table", subscriberTableName, "--user", "u"}, usage, "flag --app is missing"},
		"nobody":                    {nil, []string{"user", "forget", "--table", subscriberTableName, "--app", "demo"}, usage, "--user or by --anonymous"},
		"two people":                {nil, append(show, "--table", subscriberTableName, "--anonymous", "a"), usage, "--user or by --anonymous"},
		"a stack without the table": {func(f *fakeTable) { f.outputs = nil }, append(show, "--stack", subscriberStack), finding, "Subscribers is off"},
		"a table that is not there": {nil, append(show, "--table", "other"), finding, "the subscriber table does not exist"},
		"a table that is not ours":  {func(f *fakeTable) { f.refuse["GetItem"] = "AccessDeniedException" }, append(show, "--table", subscriberTableName), finding, "your AWS identity may not do this"},
		"a deletion that is denied": {func(f *fakeTable) { f.refuse["DeleteItem"] = "AccessDeniedException" }, []string{"user", "forget", "--yes", "--table", subscriberTableName, "--app", "demo", "--user", "u"}, finding, "DynamoDB DeleteItem: AccessDeniedException"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeTable(t)
			if c.change != nil {
				c.change(f)
			}
			got := execute(t, "", c.args...)
			if got.code != c.code || !strings.Contains(got.errs, c.errs) || strings.Contains(got.errs, "words of AWS") {
				t.Errorf("code %d and %q, want %d and %q", got.code, got.errs, c.code, c.errs)
			}
		})
	}
}

// seedFile writes an export.
func seedFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "subscribers")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSubscriberSeed(t *testing.T) {
	const csv = "app,user_id,purchase_id,active,at\n" +
		"demo,learner-1,subs_1,true,2026-03-14T12:00:00Z\n" +
		"demo,learner-2,subs_2,false,2026-03-14T12:00:00Z\n" +
		"demo,learner-1,subs_3,true,2026-03-13\n"
	const jsonl = `{"app":"demo","user_id":"learner-1","purchase_id":"subs_1","active":true,"at":"2026-03-14T12:00:00.000Z"}` + "\n\n" +
		`{"app":"demo","user_id":"learner-2","anonymous_user_id":null,"purchase_id":"subs_2","active":"no","at":"2026-03-14T12:00:00Z","environment":"production"}` + "\n" +
		`{"app":"demo","user_id":"learner-1","purchase_id":"subs_3","active":true,"at":"2026-03-13T00:00:00Z"}` + "\n"
	const want = `{"production":{"subs_1":{"active":true,"at":"2026-03-14T12:00:00.000Z","rank":"other_grants"},"subs_3":{"active":true,"at":"2026-03-13T00:00:00.000Z","rank":"other_grants"}}}`
	for name, text := range map[string]string{"CSV": csv, "CSV of a spreadsheet": "\ufeff" + strings.ReplaceAll(csv, "\n", "\r\n"), "JSON lines": jsonl} {
		t.Run(name, func(t *testing.T) {
			f := newFakeTable(t)
			file := seedFile(t, text)
			args := []string{"user", "seed", "--stack", subscriberStack, "--yes", "--rate", "0", "--json", file}
			got := execute(t, "", args...)
			if got.code != fine || got.out != `{"purchases":3,"active":2,"apps":{"demo":2},"users":2,"stored":2,"known":0}`+"\n" {
				t.Errorf("code %d, printed %q and %q", got.code, got.out, got.errs)
			}
			if f.text(learner) != want || f.text(message.SubscriberID("demo", "user", "learner-2")) == "" {
				t.Errorf("stored %s", f.text(learner))
			}
			if got := execute(t, "", args...); got.code != fine || !strings.Contains(got.out, `"stored":0,"known":2`) || f.calls["PutItem"] != 2 {
				t.Errorf("again: code %d, printed %q, %d writes", got.code, got.out, f.calls["PutItem"])
			}
		})
	}
}

func TestSubscriberSeedNeverOverwritesNewerStates(t *testing.T) {
	f := newFakeTable(t)
	newer := strings.NewReplacer("true", "false", "03-14", "03-20", `"activate"`, `"deactivate"`).Replace(oneActive)
	f.put(learner, fakeItem{"state": {"S": newer}})
	file := seedFile(t, "app,user_id,purchase_id,active,at\ndemo,learner-1,subs_1,true,2026-03-14T12:00:00Z\ndemo,learner-2,subs_1,true,2026-03-14T12:00:00Z\n")
	second := message.SubscriberID("demo", "user", "learner-2")
	once := false
	f.before = func(operation string) { // A forwarder stores something between our reading and our writing.
		if operation == "PutItem" && !once {
			once = true
			f.put(second, fakeItem{"state": {"S": newer}})
		}
	}
	got := execute(t, "", "user", "seed", "--table", subscriberTableName, "--yes", "--rate", "0", file)
	if got.code != fine || f.text(learner) != newer || f.text(second) != newer {
		t.Errorf("code %d, stored %s and %s", got.code, f.text(learner), f.text(second))
	}
}

func TestSubscriberSeedStopsAndGoesOn(t *testing.T) {
	f := newFakeTable(t)
	var b strings.Builder
	b.WriteString("app,user_id,purchase_id,active,at\n")
	for i := range 30 {
		fmt.Fprintf(&b, "demo,u%d,subs_1,true,2026-03-14T12:00:00Z\n", i)
	}
	file := seedFile(t, b.String())
	f.refuse["PutItem"] = "ThrottlingException"
	if got := execute(t, "", "user", "seed", "--table", subscriberTableName, "--yes", "--rate", "0", file); got.code != finding ||
		!strings.Contains(got.errs, "the same command goes on") || !strings.Contains(got.out, "0 users stored, 0 were known, 30 not stored") {
		t.Errorf("code %d, printed %q and %q", got.code, got.out, got.errs)
	}
	f.mu.Lock() // a call that was given up may still be on its way
	delete(f.refuse, "PutItem")
	f.mu.Unlock()
	got := execute(t, "y\n", "user", "seed", "--table", subscriberTableName, "--rate", "10000", file)
	f.mu.Lock()
	stored := len(f.items)
	f.mu.Unlock()
	if got.code != fine || stored != 30 {
		t.Errorf("code %d, %d entries, printed %q", got.code, stored, got.errs)
	}
	if got := execute(t, "n\n", "user", "seed", "--table", subscriberTableName, file); got.code != finding || !strings.Contains(got.errs, "nobody said yes") {
		t.Errorf("code %d, printed %q", got.code, got.errs)
	}
}

func TestSubscriberSeedChecksTheWholeFileFirst(t *testing.T) {
	future := time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"an empty file":           {"", []string{"there is nothing in it"}},
		"a header alone":          {"app,user_id,purchase_id,active,at\n", []string{"there is nothing in it"}},
		"a column nobody knows":   {"app,user,purchase_id,active,at\n", []string{`line 1: column "user"`}},
		"a column twice":          {"app,app,purchase_id,active,at\n", []string{`line 1: column "app"`}},
		"a column that is needed": {"app,user_id,active,at\n", []string{"line 1: no column purchase_id"}},
		"every line's faults": {
			"app,user_id,anonymous_user_id,purchase_id,active,at,environment\n" +
				"dmeo,u,,p,true,2026-03-14,\n" + "demo,,,p,true,2026-03-14,\n" + "demo,null,,p,true,2026-03-14,\n" + "demo,u,,,true,2026-03-14,\n" +
				"demo,u,,p,maybe,2026-03-14,\n" + "demo,u,,p,true,yesterday,\n" + "demo,u,,p,true," + future + ",\n" + "demo,u,,p,true,2026-03-14,STAGING\n" +
				"demo,u,,p\n" + `demo,"u"x,,p,true,2026-03-14,` + "\n",
			[]string{
				`line 2: app "dmeo"`, "line 3: neither", "line 4: neither", "line 5: no purchase_id", `line 6: active "maybe"`, `line 7: at "yesterday"`,
				"line 8: at ", `line 9: environment "STAGING"`, "line 10: 4 fields, and the header has 7", "line 11: ", "10 faulty lines",
			},
		},
		"JSON with a wrong name": {`{"app":"demo","user":"u"}`, []string{`line 1: member "user"`}},
		"JSON that is cut":       {`{"app":"demo",` + "\n{", []string{"line 1: not a JSON object", "line 2: not a JSON object"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeTable(t)
			got := execute(t, "", "user", "seed", "--table", subscriberTableName, "--yes", seedFile(t, c.text))
			if got.code != finding || len(f.calls) > 0 {
				t.Errorf("code %d, calls %v", got.code, f.calls)
			}
			for _, want := range c.want {
				if !strings.Contains(got.errs, want) {
					t.Errorf("%q does not say %q", got.errs, want)
				}
			}
		})
	}
}

// The example in the help works, offline.
func TestSubscriberSeedDryRun(t *testing.T) {
	got := execute(t, "", "user", "seed", "--dry-run", "testdata/subscribers.csv")
	if got.code != fine || !strings.Contains(got.errs, "4 purchases of 3 users, 3 of them active") || !strings.Contains(got.out, "dry run") {
		t.Errorf("code %d, printed %q and %q", got.code, got.out, got.errs)
	}
}
