//go:build blackbox && linux

package main_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// hostileSize is nearly the size of the largest message on SQS.
const hostileSize = 1_000_000

// A sender with the signing key may send anything. Each of these is as large as a message may be. It gets an outcome,
// and a webhook beside it is delivered as if it were not there.
func TestHostileMessagesAreHandled(t *testing.T) {
	t.Parallel()
	with := func(text string) string {
		return `{"event_name":"ACTIVATE","user_id":"a","event_id":"e-1","event_created_at_ms":1773474112000,` + text + `}`
	}
	fill := func(unit string) string { return strings.Repeat(unit, hostileSize/len(unit)-1) }
	nested := func(open, inner, shut string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(shut, n)
	}
	var keys strings.Builder
	for i := 0; keys.Len() < hostileSize-200; i++ {
		fmt.Fprintf(&keys, `"k%d":0,`, i)
	}
	const half, deep = hostileSize/2 - 100, 10_000
	delivered := map[string]string{
		"as many keys as fit":          with(keys.String() + `"z":1`),
		"one key as often as it fits":  with(fill(`"plan":"a",`) + `"z":1`),
		"keys that differ in case":     with(fill(`"o dd":1,"ODD":2,`) + `"z":1`),
		"a number of a million digits": with(`"amount":-1.` + fill("3")),
		"dates with endless exponents": with(`"purchased_at":1e999999999,"next_renewal_at":` + strings.Repeat("9", half) +
			"e-999999"),
		"unpaired surrogates":            with(`"a":"` + fill(`\ud83d`) + `"`),
		"a value of nothing but escapes": with(`"plan":"` + fill(`\u0041`) + `"`),
		"a name of a million letters":    with(`"` + fill("n") + `":1`),
		"a list as long as it can be":    with(`"features":[` + fill("1,") + `1]`),
		"an object of objects":           with(`"attributes":{"a":{"b":{"c":{` + fill(`"d":1,`) + `"e":1}}}}`),
		"an invalid time":                with(`"event_created_at":"` + fill("9") + `"`),
		"a long event name":              `{"user_id":"a","event_id":"e-1","event_name":"` + fill("E") + `"}`,
		"a long user id":                 `{"event_name":"ACTIVATE","event_id":"e-1","user_id":"` + fill("u") + `"}`,
	}
	malformed := map[string]string{
		"nested arrays":           with(`"a":` + nested("[", "", "]", half)),
		"nested objects":          with(`"a":` + nested(`{"a":`, "1", "}", deep)),
		"arrays that never end":   with(`"a":` + fill("["))[:hostileSize],
		"a million digits":        fill("9"),
		"an event after an event": with(`"z":1`) + with(`"z":1`),
		"base64 of invalid UTF-8": fill("w///"),
		"nested version 2 payload": `{"api_version":2,"event_name":"ACTIVATE","properties":` +
			nested(`{"properties":`, "1", "}", deep) + "}",
	}
	for reason, bodies := range map[string]map[string]string{"": delivered, "malformed": malformed} {
		for name, body := range bodies { // each has a process of its own, for its memory
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := start(t, options{})
				m := demo(body)
				if strings.HasPrefix(name, "base64") {
					m.changes = []string{"encoding", "base64"}
				}
				before := s.function.Processor(t)
				s.deliver(m, demo(renewal("neighbour")))
				if took := s.function.Processor(t) - before; took > 3*time.Second {
					t.Errorf("took %s", took)
				}
				got := ""
				for _, m := range s.rejected.Messages() {
					got += m.Attribute("reason")
				}
				if events := s.stored(demoAccount, "event"); got != reason || events < 1 {
					t.Errorf("rejected for %q, want %q; %d events stored", got, reason, events)
				}
				if most := s.function.Memory(t); most > 160<<20 {
					t.Errorf("%d bytes resident", most)
				}
			})
		}
	}
}

// Batches at Lambda's limit of 6 MB, with the table and at the least memory that Lambda gives: webhooks as large as
// real ones, and ten that are as large as they may be together, which is the worst that the FIFO queue hands out.
func TestTheLargestBatchFitsTheMemory(t *testing.T) {
	const leastMemory = 128 // MB, of which Lambda itself needs some twenty
	const most = (leastMemory - 20) << 20
	for name, test := range map[string]struct {
		queue      string
		attributes int // of one webhook
		prepare    func(*stack)
	}{
		"CleverTap is down": {"events", 30, func(s *stack) { s.clevertap.AddFault(status(503)) }},
		"all events are rejected": {"events", 30, func(s *stack) {
			s.clevertap.SetAccount(clevertaptest.Account{
				ID: demoAccount, Passcodes: []string{demoPasscode}, Discarded: []string{"SUBSCRIPTION_RENEWED"},
			})
		}},
		"ten as large as can be": {"events.fifo", 14_000, func(*stack) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{
				"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(leastMemory), "RETRY_DELAY": "5m", // for a busy machine
			}
			s, _ := startWithTable(t, options{queue: test.queue, env: env})
			test.prepare(s)
			var extra []string
			for i := range test.attributes {
				extra = append(extra, fmt.Sprintf("attribute_%05d", i), fmt.Sprintf(`"private-value-%d"`, i))
			}
			size, n := 0, 0
			for ; size < 6<<20-4096 && (test.queue == "events" || n < 10); n++ {
				body := renewal(fmt.Sprint("u", n), extra...)
				s.send(demo(body))
				size += len(body) + strings.Count(body, `"`) + 850
			}
			for range 2 { // and again what came back
				s.invoke()
			}
			got := s.function.Memory(t)
			t.Logf("%d webhooks, %d bytes, %.1f MiB resident", n, size, float64(got)/(1<<20))
			if got >= most {
				t.Errorf("%d bytes resident for %d webhooks", got, n)
			}
		})
	}
}
