package receive

import (
	"io"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/metric"
)

// Metrics is the Observer that writes CloudWatch metrics, a line a webhook.
type Metrics struct{ out io.Writer }

// NewMetrics makes a Metrics; in a Lambda function out is the standard output.
func NewMetrics(out io.Writer) *Metrics { return &Metrics{out} }

// Queued counts a webhook that the queue has accepted.
func (m *Metrics) Queued(app string) {
	var set metric.Set
	set.Add(app, metric.WebhooksQueued, 1)
	m.write(&set)
}

// Refused counts a webhook that was turned away.
func (m *Metrics) Refused(app string, reason fault.Reason) {
	var set metric.Set
	set.AddReason(app, string(reason), metric.WebhooksRefused, 1)
	m.write(&set)
}

// write lets a failing output be: a metric is not worth a webhook.
func (m *Metrics) write(set *metric.Set) { _ = set.Write(m.out, time.Now()) }
