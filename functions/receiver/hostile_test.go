//go:build blackbox

package main_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// The most that an answer to the worst input may take: processor time, which does not depend on what else the
// machine does, and memory, of which the function has 256 MB.
const (
	worstTime   = 3 * time.Second
	worstMemory = 200 << 20
)

// Genuine or not, within the limit or far beyond it, as text or as base64: an answer comes soon, and what was
// correctly signed is on the queue byte for byte.
func TestHostileBodiesAreAnswered(t *testing.T) {
	t.Parallel()
	s := start(t, "events.fifo", nil)
	for name, write := range hostile {
		t.Run(name, func(t *testing.T) {
			sub := s.in(t)
			fits := write(262_144 - 64)
			if len(fits) > 262_144 {
				t.Fatalf("the body has %d bytes", len(fits))
			}
			sub.soon(200, signed(fits))
			sub.renewQueues()
			sub.soon(200, signed(fits).encoded())
			if list := sub.queue.Messages(); len(list) != 1 {
				t.Errorf("%d messages", len(list))
			} else if m, err := message.Decode([]byte(list[0].Body), list[0].Attribute); err != nil || string(m.Body) != fits {
				t.Errorf("the queue has other bytes: %v", err)
			}
			sub.renewQueues()
			sub.soon(401, signed(fits).header(signatureHeader, strings.Repeat("0", 64)))
			if list := sub.queue.Messages(); len(list) != 0 {
				t.Errorf("%d messages of what was refused", len(list))
			}
		})
	}
	// API Gateway takes 10 MB, Lambda 6 MB; more than either comes here.
	large := hostile["nested arrays"](10 << 20)
	s.soon(413, signed(large).without(signatureHeader))
	s.soon(413, signed(large).without(signatureHeader).encoded())
	s.frugal()
}

// Everything around the body may come from a stranger too.
func TestHostileEventsAreAnswered(t *testing.T) {
	t.Parallel()
	s := start(t, "events.fifo", nil)
	many := signed(body)
	for i := range 100_000 {
		many.header("x-"+strconv.Itoa(i), "v")
	}
	var nested any = "end"
	for range 4_000 {
		nested = map[string]any{"a": []any{nested}}
	}
	long := strings.Repeat("a", 5<<20)
	for name, c := range map[string]struct {
		status int
		event  event
	}{
		"a hundred thousand headers":    {200, many},
		"a context of 8,000 levels":     {200, signed(body).with("requestContext", nested)},
		"a signature of 5 MB":           {401, signed(body).header(signatureHeader, long)},
		"a timestamp of 5 MB":           {401, signed(body).header(timestampHeader, long)},
		"a genuine timestamp of 5 MB":   {200, signedWith(key, long, body)},
		"an app of 5 MB":                {404, signed(body).app(long)},
		"an app that climbs":            {404, signed(body).app("../demo")},
		"base64 that is not":            {401, signed(body).with("isBase64Encoded", true)},
		"base64 of nothing but padding": {401, signed(body).encoded().with("body", strings.Repeat("=", 1<<20))},
		"base64 of nothing but lines":   {413, signed(body).encoded().with("body", strings.Repeat("\n", 8<<20))},
		"an object for the body":        {401, signed(body).with("body", map[string]any{"a": 1})},
	} {
		t.Run(name, func(t *testing.T) {
			s.in(t).soon(c.status, c.event)
		})
	}
	s.frugal()
}

// soon is wants with a limit on the processor time.
func (s *stack) soon(status int, e event) {
	s.Helper()
	before := s.Processor(s.T)
	s.wants(status, e)
	if took := s.Processor(s.T) - before; took > worstTime {
		s.Errorf("took %s", took)
	}
}

// frugal checks the most memory that the process has used so far.
func (s *stack) frugal() {
	s.Helper()
	most := s.Memory(s.T)
	s.Logf("%d MiB at most", most>>20)
	if most > worstMemory {
		s.Errorf("%d bytes resident", most)
	}
}
