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
	type account struct{ host, id, passcode string }
	tests := map[string]struct {
		text       string
		production account
		sandbox    *account
		reason     fault.Reason // of the Operator fault; empty: none
	}{
		"one account": {
			text:       `{"region":"in1","account_id":"AAA-AAA-AAAA","passcode":"p-1"}`,
			production: account{"in1.api.clevertap.com", "AAA-AAA-AAAA", "p-1"},
		},
		"a region may be absent": {
			text:       `{"account_id":"AAA","passcode":"p-1"}`,
			production: account{"api.clevertap.com", "AAA", "p-1"},
		},
		"a region may be null, and so may the sandbox": {
			text:       `{"region":null,"account_id":"AAA","passcode":"p-1","sandbox":null}`,
			production: account{"api.clevertap.com", "AAA", "p-1"},
		},
		"members that nobody knows are left alone": {
			text:       `{"account_id":"AAA","passcode":"p-1","note":{"by":"ops"}}`,
			production: account{"api.clevertap.com", "AAA", "p-1"},
		},
		"a sandbox has a region of its own": {
			text:       `{"region":"us1","account_id":"AAA","passcode":"p-1","sandbox":{"region":"sg","account_id":"BBB","passcode":"p-2"}}`,
			production: account{"us1.api.clevertap.com", "AAA", "p-1"},
			sandbox:    &account{"sg1.api.clevertap.com", "BBB", "p-2"},
		},
		"an escape in a passcode is decoded": {
			text:       `{"account_id":"AAA","passcode":"p\u002d1"}`,
			production: account{"api.clevertap.com", "AAA", "p-1"},
		},
		"not JSON":                             {text: `passcode-77`, reason: fault.Secret},
		"empty":                                {text: ``, reason: fault.Secret},
		"cut off":                              {text: `{"account_id":"AAA","passcode":"passcode-77"`, reason: fault.Secret},
		"something behind the object":          {text: `{"account_id":"AAA","passcode":"passcode-77"}x`, reason: fault.Secret},
		"an array":                             {text: `["passcode-77"]`, reason: fault.Secret},
		"null":                                 {text: `null`, reason: fault.Secret},
		"a number as passcode":                 {text: `{"account_id":"AAA","passcode":77}`, reason: fault.Secret},
		"a number as region":                   {text: `{"region":77,"account_id":"AAA","passcode":"passcode-77"}`, reason: fault.Secret},
		"no account":                           {text: `{"passcode":"passcode-77"}`, reason: fault.Secret},
		"an empty account":                     {text: `{"account_id":"","passcode":"passcode-77"}`, reason: fault.Secret},
		"no passcode":                          {text: `{"account_id":"AAA"}`, reason: fault.Secret},
		"a null passcode":                      {text: `{"account_id":"AAA","passcode":null}`, reason: fault.Secret},
		"an empty passcode":                    {text: `{"account_id":"AAA","passcode":""}`, reason: fault.Secret},
		"a region that is none":                {text: `{"region":"passcode-77","account_id":"AAA","passcode":"passcode-77"}`, reason: fault.Credentials},
		"a line break in the passcode":         {text: `{"account_id":"AAA","passcode":"passcode-77\n"}`, reason: fault.Credentials},
		"a control character in the account":   {text: `{"account_id":"AAA\u0000","passcode":"passcode-77"}`, reason: fault.Credentials},
		"a sandbox without a passcode":         {text: `{"account_id":"AAA","passcode":"passcode-77","sandbox":{"account_id":"BBB"}}`, reason: fault.Secret},
		"a sandbox without an account":         {text: `{"account_id":"AAA","passcode":"p","sandbox":{"passcode":"passcode-77"}}`, reason: fault.Secret},
		"a sandbox with a region that is none": {text: `{"account_id":"AAA","passcode":"p","sandbox":{"region":"passcode-77","account_id":"BBB","passcode":"p"}}`, reason: fault.Credentials},
		"a sandbox that is no object":          {text: `{"account_id":"AAA","passcode":"p","sandbox":"passcode-77"}`, reason: fault.Secret},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := clevertap.ParseAccounts([]byte(test.text))
			if test.reason != "" {
				f, ok := errors.AsType[*fault.Fault](err)
				if !ok || f.Kind != fault.Operator || f.Reason != test.reason {
					t.Fatalf("error %v, want the operator's, reason %s", err, test.reason)
				}
				if shown := fmt.Sprintf("%v %+v %v", err, f, f.Err); strings.Contains(shown, "77") {
					t.Errorf("the error quotes the secret: %s", shown)
				}
				if shown := fmt.Sprintf("%#v", f); strings.Contains(shown, "passcode") { // in which addresses stand, with any digits
					t.Errorf("the error holds the secret: %s", shown)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			check := func(got clevertap.Account, want account) {
				t.Helper()
				if (account{got.Host, got.ID, got.Passcode.Reveal()}) != want {
					t.Errorf("account %s, want %v", got.Key(), want)
				}
			}
			check(got.Production, test.production)
			if (got.Sandbox == nil) != (test.sandbox == nil) {
				t.Fatalf("sandbox %v, want %v", got.Sandbox, test.sandbox)
			}
			if got.Sandbox != nil {
				check(*got.Sandbox, *test.sandbox)
			}
		})
	}
}

func TestAccountEqual(t *testing.T) {
	t.Parallel()
	base := clevertap.Account{Host: "h", ID: "i", Passcode: secret.New("p")}
	tests := map[string]struct {
		other clevertap.Account
		want  bool
	}{
		"the same parts in another copy": {clevertap.Account{Host: "h", ID: "i", Passcode: secret.New("p")}, true},
		"another host":                   {clevertap.Account{Host: "x", ID: "i", Passcode: secret.New("p")}, false},
		"another id":                     {clevertap.Account{Host: "h", ID: "x", Passcode: secret.New("p")}, false},
		"another passcode":               {clevertap.Account{Host: "h", ID: "i", Passcode: secret.New("x")}, false},
		"no passcode":                    {clevertap.Account{Host: "h", ID: "i"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := base.Equal(test.other); got != test.want {
				t.Errorf("equal is %t", got)
			}
		})
	}
}

func TestAccountKeyHasNoCredentials(t *testing.T) {
	t.Parallel()
	a := clevertap.Account{Host: "in1.api.clevertap.com", ID: "AAA-AAA-AAAA", Passcode: secret.New("passcode-77")}
	if got, want := a.Key(), "in1.api.clevertap.com/AAA-AAA-AAAA"; got != want {
		t.Errorf("key %q, want %q", got, want)
	}
}
