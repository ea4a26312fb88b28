//go:build blackbox && linux

package main_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// hostileSize is nearly all that a message on SQS holds.
const hostileSize = 1_000_000

// Whoever may sign may send anything. Each of these is as large as a message can be; each gets an outcome, and a webhook beside them is
// delivered as if they were not there.
func TestHostileMessagesAreHandled(t *testing.T) {
	t.Parallel()
	event := func(text string) string {
		return `{"event_name":"ACTIVATE","user_id":"a","event_id":"e-1","event_created_at_ms":1773474112000,` + text + `}`
	}
	fill := func(unit string) string { return strings.Repeat(unit, hostileSize/len(unit)-1) }
	var keys strings.Builder
	for i := 0; keys.Len() < hostileSize-200; i++ {
		keys.WriteString(`"k` + strconv.Itoa(i) + `":0,`)
	}
	for name, test := range map[string]struct {
		body   string
		reason string // of the rejection; "": delivered
	}{
		"an object of as many keys as fit":     {event(keys.String() + `"z":1`), ""},
		"one key as often as it fits":          {event(fill(`"plan":"a",`) + `"z":1`), ""},
		"keys that differ in case and spaces":  {event(fill(`"o dd":1,"ODD":2,`) + `"z":1`), ""},
		"a number of a million digits":         {event(`"amount":-1.` + fill("3")), ""},
		"a value of a million letters":         {event(`"plan":"` + fill("é") + `"`), ""},
		"a value of nothing but escapes":       {event(`"plan":"` + fill(`\u0041`) + `"`), ""},
		"a name of a million letters":          {event(`"` + fill("n") + `":1`), ""},
		"a list as long as it can be":          {event(`"features":[` + fill("1,") + `1]`), ""},
		"an object of objects":                 {event(`"attributes":{"a":{"b":{"c":{` + fill(`"d":1,`) + `"e":1}}}}`), ""},
		"arrays in one another":                {event(`"a":` + strings.Repeat("[", hostileSize/2-100) + strings.Repeat("]", hostileSize/2-100)), "malformed"},
		"objects in one another":               {event(`"a":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)), "malformed"},
		"arrays that never close":              {event(`"a":` + fill("["))[:hostileSize], "malformed"},
		"halves of surrogate pairs":            {event(`"a":"` + fill(`\ud83d`) + `"`), "malformed"},
		"a million digits and nothing else":    {fill("9"), "malformed"},
		"spaces and nothing else":              {fill(" "), "malformed"},
		"an event after an event":              {event(`"z":1`) + event(`"z":1`), "malformed"},
		"a name without an end":                {`{"event_name":"` + fill("a"), "malformed"},
		"a time that no calendar has":          {event(`"event_created_at":"` + fill("9") + `"`), ""},
		"an event name as long as a message":   {`{"user_id":"a","event_id":"e-1","event_name":"` + fill("E") + `"}`, ""},
		"a user id as long as a message":       {`{"event_name":"ACTIVATE","event_id":"e-1","user_id":"` + fill("u") + `"}`, ""},
		"base64 of invalid UTF-8":              {fill("w///"), "malformed"},
		"a version 2 payload without a bottom": {`{"api_version":2,"event_name":"ACTIVATE","properties":` + strings.Repeat(`{"properties":`, 10_000) + "1" + strings.Repeat("}", 10_001), "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			l := letter{body: test.body}
			if strings.HasPrefix(name, "base64") {
				l.changes = []string{"encoding", "base64"}
			}
			s.send(l, letter{body: bought("neighbour")})
			before := s.function.Processor(t)
			b := s.invoke()
			if took := s.function.Processor(t) - before; took > 3*time.Second {
				t.Errorf("took %s", took)
			}
			if len(b.returned) != 0 {
				t.Errorf("%d messages come back", len(b.returned))
			}
			if got := reasons(s.rejected.Messages()); got != test.reason {
				t.Errorf("rejected for %q, want %q", got, test.reason)
			}
			if got := s.stored(demoAccount, "event"); got < 1 {
				t.Errorf("%d events are at CleverTap", got)
			}
			if most := s.function.Memory(t); most > 160<<20 {
				t.Errorf("%d bytes resident", most)
			}
		})
	}
}

// reasons joins why messages were rejected.
func reasons(messages []awstest.Message) string {
	var all []string
	for _, m := range messages {
		all = append(all, m.Attribute("reason"))
	}
	return strings.Join(all, " ")
}
