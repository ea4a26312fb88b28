package main

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

const (
	purchaselyName = "purchasely-clevertap/demo/purchasely"
	clevertapName  = "purchasely-clevertap/demo/clevertap"
)

// cleverTap serves a stand-in with an account in in1 and a sandbox account in eu1, and directs dry runs there.
func cleverTap(t *testing.T, faults ...clevertaptest.Fault) *clevertaptest.Server {
	t.Helper()
	server := clevertaptest.New(clevertaptest.Config{
		Accounts: []clevertaptest.Account{
			{ID: "AAA-111-2222", Region: "in1", Passcodes: []string{"right-pass"}},
			{ID: "TEST-AAA-111-2222", Region: "eu1", Passcodes: []string{"sandbox-pass"}},
		},
		Faults: faults,
	})
	listener, err := server.Listen("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	t.Setenv(endpointVariable, listener.URL+"/{host}")
	return server
}

// leaks looks for secrets in an output.
func leaks(t *testing.T, got execution) {
	t.Helper()
	for _, hidden := range []string{"shared-4711", "former-4711", "right-pass", "wrong-pass", "sandbox-pass", "words of AWS"} {
		if strings.Contains(got.out+got.errs, hidden) {
			t.Errorf("the output shows %q: %+v", hidden, got)
		}
	}
}

func TestAppAdd(t *testing.T) {
	const (
		purchasely = `"purchasely":{"shared_secret":"shared-4711"}`
		right      = `"clevertap":{"region":"IN","account_id":"AAA-111-2222","passcode":"right-pass"}`
		bare       = `"clevertap":{"account_id":"AAA-111-2222","passcode":"right-pass"}`
		stored     = `{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass"}`
	)
	both := map[string]string{purchaselyName: `{"shared_secret":"former-4711"}`, clevertapName: `{"region":"eu1","account_id":"OLD","passcode":"wrong-pass"}`}
	for name, c := range map[string]struct {
		before map[string]string
		in     string
		args   []string
		code   int
		out    string // what the outputs hold
		after  map[string]string
	}{
		"the region is given": {
			nil, "{" + purchasely + "," + right + "}", nil, fine, "the credentials are right and belong to in1\nsecret " + clevertapName + " created\nsecret " + purchaselyName + " created\n",
			map[string]string{purchaselyName: `{"shared_secret":"shared-4711"}`, clevertapName: stored},
		},
		"the region is found": {
			nil, "{" + purchasely + "," + bare + "}", []string{"--json"}, fine,
			`{"app":"demo","url":"https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/purchasely/demo","region":"in1","secrets":[{"name":"` + clevertapName + `","done":"created"},{"name":"` + purchaselyName + `","done":"created"}]}`,
			map[string]string{purchaselyName: `{"shared_secret":"shared-4711"}`, clevertapName: stored},
		},
		"a sandbox account": {
			nil, "{" + purchasely + `,"clevertap":{"account_id":"AAA-111-2222","passcode":"right-pass","sandbox":{"account_id":"TEST-AAA-111-2222","passcode":"sandbox-pass"}}}`, nil, fine,
			"the sandbox credentials are right and belong to eu1",
			map[string]string{purchaselyName: `{"shared_secret":"shared-4711"}`, clevertapName: `{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass","sandbox":{"region":"eu1","account_id":"TEST-AAA-111-2222","passcode":"sandbox-pass"}}`},
		},
		"the wrong region":           {nil, "{" + purchasely + "," + strings.Replace(right, "IN", "eu1", 1) + "}", nil, finding, "the credentials belong to in1, the secret says eu1: change region\nhint: set region to in1", map[string]string{}},
		"the wrong passcode":         {nil, "{" + purchasely + "," + strings.Replace(bare, "right", "wrong", 1) + "}", nil, finding, "no region takes them: the passcode is wrong or expired", map[string]string{}},
		"the wrong sandbox passcode": {nil, "{" + purchasely + "," + right[:len(right)-1] + `,"sandbox":{"account_id":"TEST-AAA-111-2222","passcode":"wrong-pass"}}}`, nil, finding, "this is about the sandbox account", map[string]string{}},
		"a region that is none":      {nil, "{" + purchasely + "," + strings.Replace(right, "IN", "europe", 1) + "}", nil, finding, "region is not a region's code", map[string]string{}},
		"half of it":                 {nil, "{" + purchasely + "}", nil, usage, `standard input has no "clevertap", and secret ` + clevertapName + " is missing", map[string]string{}},
		"an empty shared secret":     {nil, `{"purchasely":{"shared_secret":""},` + right + "}", nil, finding, "shared_secret is missing or empty", map[string]string{}},
		"a misspelt key":             {nil, "{" + strings.Replace(purchasely, "shared_secret", "sharedsecret", 1) + "," + right + "}", nil, usage, "standard input is not the JSON object that holds the secrets", map[string]string{}},
		"no JSON":                    {nil, "shared-4711", nil, usage, "standard input is not the JSON object", map[string]string{}},
		"both are there":             {both, "{" + purchasely + "," + right + "}", nil, finding, "both secrets of demo are there already", both},
		"one is there and given": {
			map[string]string{purchaselyName: "old"}, "{" + purchasely + "," + right + "}", nil, finding, "secret " + purchaselyName + " is there already", map[string]string{purchaselyName: "old"},
		},
		"one is there and stays": {
			map[string]string{purchaselyName: "old"}, "{" + right + "}", nil, fine, "secret " + purchaselyName + " kept", map[string]string{purchaselyName: "old", clevertapName: stored},
		},
		"both are replaced": {
			both, "{" + purchasely + "," + bare + "}", []string{"--replace"}, fine, "secret " + purchaselyName + " replaced",
			map[string]string{purchaselyName: `{"shared_secret":"shared-4711","previous_shared_secret":"former-4711"}`, clevertapName: stored},
		},
		"the same shared secret once more keeps the one before it": {
			map[string]string{purchaselyName: `{"shared_secret":"shared-4711","previous_shared_secret":"former-4711"}`, clevertapName: stored}, "{" + purchasely + "}", []string{"--replace"}, fine,
			"secret " + clevertapName + " kept", map[string]string{purchaselyName: `{"shared_secret":"shared-4711","previous_shared_secret":"former-4711"}`, clevertapName: stored},
		},
		"a sandbox account that is there stays": {
			map[string]string{purchaselyName: "old", clevertapName: `{"region":"eu1","account_id":"OLD","passcode":"x","sandbox":{"region":"eu1","account_id":"TEST-AAA-111-2222","passcode":"sandbox-pass"}}`},
			"{" + bare + "}", []string{"--replace"}, fine, "belong to eu1",
			map[string]string{purchaselyName: "old", clevertapName: `{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass","sandbox":{"region":"eu1","account_id":"TEST-AAA-111-2222","passcode":"sandbox-pass"}}`},
		},
		"an unknown app":     {nil, "{}", []string{"dmeo"}, usage, `app "dmeo" is not in the integration file`, map[string]string{}},
		"another URL":        {nil, "{" + purchasely + "," + right + "}", []string{"--url", "http://127.0.0.1:4566/x"}, fine, "\n  http://127.0.0.1:4566/x\n", nil},
		"a URL that is none": {nil, "{}", []string{"--url", "http://example.com"}, usage, "must begin with https://", map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newFakeCloud(t)
			cleverTap(t)
			maps.Copy(cloud.secrets, c.before)
			args := append([]string{"app", "add", "--stack", testStack}, c.args...)
			if name != "an unknown app" {
				args = append(args, "demo")
			}
			got := execute(t, c.in, args...)
			if got.code != c.code || !strings.Contains(got.out+got.errs, c.out) {
				t.Errorf("got %+v, want %d and %q", got, c.code, c.out)
			}
			if c.after != nil && !maps.Equal(cloud.secrets, c.after) {
				t.Errorf("stored: %v", cloud.secrets)
			}
			leaks(t, got)
		})
	}
}

func TestARegionThatDoesNotAnswerIsBelieved(t *testing.T) {
	cloud := newFakeCloud(t)
	t.Setenv(endpointVariable, "http://127.0.0.1:1/{host}")
	in := `{"purchasely":{"shared_secret":"shared-4711"},"clevertap":{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass"}}`
	got := execute(t, in, "app", "add", "--stack", testStack, "demo")
	if got.code != fine || !strings.Contains(got.errs, "CleverTap could not be asked in in1: network: upload: connection failed; the credentials are stored untried") ||
		strings.Contains(got.out, "are right") || len(cloud.secrets) != 2 {
		t.Errorf("got %+v", got)
	}
	delete(cloud.secrets, clevertapName)
	got = execute(t, strings.Replace(in[strings.Index(in, `"clevertap"`):], `"region":"in1",`, "", 1), "app", "add", "--stack", testStack, "demo")
	if got.code != usage {
		t.Errorf("half a JSON object was taken: %+v", got)
	}
	got = execute(t, `{"clevertap":{"account_id":"AAA-111-2222","passcode":"right-pass"}}`, "app", "add", "--stack", testStack, "demo")
	if got.code != finding || !strings.Contains(got.errs, "could not be asked in aps3, eu1, in1") || len(cloud.secrets) != 1 {
		t.Errorf("got %+v", got)
	}
	leaks(t, got)
}

func TestASecondRunFinishesWhatTheFirstBegan(t *testing.T) {
	cloud := newFakeCloud(t)
	cleverTap(t)
	creates := 0
	cloud.before = func(operation string) {
		if operation == "CreateSecret" {
			if creates++; creates == 2 {
				cloud.refuseAll(operation, "AccessDeniedException")
			}
		}
	}
	const in = `{"purchasely":{"shared_secret":"shared-4711"},"clevertap":{"account_id":"AAA-111-2222","passcode":"right-pass"}}`
	got := execute(t, in, "app", "add", "--stack", testStack, "demo")
	if got.code != finding || !strings.Contains(got.errs, "Secrets Manager CreateSecret: AccessDeniedException\nhint: your AWS identity may not do this; what is stored is right") {
		t.Errorf("got %+v", got)
	}
	leaks(t, got)
	delete(cloud.refuse, "CreateSecret")
	got = execute(t, `{"purchasely":{"shared_secret":"shared-4711"}}`, "app", "add", "--stack", testStack, "demo")
	if got.code != fine || len(cloud.secrets) != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestQuestionsAtATerminal(t *testing.T) {
	kept := part{name: "k", there: true, replace: true, text: []byte(`{"sandbox":{"account_id":"TEST"}}`)}
	for name, c := range map[string]struct {
		purchasely, clevertap part
		answers               []string // as they are typed; a leading * marks what must be hidden
		want                  string
		code                  int
	}{
		"everything": {
			part{}, part{}, []string{"*s", "ID", "*p", "", ""},
			`{"purchasely":{"shared_secret":"s"},"clevertap":{"region":"","account_id":"ID","passcode":"p"}}`, fine,
		},
		"a sandbox account too": {
			part{}, part{}, []string{"*s\"", "ID", "*p", "in1", "SB", "*q", "eu1"},
			`{"purchasely":{"shared_secret":"s\""},"clevertap":{"region":"in1","account_id":"ID","passcode":"p","sandbox":{"region":"eu1","account_id":"SB","passcode":"q"}}}`, fine,
		},
		"one is there":             {part{there: true}, part{}, []string{"ID", "*p", "", ""}, `{"purchasely":null,"clevertap":{"region":"","account_id":"ID","passcode":"p"}}`, fine},
		"both are kept":            {kept, kept, []string{"*", ""}, `{"purchasely":null,"clevertap":null}`, fine},
		"an empty shared secret":   {part{}, part{}, []string{"*"}, "the shared secret is empty", usage},
		"an empty account id":      {part{}, part{}, []string{"*s", ""}, "the account id is empty", usage},
		"an empty passcode":        {part{}, part{}, []string{"*s", "ID", "*"}, "the passcode is empty", usage},
		"an interrupt":             {part{}, part{}, []string{"*s", "^C"}, "interrupted", finding},
		"an interrupted sandbox":   {part{}, part{}, []string{"*s", "ID", "*p", "", "^C"}, "interrupted", finding},
		"an interrupt at the code": {part{}, part{}, []string{"*s", "ID", "^C"}, "interrupted", finding},
	} {
		t.Run(name, func(t *testing.T) {
			rest := c.answers
			v, err := askValues(func(label string, hidden bool) (string, error) {
				if len(rest) == 0 {
					t.Fatalf("nobody expects %q", label)
				}
				answer := rest[0]
				rest = rest[1:]
				text, secret := strings.CutPrefix(answer, "*")
				switch {
				case answer == "^C":
					return "", errInterrupted
				case secret != hidden:
					t.Errorf("%q is hidden: %v", label, hidden)
				}
				return text, nil
			}, c.purchasely, c.clevertap)
			if c.code != fine {
				if f, ok := errors.AsType[*failure](err); !ok || f.code != c.code || f.Error() != c.want {
					t.Errorf("got %v, want %q", err, c.want)
				}
				return
			}
			got, _ := secretText(v)
			if got != c.want || err != nil || len(rest) != 0 {
				t.Errorf("got %s, %v, want %s; not asked: %q", got, err, c.want, rest)
			}
		})
	}
}

func TestAppCheck(t *testing.T) {
	const (
		keys  = `{"shared_secret":"shared-4711"}`
		right = `{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass"}`
	)
	for name, c := range map[string]struct {
		app, purchasely, clevertap string
		code                       int
		out                        string
	}{
		"all is well": {"demo", keys, right, fine, "right  integration file shared/config/integrations.yaml\nright  secret " + purchaselyName + "\nright  secret " + clevertapName +
			": CleverTap takes the credentials in in1\ndemo: 0 problems\n"},
		"nothing is there":       {"demo", "", "", finding, "wrong  secret " + purchaselyName + ": it is missing\n       'bridge app add' creates it\nwrong  secret " + clevertapName + ": it is missing\n"},
		"no JSON":                {"demo", "shared-4711", "{", finding, ": secret is not a JSON object with a string under shared_secret"},
		"no JSON there either":   {"demo", keys, `{"passcode":"right-pass"`, finding, clevertapName + ": clevertap secret: not a JSON object of strings"},
		"no passcode":            {"demo", keys, `{"account_id":"AAA-111-2222"}`, finding, "account_id or passcode missing"},
		"a region that is none":  {"demo", keys, strings.Replace(right, "in1", "europe", 1), finding, "region is not a region's code\n       regions are eu1, in1"},
		"the wrong region":       {"demo", keys, strings.Replace(right, "in1", "eu1", 1), finding, clevertapName + ": the credentials belong to in1, the secret says eu1: change region\n       set region to in1\ndemo: 1 problem\n"},
		"the wrong passcode":     {"demo", keys, strings.Replace(right, "right", "wrong", 1), finding, "no region takes them: the passcode is wrong or expired"},
		"a sandbox":              {"demo", keys, right[:len(right)-1] + `,"sandbox":{"region":"eu","account_id":"TEST-AAA-111-2222","passcode":"sandbox-pass"}}`, fine, clevertapName + ", sandbox: CleverTap takes the credentials in eu1"},
		"a sandbox in no region": {"demo", keys, right[:len(right)-1] + `,"sandbox":{"region":"eu","account_id":"TEST-AAA-111-2222","passcode":"wrong-pass"}}`, finding, clevertapName + ", sandbox: no region takes them"},
		"an empty secret":        {"demo", keys, " ", finding, "not a JSON object"},
		"an unknown app":         {"dmeo", "", "", finding, `wrong  integration file shared/config/integrations.yaml: app "dmeo" is not in the integration file` + "\n       the apps in shared/config/integrations.yaml: demo"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newFakeCloud(t)
			server := cleverTap(t)
			for name, text := range map[string]string{purchaselyName: c.purchasely, clevertapName: c.clevertap} {
				if text != "" {
					cloud.secrets[name] = text
				}
			}
			got := execute(t, "", "app", "check", "--stack", testStack, c.app)
			if got.code != c.code || !strings.Contains(got.out, c.out) || got.errs != "" {
				t.Errorf("got %+v, want %d and %q", got, c.code, c.out)
			}
			leaks(t, got)
			if n := len(server.Records("")); n != 0 {
				t.Errorf("CleverTap stored %d records", n)
			}
		})
	}
}

func TestAppCheckForPrograms(t *testing.T) {
	cloud := newFakeCloud(t)
	cleverTap(t)
	cloud.secrets[purchaselyName] = `{"shared_secret":"shared-4711"}`
	got := execute(t, "", "app", "check", "--stack", testStack, "--json", "demo")
	want := `{"app":"demo","problems":1,"checks":[{"what":"integration file shared/config/integrations.yaml","right":true},` +
		`{"what":"secret ` + purchaselyName + `","right":true},{"what":"secret ` + clevertapName + `","right":false,"problem":"it is missing","advice":"'bridge app add' creates it"}]}` + "\n"
	if got.code != finding || got.out != want {
		t.Errorf("got %+v, want %s", got, want)
	}
}

func TestASecretThatCannotBeReadIsAFinding(t *testing.T) {
	for code, want := range map[string]string{
		"AccessDeniedException":   "Secrets Manager GetSecretValue: AccessDeniedException\n       your AWS identity may not do this",
		"InvalidRequestException": "is marked for deletion\n       'aws secretsmanager restore-secret' brings it back",
	} {
		t.Run(code, func(t *testing.T) {
			cloud := newFakeCloud(t)
			cleverTap(t)
			cloud.refuse["GetSecretValue"] = code
			got := execute(t, "", "app", "check", "--stack", testStack, "demo")
			if got.code != finding || strings.Count(got.out, want) != 2 {
				t.Errorf("got %+v", got)
			}
			leaks(t, got)
		})
	}
}
