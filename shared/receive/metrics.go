package receive

import (
	"io"
	"slices"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/metric"
)

// window is how long counts are collected before they are written.
const window = time.Second

// Metrics is the Observer that writes CloudWatch metrics. CloudWatch bills by the byte and most of a line is
// metadata, so the first webhook of a kind is written at once, and the others of its second together, when the
// second is over.
//
// Lambda freezes a process between invocations, and its timers with it. Counts that wait then are written in
// the next invocation; if there is none they are lost, at most those of one second. Their webhooks are on the
// queue, and the forwarder counts them as MessagesReceived.
type Metrics struct {
	out io.Writer

	mu     sync.Mutex
	began  time.Time // start of the window
	counts []count   // one for each kind that was written in the window
	timer  *time.Timer
}

// count is how many webhooks of a kind have not been written yet.
type count struct {
	app    string
	reason fault.Reason // empty: queued
	n      int
}

// NewMetrics makes a Metrics; in a Lambda function out is the standard output.
func NewMetrics(out io.Writer) *Metrics { return &Metrics{out: out} }

// Queued counts a webhook that the queue has accepted.
func (m *Metrics) Queued(app string) { m.add(app, "") }

// Refused counts a webhook that was turned away.
func (m *Metrics) Refused(app string, reason fault.Reason) { m.add(app, reason) }

// add writes a webhook at once if it is the first of its kind in the window, else when the window ends.
func (m *Metrics) add(app string, reason fault.Reason) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// Round(0) takes the wall clock: the monotonic one may stand still while the process is frozen.
	now := time.Now().Round(0)
	left := m.began.Add(window).Sub(now)
	if left <= 0 || left > window {
		m.flush(now)
		left = window
	}
	i := slices.IndexFunc(m.counts, func(c count) bool { return c.app == app && c.reason == reason })
	if i < 0 {
		m.counts = append(m.counts, count{app, reason, 0})
		m.write(now, count{app, reason, 1})
		return
	}
	m.counts[i].n++
	if m.timer == nil {
		m.flushAfter(left)
	}
}

// flushAfter ends the window after a while, unless it has ended by then.
func (m *Metrics) flushAfter(left time.Duration) {
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.timer == timer {
			m.flush(time.Now().Round(0))
		}
	})
	m.timer = timer
}

// flush writes what waits and begins a new window. Kinds that waited stay in the counts: they were just
// written.
func (m *Metrics) flush(now time.Time) {
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

// write ignores a failing output: a metric is not worth a webhook.
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
