//go:build blackbox

package main_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

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
	s := start(t, false, map[string]string{"BREAKER_PAUSE": "1ms"})
	replies := map[string]struct {
		answer http.HandlerFunc
		words  []string // of the log; empty: the webhook is taken
	}{
		"200-with-a-body-that-drips": {drips(200), nil},
		"204":                        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, nil},
		"302":                        {fail(302, "Location", "/elsewhere"), []string{`"reason":"back_end"`, `"code":"302"`}},
		"404":                        {fail(404), []string{`"reason":"back_end"`, `"code":"404"`}},
		"500-with-a-huge-body":       {huge(500), []string{`"reason":"back_end"`, `"code":"500"`}},
		"no-answer":                  {hangs, []string{`"reason":"timeout"`}},
		"a-connection-that-is-cut":   {cut(""), []string{`"reason":"network"`}},
		"no-HTTP":                    {cut("ready\r\n\r\n"), []string{`"reason":"network"`}},
	}
	for id, c := range replies {
		s.backEnd.answers(c.answer)
		before := len(s.backEnd.got())
		s.send("demo", id, activate("7", id))
		b := s.invoke()
		taken := len(b.back) == 0
		if taken != (c.words == nil) || len(s.backEnd.got())-before < 1 || b.took > longest+time.Minute {
			t.Errorf("%s: %q come back after %s and %d requests", id, b.back, b.took, len(s.backEnd.got())-before)
		}
		s.backEnd.answers(nil)
		for len(s.queue.Messages()) > 0 {
			time.Sleep(2 * time.Millisecond)
			s.invoke()
		}
	}
	for _, r := range s.backEnd.got() {
		if r.path != "/hook?token="+token {
			t.Errorf("a redirect was followed to %s", r.path)
		}
	}
	for id, c := range replies {
		if c.words != nil {
			s.function.WantsLine(t, append(c.words, `"eventId":"`+id+`"`)...)
		}
	}
}

// What the function tells the queue.
func TestMessagesComeBackWhenTheyShould(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer      http.HandlerFunc
		least, most time.Duration
	}{
		"a first failure": {fail(500), 8 * time.Second, 12 * time.Second},
		"Retry-After":     {fail(503, "Retry-After", "120"), 2 * time.Minute, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := &clock{began: time.Now()}
			s := startAt(t, clock, false, nil)
			s.backEnd.answers(c.answer)
			s.send("demo", "7", activate("7", "first"))
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

// Three failures in a row open the breaker of one URL; the other URL gets its webhooks as ever. When the pause is over
// one request tries.
func TestTheBreakerIsOfOneURL(t *testing.T) {
	t.Parallel()
	s := start(t, false, map[string]string{"BREAKER_PAUSE": "1s"})
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
	for began := time.Now(); len(s.queue.Messages()) > 0 && time.Since(began) < 20*time.Second; {
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

func TestPrivateAddressesAndPlainHTTPAreRefusedUnlessTheyAreAllowed(t *testing.T) {
	t.Parallel()
	s := start(t, true, map[string]string{"RELAY_ALLOW_PRIVATE": ""})
	s.refuses()
	s.function.WantsLine(t, `"ERROR"`, "address is not public")
	s = start(t, false, map[string]string{"RELAY_ALLOW_PRIVATE": "false"})
	s.refuses()
	s.function.WantsLine(t, `"ERROR"`, "it must be https")
}

func TestACertificateThatIsNotTrustedIsNoBackEnd(t *testing.T) {
	t.Parallel()
	s := start(t, true, map[string]string{"SSL_CERT_FILE": "/dev/null"})
	s.refuses()
	s.function.WantsLine(t, "certificate of an unknown authority")
}

// Whoever may send to the queue may write anything. It comes back with an ERROR line, and nothing stops for it.
func TestMessagesThatCannotBeReadComeBack(t *testing.T) {
	t.Parallel()
	s := start(t, false, nil)
	_, err := s.queue.Send(awstest.Message{
		Body: "rosée", Attributes: awstest.TextAttributes(map[string]string{"schema": "2", "app": "demo"}),
		GroupID: "g", DeduplicationID: "d",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.send("demo", "7", activate("7", "e-1"))
	if b := s.invoke(); len(b.back) != 1 || len(s.backEnd.got()) != 1 {
		t.Errorf("%d come back, %d requests", len(b.back), len(s.backEnd.got()))
	}
	s.function.WantsLine(t, `"level":"ERROR"`)
}
