//go:build blackbox

package main_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// outcome is what becomes of a message.
type outcome struct {
	message queued
	outcome string
	account string // where records go, if any do
	records int
}

var outcomes = map[string]outcome{
	"a subscription's event makes two records": {demo(renewal("a")), "delivered", demoAccount, 2},
	"a consumable makes one":                   {demo(consumable("a")), "delivered", demoAccount, 1},
	"revenue makes three":                      {to("paid", payment("a")), "delivered", demoAccount, 3},
	"an unknown event":                         {demo(named("a", "SOMETHING_NEW")), "delivered", demoAccount, 1},
	"a body in base64":                         {inBase64(consumable("a")), "delivered", demoAccount, 1},
	"a label cut in a letter": {
		inBase64(renewal("a", "plan", "\"gold \xf0\x9f\x98\"")), "delivered", demoAccount, 2,
	},
	"a label of half a pair": {demo(renewal("a", "plan", `"\ud800"`)), "delivered", demoAccount, 2},
	"a message without times": {
		queued{
			body:    consumable("a", "event_created_at", "", "event_created_at_ms", ""),
			changes: []string{"received_at", ""},
		}, "delivered", demoAccount, 1,
	},
	"an anonymous user":        {demo(anonymous("b")), "delivered", demoAccount, 2},
	"an event that is off":     {to("profiles-only", renewal("a")), "delivered", demoAccount, 1},
	"sandbox with an account":  {to("both", sandbox("a")), "delivered", sandAccount, 2},
	"sandbox in production":    {to("sandbox-sent", sandbox("a")), "delivered", demoAccount, 2},
	"production with sandbox":  {to("both", renewal("a")), "delivered", liveAccount, 2},
	"no environment":           {to("both", renewal("a", "environment", "")), "delivered", liveAccount, 2},
	"a reserved event name":    {demo(named("a", "App Launched")), "rejected clevertap_513", "", 0},
	"a discarded event":        {demo(named("a", "DISCARDED")), "rejected clevertap_528", "", 0},
	"an objectId with a space": {demo(consumable("a", "clevertap_id", `"person with"`)), "rejected clevertap_526", "", 0},

	"the app is off":                  {to("off", renewal("a")), "skipped disabled", "", 0},
	"the event is off, no properties": {to("silent", renewal("a")), "skipped event_off", "", 0},
	"the event is off, no profile":    {to("profiles-only", consumable("a")), "skipped event_off", "", 0},
	"sandbox without an account":      {demo(sandbox("a")), "skipped sandbox", "", 0},
	"sandbox is skipped":              {to("sandbox-skipped", sandbox("a")), "skipped sandbox", "", 0},
	"anonymous users are skipped":     {to("users-only", anonymous("b")), "skipped anonymous", "", 0},
	"no user":                         {demo(renewal("a", "user_id", `""`)), "skipped no_identity", "", 0},
	"a user called null":              {demo(renewal("a", "user_id", `"(NULL)"`)), "skipped no_identity", "", 0},
	"off before sandbox":              {to("off", sandbox("a")), "skipped disabled", "", 0},
	"sandbox before no user":          {to("sandbox-skipped", sandbox("a", "user_id", "")), "skipped sandbox", "", 0},
	"no user before the event is off": {to("silent", renewal("a", "user_id", "")), "skipped no_identity", "", 0},

	"not JSON":              {demo("private-words"), "rejected malformed", "", 0},
	"an empty body":         {inBase64(""), "rejected malformed", "", 0},
	"an array":              {demo("[" + renewal("a") + "]"), "rejected malformed", "", 0},
	"two objects":           {demo(renewal("a") + renewal("b")), "rejected malformed", "", 0},
	"a cut object":          {demo(renewal("a")[:200]), "rejected malformed", "", 0},
	"no event name":         {demo(renewal("a", "event_name", "")), "rejected malformed", "", 0},
	"a byte order mark":     {demo("\ufeff" + renewal("a")), "rejected malformed", "", 0},
	"an id cut in a letter": {inBase64(renewal("a\xff")), "rejected malformed", "", 0},
	"an id of half a pair":  {demo(renewal("a", "user_id", `"\ud800"`)), "rejected malformed", "", 0},
	"a name of half a pair": {demo(consumable("a", "event_name", `"\ud800"`)), "rejected malformed", "", 0},
	"nested too deeply":     {demo(renewal("a", "x", nested("[", "", "]", 40))), "rejected malformed", "", 0},
	"invalid base64":        {changed("encoding", "base64"), "rejected malformed", "", 0},
	"an unknown encoding":   {changed("encoding", "gzip"), "rejected malformed", "", 0},
	"another schema":        {changed("schema", "2"), "rejected unknown_schema", "", 0},
	"no schema":             {changed("schema", ""), "rejected unknown_schema", "", 0},
	"no attributes":         {changed(noAttributes...), "rejected unknown_schema", "", 0},
	"an app that is gone":   {to("gone", renewal("a")), "rejected unknown_app", "", 0},
	"no app":                {changed("app", ""), "rejected unknown_app", "", 0},
}

var noAttributes = []string{"schema", "", "app", "", "encoding", "", "received_at", ""}

func changed(attributes ...string) queued { return queued{body: renewal("a"), changes: attributes} }

// inBase64 is a body as the receiver writes it if SQS does not take it as it is; an empty one is a newline.
func inBase64(body string) queued {
	text := base64.StdEncoding.EncodeToString([]byte(body))
	if text == "" {
		text = "\n"
	}
	return queued{body: text, changes: []string{"encoding", "base64"}}
}

func payment(user string, changes ...string) string {
	return renewal(user, append(changes, "event_name", `"TRANSACTION_PROCESSED"`, "amount_in_eur", "9.90",
		"store_transaction_id", `"private-1"`)...)
}

func sandbox(user string, changes ...string) string {
	return renewal(user, append(changes, "environment", `"SANDBOX"`)...)
}

func anonymous(user string) string {
	return renewal("", "user_id", "", "anonymous_user_id", `"person-`+user+`"`)
}

func nested(open, inner, shut string, n int) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(shut, n)
}

func TestEveryMessageEndsAsItsRowSays(t *testing.T) {
	inParallel(t, outcomes, func(t *testing.T, _ string, test outcome) {
		s := start(t, options{})
		ids := s.send(test.message)
		s.invoke().want(ids, test.outcome)
		if n := s.stored(test.account, ""); n != test.records || s.stored("", "") != n {
			t.Errorf("%d records stored, %d elsewhere, want %d", n, s.stored("", "")-n, test.records)
		}
		if got := s.sum("", "RecordsAccepted"); got != test.records {
			t.Errorf("%d records counted, want %d", got, test.records)
		}
	})
}

func TestMessagesInOneBatchDoNotAffectOneAnother(t *testing.T) {
	t.Parallel()
	onBothQueues(t, func(t *testing.T, queue string) {
		s := start(t, options{queue: queue})
		var ids, want []string
		for _, test := range outcomes {
			ids, want = append(ids, s.send(test.message)...), append(want, test.outcome)
		}
		s.invoke().want(ids, want...)
	})
}

func TestBatchesOfEverySize(t *testing.T) {
	t.Parallel()
	for queue, sizes := range map[string][]int{"events.fifo": {1, 10, 1000}, "events": {0, 1, 10, 1000, 10_000}} {
		for _, n := range sizes {
			t.Run(fmt.Sprint(n, " of ", queue), func(t *testing.T) {
				t.Parallel()
				s := start(t, options{queue: queue})
				messages := make([]queued, n)
				for i := range messages {
					messages[i] = to([]string{"demo", "other", "off", "gone"}[i%4], consumable(fmt.Sprint("u", i)))
				}
				if b := s.deliver(messages...); len(b.messages) != n {
					t.Errorf("%d messages", len(b.messages))
				}
				if got, want := s.stored("", ""), (n+3)/4+(n+2)/4; got != want {
					t.Errorf("%d records stored, want %d", got, want)
				}
			})
		}
	}
}

// Only a function that was set up wrongly gets such a payload: nothing else is an error.
func TestAPayloadThatIsNotAnEventIsAnError(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.ended = true // no batch is counted
	for _, payload := range []string{`[]`, `"private"`, `{"Records":"private"}`, `{"Records":[`} {
		_, err := s.function.Invoke(t.Context(), []byte(payload), timeout)
		if err == nil || strings.Contains(err.Error(), "private") {
			t.Errorf("%s: %v", payload, err)
		}
	}
	answer, err := s.function.Invoke(t.Context(), []byte(`{}`), timeout)
	if string(answer) != `{"batchItemFailures":[]}` || err != nil {
		t.Errorf("%s, %v", answer, err)
	}
}
