package awstest

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/go-json-experiment/json"
)

const (
	maxQueries     = 500 // GetMetricData, November 2026
	perPage        = 3   // fewer than at AWS, so that every larger answer is one of several
	cloudWatchPath = "/service/GraniteServiceVersion20100801/operation/"
)

// CloudWatch is Amazon CloudWatch, as far as reading metrics and alarms is concerned. It speaks Smithy RPC v2 CBOR.
type CloudWatch struct {
	Service
	metrics map[string][]datum // by namespace, name and dimensions
	alarms  []Alarm
}

type datum struct {
	at    time.Time
	value float64
}

type Alarm struct {
	Name, Description string
	State             string // OK, ALARM or INSUFFICIENT_DATA
	Since             time.Time
}

func newCloudWatch() *CloudWatch {
	c := &CloudWatch{metrics: make(map[string][]datum)}
	c.scope, c.cbor = "monitoring", true
	c.operations = map[string]operation{
		"GetMetricData":  typed(&c.Service, c.getMetricData),
		"DescribeAlarms": typed(&c.Service, c.describeAlarms),
	}
	return c
}

// Put stores one value of a metric. Dimensions are written as App=demo.
func (c *CloudWatch) Put(namespace, name string, at time.Time, value float64, dimensions ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := metricKey(namespace, name, dimensions)
	c.metrics[key] = append(c.metrics[key], datum{at, value})
}

func metricKey(namespace, name string, dimensions []string) string {
	slices.Sort(dimensions)
	return strings.Join(append([]string{namespace, name}, dimensions...), "|")
}

func (c *CloudWatch) PutAlarm(a Alarm) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alarms = append(c.alarms, a)
}

type dimension struct{ Name, Value string }

type metricQuery struct {
	ID   string `json:"Id"`
	Stat *struct {
		Metric struct {
			Namespace, MetricName string
			Dimensions            []dimension
		}
		Period int64
		Stat   string
	} `json:"MetricStat"`
}

var queryID = regexp.MustCompile(`^[a-z][A-Za-z0-9_]*$`)

func (c *CloudWatch) getMetricData(in *struct {
	MetricDataQueries  []metricQuery
	StartTime, EndTime float64
	ScanBy, NextToken  string
}) (any, error) {
	if len(in.MetricDataQueries) == 0 || len(in.MetricDataQueries) > maxQueries || in.StartTime >= in.EndTime {
		return nil, refuse("ValidationError", "no queries, too many, or no time")
	}
	results := cbor.List{}
	queries, next := page(in.MetricDataQueries, in.NextToken)
	for _, q := range queries {
		if !queryID.MatchString(q.ID) || q.Stat == nil || q.Stat.Period%60 != 0 {
			return nil, refuse("ValidationError", "query "+q.ID)
		}
		times, values := cbor.List{}, cbor.List{}
		for _, d := range c.series(q, unixTime(in.StartTime), unixTime(in.EndTime)) {
			times = append(times, instant(d.at))
			values = append(values, cbor.Float64(d.value))
		}
		if in.ScanBy == "TimestampDescending" {
			slices.Reverse(times)
			slices.Reverse(values)
		}
		results = append(results, cbor.Map{"Id": cbor.String(q.ID), "Timestamps": times, "Values": values})
	}
	return cbor.Map{"MetricDataResults": results, "NextToken": next}, nil
}

// page returns the elements of a page and the token of the next one, null if there is none.
func page[E any](all []E, token string) (on []E, next cbor.Value) {
	first, _ := strconv.Atoi(token)
	last := first + perPage
	if last >= len(all) {
		return all[first:], &cbor.Nil{}
	}
	return all[first:last], cbor.String(strconv.Itoa(last))
}

// series are a metric's values by period, the oldest first.
func (c *CloudWatch) series(q metricQuery, from, to time.Time) (series []datum) {
	m := q.Stat.Metric
	var dimensions []string
	for _, d := range m.Dimensions {
		dimensions = append(dimensions, d.Name+"="+d.Value)
	}
	byPeriod := make(map[time.Time]float64)
	for _, d := range c.metrics[metricKey(m.Namespace, m.MetricName, dimensions)] {
		if d.at.Before(from) || !d.at.Before(to) {
			continue
		}
		period := d.at.Truncate(time.Duration(q.Stat.Period) * time.Second)
		switch q.Stat.Stat {
		case "Maximum":
			byPeriod[period] = max(byPeriod[period], d.value)
		case "SampleCount":
			byPeriod[period]++
		default:
			byPeriod[period] += d.value
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(byPeriod), time.Time.Compare) {
		series = append(series, datum{at, byPeriod[at]})
	}
	return series
}

func (c *CloudWatch) describeAlarms(in *struct {
	AlarmNamePrefix, StateValue, NextToken string
}) (any, error) {
	found := slices.DeleteFunc(slices.Clone(c.alarms), func(a Alarm) bool {
		return !strings.HasPrefix(a.Name, in.AlarmNamePrefix) || in.StateValue != "" && in.StateValue != a.State
	})
	slices.SortFunc(found, func(a, b Alarm) int { return cmp.Compare(a.Name, b.Name) })
	list := cbor.List{}
	alarms, next := page(found, in.NextToken)
	for _, a := range alarms {
		list = append(list, cbor.Map{
			"AlarmName": cbor.String(a.Name), "AlarmDescription": cbor.String(a.Description),
			"StateValue":                 cbor.String(a.State),
			"StateTransitionedTimestamp": instant(a.Since),
		})
	}
	return cbor.Map{"MetricAlarms": list, "NextToken": next}, nil
}

func unixTime(seconds float64) time.Time { return time.UnixMilli(int64(seconds * 1000)).UTC() }

// instant is a time in CBOR.
func instant(at time.Time) cbor.Value {
	return &cbor.Tag{ID: 1, Value: cbor.Float64(float64(at.UnixMilli()) / 1000)}
}

// fromCBOR makes JSON of CBOR, with times as seconds.
func fromCBOR(body []byte) ([]byte, error) {
	value, err := cbor.Decode(body)
	if err != nil {
		return nil, err
	}
	return json.Marshal(plain(value))
}

// plain is a CBOR value as encoding packages take it.
func plain(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.Map:
		all := make(map[string]any, len(v))
		for name, value := range v {
			all[name] = plain(value)
		}
		return all
	case cbor.List:
		all := make([]any, len(v))
		for i, value := range v {
			all[i] = plain(value)
		}
		return all
	case *cbor.Tag:
		return plain(v.Value)
	case cbor.String:
		return string(v)
	case cbor.Uint:
		return uint64(v)
	case cbor.Float64:
		return float64(v)
	}
	panic(fmt.Sprintf("no call of the SDK has values of type %T", v))
}
