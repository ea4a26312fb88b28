package receive_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/receive"
)

// output keeps what is written, write by write.
type output struct {
	mu     sync.Mutex
	writes []string
}

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writes = append(o.writes, string(text))
	return len(text), nil
}

func (o *output) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.writes)
}

// counts is a line of metrics.
type counts struct {
	App, Reason     string
	WebhooksQueued  int
	WebhooksRefused int
}

func read(t *testing.T, text string) (lines []counts) {
	t.Helper()
	for line := range strings.Lines(text) {
		var c counts
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, c)
	}
	return lines
}

func TestTheFirstWebhookOfAKindIsCountedAtOnceAndTheOthersOfItsSecondTogether(t *testing.T) {
	of := func(n int) []counts {
		return []counts{
			{App: "demo", WebhooksQueued: n},
			{App: "other", WebhooksQueued: n},
			{App: "demo", Reason: "unauthorized", WebhooksRefused: n},
		}
	}
	synctest.Test(t, func(t *testing.T) {
		var out output
		m := receive.NewMetrics(&out)
		for range 50 {
			m.Queued("demo")
			m.Queued("other")
			m.Refused("demo", fault.Unauthorized)
			time.Sleep(10 * time.Millisecond)
		}
		if got := read(t, strings.Join(out.all(), "")); !slices.Equal(got, of(1)) {
			t.Errorf("counted %+v within the second", got)
		}
		time.Sleep(499 * time.Millisecond)
		synctest.Wait()
		if got := len(out.all()); got != 3 {
			t.Errorf("%d writes a moment before the second is over", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := out.all(); len(got) != 4 || !slices.Equal(read(t, got[3]), of(49)) {
			t.Errorf("when the second is over, the writes are %q", got)
		}
	})
}

func TestAPauseMakesTheNextWebhookTheFirstAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		m := receive.NewMetrics(&out)
		for i := range 5 {
			m.Queued("demo")
			if len(out.all()) != i+1 {
				t.Errorf("%d writes after %d webhooks with pauses between them", len(out.all()), i+1)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestEveryWebhookIsCountedOnceAndNoSecondHasTwoWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		m := receive.NewMetrics(&out)
		began := time.Now()
		var all sync.WaitGroup
		for client := range 8 {
			all.Go(func() {
				for i := range 250 {
					time.Sleep(time.Duration(1+(client+i)%37) * time.Millisecond)
					m.Queued("demo")
				}
			})
		}
		all.Wait()
		seconds := int(time.Since(began)/time.Second) + 1
		time.Sleep(time.Second)
		synctest.Wait()
		total := 0
		for _, line := range read(t, strings.Join(out.all(), "")) {
			total += line.WebhooksQueued
		}
		if total != 2000 || len(out.all()) > seconds+1 {
			t.Errorf("%d webhooks counted in %d writes over %d seconds, want 2000", total, len(out.all()), seconds)
		}
	})
}
