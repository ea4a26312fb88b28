//go:build soak

package soak_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// failingCleverTap takes uploads in about a second, but for the first app's account, which is out of reach for a time.
type failingCleverTap struct {
	hangs    bool // out of reach means that nobody answers; else that everything is answered 503
	from, to time.Time

	mu       sync.Mutex
	due      [len(outageApps)][]time.Time // when each event was queued; zero: it is delivered
	got      [len(outageApps)]int
	slowest  [len(outageApps)]time.Duration
	inFlight [len(outageApps)]int
	busiest  int
	twice    int
	failed   int
}

// RoundTrip takes an upload.
func (c *failingCleverTap) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	app := indexOf(r.Header.Get("X-CleverTap-Account-Id"))
	defer c.enter(app)()
	now := time.Now()
	if app == 0 && !now.Before(c.from) && now.Before(c.to) {
		c.mu.Lock()
		c.failed++
		c.mu.Unlock()
		if c.hangs {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		time.Sleep(latency() / 10)
		return answer(http.StatusServiceUnavailable, "out of order"), nil
	}
	select {
	case <-time.After(latency()):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return answer(http.StatusOK, fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, c.take(body))), nil
}

// latency is from half a second to a second and a half.
func latency() time.Duration { return 500*time.Millisecond + rand.N(time.Second) }

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func indexOf(account string) int {
	for i, name := range outageApps {
		if name == account {
			return i
		}
	}
	panic("unknown account " + account)
}

// enter counts an upload under way and gives the function that ends it.
func (c *failingCleverTap) enter(app int) (leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight[app]++
	c.busiest = max(c.busiest, c.inFlight[app])
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inFlight[app]--
	}
}

// expect notes when an event was queued.
func (c *failingCleverTap) expect(app int, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due[app] = append(c.due[app], at)
}

// has tells how many events of an app have arrived.
func (c *failingCleverTap) has(app int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got[app]
}

// take notes the events of an upload and counts its records.
func (c *failingCleverTap) take(body []byte) (records int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for rest := body; ; {
		_, after, found := bytes.Cut(rest, []byte(`"event_id":"`))
		if !found {
			break
		}
		id, further, _ := bytes.Cut(after, []byte(`"`))
		rest = further
		first, second, _ := strings.Cut(string(id), "-")
		app, _ := strconv.Atoi(first)
		number, _ := strconv.Atoi(second)
		if c.due[app][number].IsZero() {
			c.twice++
			continue
		}
		c.slowest[app] = max(c.slowest[app], now.Sub(c.due[app][number]))
		c.due[app][number] = time.Time{}
		c.got[app]++
	}
	return bytes.Count(body, []byte(`{"type":"`))
}
