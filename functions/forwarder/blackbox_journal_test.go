//go:build blackbox

package main_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// journal returns what the table's journal says of each webhook, by the event's name: outcome, reason, accepted records
// and account.
func journal(table *awstest.Table) map[string]string {
	all := make(map[string]string)
	for _, key := range table.Keys() {
		partition, sort, _ := strings.Cut(key, "\x00")
		if i := table.Item(partition, sort); strings.HasPrefix(sort, "event#") {
			words := []string{i["outcome"].Text(), i["reason"].Text(), i["records"].Text(), i["account"].Text()}
			words = slices.DeleteFunc(words, func(word string) bool { return word == "" })
			all[i["event"].Text()] = strings.Join(words, " ")
		}
	}
	return all
}

func TestTheJournalSaysWhatBecameOfEachWebhook(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{env: map[string]string{"JOURNAL": "bodies", "JOURNAL_DAYS": "7"}})
	s.clevertap.AddFault(poison("person-poison", 422))
	named := func(app, event, user string) queued { return to(app, renewal(user, "event_name", `"`+event+`"`)) }
	s.deliver(named("demo", "RENEWED", "a"), named("demo", "POISONED", "poison"), named("off", "OFF", "a"),
		to("silent", consumable("a", "event_name", `"SILENT"`)), demo("private-words"), to("gone", renewal("a")))
	want := map[string]string{
		"RENEWED": "delivered event,profile " + demoAccount, "POISONED": "rejected clevertap_http_422 " + demoAccount,
		"OFF": "skipped disabled", "SILENT": "skipped event_off " + demoAccount,
	}
	got := journal(table)
	for event, line := range want {
		if got[event] != line {
			t.Errorf("%s: %q, want %q", event, got[event], line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d webhooks, want %d: %v", len(got), len(want), got)
	}
	for _, key := range table.Keys() {
		partition, sort, _ := strings.Cut(key, "\x00")
		i := table.Item(partition, sort)
		if strings.HasPrefix(sort, "event#demo#") && (i["body"] == nil || i["settings"].Text() != "built-in") {
			t.Errorf("an entry has neither body nor settings: %v", i)
		}
	}
}

// The journal decides nothing: what cannot be written is counted.
func TestAJournalThatFailsHarmsNobody(t *testing.T) {
	inParallel(t, map[string]awstest.Fault{
		"throttled": awstest.Throttle, "down": awstest.Down, "hanging": awstest.Hang,
		"denied": {Status: 400, Code: "AccessDeniedException"},
	}, func(t *testing.T, name string, fault awstest.Fault) {
		s, table := startWithTable(t, options{})
		fault.Operation = "BatchWriteItem"
		s.aws.Dynamo.Inject(fault)
		ids := s.send(demo(renewal("a")), to("other", renewal("b")), demo(renewal("c")))
		b := s.invokeWithin(10 * time.Second)
		b.want(ids, "delivered")
		if n := count(table, "event#"); n > 0 || b.sum("demo", "JournalFailed") != 2 ||
			b.sum("other", "JournalFailed") != 1 {
			t.Errorf("%d entries written, %d counted as failed", n, b.sum("", "JournalFailed"))
		}
		level := map[bool]string{true: "ERROR", false: "WARN"}[name == "denied"] // which passes for nobody
		s.wantsLine(level, "journal not written", `"cause":"DynamoDB BatchWriteItem: `)
	})
}

func TestWithoutAJournalNothingIsWrittenOfWhatGoesThrough(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{env: map[string]string{"JOURNAL": "off"}})
	s.deliver(demo(consumable("a")))
	if keys := table.Keys(); len(keys) > 0 {
		t.Errorf("the table has %q", keys)
	}
}

// Whoever asks why messages wait finds the answer in the table, whose normal use it does not touch.
func TestTheTableSaysWhyAnAccountIsLeftAlone(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{env: map[string]string{"BREAKER_PAUSE": "300ms"}})
	breaker := func() awstest.Item {
		return table.Item(subscriber.BreakersPartition, "breaker#demo#api.clevertap.com/"+demoAccount)
	}
	s.deliver(demo(consumable("a")))
	if item := breaker(); item != nil {
		t.Errorf("%v of an account that works", item)
	}
	s.clevertap.AddFault(status(503))
	s.send(demo(consumable("b")))
	s.invokeUntil(func(*batch) bool { return len(s.uploads(demoAccount)) == 1+3 })
	if item := breaker(); item["reason"].Text() != "server" || item["until"] == nil || item["closed"] != nil {
		t.Errorf("%v of an account that is left alone", item)
	}
	s.clevertap.ClearFaults()
	s.invokeUntil(nothingReturned)
	if item := breaker(); item["closed"] == nil {
		t.Errorf("%v of an account that works again", item)
	}
}

// What a company's back end has said of its people counts for one app and no other.
func TestLinksAndSuppressions(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{})
	person := func(kind, id string, attributes awstest.Item) {
		table.Put(item(subscriber.PersonKey(subscriber.Partition(kind, id), "demo"), attributes))
	}
	person("anonymous", "person-linked", awstest.Item{"clevertap_id": awstest.S("__person")})
	person("user", "person-gone", awstest.Item{"suppressed_at": awstest.S("2026-11-01T10:00:00Z")})
	person("user", "person-broken", awstest.Item{"suppressed_at": awstest.S("private-words")})
	ids := s.send(demo(anonymous("linked")), to("other", anonymous("linked")), demo(renewal("gone")),
		to("other", renewal("gone")), demo(renewal("broken")))
	b := s.invoke()
	b.want(ids, "delivered", "delivered", "skipped suppressed", "delivered", "retry table")
	addressed := func(account string) (all []string) {
		for _, r := range s.clevertap.Records(account) {
			all = append(all, r.Type+" "+r.Key+" "+r.ID)
		}
		return all
	}
	want := []string{"event objectId __person", "profile objectId __person"}
	if got := addressed(demoAccount); !slices.Equal(got, want) {
		t.Errorf("the demo account has %q", got)
	}
	if n := len(addressed(otherAccount)); n != 4 {
		t.Errorf("the other account has %d records", n)
	}
	for _, key := range table.Keys() {
		partition, sort, _ := strings.Cut(key, "\x00")
		of := subscriber.Partition("user", "person-gone")
		if partition == of && (sort == "state#"+demoAccount || strings.HasPrefix(sort, "event#demo#")) {
			t.Errorf("%s is stored of somebody who is suppressed", sort)
		}
	}
}
