//go:build blackbox

package main_test

import (
	"encoding/base64"
	"strings"
	"testing"
)

// outcomes are single messages and what becomes of them.
var outcomes = map[string]struct {
	letter  letter
	outcome string
	account string // where records go, if any do
	records int
}{
	"a subscription's event makes two records":                  {letter{body: bought("a")}, "delivered", demoAccount, 2},
	"a thing bought once makes one":                             {letter{body: lamp("a")}, "delivered", demoAccount, 1},
	"money makes three":                                         {letter{app: "paid", body: bought("a", "event_name", `"TRANSACTION_PROCESSED"`, "amount_in_eur", "9.90", "store_transaction_id", `"private-1"`)}, "delivered", demoAccount, 3},
	"an event that nobody knows is passed on":                   {letter{body: named("a", "SOMETHING_NEW")}, "delivered", demoAccount, 1},
	"a body in base64":                                          {letter{body: base64.StdEncoding.EncodeToString([]byte(lamp("a"))), changes: []string{"encoding", "base64"}}, "delivered", demoAccount, 1},
	"a message without the time of its reception":               {letter{body: lamp("a", "event_created_at", "", "event_created_at_ms", ""), changes: []string{"received_at", ""}}, "delivered", demoAccount, 1},
	"the app is switched off":                                   {letter{app: "shut", body: bought("a")}, "skipped disabled", demoAccount, 0},
	"the event is off and nothing else is sent":                 {letter{app: "silent", body: bought("a")}, "skipped event_off", demoAccount, 0},
	"the event is off and makes no profile":                     {letter{app: "muted", body: lamp("a")}, "skipped event_off", demoAccount, 0},
	"the event is off but the profile is sent":                  {letter{app: "muted", body: bought("a")}, "delivered", demoAccount, 1},
	"sandbox without a sandbox account":                         {letter{body: bought("a", "environment", `"SANDBOX"`)}, "skipped sandbox", demoAccount, 0},
	"sandbox with a sandbox account":                            {letter{app: "boxed", body: bought("a", "environment", `"SANDBOX"`)}, "delivered", sandAccount, 2},
	"sandbox that goes to production":                           {letter{app: "sent", body: bought("a", "environment", `"SANDBOX"`)}, "delivered", demoAccount, 2},
	"sandbox that goes nowhere":                                 {letter{app: "unsent", body: bought("a", "environment", `"SANDBOX"`)}, "skipped sandbox", demoAccount, 0},
	"production of an app with a sandbox account":               {letter{app: "boxed", body: bought("a")}, "delivered", boxedAccount, 2},
	"an environment that is missing is production":              {letter{app: "boxed", body: bought("a", "environment", "")}, "delivered", boxedAccount, 2},
	"an anonymous subscriber":                                   {letter{body: bought("a", "user_id", "", "anonymous_user_id", `"person-b"`)}, "delivered", demoAccount, 2},
	"an anonymous subscriber of an app that skips them":         {letter{app: "known", body: bought("a", "user_id", "", "anonymous_user_id", `"person-b"`)}, "skipped anonymous", demoAccount, 0},
	"nobody to address":                                         {letter{body: bought("a", "user_id", `""`)}, "skipped no_identity", demoAccount, 0},
	"a user called null is nobody":                              {letter{body: bought("a", "user_id", `"(NULL)"`)}, "skipped no_identity", demoAccount, 0},
	"switched off comes before sandbox":                         {letter{app: "shut", body: bought("a", "environment", `"SANDBOX"`)}, "skipped disabled", demoAccount, 0},
	"sandbox comes before nobody":                               {letter{app: "unsent", body: bought("a", "environment", `"SANDBOX"`, "user_id", "")}, "skipped sandbox", demoAccount, 0},
	"nobody comes before the event's switch":                    {letter{app: "silent", body: bought("a", "user_id", "")}, "skipped no_identity", demoAccount, 0},
	"no JSON":                                                   {letter{body: "private-words"}, "rejected malformed", demoAccount, 0},
	"an empty body":                                             {letter{body: "\n", changes: []string{"encoding", "base64"}}, "rejected malformed", demoAccount, 0},
	"an array":                                                  {letter{body: "[" + bought("a") + "]"}, "rejected malformed", demoAccount, 0},
	"two objects":                                               {letter{body: bought("a") + bought("b")}, "rejected malformed", demoAccount, 0},
	"an object that was cut":                                    {letter{body: bought("a")[:200]}, "rejected malformed", demoAccount, 0},
	"no event name":                                             {letter{body: bought("a", "event_name", "")}, "rejected malformed", demoAccount, 0},
	"a byte order mark":                                         {letter{body: "\ufeff" + bought("a")}, "rejected malformed", demoAccount, 0},
	"bytes that are no UTF-8":                                   {letter{body: base64.StdEncoding.EncodeToString([]byte(bought("a\xff"))), changes: []string{"encoding", "base64"}}, "rejected malformed", demoAccount, 0},
	"a lone surrogate":                                          {letter{body: bought("a", "plan", `"\ud800"`)}, "rejected malformed", demoAccount, 0},
	"nested too deeply":                                         {letter{body: bought("a", "x", strings.Repeat("[", 40)+strings.Repeat("]", 40))}, "rejected malformed", demoAccount, 0},
	"base64 that is none":                                       {letter{body: bought("a"), changes: []string{"encoding", "base64"}}, "rejected malformed", demoAccount, 0},
	"an encoding that nobody knows":                             {letter{body: bought("a"), changes: []string{"encoding", "gzip"}}, "rejected malformed", demoAccount, 0},
	"another schema":                                            {letter{body: bought("a"), changes: []string{"schema", "2"}}, "rejected unknown_schema", demoAccount, 0},
	"no schema":                                                 {letter{body: bought("a"), changes: []string{"schema", ""}}, "rejected unknown_schema", demoAccount, 0},
	"no attributes at all":                                      {letter{body: bought("a"), changes: []string{"schema", "", "app", "", "encoding", "", "received_at", ""}}, "rejected unknown_schema", demoAccount, 0},
	"an app that was removed":                                   {letter{app: "gone", body: bought("a")}, "rejected unknown_app", demoAccount, 0},
	"no app":                                                    {letter{body: bought("a"), changes: []string{"app", ""}}, "rejected unknown_app", demoAccount, 0},
	"an event name that CleverTap keeps for itself":             {letter{body: named("a", "App Launched")}, "rejected clevertap_513", demoAccount, 0},
	"an event that was discarded in the dashboard":              {letter{body: named("a", "DISCARDED")}, "rejected clevertap_528", demoAccount, 0},
	"an objectId of the payload that CleverTap does not accept": {letter{body: lamp("a", "clevertap_id", `"person with blanks"`)}, "rejected clevertap_526", demoAccount, 0},
}

func TestEveryMessageEndsAsItsRowSays(t *testing.T) {
	t.Parallel()
	for name, test := range outcomes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			id := s.send(test.letter)[0]
			b := s.invoke()
			s.end()
			if got := b.outcome(id); got != test.outcome {
				t.Errorf("%s, want %s", got, test.outcome)
			}
			if got := len(s.clevertap.Records(test.account)); got != test.records {
				t.Errorf("%d records stored, want %d", got, test.records)
			}
			if got := len(s.clevertap.Records("")); got != test.records {
				t.Errorf("%d records stored elsewhere", got-test.records)
			}
			if got := s.sum("", "RecordsAccepted"); got != test.records {
				t.Errorf("%d records counted, want %d", got, test.records)
			}
		})
	}
}

// All of them in one batch end in the same way: none blocks or spoils its neighbours.
func TestNeighboursDoNotMatter(t *testing.T) {
	t.Parallel()
	for _, queue := range []string{"events.fifo", "events"} {
		t.Run(queue, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{queue: queue})
			want := map[string]string{}
			for _, test := range outcomes {
				want[s.send(test.letter)[0]] = test.outcome
			}
			b := s.invoke()
			s.end()
			for id, outcome := range want {
				if got := b.outcome(id); got != outcome {
					t.Errorf("%s, want %s", got, outcome)
				}
			}
		})
	}
}
