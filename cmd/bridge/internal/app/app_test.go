package app

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	purchaselyName = clitest.PurchaselySecret
	clevertapName  = clitest.CleverTapSecret
	usersName      = "purchasely-clevertap/demo/users"
	relayName      = "purchasely-clevertap/demo/relay"

	// What is stored where all is well.
	sharedSecret = `{"shared_secret":"shared-4711"}`
	credentials  = `{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass"}`
)

// run executes "bridge app" on the stack.
func run(t *testing.T, network http.RoundTripper, in, args string) clitest.Result {
	t.Helper()
	words := append([]string{"app"}, strings.Fields(args)...)
	got := clitest.Run(t.Context(), NewCommand(network), in, append(words, "--stack", clitest.Stack)...)
	got.CheckLeaks(t)
	return got
}

// putSecrets puts the app's secrets that all apps have, and others. An empty text is none.
func putSecrets(c *clitest.Cloud, purchasely, clevertap string, others map[string]string) {
	texts := map[string]string{purchaselyName: purchasely, clevertapName: clevertap}
	maps.Copy(texts, others)
	for name, text := range texts {
		if text != "" {
			c.Secrets.Put(name, text)
		}
	}
}

// stored are the app's secrets that exist.
func stored(c *clitest.Cloud) map[string]string {
	all := map[string]string{purchaselyName: c.Secrets.Text(purchaselyName), clevertapName: c.Secrets.Text(clevertapName)}
	maps.DeleteFunc(all, func(_, text string) bool { return text == "" })
	return all
}

func TestAdd(t *testing.T) {
	const (
		purchasely = `"purchasely":{"shared_secret":"shared-4711"}`
		right      = `"clevertap":{"region":"IN","account_id":"AAA-111-2222","passcode":"right-pass"}`
		found      = `"clevertap":{"account_id":"AAA-111-2222","passcode":"right-pass"}`
		sandbox    = `"sandbox":{"account_id":"TEST-AAA-111-2222","passcode":"sandbox-pass"}`
		textSB     = `{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass",` +
			`"sandbox":{"region":"eu1","account_id":"TEST-AAA-111-2222","passcode":"sandbox-pass"}}`
		rotated = `{"shared_secret":"shared-4711","previous_shared_secret":"former-4711"}`
	)
	former := map[string]string{
		purchaselyName: `{"shared_secret":"former-4711"}`,
		clevertapName:  `{"region":"eu1","account_id":"OLD","passcode":"wrong-pass"}`,
	}
	kept := map[string]string{purchaselyName: "old"}
	none := map[string]string{}
	for name, c := range map[string]struct {
		before map[string]string
		in     string // without its braces
		args   string
		code   int
		shown  string // in one of the outputs
		after  map[string]string
	}{
		"the region is given": {nil, purchasely + "," + right, "demo", cli.OK,
			"the credentials are right and belong to in1\nsecret " + clevertapName + " created\n" +
				"secret " + purchaselyName + " created\n",
			map[string]string{purchaselyName: sharedSecret, clevertapName: credentials}},
		"the region is found": {nil, purchasely + "," + found, "demo --json", cli.OK, `{"app":"demo",` +
			`"url":"https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/purchasely/demo","region":"in1",` +
			`"secrets":[{"name":"` + clevertapName + `","done":"created"},{"name":"` + purchaselyName + `","done":"created"}]}`,
			map[string]string{purchaselyName: sharedSecret, clevertapName: credentials}},
		"a sandbox account": {nil, purchasely + "," + found[:len(found)-1] + "," + sandbox + "}", "demo", cli.OK,
			"the sandbox credentials are right and belong to eu1",
			map[string]string{purchaselyName: sharedSecret, clevertapName: textSB}},
		"the wrong region": {nil, purchasely + "," + strings.Replace(right, "IN", "eu1", 1), "demo", cli.Finding,
			"the credentials belong to in1, the secret says eu1: change region\nhint: set region to in1", none},
		"the wrong passcode": {nil, purchasely + "," + strings.Replace(found, "right", "wrong", 1), "demo", cli.Finding,
			"no region takes them: the passcode is wrong or expired", none},
		"the wrong sandbox passcode": {nil, purchasely + "," + right[:len(right)-1] + "," +
			strings.Replace(sandbox, "sandbox-pass", "wrong-pass", 1) + "}", "demo", cli.Finding,
			"this is about the sandbox account", none},
		"a region that is none": {nil, purchasely + "," + strings.Replace(right, "IN", "europe", 1), "demo", cli.Finding,
			"region is not a region", none},
		"half of it": {nil, purchasely, "demo", cli.Usage,
			`standard input has no "clevertap", and secret ` + clevertapName + " is missing", none},
		"an empty shared secret": {nil, `"purchasely":{"shared_secret":""},` + right, "demo", cli.Finding,
			"shared_secret is missing or empty", none},
		"a misspelt key": {nil, strings.Replace(purchasely, "shared_", "shared", 1) + "," + right, "demo", cli.Usage,
			"standard input is not the JSON object that holds the secrets\nhint: nobody reads its key " +
				`"purchasely.sharedsecret"; did you mean purchasely.shared_secret?`, none},
		"a misspelt part": {nil, strings.Replace(purchasely, "purchasely", "purchasly", 1) + "," + right, "demo", cli.Usage,
			`nobody reads its key "purchasly"; did you mean purchasely?`, none},
		"no JSON": {nil, "shared-4711", "demo", cli.Usage, "standard input is not the JSON object", none},
		"both are there": {former, purchasely + "," + right, "demo", cli.Finding,
			"both secrets of demo are there already", former},
		"one is there and given": {kept, purchasely + "," + right, "demo", cli.Finding,
			"secret " + purchaselyName + " is there already", kept},
		"one is there and stays": {kept, right, "demo", cli.OK, "secret " + purchaselyName + " kept",
			map[string]string{purchaselyName: "old", clevertapName: credentials}},
		"both are replaced": {former, purchasely + "," + found, "demo --replace", cli.OK,
			"secret " + purchaselyName + " replaced", map[string]string{purchaselyName: rotated, clevertapName: credentials}},
		"the same shared secret once more keeps the one before it": {
			map[string]string{purchaselyName: rotated, clevertapName: credentials}, purchasely, "demo --replace", cli.OK,
			"secret " + clevertapName + " kept", map[string]string{purchaselyName: rotated, clevertapName: credentials}},
		"a sandbox account that is there stays": {map[string]string{purchaselyName: "old", clevertapName: textSB}, found,
			"demo --replace", cli.OK, "belong to eu1", map[string]string{purchaselyName: "old", clevertapName: textSB}},
		"an unknown app": {nil, "", "dmeo", cli.Usage, `app "dmeo" is not in the integration file`, none},
		"another URL": {nil, purchasely + "," + right, "demo --url http://127.0.0.1:4566/x", cli.OK,
			"\n  http://127.0.0.1:4566/x\n", nil},
		"a URL that is none": {nil, "", "demo --url http://example.com", cli.Usage, "must begin with https://", nil},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			putSecrets(cloud, "", "", c.before)
			got := run(t, cloud, "{"+c.in+"}", "add "+c.args)
			if got.Code != c.code || !strings.Contains(got.Out+got.Errs, c.shown) {
				t.Errorf("got %+v, want %d and %q", got, c.code, c.shown)
			}
			if c.after != nil && !maps.Equal(stored(cloud), c.after) {
				t.Errorf("stored: %v", stored(cloud))
			}
		})
	}
}

// withoutCleverTap is a network on which CleverTap does not answer.
func withoutCleverTap(c *clitest.Cloud) clitest.RoundTrip {
	return func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Host, "clevertap.com") {
			return nil, syscall.EHOSTUNREACH
		}
		return c.RoundTrip(r)
	}
}

func TestARegionThatDoesNotAnswerIsBelieved(t *testing.T) {
	const purchasely = `"purchasely":{"shared_secret":"shared-4711"}`
	for name, c := range map[string]struct {
		region string
		code   int
		errs   string
		stored int
	}{
		"if it was given": {`"region":"in1",`, cli.OK,
			"CleverTap could not be asked in in1: network: upload: no route to " +
				"host; the credentials are stored untried", 2},
		"but not if it has to be found": {"", cli.Finding, "could not be asked in aps3, eu1, in1", 0},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			in := "{" + purchasely + `,"clevertap":{` + c.region + `"account_id":"AAA-111-2222","passcode":"right-pass"}}`
			got := run(t, withoutCleverTap(cloud), in, "add demo")
			if !got.Has(c.code, "", c.errs) || strings.Contains(got.Out, "are right") || len(stored(cloud)) != c.stored {
				t.Errorf("got %+v, stored %v", got, stored(cloud))
			}
		})
	}
}

func TestASecondRunFinishesWhatTheFirstBegan(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.Secrets.Deny(purchaselyName, true)
		c.Secrets.Before(func(operation string) { // only its creation is denied
			c.Secrets.Deny(purchaselyName, operation == "CreateSecret")
		})
		const purchasely = `"purchasely":{"shared_secret":"shared-4711"}`
		in := "{" + purchasely + `,"clevertap":{"account_id":"AAA-111-2222","passcode":"right-pass"}}`
		got := run(t, c, in, "add demo")
		got.Want(t, cli.Finding, "", "Secrets Manager CreateSecret: AccessDeniedException\n"+
			"hint: your AWS identity may not do this; what is stored is right")
		c.Secrets.Before(nil)
		c.Secrets.Deny(purchaselyName, false)
		got = run(t, c, "{"+purchasely+"}", "add demo")
		if got.Code != cli.OK || len(stored(c)) != 2 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestQuestionsAtATerminal(t *testing.T) {
	none, there := storedSecret{}, storedSecret{exists: true}
	kept := storedSecret{name: "k", exists: true, replace: true, text: []byte(`{"sandbox":{"account_id":"TEST"}}`)}
	for name, c := range map[string]struct {
		current storedSecrets
		answers string // as they are typed; a leading * marks what must be hidden
		want    string
		code    int
	}{
		"everything": {storedSecrets{none, none}, "*s ID *p - -",
			`{"purchasely":{"shared_secret":"s"},"clevertap":{"region":"","account_id":"ID","passcode":"p"}}`, cli.OK},
		"a sandbox account too": {storedSecrets{none, none}, "*s\" ID *p in1 SB *q eu1",
			`{"purchasely":{"shared_secret":"s\""},"clevertap":{"region":"in1","account_id":"ID","passcode":"p",` +
				`"sandbox":{"region":"eu1","account_id":"SB","passcode":"q"}}}`, cli.OK},
		"one is there": {storedSecrets{there, none}, "ID *p - -",
			`{"purchasely":null,"clevertap":{"region":"","account_id":"ID","passcode":"p"}}`, cli.OK},
		"both are kept":            {storedSecrets{kept, kept}, "*- -", `{"purchasely":null,"clevertap":null}`, cli.OK},
		"an empty shared secret":   {storedSecrets{none, none}, "*-", "the shared secret is empty", cli.Usage},
		"an empty account id":      {storedSecrets{none, none}, "*s -", "the account id is empty", cli.Usage},
		"an empty passcode":        {storedSecrets{none, none}, "*s ID *-", "the passcode is empty", cli.Usage},
		"an interrupt":             {storedSecrets{none, none}, "*s ^C", "interrupted", cli.Finding},
		"an interrupted sandbox":   {storedSecrets{none, none}, "*s ID *p - ^C", "interrupted", cli.Finding},
		"an interrupt at the code": {storedSecrets{none, none}, "*s ID ^C", "interrupted", cli.Finding},
	} {
		t.Run(name, func(t *testing.T) {
			rest := strings.Fields(c.answers)
			v, err := askValues(func(label string, hidden bool) (string, error) {
				if len(rest) == 0 {
					t.Fatalf("nobody expects %q", label)
				}
				answer := rest[0]
				rest = rest[1:]
				text, secret := strings.CutPrefix(answer, "*")
				switch {
				case answer == "^C":
					return "", cli.ErrInterrupted
				case secret != hidden:
					t.Errorf("%q is hidden: %v", label, hidden)
				}
				return strings.TrimPrefix(text, "-"), nil
			}, c.current)
			if c.code != cli.OK {
				if e, ok := errors.AsType[*cli.Error](err); !ok || e.Code != c.code || e.Error() != c.want {
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

func TestAddSigningSecrets(t *testing.T) {
	key := regexp.MustCompile(`whsec_[A-Za-z0-9+/]{43}=`)
	const former = `{"signing_secret":"whsec_Zm9ybWVyIGtleSBvZiB0aGUgZGVtbyBhcHAsIDMyYnk="}`
	for name, c := range map[string]struct {
		before string
		off    bool // the endpoint
		args   string
		code   int
		shown  string
	}{
		"a first one": {"", false, "--users-secret demo", cli.OK, "secret " + usersName + " created"},
		"for programs": {"", false, "--users-secret demo --json", cli.OK,
			`{"app":"demo","url":"https://api.example/users/demo","secrets":[{`},
		"another one": {former, false, "--users-secret demo --replace", cli.OK, "secret " + usersName + " replaced"},
		"one is there": {former, false, "--users-secret demo", cli.Finding,
			"secret " + usersName + " is there already\nhint: --replace"},
		"no endpoint": {"", true, "--users-secret demo", cli.OK, "deploy it with UsersEndpoint=on"},
		"a local AWS": {"", true, "--users-secret demo --url http://127.0.0.1:9902", cli.OK,
			"\n  http://127.0.0.1:9902/users/demo\n"},
		"a receiver": {"", true, "--users-secret demo --url http://127.0.0.1:9902/x/purchasely/demo", cli.OK,
			"9902/x/users/demo\n"},
		"an odd URL": {"", false, "--users-secret demo --url http://example.com", cli.Usage,
			"must begin with https://"},
		"the relay's": {"", false, "--relay-secret demo", cli.OK, "secret " + relayName + " created"},
		"the relay's, for programs": {"", false, "--relay-secret demo --json", cli.OK,
			`{"app":"demo","secrets":[{"name":"` + relayName + `","done":"created"}],"signing_secret"`},
		"another one of the relay's": {former, false, "--relay-secret demo --replace", cli.OK, "replaced"},
		"two at once":                {"", false, "--relay-secret demo --users-secret", cli.Usage, "not both"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			if !c.off {
				cloud.SetOutput("UsersUrl", "https://api.example/users/{app}")
			}
			name := usersName
			if strings.Contains(c.args, "relay") {
				name = relayName
			}
			putSecrets(cloud, "", "", map[string]string{name: c.before})
			got := run(t, cloud, "", "add "+c.args)
			if got.Code != c.code || !strings.Contains(got.Out+got.Errs, c.shown) {
				t.Errorf("got %+v, want %d and %q", got, c.code, c.shown)
			}
			text, made := cloud.Secrets.Text(name), key.FindString(got.Out+got.Errs)
			if c.code != cli.OK {
				if text != c.before || made != "" {
					t.Errorf("stored %s, got %+v", text, got)
				}
				return
			}
			want := `{"signing_secret":"` + made + `"`
			if c.before != "" {
				want += `,"previous_` + former[2:len(former)-1]
			}
			if text != want+"}" || len(stored(cloud)) > 0 {
				t.Errorf("stored %s and %v, want %s}", text, stored(cloud), want)
			}
			if _, err := standardwebhooks.ParseKeys([]byte(text)); err != nil {
				t.Error(err)
			}
		})
	}
}

// usersEndpoint answers as the deployed function does.
func usersEndpoint(key string) clitest.RoundTrip {
	keys, err := standardwebhooks.ParseKeys([]byte(`{"signing_secret":"` + key + `"}`))
	if err != nil {
		panic(err)
	}
	return func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		h := r.Header
		signed := keys.Verify(h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature"), body, time.Now())
		switch {
		case r.Method != http.MethodPost || r.URL.Path != "/users/demo":
			return clitest.Answer(404, "{}")(r)
		case signed != nil:
			return clitest.Answer(401, "{}")(r)
		case string(body) != `{"links":[]}`:
			return clitest.Answer(422, "{}")(r)
		}
		return clitest.Answer(200, "{}")(r)
	}
}

func TestCheckTriesTheUsersEndpoint(t *testing.T) {
	const (
		key   = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
		other = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIz"
		url   = "https://api.example/users/demo"
	)
	down := func(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") }
	for name, c := range map[string]struct {
		secret   string
		off      bool
		endpoint clitest.RoundTrip
		args     string
		code     int
		out      string // without the lines about the other secrets; empty: no line more
	}{
		"all is well": {key, false, usersEndpoint(key), "", cli.OK,
			"right  secret " + usersName + "\nright  users endpoint " + url + ": it takes the signature\n"},
		"at another URL": {key, true, usersEndpoint(key), "--url https://other.example", cli.OK,
			"right  users endpoint https://other.example/users/demo: it takes"},
		"another secret there": {key, false, usersEndpoint(other), "", cli.Finding,
			"wrong  users endpoint " + url + ": it answers 401 to a signed request\n       the endpoint learns"},
		"an unknown app":      {key, false, clitest.Answer(404, "{}"), "", cli.Finding, "it answers 404"},
		"something else":      {key, false, clitest.Answer(302, ""), "", cli.Finding, "this is no answer of the bridge"},
		"nothing there":       {key, false, down, "", cli.Finding, "it does not answer: no route to host\n       is it"},
		"no key":              {"private", false, nil, "", cli.Finding, "--users-secret --replace"},
		"no secret":           {"", false, nil, "", cli.OK, "there is none, so your back end says nothing"},
		"no endpoint":         {key, true, nil, "", cli.OK, "UsersEndpoint is off"},
		"neither of the two":  {"", true, nil, "", cli.OK, ""},
		"no right to read it": {"denied", false, nil, "", cli.Finding, "AccessDeniedException"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			if !c.off {
				cloud.SetOutput("UsersUrl", "https://api.example/users/{app}")
			}
			cloud.Receiver = func(r *http.Request) (*http.Response, error) {
				if strings.HasPrefix(r.URL.Path, "/purchasely/") {
					return clitest.Answer(http.StatusOK, `{"status":"queued"}`)(r)
				}
				return c.endpoint(r)
			}
			putSecrets(cloud, sharedSecret, credentials, nil)
			if c.secret != "" {
				cloud.Secrets.Put(usersName, `{"signing_secret":"`+c.secret+`"}`)
			}
			cloud.Secrets.Deny(usersName, c.secret == "denied")
			got := run(t, cloud, "", "check demo "+c.args)
			if got.Code != c.code || !strings.Contains(got.Out, c.out) ||
				c.code == cli.OK && c.out == "" && strings.Contains(got.Out, "users") {
				t.Errorf("got %+v, want %d and %q", got, c.code, c.out)
			}
			if strings.Contains(got.Out+got.Errs, "MDEyMz") || strings.Contains(got.Out+got.Errs, "private") {
				t.Errorf("the key shows: %+v", got)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	const (
		keys  = sharedSecret
		right = credentials
		file  = "built-in integrations.yaml"
		url   = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/purchasely/demo"
	)
	sandbox := func(passcode string) string {
		account := `{"region":"eu","account_id":"TEST-AAA-111-2222","passcode":"` + passcode + `"}`
		return right[:len(right)-1] + `,"sandbox":` + account + "}"
	}
	for name, c := range map[string]struct {
		args, purchasely, clevertap string
		code                        int
		out                         string
	}{
		"all is well": {"demo", keys, right, cli.OK, "right  integration file " + file + "\n" +
			"right  secret " + purchaselyName + "\nright  webhooks at " + url + ": a signed one was accepted\n" +
			"right  secret " + clevertapName + ": CleverTap takes the credentials in in1\ndemo: 0 problems\n"},
		"the only app": {"", keys, right, cli.OK, "demo: 0 problems\n"},
		"nothing is there": {"demo", "", "", cli.Finding, "wrong  secret " + purchaselyName + ": it is missing\n" +
			"       'bridge app add' creates it\nwrong  secret " + clevertapName + ": it is missing\n"},
		"for programs": {"demo --json", keys, "", cli.Finding, `{"app":"demo","problems":1,"checks":[` +
			`{"what":"integration file ` + file + `","right":true},{"what":"secret ` + purchaselyName + `","right":true},` +
			`{"what":"webhooks at ` + url + `","right":true,"note":"a signed one was accepted"},` +
			`{"what":"secret ` + clevertapName + `","right":false,"problem":"it is missing",` +
			`"advice":"'bridge app add' creates it"}]}`},
		"no JSON": {"demo", "shared-4711", "{", cli.Finding, purchaselyName + ": secret is not a JSON object"},
		"a region that is none": {"demo", keys, strings.Replace(right, "in1", "europe", 1), cli.Finding,
			"\n       regions are eu1, in1"},
		"the wrong region": {"demo", keys, strings.Replace(right, "in1", "eu1", 1), cli.Finding, clevertapName +
			": the credentials belong to in1, the secret says eu1: change region\n       set region to in1\ndemo: 1 problem\n"},
		"the wrong passcode": {"demo", keys, strings.Replace(right, "right", "wrong", 1), cli.Finding,
			"no region takes them: the passcode is wrong or expired"},
		"a sandbox": {"demo", keys, sandbox("sandbox-pass"), cli.OK,
			clevertapName + ", sandbox: CleverTap takes the credentials in eu1"},
		"a sandbox in no region": {"demo", keys, sandbox("wrong-pass"), cli.Finding,
			clevertapName + ", sandbox: no region takes them"},
		"a pasted secret": {"demo", `{"shared_secret":"\u00a0\"shared-4711\"\n","previous_shared_secret":"former-4711"}`,
			strings.Replace(right, "right-pass", ` right-pass\t`, 1), cli.OK, "right  secret " + purchaselyName + "\n" +
				"       warning: shared_secret has white space around it, which the bridge leaves out\n" +
				"       warning: shared_secret is in quotation marks: if they were pasted along, store it without them\n"},
		"a key of the wrong name": {"demo", `{"sharedSecret":"shared-4711"}`, right, cli.Finding,
			"shared_secret is missing or empty\n       want {\"shared_secret\":\"…\"}; 'bridge app add --replace' stores it\n" +
				"       warning: nobody reads its key \"sharedSecret\"; did you mean shared_secret?\n"},
		"a key that nobody knows": {"demo", keys, strings.Replace(right, "region", "account", 1), cli.Finding,
			`warning: nobody reads its key "account"; its keys are region, account_id, passcode, sandbox,`},
		"a key inside of the sandbox": {"demo", keys, strings.Replace(sandbox("sandbox-pass"), `"region":"eu"`,
			`"Region ":"eu"`, 1), cli.OK, `warning: nobody reads its key "sandbox.Region "; did you mean sandbox.region?`},
		"a secret in the place of a key": {"demo", `{"shared-4711":"","shared_secret":"shared-4711"}`, right, cli.OK,
			"warning: nobody reads one of its keys, which is not shown here because it may be a secret"},
		"an empty secret": {"demo", keys, " ", cli.Finding, "not a JSON object"},
		"an unknown app": {"dmeo", "", "", cli.Finding, "wrong  integration file " + file +
			`: app "dmeo" is not in the integration file` + "\n       did you mean demo? the apps in " + file + ": demo"},
		"no right to read": {"demo", keys, right, cli.Finding,
			"Secrets Manager GetSecretValue: AccessDeniedException\n       your AWS identity may not do this"},
		"marked for deletion": {"demo", keys, right, cli.Finding,
			"is marked for deletion\n       'aws secretsmanager restore-secret' brings it back"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			putSecrets(cloud, c.purchasely, c.clevertap, nil)
			if code := map[string]string{
				"no right to read": "AccessDeniedException", "marked for deletion": "InvalidRequestException",
			}[name]; code != "" {
				cloud.Secrets.Inject(awstest.Fault{Status: 400, Code: code})
			}
			got := run(t, cloud, "", "check "+c.args)
			if got.Code != c.code || !strings.Contains(got.Out, c.out) || (got.Errs != "") != (c.args == "") {
				t.Errorf("got %+v, want %d and %q", got, c.code, c.out)
			}
			if n := len(cloud.CleverTap.Records("")); n != 0 {
				t.Errorf("CleverTap stored %d records", n)
			}
		})
	}
}

// What does not answer is not called wrong.
func TestCheckTellsAnOutageFromAWrongSecret(t *testing.T) {
	wrong := strings.Replace(credentials, "right", "wrong", 1)
	outage := func(hosts string) func(*clitest.Cloud) clitest.RoundTrip {
		return func(c *clitest.Cloud) clitest.RoundTrip {
			return func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Host, "clevertap.com") && strings.HasPrefix(r.URL.Host, hosts) {
					return clitest.Answer(http.StatusServiceUnavailable, "")(r)
				}
				return c.RoundTrip(r)
			}
		}
	}
	for name, c := range map[string]struct {
		network   func(*clitest.Cloud) clitest.RoundTrip
		clevertap string
		out       string
	}{
		"all of CleverTap": {outage(""), credentials,
			"unsure secret " + clevertapName + ": CleverTap could not be asked in in1: server: upload: status 503\n" +
				"       try again; if it lasts, does this network reach CleverTap?\n" +
				"demo: 0 problems, 1 check that nobody answered\n"},
		"no way to it": {withoutCleverTap, wrong, "demo: 0 problems, 1 check that nobody answered\n"},
		"other regions": {outage("us1"), wrong, "wrong  secret " + clevertapName +
			": in1 refuses the credentials, and CleverTap could not be asked in us1: server: upload: status 503\n"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			putSecrets(cloud, sharedSecret, c.clevertap, nil)
			run(t, c.network(cloud), "", "check demo").Want(t, cli.Finding, c.out, "")
		})
	}
}

// Check sees what Purchasely sees: the URL's answer to what is signed with the stored secret.
func TestCheckPostsASignedWebhookOfNobody(t *testing.T) {
	keys, err := webhook.ParseKeys([]byte(sharedSecret))
	if err != nil {
		t.Fatal(err)
	}
	var posted string
	receiver := func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		posted = r.URL.String() + " " + string(body)
		stamp, digest := r.Header.Get("X-Purchasely-Timestamp"), r.Header.Get("X-Purchasely-Request-Signature")
		if keys.Verify(stamp, digest, body, time.Minute, time.Now()) != nil {
			return clitest.Answer(http.StatusUnauthorized, `{"error":"unauthorized"}`)(r)
		}
		return clitest.Answer(http.StatusOK, `{"status":"queued"}`)(r)
	}
	down := func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED }
	const url = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/purchasely/demo"
	for name, c := range map[string]struct {
		secret   string
		receiver clitest.RoundTrip
		args     string
		code     int
		out      string
	}{
		"right": {"shared-4711", receiver, "", cli.OK,
			"right  webhooks at " + url + ": a signed one was accepted\n"},
		"pasted with a newline": {`shared-4711\n`, receiver, "", cli.OK, "a signed one was accepted"},
		"in quotation marks": {`'shared-4711'`, receiver, "", cli.Finding,
			"the receiver refused the webhook with 401\n"},
		"another secret there": {"former-4711", receiver, "", cli.Finding,
			"with 401\n       the secret is not the one stored"},
		"a queue out of reach": {"shared-4711", clitest.Answer(503, `{"error":"unavailable"}`), "", cli.Finding,
			"wrong  webh"},
		"nobody there": {"shared-4711", down, "", cli.Finding,
			"unsure webhooks at " + url + ": the receiver does not ans"},
		"at another URL": {"shared-4711", receiver, "--url http://127.0.0.1:9902", cli.OK,
			"at http://127.0.0.1:9902/purch"},
		"a URL for all to hear":  {"shared-4711", receiver, "--url http://example.com", cli.Usage, ""},
		"a secret that is empty": {"", receiver, "", cli.Finding, "shared_secret is missing or empty"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			cloud.Receiver, posted = c.receiver, ""
			putSecrets(cloud, `{"shared_secret":"`+c.secret+`"}`, credentials, nil)
			run(t, cloud, "", "check demo "+c.args).Want(t, c.code, c.out, "")
			_, body, _ := strings.Cut(posted, " ")
			if ids := webhook.Peek([]byte(body)); posted != "" && (ids.EventName != "BRIDGE_HEARTBEAT" ||
				ids.EventID == "" || ids.Subscriber.ID != "") {
				t.Errorf("posted %s", posted)
			}
		})
	}
}

func TestAnInterruptEndsACheck(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		putSecrets(c, sharedSecret, credentials, nil)
		ctx, cancel := context.WithCancel(t.Context())
		c.Receiver = func(*http.Request) (*http.Response, error) {
			cancel()
			return nil, ctx.Err()
		}
		got := clitest.Run(ctx, NewCommand(c), "", "app", "check", "--stack", clitest.Stack, "demo")
		if want := (clitest.Result{Code: cli.Finding, Errs: "bridge: interrupted\n"}); got != want {
			t.Errorf("got %+v", got)
		}
	})
}

// A local AWS names a public URL that nobody serves, and 'make run' says in BRIDGE_URL which one does. With a real AWS
// that variable may be left over from another stack, which must not see what is signed with this one's secret.
func TestTheVariableWithTheURLCountsForALocalAWSOnly(t *testing.T) {
	for name, want := range map[string]string{
		"a local AWS": "http://127.0.0.1:9902/purchasely/demo",
		"AWS":         "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/purchasely/demo",
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			if name == "AWS" {
				for _, service := range []string{"CLOUDFORMATION", "SECRETS_MANAGER"} {
					t.Setenv("AWS_ENDPOINT_URL_"+service, os.Getenv("AWS_ENDPOINT_URL"))
				}
				t.Setenv("AWS_ENDPOINT_URL", "")
			}
			t.Setenv("BRIDGE_URL", "http://127.0.0.1:9902")
			putSecrets(cloud, sharedSecret, credentials, nil)
			run(t, cloud, "", "check demo").Want(t, cli.OK, "right  webhooks at "+want+": a signed", "")
		})
	}
}

func TestCredentialsGoNowhereInPlainText(t *testing.T) {
	for _, endpoint := range []string{"http://clevertap.example/{host}", "ftp://127.0.0.1", "clevertap.example"} {
		clitest.Subtest(t, endpoint, func(t *testing.T, cloud *clitest.Cloud) {
			t.Setenv("CLEVERTAP_ENDPOINT", endpoint)
			putSecrets(cloud, sharedSecret, credentials, nil)
			const want = "CLEVERTAP_ENDPOINT is no usable URL\nhint: credentials go there"
			run(t, cloud, "", "check demo").Want(t, cli.Usage, "", want)
		})
	}
}

func TestAddTakesOffWhatWasPastedAlong(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		const in = "\ufeff" + `{"purchasely":{"shared_secret":" 'shared-4711'\n"},` +
			`"clevertap":{"account_id":"\tAAA-111-2222 ","passcode":"right-pass\u200b","region":" in1"}}`
		got := run(t, c, in, "add demo")
		got.Want(t, cli.OK, "", "warning: shared_secret is in quotation marks: if they were pasted along")
		want := map[string]string{
			purchaselyName: `{"shared_secret":"'shared-4711'"}`,
			clevertapName:  credentials,
		}
		if got := stored(c); !maps.Equal(got, want) {
			t.Errorf("stored %v", got)
		}
	})
}

// shopSecrets are given to app add.
const shopSecrets = `{"purchasely":{"shared_secret":"shared-4711"},` +
	`"clevertap":{"account_id":"AAA-111-2222","passcode":"right-pass"}}`

func TestAnAppIsAddedToTheSettings(t *testing.T) {
	const demo = "# ours\napps:\n  demo: {enabled: false} # for now\n"
	for name, c := range map[string]struct {
		before, args string
		code         int
		errs, after  string // after: the settings, empty: as before
	}{
		"with --settings": {demo, "--settings shop", cli.OK, "shop is added to the settings, version version-000002, and",
			demo + "  shop: {}\n"},
		"without": {demo, "shop", cli.Usage,
			"hint: --settings adds it to the stack's settings, with every", ""},
		"one that is there":        {demo, "--settings demo", cli.OK, "", ""},
		"a name that no app has":   {demo, "--settings Shop!", cli.Usage, `app "Shop!" is not in the integration file`, ""},
		"among apps side by side":  {"apps: {demo: {}}\n", "--settings shop", cli.OK, "", "apps: {demo: {}, shop: {}}\n"},
		"where it cannot be added": {"apps: &a\n  demo: {}\n", "--settings shop", cli.Usage, "hint: add it by hand", ""},
		"while there are none": {"", "--settings shop", cli.OK, "shop is added to the settings",
			"      currency: integration\n  shop: {}\n"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			if c.before != "" {
				cloud.S3.Put(clitest.Bucket, settings.Key, []byte(c.before))
			}
			run(t, cloud, shopSecrets, "add "+c.args).Want(t, c.code, "", c.errs)
			object, err := bucket.New(cloud.Config(), clitest.Bucket, 0).Get(t.Context(), "")
			if err != nil || !strings.HasSuffix(string(object.Text), cmp.Or(c.after, c.before)) {
				t.Errorf("the settings are %q, %v", object.Text, err)
			}
			if stored := cloud.Secrets.Text("purchasely-clevertap/shop/purchasely") != ""; stored != (c.after != "") {
				t.Errorf("secrets are stored: %t", stored)
			}
		})
	}
}
