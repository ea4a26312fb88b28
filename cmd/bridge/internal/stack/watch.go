package stack

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// maxQueries is how many metrics one call may ask for (GetMetricData, November 2026).
const maxQueries = 500

// Metric is one metric of CloudWatch by period: summed up, at its largest, or how many values it had.
type Metric struct {
	Namespace, Name, Dimension, Value string
	Largest                           bool
	Number                            bool // how many values there were
}

// Point is a metric in one period.
type Point struct {
	At    time.Time // when the period begins
	Value float64
}

// Metrics returns the points of metrics from a time on, the newest first. Periods without data have no point.
// CloudWatch has periods of a minute for 15 days, and is a minute or two behind.
func (s *Stack) Metrics(
	ctx context.Context, metrics []Metric, period time.Duration, from, to time.Time,
) ([][]Point, error) {
	client := cloudwatch.NewFromConfig(s.Config)
	points := make([][]Point, len(metrics))
	for first := 0; first < len(metrics); first += maxQueries {
		in := &cloudwatch.GetMetricDataInput{StartTime: &from, EndTime: &to, ScanBy: types.ScanByTimestampDescending}
		for i, m := range metrics[first:min(len(metrics), first+maxQueries)] {
			in.MetricDataQueries = append(in.MetricDataQueries, m.query(first+i, period))
		}
		for pages := cloudwatch.NewGetMetricDataPaginator(client, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, Explain(err)
			}
			for _, r := range page.MetricDataResults {
				var i int
				if _, err := fmt.Sscanf(sdk.ToString(r.Id), "m%d", &i); err != nil || i >= len(points) {
					continue // of an expression that nobody has asked for
				}
				for n := range min(len(r.Timestamps), len(r.Values)) {
					points[i] = append(points[i], Point{r.Timestamps[n].UTC(), r.Values[n]})
				}
			}
		}
	}
	return points, nil
}

func (m Metric) query(number int, period time.Duration) types.MetricDataQuery {
	stat := "Sum"
	switch {
	case m.Largest:
		stat = "Maximum"
	case m.Number:
		stat = "SampleCount"
	}
	return types.MetricDataQuery{
		Id: new(fmt.Sprint("m", number)),
		MetricStat: &types.MetricStat{
			Metric: &types.Metric{
				Namespace: &m.Namespace, MetricName: &m.Name,
				Dimensions: []types.Dimension{{Name: &m.Dimension, Value: &m.Value}},
			},
			Period: new(int32(period / time.Second)), Stat: &stat,
		},
	}
}

// Alarm is an alarm that rings.
type Alarm struct {
	Name        string    `json:"name"` // as the template calls it
	Description string    `json:"description"`
	Since       time.Time `json:"since"`
}

// Ringing returns the stack's alarms that ring, those that have rung longest first.
func (s *Stack) Ringing(ctx context.Context) ([]Alarm, error) {
	in := &cloudwatch.DescribeAlarmsInput{
		AlarmNamePrefix: new(s.Name + "-"), StateValue: types.StateValueAlarm,
		AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm},
	}
	var alarms []Alarm
	for pages := cloudwatch.NewDescribeAlarmsPaginator(cloudwatch.NewFromConfig(s.Config), in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Explain(err)
		}
		for _, a := range page.MetricAlarms {
			// CloudFormation puts the stack before the template's name, and something random behind it.
			name := strings.TrimPrefix(sdk.ToString(a.AlarmName), s.Name+"-")
			name, _, _ = strings.Cut(name, "-")
			since := cmp.Or(sdk.ToTime(a.StateTransitionedTimestamp), sdk.ToTime(a.StateUpdatedTimestamp))
			alarms = append(alarms, Alarm{name, sdk.ToString(a.AlarmDescription), since.UTC()})
		}
	}
	slices.SortStableFunc(alarms, func(a, b Alarm) int { return a.Since.Compare(b.Since) })
	return alarms, nil
}

// Log is the log group of a function.
func (s *Stack) Log(function string) string { return "/aws/lambda/" + s.Name + "-" + function }

// LogLines returns the lines of a log group from a time on whose JSON has a text in a member. The search ends early
// when the context does, or with as many lines as are wanted: until then says up to when everything was read.
func (s *Stack) LogLines(
	ctx context.Context, group, member, text string, from, to time.Time, most int,
) (lines []string, until time.Time, err error) {
	in := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, FilterPattern: new(fmt.Sprintf("{ $.%s = %q }", member, text)),
		StartTime: new(from.UnixMilli()), EndTime: new(to.UnixMilli()),
	}
	until = from
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(cloudwatchlogs.NewFromConfig(s.Config), in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if ctx.Err() != nil {
			return lines, until, nil
		}
		if err != nil {
			return nil, until, Explain(err)
		}
		for _, event := range page.Events {
			lines = append(lines, sdk.ToString(event.Message))
			until = time.UnixMilli(sdk.ToInt64(event.Timestamp)).UTC()
		}
		if len(lines) >= most {
			return lines, until, nil
		}
	}
	return lines, to, nil
}
