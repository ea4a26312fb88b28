//go:build blackbox

package main_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// hangs keeps the request until the relay gives it up.
func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// drips sends a status and then a byte now and then.
func drips(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, ".")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// huge answers with a body that is never read to its end.
func huge(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}
}

// cut ends the connection with no more than a text of an answer.
func cut(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, text)
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

func TestEveryAnswerEndsAsItShould(t *testing.T) {
	t.Parallel()
	const longest = 5 * time.Second // a request's time-out is a second
	type reply struct {
		answer http.HandlerFunc
		done   bool
		reason string
		code   string
	}
	replies := map[string]reply{
		"200 with a huge body":       {huge(200), true, "", ""},
		"200 with a body that drips": {drips(200), true, "", ""},
		"200 that is cut off":        {cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), true, "", ""},
		"500 with a huge body":       {huge(500), false, "back_end", "500"},
		"500 with a body that drips": {drips(500), false, "back_end", "500"},
		"no answer":                  {hangs, false, "timeout", ""},
		"a connection that is cut":   {cut(""), false, "network", ""},
		"headers that are cut":       {cut("HTTP/1.1 200 OK\r\nContent-"), false, "network", ""},
		"no HTTP":                    {cut("ready\r\n\r\n"), false, "network", ""},
		"headers of 100 KB": {
			cut("HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 100_000) + "\r\n\r\n"), false, "network", "",
		},
		"another protocol": {
			cut("HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), false, "back_end", "101",
		},
	}
	for _, status := range []int{200, 201, 202, 204, 206, 299} {
		takes := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
		replies[fmt.Sprint(status)] = reply{takes, true, "", ""}
	}
	for _, status := range []int{
		300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 409, 410, 413, 418, 429, 500, 502, 503, 504, 599,
	} {
		replies[fmt.Sprint(status)] = reply{fail(status, "Location", "/elsewhere"), false, "back_end", fmt.Sprint(status)}
	}
	s := start(t, false, map[string]string{"BREAKER_PAUSE": "1ms"})
	for _, name := range slices.Sorted(maps.Keys(replies)) {
		c := replies[name]
		s.backEnd.answers(c.answer)
		before := len(s.backEnd.got())
		id := strings.ReplaceAll(name, " ", "-") // as an id may be
		s.send("demo", id, activate("7", id))
		b := s.invoke()
		if done := len(b.back) == 0; done != c.done || len(s.backEnd.got())-before < 1 || b.took > longest+busy {
			t.Errorf("%s: %q come back after %s and %d requests", name, b.back, b.took, len(s.backEnd.got())-before)
		}
		s.backEnd.answers(nil)
		for len(s.queue.Messages()) > 0 {
			time.Sleep(2 * time.Millisecond)
			s.invoke()
		}
	}
	s.function.Kill()
	for _, r := range s.backEnd.got() {
		if r.path != "/hook?token="+token {
			t.Errorf("a redirect was followed to %s", r.path)
		}
	}
	logged := s.function.Output().Stdout.String() + s.function.Output().Stderr.String()
	for name, c := range replies {
		found := c.done
		for line := range strings.Lines(logged) {
			var l struct{ EventID, Reason, Code string }
			_ = json.Unmarshal([]byte(line), &l, json.MatchCaseInsensitiveNames(true))
			of := l.EventID == strings.ReplaceAll(name, " ", "-")
			found = found || of && l.Reason == c.reason && l.Code == c.code
		}
		if !found {
			t.Errorf("%s: not logged as %s %s", name, c.reason, c.code)
		}
	}
}

// What the function tells the queue: 10 s, doubled, as long as the back end wants to be left alone, and an hour at
// most.
func TestMessagesComeBackWhenTheyShould(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for name, c := range map[string]struct {
		answer   http.HandlerFunc
		receives int
		least    time.Duration
		most     time.Duration
	}{
		"a first failure":        {fail(500), 1, 8 * time.Second, 12 * time.Second},
		"a third failure":        {fail(500), 3, 32 * time.Second, 48 * time.Second},
		"a twentieth failure":    {fail(500), 20, 48 * time.Minute, time.Hour},
		"no answer":              {hangs, 1, 8 * time.Second, 12 * time.Second},
		"Retry-After in seconds": {fail(503, "Retry-After", "120"), 1, 2 * time.Minute, 2 * time.Minute},
		"Retry-After as a date": {
			fail(429, "Retry-After", in(10*time.Minute)), 1, 9 * time.Minute, 10*time.Minute + time.Second,
		},
		"Retry-After of a day":     {fail(503, "Retry-After", "86400"), 1, time.Hour, time.Hour},
		"Retry-After in the past":  {fail(503, "Retry-After", in(-time.Hour)), 1, 8 * time.Second, 12 * time.Second},
		"Retry-After that is none": {fail(503, "Retry-After", "soon"), 1, 8 * time.Second, 12 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := &clock{began: time.Now()}
			s := startAt(t, clock, false, nil)
			s.backEnd.answers(c.answer)
			s.send("demo", "7", activate("7", "first"))
			for range c.receives - 1 {
				s.queue.Receive(1, 0)
			}
			s.send("demo", "7", activate("7", "held behind it"))
			s.invoke()
			clock.passed.Store(int64(c.least - time.Second))
			if counts := s.queue.Counts(); counts.InFlight != 2 {
				t.Errorf("just before %s: %+v", c.least, counts)
			}
			clock.passed.Store(int64(c.most))
			if counts := s.queue.Counts(); counts.Visible != 2 {
				t.Errorf("after %s: %+v", c.most, counts)
			}
			if n := len(s.backEnd.got()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// A subscriber's webhooks come in their order whatever fails on the way.
func TestASubscribersWebhooksComeInTheirOrder(t *testing.T) {
	t.Parallel()
	s := start(t, false, map[string]string{"BREAKER_PAUSE": "1ms"})
	var taken []string
	failures := 0
	s.backEnd.answers(func(w http.ResponseWriter, r *http.Request) {
		ids := s.backEnd.ids()
		if failures++; failures%3 != 0 {
			cut("")(w, r)
			return
		}
		taken = append(taken, ids[len(ids)-1])
	})
	var want []string
	for i := range 8 {
		want = append(want, fmt.Sprint("e-", i))
		s.send("demo", "7", activate("7", want[i]))
	}
	for range 100 {
		if len(s.queue.Messages()) == 0 {
			break
		}
		s.invoke()
		time.Sleep(2 * time.Millisecond)
	}
	if !slices.Equal(taken, want) {
		t.Errorf("taken %q", taken)
	}
}

// Three failures in a row open the breaker of one URL; the other URL gets its webhooks as ever. When the pause is over
// one request tries.
func TestTheBreakerIsOfOneURL(t *testing.T) {
	t.Parallel()
	s := start(t, false, map[string]string{"BREAKER_PAUSE": "2s"})
	s.backEnd.answers(fail(500))
	for i := range 3 {
		s.send("demo", fmt.Sprint(i), activate(fmt.Sprint(i), fmt.Sprint("failing-", i)))
		s.invoke()
	}
	before := len(s.backEnd.got())
	s.send("demo", "9", activate("9", "left alone"))
	s.send("other", "9", activate("9", "of another app"))
	b := s.invoke()
	if n := len(s.backEnd.got()) - before; n != 0 || len(s.other.got()) != 1 {
		t.Errorf("%d requests, %q come back", n, b.back)
	}
	s.backEnd.answers(nil)
	for began := time.Now(); len(s.queue.Messages()) > 0 && time.Since(began) < busy; {
		time.Sleep(50 * time.Millisecond)
		s.invoke()
	}
	if n := len(s.queue.Messages()); n != 0 {
		t.Errorf("%d webhooks wait after the pause", n)
	}
	if n := s.count("demo", "RelayFailed"); n < 3 {
		t.Errorf("%d failures counted", n)
	}
}

// A back end that hangs, for one app, costs the others of its batch nothing: they are sent at once.
func TestOneAppsTroubleDoesNotSlowAnothers(t *testing.T) {
	t.Parallel()
	s := start(t, false, nil)
	s.backEnd.answers(hangs)
	sent := make(chan time.Duration, 10)
	began := time.Now()
	s.other.answers(func(http.ResponseWriter, *http.Request) { sent <- time.Since(began) })
	for i := range 5 {
		s.send("demo", fmt.Sprint(i), activate(fmt.Sprint(i), fmt.Sprint("hangs-", i)))
		s.send("other", fmt.Sprint(i), activate(fmt.Sprint(i), fmt.Sprint("fine-", i)))
	}
	began = time.Now()
	b := s.invoke()
	if len(b.back) != 5 || len(sent) != 5 || b.took < time.Second {
		t.Errorf("%q come back after %s, %d sent", b.back, b.took, len(sent))
	}
	for len(sent) > 0 {
		if d := <-sent; d > b.took-500*time.Millisecond {
			t.Errorf("one was sent after %s of %s", d, b.took)
		}
	}
}

func TestPrivateAddressesAreRefusedUnlessTheyAreAllowed(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{"not set": "", "false": "false"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, true, map[string]string{"RELAY_ALLOW_PRIVATE": env})
			s.send("demo", "7", activate("7", "e-1"))
			if b := s.invoke(); !slices.Equal(b.back, []string{"e-1"}) || len(s.backEnd.got()) != 0 {
				t.Errorf("%q come back, %d requests", b.back, len(s.backEnd.got()))
			}
			s.function.Kill()
			out := s.function.Output().Stdout.String() + s.function.Output().Stderr.String()
			if !strings.Contains(out, `"ERROR"`) || !strings.Contains(out, "address is not public") {
				t.Errorf("printed %s", out)
			}
		})
	}
	t.Run("plain HTTP", func(t *testing.T) {
		t.Parallel()
		s := start(t, false, map[string]string{"RELAY_ALLOW_PRIVATE": "false"})
		s.send("demo", "7", activate("7", "e-1"))
		if b := s.invoke(); !slices.Equal(b.back, []string{"e-1"}) || len(s.backEnd.got()) != 0 {
			t.Errorf("%q come back, %d requests", b.back, len(s.backEnd.got()))
		}
	})
}

func TestACertificateThatIsNotTrustedIsNoBackEnd(t *testing.T) {
	t.Parallel()
	s := start(t, true, map[string]string{"SSL_CERT_FILE": "/dev/null"})
	s.send("demo", "7", activate("7", "e-1"))
	if b := s.invoke(); !slices.Equal(b.back, []string{"e-1"}) || len(s.backEnd.got()) != 0 {
		t.Errorf("%q come back, %d requests", b.back, len(s.backEnd.got()))
	}
	s.function.Kill()
	out := s.function.Output().Stderr.String() + s.function.Output().Stdout.String()
	if !strings.Contains(out, "certificate of an unknown authority") {
		t.Errorf("printed %s", out)
	}
}

// Whoever may send to the queue may write anything. It comes back with an ERROR line, and nothing stops for it.
func TestMessagesThatCannotBeReadComeBack(t *testing.T) {
	t.Parallel()
	s := start(t, false, nil)
	for i, attributes := range []map[string]string{
		{"schema": "2", "app": "demo", "encoding": "raw"},
		{"schema": "1", "app": "demo", "encoding": "rot13"},
		{"app": "demo"},
	} {
		_, err := s.queue.Send(awstest.Message{
			Body: "rosée", Attributes: awstest.TextAttributes(attributes),
			GroupID: fmt.Sprint("g-", i), DeduplicationID: fmt.Sprint("d-", i),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.send("demo", "7", activate("7", "e-1"))
	if b := s.invoke(); len(b.back) != 3 || len(s.backEnd.got()) != 1 {
		t.Errorf("%d come back, %d requests", len(b.back), len(s.backEnd.got()))
	}
	s.function.Kill()
	out := s.function.Output().Stderr.String() + s.function.Output().Stdout.String()
	if n := strings.Count(out, `"level":"ERROR"`); n != 3 {
		t.Errorf("%d errors are logged", n)
	}
}

// Connections are kept from batch to batch.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	s := start(t, false, nil)
	for i := range 10 {
		s.send("demo", "7", activate("7", fmt.Sprint("e-", i)))
		s.invoke()
	}
	connections := map[string]bool{}
	for _, r := range s.backEnd.got() {
		connections[r.from] = true
	}
	if len(connections) != 1 || len(s.backEnd.got()) != 10 {
		t.Errorf("%d connections for %d requests", len(connections), len(s.backEnd.got()))
	}
}
