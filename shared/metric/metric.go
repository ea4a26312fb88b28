// Package metric writes counts as CloudWatch metrics: one line of JSON in embedded metric format for each app.
//
// It promises lines that CloudWatch accepts, with this project's metrics and no others, each without a
// dimension and by app. It writes app names, reasons and numbers and nothing else, and it reads no clock.
package metric

import (
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Namespace is where CloudWatch keeps the metrics.
const Namespace = "PurchaselyCleverTap"

// UnknownApp replaces every app outside the integration file: strangers must not make metrics.
const UnknownApp = "unknown"

// maxValues is how many values of one metric a line may have (AWS, embedded metric format, November 2026).
const maxValues = 100

// Name is one of the metrics.
type Name string

// The metrics. The last four outcomes add up to MessagesReceived.
const (
	WebhooksQueued     Name = "WebhooksQueued"
	WebhooksRefused    Name = "WebhooksRefused"
	MessagesReceived   Name = "MessagesReceived"
	MessagesDelivered  Name = "MessagesDelivered"
	MessagesSkipped    Name = "MessagesSkipped"
	MessagesRejected   Name = "MessagesRejected"
	MessagesRetried    Name = "MessagesRetried"
	RecordsAccepted    Name = "RecordsAccepted"
	UploadLatency      Name = "UploadLatency"
	EventAge           Name = "EventAge"
	CredentialsRefused Name = "CredentialsRefused"
	BreakerOpen        Name = "BreakerOpen"
	SchemaDrift        Name = "SchemaDrift"
	SettingsRejected   Name = "SettingsRejected"
	JournalFailed      Name = "JournalFailed"
	RelayDelivered     Name = "RelayDelivered"
	RelayFailed        Name = "RelayFailed"
	RelaySkipped       Name = "RelaySkipped"
	HeartbeatOk        Name = "HeartbeatOk"
)

// Names lists every metric, for the tests that compare them with the template.
func Names() []Name {
	return []Name{
		WebhooksQueued, WebhooksRefused, MessagesReceived, MessagesDelivered, MessagesSkipped, MessagesRejected,
		MessagesRetried, RecordsAccepted, UploadLatency, EventAge, CredentialsRefused, BreakerOpen, SchemaDrift,
		SettingsRejected, JournalFailed, RelayDelivered, RelayFailed, RelaySkipped, HeartbeatOk,
	}
}

// directive declares the metric in a line. Counts have no unit: it is optional, and CloudWatch bills by the
// byte.
func (n Name) directive() string {
	if n == UploadLatency || n == EventAge {
		return `{"Name":"` + string(n) + `","Unit":"Milliseconds"}`
	}
	return `{"Name":"` + string(n) + `"}`
}

// Set collects what one invocation, or several, counted. The zero Set is empty. It is not safe for concurrent
// use.
type Set struct{ lines []line }

// line holds the metrics of one app and, if there is one, one reason.
type line struct {
	app, reason string
	series      []series
}

// series is one metric of a line.
type series struct {
	name   Name
	values []float64
}

// Add counts n for an app.
func (s *Set) Add(app string, name Name, n int) { s.AddReason(app, "", name, n) }

// AddReason counts n for an app and a reason, which is then a dimension too.
func (s *Set) AddReason(app, reason string, name Name, n int) {
	if v := s.series(app, reason, name); len(v.values) > 0 {
		v.values[0] += float64(n)
	} else {
		v.values = append(v.values, float64(n))
	}
}

// Observe adds one value of a distribution, in milliseconds.
func (s *Set) Observe(app string, name Name, d time.Duration) {
	s.Sample(app, name, float64(d.Milliseconds()))
}

// Sample adds one value of a distribution.
func (s *Set) Sample(app string, name Name, value float64) {
	v := s.series(app, "", name)
	v.values = append(v.values, value)
}

// Empty reports whether there is nothing to write.
func (s *Set) Empty() bool { return len(s.lines) == 0 }

// series finds or makes a series. Lines are few: one for each app of a batch.
func (s *Set) series(app, reason string, name Name) *series {
	i := slices.IndexFunc(s.lines, func(l line) bool { return l.app == app && l.reason == reason })
	if i < 0 {
		i = len(s.lines)
		s.lines = append(s.lines, line{app: app, reason: reason})
	}
	l := &s.lines[i]
	j := slices.IndexFunc(l.series, func(v series) bool { return v.name == name })
	if j < 0 {
		j = len(l.series)
		l.series = append(l.series, series{name: name})
	}
	return &l.series[j]
}

// Write writes the lines and empties the Set. A distribution of more values than a line may have continues in
// further lines.
func (s *Set) Write(w io.Writer, now time.Time) error {
	var out []byte
	for _, l := range s.lines {
		for from := 0; ; from += maxValues {
			part := l.part(from)
			if len(part) == 0 {
				break
			}
			out = append(l.append(out, part, now), '\n')
		}
	}
	s.lines = nil
	_, err := w.Write(out)
	return err
}

// part returns the next values of each series, without the series that have none left.
func (l line) part(from int) []series {
	var part []series
	for _, v := range l.series {
		if from < len(v.values) {
			part = append(part, series{v.name, v.values[from:min(from+maxValues, len(v.values))]})
		}
	}
	return part
}

// append writes one line: the directive that declares the metrics, the dimensions' values, the metrics' values.
func (l line) append(out []byte, part []series, now time.Time) []byte {
	out = append(out, `{"_aws":{"Timestamp":`...)
	out = appendNumber(out, float64(now.UnixMilli()))
	out = append(out, `,"CloudWatchMetrics":[{"Namespace":"`+Namespace+`","Dimensions":[[],["App"]`...)
	if l.reason != "" {
		out = append(out, `,["Reason"]`...)
	}
	out = append(out, `],"Metrics":[`...)
	for i, v := range part {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, v.name.directive()...)
	}
	out = append(out, `]}]},"App":`...)
	out = appendText(out, l.app)
	if l.reason != "" {
		out = append(out, `,"Reason":`...)
		out = appendText(out, l.reason)
	}
	for _, v := range part {
		out = append(out, `,"`+string(v.name)+`":`...)
		out = appendValues(out, v.values)
	}
	return append(out, '}')
}

func appendValues(out []byte, values []float64) []byte {
	if len(values) == 1 {
		return appendNumber(out, values[0])
	}
	for i, v := range values {
		out = append(out, "[,"[min(i, 1)])
		out = appendNumber(out, v)
	}
	return append(out, ']')
}

func appendNumber(out []byte, v float64) []byte {
	return strconv.AppendFloat(out, v, 'f', -1, 64)
}

// appendText quotes a name. Names are ASCII words; anything else is replaced rather than refused.
func appendText(out []byte, s string) []byte {
	quoted, err := jsontext.AppendQuote(out, s)
	if err != nil {
		return append(out, `"`+UnknownApp+`"`...)
	}
	return quoted
}
