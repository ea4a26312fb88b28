package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MiniStack leaves embedded metrics in the functions' logs, where CloudWatch would make metrics of them. This does so
// in its place, so that bridge status, the console and the alarms have something to go by.

// metricFunctions are the functions whose logs hold metrics.
var metricFunctions = []string{"receiver", "forwarder", "relay", "users", "heartbeat"}

const (
	feedPause = 2 * time.Second  // between two looks at the logs
	feedBack  = 30 * time.Second // for so long a line may come late
)

// feedMetrics feeds MiniStack's CloudWatch until ctx ends. What fails, as for a function that the stack does not have,
// is tried again.
func (m *ministack) feedMetrics(ctx context.Context) {
	fed := make(map[logEvent]bool)
	for from := time.Now(); ctx.Err() == nil; {
		now := time.Now()
		for _, function := range metricFunctions {
			events, err := m.log(ctx, function, from.Add(-feedBack))
			if err != nil {
				continue
			}
			events = slices.DeleteFunc(events, func(e logEvent) bool { return fed[e] })
			var data []datum
			for _, e := range events {
				data = append(data, embeddedMetrics(e.Message)...)
			}
			if m.putMetrics(ctx, data) != nil {
				continue
			}
			for _, e := range events {
				fed[e] = true
			}
		}
		maps.DeleteFunc(fed, func(e logEvent, _ bool) bool { return e.Timestamp < from.Add(-feedBack).UnixMilli() })
		from = now
		select {
		case <-ctx.Done():
		case <-time.After(feedPause):
		}
	}
}

// datum is one metric as CloudWatch takes it.
type datum struct {
	Name       string      `json:"MetricName"`
	Dimensions []dimension `json:"Dimensions"`
	Timestamp  float64     `json:"Timestamp"` // in seconds
	Values     []float64   `json:"Values"`
}

type dimension struct{ Name, Value string }

// embeddedMetrics are the metrics in a line of a log.
func embeddedMetrics(line string) (data []datum) {
	var embedded struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Dimensions [][]string
			Metrics    []struct{ Name string }
		}
	}
	var members map[string]jsontext.Value
	if json.Unmarshal([]byte(line), &members) != nil || json.Unmarshal(members["_aws"], &embedded) != nil {
		return nil
	}
	for _, directive := range embedded.CloudWatchMetrics {
		for _, names := range directive.Dimensions {
			dimensions := []dimension{} // CloudWatch takes no null
			for _, name := range names {
				var value string
				_ = json.Unmarshal(members[name], &value) // what is no text stays empty
				dimensions = append(dimensions, dimension{name, value})
			}
			for _, metric := range directive.Metrics {
				data = append(data, datum{
					metric.Name, dimensions, float64(embedded.Timestamp) / 1000, numbers(members[metric.Name]),
				})
			}
		}
	}
	return data
}

// numbers are the values of a metric, which may be one or a list.
func numbers(text jsontext.Value) (values []float64) {
	if text.Kind() != '[' {
		text = slices.Concat(jsontext.Value("["), text, jsontext.Value("]"))
	}
	_ = json.Unmarshal(text, &values) // what is no number is no metric
	return values
}

// cloudWatch is how the names of CloudWatch's calls begin, and namespace where the bridge's metrics are.
const cloudWatch, namespace = "GraniteServiceVersion20100801.", "PurchaselyCleverTap"

func (m *ministack) putMetrics(ctx context.Context, data []datum) error {
	if len(data) == 0 {
		return nil
	}
	request := map[string]any{"Namespace": namespace, "MetricData": data}
	return m.call(ctx, "monitoring", cloudWatch+"PutMetricData", request, nil)
}
