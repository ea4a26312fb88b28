package receive

import (
	"io"
	"slices"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/metric"
)

// window is how long a count that was just written keeps the next ones waiting.
const window = time.Second

// Metrics is the Observer that writes CloudWatch metrics, each count at most once a second: CloudWatch's price is by the byte, and a line
// has more bytes about itself than about a webhook. The first webhook of its kind is written at once, those that follow within the
// second are written together at its end, so that no count waits for the next webhook.
//
// Lambda freezes a process between two invocations, and its timers with it. What a frozen process has counted is written when it is
// invoked next; if it is ended instead, these counts are lost: at most those of its last second. The webhooks themselves were on the
// queue before they were counted, and the forwarder counts them again as MessagesReceived.
type Metrics struct {
	out io.Writer

	mu     sync.Mutex
	began  time.Time // of the window
	counts []count   // of the window: one for each that was written in it
	timer  *time.Timer
}

// count is how many webhooks of a kind wait to be written.
type count struct {
	app    string
	reason fault.Reason // empty: queued
	n      int
}

// NewMetrics makes a Metrics; in a Lambda function out is the standard output.
func NewMetrics(out io.Writer) *Metrics { return &Metrics{out: out} }

// Queued counts a webhook that the queue has accepted.
func (m *Metrics) Queued(app string) { m.add(count{app: app, n: 1}) }

// Refused counts a webhook that was turned away, under the reason that its sender was told: a short list, because every reason is a
// metric that costs money. The exact one stands in the log.
func (m *Metrics) Refused(app string, reason fault.Reason) { m.add(count{app, told(reason), 1}) }

// told is the reason as it stands in the answer.
func told(reason fault.Reason) fault.Reason {
	switch reason {
	case fault.UnknownApp, fault.TooLarge:
		return reason
	case fault.BadSignature, fault.Stale, fault.Future, fault.Source:
		return fault.Unauthorized
	default:
		return fault.Unavailable
	}
}

// add writes a count now, if none of its kind was written in this window, and at the window's end otherwise.
func (m *Metrics) add(c count) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// The wall clock: the other one may stand still while the process is frozen.
	now := time.Now().Round(0)
	left := m.began.Add(window).Sub(now)
	if left <= 0 || left > window {
		m.turn(now)
		left = window
	}
	i := slices.IndexFunc(m.counts, func(other count) bool { return other.app == c.app && other.reason == c.reason })
	if i < 0 {
		m.counts = append(m.counts, count{c.app, c.reason, 0})
		m.write(now, c)
		return
	}
	m.counts[i].n++
	if m.timer == nil {
		m.wait(left)
	}
}

// wait ends the window when its time has come, unless somebody else has ended it by then.
func (m *Metrics) wait(left time.Duration) {
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.timer == timer {
			m.turn(time.Now().Round(0))
		}
	})
	m.timer = timer
}

// turn writes what waits and begins a new window.
func (m *Metrics) turn(now time.Time) {
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	m.began = now
	m.counts = slices.DeleteFunc(m.counts, func(c count) bool { return c.n == 0 })
	m.write(now, m.counts...)
	for i := range m.counts {
		m.counts[i].n = 0
	}
}

// write lets a failing output be: a metric is not worth a webhook.
func (m *Metrics) write(now time.Time, counts ...count) {
	var set metric.Set
	for _, c := range counts {
		if c.reason == "" {
			set.Add(c.app, metric.WebhooksQueued, c.n)
		} else {
			set.AddReason(c.app, string(c.reason), metric.WebhooksRefused, c.n)
		}
	}
	if !set.Empty() {
		_ = set.Write(m.out, now)
	}
}
