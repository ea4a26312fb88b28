//go:build blackbox

package main_test

import (
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

func TestASecretThatCannotBeUsedConcernsItsAppOnly(t *testing.T) {
	const account, passcode = `"account_id":"` + demoAccount + `"`, `"passcode":"passcode-demo"`
	type testCase struct{ secret, outcome string }
	inParallel(t, map[string]testCase{
		"not JSON":                    {"passcode-words", "retry secret"},
		"an array":                    {`["passcode-demo"]`, "retry secret"},
		"no passcode":                 {`{"region":"eu1",` + account + `}`, "retry secret"},
		"an empty passcode":           {`{"region":"eu1","passcode":"",` + account + `}`, "retry secret"},
		"a number as passcode":        {`{"region":"eu1","passcode":12345678,` + account + `}`, "retry secret"},
		"no account":                  {`{"region":"eu1",` + passcode + `}`, "retry secret"},
		"an unknown region":           {`{"region":"europe",` + passcode + `,` + account + `}`, "retry credentials"},
		"an address as region":        {`{"region":"evil.example/",` + passcode + `,` + account + `}`, "retry credentials"},
		"a passcode of two lines":     {`{"passcode":"passcode-\ndemo",` + account + `}`, "retry credentials"},
		"a sandbox without passcode ": {`{` + passcode + `,` + account + `,"sandbox":{"region":"eu1"}}`, "retry secret"},
	}, func(t *testing.T, _ string, test testCase) {
		s := start(t, options{})
		s.putSecret("demo", test.secret)
		ids := s.send(demo(consumable("a")), to("other", consumable("b")), demo(renewal("c")), demo("private"))
		s.invoke().want(ids, test.outcome, "delivered", test.outcome, "rejected malformed")
		if alarms, uploads := s.sum("demo", "CredentialsRefused"), len(s.uploads(demoAccount)); alarms != 1 || uploads != 0 {
			t.Errorf("CredentialsRefused is %d, %d uploads", alarms, uploads)
		}
	})
}

// The fake CleverTap refuses what comes to another region's host.
func TestEveryRegionHasItsHost(t *testing.T) {
	inParallel(t, map[string]string{
		"": "api", "eu": "api", "EU1": "api", " Global ": "api", "none": "api", "in": "in1.api", "US": "us1.api",
		"sg": "sg1.api", "sk": "sk1.api", "aps3": "aps3.api", "mec1": "mec1.api", "Abcde99": "abcde99.api",
	}, func(t *testing.T, region string, host string) {
		s := start(t, options{})
		s.putSecret("demo", secret(region, demoAccount, demoPasscode))
		s.send(demo(consumable("a")))
		s.invoke()
		if got := s.clevertap.Requests()[0].Host; got != host+".clevertap.com" {
			t.Errorf("host %s", got)
		}
	})
}

func TestASecretMayBeBinary(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.aws.Secrets.PutBinary("bridge/test/demo/clevertap", []byte(secret("eu1", demoAccount, demoPasscode)))
	s.deliver(demo(consumable("a")))
}

func TestASecretIsReadOnceForAllBatches(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for range 5 {
		s.deliver(demo(consumable("a")), demo(consumable("b")), to("other", consumable("c")))
	}
	if n := s.aws.Secrets.Calls(""); n != 2 {
		t.Errorf("%d reads of two secrets", n)
	}
	s.aws.Secrets.Inject(awstest.Down) // What is in memory stays valid.
	s.deliver(demo(consumable("d")))
}

func TestAFailedFirstReadIsNotRepeatedForFiveSeconds(t *testing.T) {
	inParallel(t, map[string]awstest.Fault{
		"down": awstest.Down, "throttled": awstest.Throttle,
	}, func(t *testing.T, _ string, fault awstest.Fault) {
		s := start(t, options{})
		s.aws.Secrets.Inject(fault)
		ids := s.send(demo(consumable("a")))
		began := time.Now()
		s.invoke()
		calls := s.aws.Secrets.Calls("")
		s.aws.Secrets.Inject()
		last := s.invokeUntil(nothingReturned)
		if waited := time.Since(began); waited < 5*time.Second {
			t.Errorf("read again after %s", waited)
		}
		if n := s.aws.Secrets.Calls("") - calls; n != 1 {
			t.Errorf("%d reads after the failure", n)
		}
		s.batches[0].want(ids, "retry secret")
		last.want(ids, "delivered")
		if n := s.sum("", "CredentialsRefused"); n != 0 {
			t.Errorf("CredentialsRefused is %d", n)
		}
	})
}

// Secrets Manager that hangs delays a batch for a few seconds; an app whose secret is in memory is not concerned.
func TestASecretStoreThatHangsIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.deliver(to("other", consumable("warm")))
	s.aws.Secrets.Inject(awstest.Hang)
	ids := s.send(demo(consumable("a")), to("other", consumable("b")))
	b := s.invoke()
	if b.took > timeout/2 {
		t.Errorf("took %s", b.took)
	}
	if got := b.outcome(ids[0]); !strings.HasPrefix(got, "retry ") || b.outcome(ids[1]) != "delivered" {
		t.Errorf("%s and %s", got, b.outcome(ids[1]))
	}
}
