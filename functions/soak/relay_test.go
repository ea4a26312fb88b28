//go:build soak

package soak_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// backEndTimeout is how long the relay waits for an answer, as the integration file says.
const backEndTimeout = time.Second

// backEnd is parla's own back end, which fails for a while as everything else does.
type backEnd struct {
	*httptest.Server

	mu     sync.Mutex
	fault  *backEndFault
	until  time.Time
	first  map[string]int // when it first took a webhook, by key: 1, 2, …
	copies int            // of what it had taken already
	forged int            // requests whose signature is not Purchasely's
	failed totals         // requests by fault
}

// backEndFault is what the back end does instead of answering 200 at once.
type backEndFault struct {
	name  string
	takes bool // the webhook
	serve http.HandlerFunc
}

var backEndFaults = []backEndFault{
	{"back end down", false, hangUp},
	{"back end broken", false, answer(http.StatusServiceUnavailable, "", "")},
	{"back end refusing", false, answer(http.StatusForbidden, "", "")},
	{"back end redirects", false, answer(http.StatusFound, "Location", "/moved")},
	{"back end busy", false, answer(http.StatusTooManyRequests, "Retry-After", "1")},
	{"back end slow", true, func(http.ResponseWriter, *http.Request) { time.Sleep(backEndTimeout / 3) }},
	{"back end answers late", true, func(http.ResponseWriter, *http.Request) { time.Sleep(2 * backEndTimeout) }},
	{"back end takes, hangs up", true, hangUp},
}

func answer(status int, header, value string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if header != "" {
			w.Header().Set(header, value)
		}
		w.WriteHeader(status)
	}
}

// hangUp resets the connection.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

func newBackEnd(t *testing.T) *backEnd {
	b := &backEnd{first: map[string]int{}, failed: totals{}}
	b.Server = httptest.NewUnstartedServer(b)
	b.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	b.Start()
	t.Cleanup(b.Close)
	return b
}

// ServeHTTP takes a webhook, unless a fault prevents it.
func (b *backEnd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != "/hook" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if fault := b.take(r.Header, body); fault != nil {
		fault.serve(w, r)
	}
}

// take verifies a webhook as Purchasely documents it, under either secret of the run, and returns what goes wrong.
func (b *backEnd) take(header http.Header, body []byte) (fault *backEndFault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Now().Before(b.until) {
		fault = b.fault
		b.failed.add(fault.name)
	}
	genuine := slices.ContainsFunc([]string{"quartz-parla-0", "quartz-parla-1"}, func(key string) bool {
		signature := webhook.Sign(secret.New(key), header.Get("X-PURCHASELY-TIMESTAMP"), body)
		return signature == header.Get("X-PURCHASELY-REQUEST-SIGNATURE")
	})
	switch key := webhookKey("parla", string(body), "raw"); {
	case !genuine:
		b.forged++
	case fault != nil && !fault.takes:
	case b.first[key] > 0:
		b.copies++
	default:
		b.first[key] = len(b.first) + 1
	}
	return fault
}

// fail lets it fail for a while.
func (b *backEnd) fail(fault *backEndFault, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault, b.until = fault, time.Now().Add(d)
}

// faults are those that chaos chooses from.
func (b *backEnd) faults() (all []faultCase) {
	for i := range backEndFaults {
		f := &backEndFaults[i]
		all = append(all, faultCase{f.name, func(c *chaos) {
			b.fail(f, time.Duration(200+c.random.IntN(2000))*time.Millisecond)
		}})
	}
	return all
}

// checkRelay checks that the back end has taken every webhook of its app, a user's in their order, and nothing else.
func (c *checks) checkRelay() {
	b := c.backEnd
	groups := map[string]string{} // of the webhooks, by key
	for _, call := range c.relays.invocations {
		for _, m := range call.messages {
			groups[m.webhook] = m.group
		}
	}
	last, of, want := map[string]int{}, map[string]*testWebhook{}, 0
	for _, w := range c.webhooks { // of one sender after the other; a group is one sender's
		if w.app != "parla" || of[w.key] != nil {
			continue
		}
		want++
		of[w.key] = w
		position, group := b.first[w.key], groups[w.key]
		switch {
		case position == 0:
			c.Errorf("the back end has never taken a webhook\n%s", c.describe(w))
		case position < last[group]:
			c.Errorf("a webhook overtook an earlier one of its user on the way to the back end\n%s", c.describe(w))
		}
		last[group] = position
	}
	if b.forged > 0 || want == 0 || len(b.first) != want {
		c.Errorf("the back end took %d webhooks of %d, and %d that nobody has signed", len(b.first), want, b.forged)
	}
	if dead := c.relayDead.Counts(); dead.Visible+dead.InFlight > 0 {
		c.Errorf("%d messages were given up", dead.Visible+dead.InFlight)
	}
	fmt.Fprintf(c.Output(), "back end: %d webhooks, %d copies; killed %d relays\n",
		len(b.first), b.copies, c.relays.kills)
	b.failed.print(c.Output(), "its failed requests:")
}
