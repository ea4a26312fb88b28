package clevertap_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

func TestParseAccounts(t *testing.T) {
	t.Parallel()
	for _, test := range [][2]string{ // and key and passcode of the production account, then of the sandbox account
		{`{"region":"in1","account_id":"AAA-1","passcode":"p-1"}`, "in1.api.clevertap.com/AAA-1 p-1"},
		{`{"account_id":"AAA","passcode":"p-1"}`, "api.clevertap.com/AAA p-1"},
		{`{"region":null,"account_id":"AAA","passcode":"p-1","sandbox":null}`, "api.clevertap.com/AAA p-1"},
		{`{"account_id":"AAA","passcode":"p-1","note":{"by":"ops"}}`, "api.clevertap.com/AAA p-1"},
		{`{"region":"\u00a0in\n","account_id":" AAA\n","passcode":"\ufeffp-1\r\n"}`, "in1.api.clevertap.com/AAA p-1"},
		{
			`{"region":"us","account_id":"A","passcode":"p","sandbox":{"region":"sg","account_id":"B","passcode":"q"}}`,
			"us1.api.clevertap.com/A p sg1.api.clevertap.com/B q",
		},
	} {
		text, want := test[0], test[1]
		accounts, err := clevertap.ParseAccounts([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := accounts.Production.Key() + " " + accounts.Production.Passcode.Reveal()
		if s := accounts.Sandbox; s != nil {
			got += " " + s.Key() + " " + s.Passcode.Reveal()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestParseAccountsRefuses(t *testing.T) {
	t.Parallel()
	const good = `"account_id":"A","passcode":"passcode-77"`
	for text, reason := range map[string]fault.Reason{
		`passcode-77`:                       fault.Secret,
		``:                                  fault.Secret,
		`{` + good + `}x`:                   fault.Secret,
		`null`:                              fault.Secret,
		`{"account_id":"A","passcode":77}`:  fault.Secret,
		`{"region":77,` + good + `}`:        fault.Secret,
		`{"passcode":"passcode-77"}`:        fault.Secret,
		`{"account_id":"","passcode":"77"}`: fault.Secret,
		`{"account_id":"A","passcode":""}`:  fault.Secret,
		`{` + good + `,"sandbox":{"account_id":"B"}}`:           fault.Secret,
		`{` + good + `,"sandbox":{"passcode":"passcode-77"}}`:   fault.Secret,
		`{` + good + `,"sandbox":"passcode-77"}`:                fault.Secret,
		`{"region":"passcode-77",` + good + `}`:                 fault.Credentials,
		`{"account_id":"A","passcode":"passcode\n-77"}`:         fault.Credentials,
		`{"account_id":" \u00a0","passcode":"passcode-77"}`:     fault.Secret,
		`{"account_id":"A\u0000","passcode":"passcode-77"}`:     fault.Credentials,
		`{` + good + `,"sandbox":{"region":"77",` + good + `}}`: fault.Credentials,
	} {
		_, err := clevertap.ParseAccounts([]byte(text))
		f, ok := errors.AsType[*fault.Fault](err)
		if !ok || f.Kind != fault.Operator || f.Reason != reason {
			t.Errorf("%s: error %v, want the operator's, reason %s", text, err, reason)
			continue
		}
		if shown := fmt.Sprintf("%v %+v %v", err, f, f.Err); strings.Contains(shown, "77") {
			t.Errorf("%s: the error quotes the secret: %s", text, shown)
		}
		if shown := fmt.Sprintf("%#v", f); strings.Contains(shown, "passcode") { // it shows addresses, with any digits
			t.Errorf("%s: the error holds the secret: %s", text, shown)
		}
	}
}

func TestAccountEqual(t *testing.T) {
	t.Parallel()
	base := clevertap.Account{Host: "h", ID: "i", Passcode: secret.New("p")}
	if !base.Equal(clevertap.Account{Host: "h", ID: "i", Passcode: secret.New("p")}) {
		t.Error("a copy is another account")
	}
	for _, other := range []clevertap.Account{
		{Host: "x", ID: "i", Passcode: base.Passcode}, {Host: "h", ID: "x", Passcode: base.Passcode},
		{Host: "h", ID: "i", Passcode: secret.New("x")}, {Host: "h", ID: "i"},
	} {
		if base.Equal(other) {
			t.Errorf("equal to %v", other)
		}
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"": "api", "eu": "api", "eu1": "api", "global": "api", "none": "api", "EU1": "api", " Global\n": "api",
		"  ": "api", "in": "in1.api", "us": "us1.api", "sg": "sg1.api", "sk": "sk1.api", "IN": "in1.api",
		" Us1 ": "us1.api", "in1": "in1.api", "sk1": "sk1.api", "aps3": "aps3.api", "mec1": "mec1.api",
		"eu2": "eu2.api", "abcde99": "abcde99.api",
	} {
		if got, err := clevertap.Host(region); got != want+".clevertap.com" || err != nil {
			t.Errorf("region %q: host %q, %v, want %s", region, got, err, want)
		}
	}
	for _, region := range []string{
		"a1", "abcdef1", "in100", "1in", "in1a", "in-1", "in.1", "in1.evil.example", "evil.example/", "ïn1", "aps",
		"mec", "12", "in1/x", "in1:80", "in1@x", "in 1", "in1\x00", "in１",
	} {
		host, err := clevertap.Host(region)
		if got := outcome(err); host != "" || got != "operator credentials" || strings.Contains(err.Error(), region) {
			t.Errorf("region %q: host %q, %s, error %v", region, host, got, err)
		}
	}
}
