//go:build blackbox

package main_test

import (
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

func TestASecretThatIsOfNoUseHoldsItsAppAlone(t *testing.T) {
	t.Parallel()
	const account = `"account_id":"` + demoAccount + `"`
	tests := map[string]struct {
		secret  string
		outcome string
		alarm   int // whether a person has to act
	}{
		"no JSON":                       {"passcode-words", "retry secret", 1},
		"an array":                      {`["passcode-demo"]`, "retry secret", 1},
		"no passcode":                   {`{"region":"eu1",` + account + `}`, "retry secret", 1},
		"an empty passcode":             {`{"region":"eu1","passcode":"",` + account + `}`, "retry secret", 1},
		"a number as passcode":          {`{"region":"eu1","passcode":12345678,` + account + `}`, "retry secret", 1},
		"no account":                    {`{"region":"eu1","passcode":"passcode-demo"}`, "retry secret", 1},
		"a region that is none":         {`{"region":"europe","passcode":"passcode-demo",` + account + `}`, "retry credentials", 1},
		"a region that is an address":   {`{"region":"evil.example/","passcode":"passcode-demo",` + account + `}`, "retry credentials", 1},
		"a passcode of two lines":       {`{"region":"eu1","passcode":"passcode-\ndemo",` + account + `}`, "retry credentials", 1},
		"a sandbox account that is cut": {`{"region":"eu1","passcode":"passcode-demo",` + account + `,"sandbox":{"region":"eu1"}}`, "retry secret", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			s.secret("demo", test.secret)
			ids := s.send(letter{body: lamp("a")}, letter{app: "other", body: lamp("b")}, letter{body: bought("c")}, letter{body: "private"})
			b := s.invoke()
			s.end()
			for i, want := range []string{test.outcome, "delivered", test.outcome, "rejected malformed"} {
				if got := b.outcome(ids[i]); got != want {
					t.Errorf("message %d: %s, want %s", i, got, want)
				}
			}
			if n := s.sum("demo", "CredentialsRefused"); n != test.alarm {
				t.Errorf("CredentialsRefused is %d", n)
			}
			if n := len(s.uploads(demoAccount)); n != 0 {
				t.Errorf("%d uploads", n)
			}
		})
	}
}

// Region → host: the stand-in refuses what comes to another region's host.
func TestEveryRegionHasItsHost(t *testing.T) {
	t.Parallel()
	regions := map[string]string{
		"": "api", "eu": "api", "EU1": "api", " Global ": "api", "none": "api", "in": "in1.api", "US": "us1.api", "sg": "sg1.api", "sk": "sk1.api",
		"aps3": "aps3.api", "mec1": "mec1.api", "Abcde99": "abcde99.api",
	}
	for region, host := range regions {
		t.Run(region, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			s.secret("demo", `{"region":"`+region+`","account_id":"`+demoAccount+`","passcode":"`+demoPasscode+`"}`)
			s.send(letter{body: lamp("a")})
			s.invoke()
			if got := s.clevertap.Requests()[0].Host; got != host+".clevertap.com" {
				t.Errorf("host %s", got)
			}
		})
	}
}

func TestASecretMayBeBinary(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.aws.Secrets.PutBinary("bridge/test/demo/clevertap", []byte(`{"account_id":"`+demoAccount+`","passcode":"`+demoPasscode+`"}`))
	s.send(letter{body: lamp("a")})
	if b := s.invoke(); len(b.returned) != 0 {
		t.Error("it comes back")
	}
}

func TestASecretIsReadOnceForAllBatches(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	for range 5 {
		s.send(letter{body: lamp("a")}, letter{body: lamp("b")}, letter{app: "other", body: lamp("c")})
		s.invoke()
	}
	if n := s.aws.Secrets.Calls(""); n != 2 {
		t.Errorf("%d reads of two secrets", n)
	}
	s.aws.Secrets.Inject(awstest.Down) // What is in memory goes on counting.
	s.send(letter{body: lamp("d")})
	if b := s.invoke(); len(b.returned) != 0 {
		t.Error("it comes back")
	}
}

func TestAFailedFirstReadIsRememberedForAWhile(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]awstest.Fault{"down": awstest.Down, "throttled": awstest.Throttle} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			s.aws.Secrets.Inject(trouble)
			id := s.send(letter{body: lamp("a")})[0]
			begun := time.Now()
			s.invoke()
			calls := s.aws.Secrets.Calls("")
			s.aws.Secrets.Inject()
			last := s.until(func(b *batch) bool { return len(b.returned) == 0 })
			if waited := time.Since(begun); waited < 5*time.Second {
				t.Errorf("read again after %s", waited)
			}
			if n := s.aws.Secrets.Calls("") - calls; n != 1 {
				t.Errorf("%d reads after the failure", n)
			}
			s.end()
			if s.batches[0].outcome(id) != "retry secret" || last.outcome(id) != "delivered" || s.sum("", "CredentialsRefused") != 0 {
				t.Errorf("%s, at last %s", s.batches[0].outcome(id), last.outcome(id))
			}
		})
	}
}

// A store that hangs holds a batch for a few seconds; an app whose secret is in memory goes through.
func TestAHangingSecretStoreIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.send(letter{app: "other", body: lamp("warm")})
	s.invoke()
	s.aws.Secrets.Inject(awstest.Hang)
	ids := s.send(letter{body: lamp("a")}, letter{app: "other", body: lamp("b")})
	b := s.invoke()
	if b.took > allowed/2 {
		t.Errorf("took %s", b.took)
	}
	s.end()
	if got := b.outcome(ids[0]); !strings.HasPrefix(got, "retry ") || b.outcome(ids[1]) != "delivered" {
		t.Errorf("%s and %s", got, b.outcome(ids[1]))
	}
}
