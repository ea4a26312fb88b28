//go:build blackbox

package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// refresh is how old what a forwarder of these tests knows of the bucket may be.
const refresh = 50 * time.Millisecond

// renaming is an integration file that calls a renewal something else, and has an app of its own.
func renaming(name string) string {
	return "apps: {demo: {server_events: {events: {SUBSCRIPTION_RENEWED: {name: " + name + "}}}}, fresh: {}}\n"
}

// nameOf is how a log calls a file.
func nameOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:12]
}

// startWithSettings starts a forwarder with a bucket, which has these versions.
func startWithSettings(t *testing.T, versions ...string) *stack {
	t.Helper()
	s := start(t, options{env: map[string]string{"SETTINGS_BUCKET": "settings", "SETTINGS_REFRESH": refresh.String()}})
	s.aws.S3.Create("settings")
	s.putSecret("fresh", secret("eu1", demoAccount, demoPasscode))
	for _, text := range versions {
		s.put(text)
	}
	return s
}

func (s *stack) put(text string) { s.aws.S3.Put("settings", settings.Key, []byte(text)) }

// renewed delivers a renewal once what the forwarder knows is due for a look, and returns the event's name at
// CleverTap.
func (s *stack) renewed() string {
	s.Helper()
	time.Sleep(refresh)
	s.deliver(demo(renewal("a")))
	for _, r := range slices.Backward(s.clevertap.Records(demoAccount)) {
		if r.Type == "event" {
			return r.Name
		}
	}
	s.Fatal("no event")
	return ""
}

// wantInForce delivers two batches: the first finds a change, the second is mapped by it.
func (s *stack) wantInForce(name string) {
	s.Helper()
	s.renewed()
	if got := s.renewed(); got != name {
		s.Errorf("a renewal goes as %q, want %q", got, name)
	}
}

func TestSettingsCountWithoutADeployment(t *testing.T) {
	t.Parallel()
	s := startWithSettings(t)
	s.wantInForce("SUBSCRIPTION_RENEWED")
	first := renaming("Renewed")
	s.put(first)
	if got := s.renewed(); got != "SUBSCRIPTION_RENEWED" {
		s.Errorf("the batch that finds the change is mapped as %q", got)
	}
	s.wantInForce("Renewed")
	of := s.send(to("fresh", consumable("a")), to("other", consumable("b")))
	apps := s.deliver()
	s.put(renaming("Prolonged"))
	s.wantInForce("Prolonged")
	if got := s.another().renewed(); got != "Prolonged" {
		s.Errorf("a cold forwarder maps its first batch as %q", got)
	}
	s.aws.S3.Delete("settings", settings.Key)
	s.wantInForce("SUBSCRIPTION_RENEWED")
	apps.want(of, "delivered", "rejected unknown_app")
	var names []string
	for _, b := range s.batches {
		names = append(names, b.summary.Settings)
	}
	if names = slices.Compact(names); !slices.Equal(names, []string{
		settings.BuiltIn, nameOf(first), nameOf(renaming("Prolonged")), settings.BuiltIn,
	}) {
		s.Errorf("settings in force: %q", names)
	}
}

// bomb is YAML whose values would fill the memory if they were written out.
var bomb = func() string {
	text := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'z'; c++ {
		text += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 9) + "]\n"
	}
	return text + "apps: {demo: *z}\n"
}()

func TestAFaultyObjectNeverTakesEffect(t *testing.T) {
	inParallel(t, map[string]struct{ text, problem string }{
		"a typo": {
			renaming("Typo") + "colour: red\n", `integrations.yaml:2:1: colour: unknown key "colour"`,
		},
		"a bomb":         {bomb, "demo"},
		"five megabytes": {renaming("Large") + strings.Repeat("# padding\n", 500_000), "larger than 1024 KiB"},
	}, func(t *testing.T, _ string, test struct{ text, problem string }) {
		s := startWithSettings(t, renaming("Good"))
		s.wantInForce("Good")
		s.put(test.text)
		cold := s.another()
		if got := cold.renewed(); got != "Good" {
			s.Errorf("a cold forwarder maps its first batch as %q", got)
		}
		for _, each := range []*stack{s, cold} {
			each.wantInForce("Good")
			each.end()
			each.wantRejected(test.problem)
		}
		s.put(renaming("Better"))
		s.another().wantInForce("Better")
	})
}

// wantRejected looks for a faulty version in what a forwarder has logged and counted.
func (s *stack) wantRejected(problem string) {
	s.Helper()
	counted, logged := 0, 0
	for _, b := range s.batches {
		counted += b.sum("unknown", "SettingsRejected")
		for _, l := range b.settings {
			if l.Message == "settings out of reach" { // A busy machine took too long to read it.
				continue
			}
			logged++
			if l.Level != "ERROR" || l.Settings != nameOf(renaming("Good")) ||
				!strings.Contains(strings.Join(l.Problems, "\n"), problem) {
				s.Errorf("logged %s %.500q in favour of %s", l.Level, l.Problems, l.Settings)
			}
		}
	}
	if logged == 0 || counted < logged {
		s.Errorf("logged %d times and counted %d times in %d batches", logged, counted, len(s.batches))
	}
}

func TestWithoutTheBucketAWarmForwarderGoesOnAndAColdOneDoesNotGuess(t *testing.T) {
	type testCase struct {
		fault awstest.Fault
		level string
		cause string
	}
	inParallel(t, map[string]testCase{
		"it hangs":   {awstest.Hang, "WARN", "S3 GetObject: "},
		"it refuses": {awstest.Fault{Status: 403, Code: "AccessDenied"}, "ERROR", "S3 GetObject: AccessDenied"},
	}, func(t *testing.T, _ string, test testCase) {
		s := startWithSettings(t, renaming("Good"))
		s.wantInForce("Good")
		s.put(renaming("Better"))
		s.aws.S3.Inject(test.fault)
		if got := s.renewed(); got != "Good" {
			s.Errorf("a warm forwarder maps as %q", got)
		}
		if took := s.batches[len(s.batches)-1].took; took > 3*time.Second {
			s.Errorf("the batch took %s", took)
		}
		cold := s.another()
		cold.refused(demo(renewal("b")))
		s.aws.S3.Inject()
		if got := cold.renewed(); got != "Better" {
			s.Errorf("afterwards it maps as %q", got)
		}
		s.wantInForce("Better")
		s.end()
		cold.end()
		s.wantOutOfReach(test.level, nameOf(renaming("Good")), test.cause)
		cold.wantOutOfReach("ERROR", "", test.cause)
	})
}

// wantOutOfReach looks for the one line about the bucket.
func (s *stack) wantOutOfReach(level, inForce, cause string) {
	s.Helper()
	var all []line
	for _, b := range s.batches {
		all = append(all, b.settings...)
	}
	if len(all) != 1 || all[0].Message != "settings out of reach" || all[0].Level != level ||
		all[0].Settings != inForce || !strings.Contains(all[0].Cause, cause) {
		s.Errorf("logged %+v", all)
	}
}

// refused invokes the forwarder with messages, and wants a function error: all of them come back.
func (s *stack) refused(messages ...queued) {
	s.Helper()
	s.send(messages...)
	b := s.call(timeout)
	if reported, ok := errors.AsType[*lambdatest.FunctionError](b.err); !ok ||
		strings.Contains(reported.Message, awstest.ErrorText) {
		s.Errorf("a cold forwarder answers %v", b.err)
	}
	s.events.Purge() // so that the next batch is another one
}
