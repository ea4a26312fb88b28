//go:build template

package main_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/metric"
)

// awsMetrics are AWS's own metrics that the template may use, and the one dimension of each that it may use them by (Amazon SQS "Available
// CloudWatch metrics", AWS Lambda "Types of metrics", API Gateway "Metrics for HTTP APIs", CloudWatch Logs "Metrics", DynamoDB "Metrics and
// dimensions", November 2026).
var awsMetrics = map[string]string{
	"AWS/SQS ApproximateNumberOfMessagesVisible":    "QueueName",
	"AWS/SQS ApproximateNumberOfMessagesNotVisible": "QueueName",
	"AWS/SQS ApproximateAgeOfOldestMessage":         "QueueName",
	"AWS/SQS NumberOfMessagesSent":                  "QueueName",
	"AWS/Lambda Errors":                             "FunctionName",
	"AWS/Lambda Throttles":                          "FunctionName",
	"AWS/Lambda Invocations":                        "FunctionName",
	"AWS/Lambda Duration":                           "FunctionName",
	"AWS/ApiGateway 4xx":                            "ApiId",
	"AWS/ApiGateway 5xx":                            "ApiId",
	"AWS/ApiGateway Count":                          "ApiId",
	"AWS/Logs IncomingBytes":                        "LogGroupName",
	"AWS/DynamoDB ConsumedReadCapacityUnits":        "TableName",
	"AWS/DynamoDB ConsumedWriteCapacityUnits":       "TableName",
}

// dimensioned are the logical names of what may stand as the value of each of AWS's dimensions.
var dimensioned = map[string]string{
	"QueueName": "AWS::SQS::Queue", "FunctionName": "AWS::Lambda::Function", "ApiId": "AWS::ApiGatewayV2::Api",
	"LogGroupName": "AWS::Logs::LogGroup", "TableName": "AWS::DynamoDB::Table",
}

// refusals are the values of the dimension Reason: the words that the receiver answers with.
var refusals = []string{"too_large", "unauthorized", "unavailable", "unknown_app"}

// emitted are the bridge's own metrics with the sets of dimensions by which the code writes them, read from lines that it wrote.
var emitted = func() map[string]bool {
	var set metric.Set
	for _, name := range metric.Names() {
		if name == metric.WebhooksRefused {
			set.AddReason("demo", "unauthorized", name, 1)
		} else {
			set.Add("demo", name, 1)
		}
	}
	var out bytes.Buffer
	_ = set.Write(&out, time.Unix(0, 0)) // A buffer takes everything.
	found := map[string]bool{}
	for line := range bytes.Lines(out.Bytes()) {
		var l struct {
			AWS struct {
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name string }
				}
			} `json:"_aws"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			panic(err)
		}
		for _, directive := range l.AWS.CloudWatchMetrics {
			for _, m := range directive.Metrics {
				for _, dimensions := range directive.Dimensions {
					found[strings.Join(append([]string{directive.Namespace, m.Name}, dimensions...), " ")] = true
				}
			}
		}
	}
	return found
}()

// unwritten says what is wrong with a metric, "" if somebody writes it.
func unwritten(s stack, namespace, name string, dimensions map[string]string) string {
	keys := slices.Sorted(maps.Keys(dimensions))
	if namespace == metric.Namespace {
		if !emitted[strings.Join(append([]string{namespace, name}, keys...), " ")] {
			return fmt.Sprintf("nobody writes %s by %v", name, keys)
		}
		if reason, ok := dimensions["Reason"]; ok && !slices.Contains(refusals, reason) {
			return fmt.Sprintf("no webhook is refused as %s", reason)
		}
		return ""
	}
	dimension, ok := awsMetrics[namespace+" "+name]
	if !ok || len(keys) != 1 || keys[0] != dimension {
		return fmt.Sprintf("AWS has no metric %s %s by %v", namespace, name, keys)
	}
	value := regexp.MustCompile(`^(\$\{)?(\w+)(\.QueueName)?(\})?$`).FindStringSubmatch(dimensions[dimension])
	if value == nil || s.of(dimensioned[dimension])[value[2]] == nil || (value[3] != "") != (dimension == "QueueName") {
		return fmt.Sprintf("%s is no %s", dimensions[dimension], dimension)
	}
	return ""
}

// alarms are all alarms and what each looks at: namespace, metric, and whose it is.
var alarms = map[string]string{
	"RejectedAlarm":            "PurchaselyCleverTap MessagesRejected []",
	"RejectedExpiringAlarm":    "AWS/SQS ApproximateAgeOfOldestMessage [RejectedQueue.QueueName]",
	"FifoDeadLettersAlarm":     "AWS/SQS ApproximateNumberOfMessagesVisible [EventsFifoDeadLetterQueue.QueueName]",
	"StandardDeadLettersAlarm": "AWS/SQS ApproximateNumberOfMessagesVisible [EventsStandardDeadLetterQueue.QueueName]",
	"FifoAgeAlarm":             "AWS/SQS ApproximateAgeOfOldestMessage [EventsFifoQueue.QueueName]",
	"StandardAgeAlarm":         "AWS/SQS ApproximateAgeOfOldestMessage [EventsStandardQueue.QueueName]",
	"FifoInFlightAlarm":        "AWS/SQS ApproximateNumberOfMessagesNotVisible [EventsFifoQueue.QueueName]",
	"FifoWaitingAlarm":         "AWS/SQS ApproximateNumberOfMessagesVisible [EventsFifoQueue.QueueName]",
	"StandardInFlightAlarm":    "AWS/SQS ApproximateNumberOfMessagesNotVisible [EventsStandardQueue.QueueName]",
	"CredentialsAlarm":         "PurchaselyCleverTap CredentialsRefused []",
	"BreakerAlarm":             "PurchaselyCleverTap BreakerOpen []",
	"ForwarderErrorsAlarm":     "AWS/Lambda Errors [Forwarder]",
	"SignatureAlarm":           "PurchaselyCleverTap WebhooksRefused [unauthorized]",
	"ReceiverErrorsAlarm":      "AWS/Lambda Errors [Receiver]",
	"ApiErrorsAlarm":           "AWS/ApiGateway 5xx [Api]",
	"SilenceAlarm":             "PurchaselyCleverTap WebhooksQueued []",
}

func alarmsLookAtWhatIsWritten(s stack) []string {
	var f faults
	want := maps.Clone(alarms)
	if s.parameters["SilenceHours"] == "0" {
		delete(want, "SilenceAlarm")
	}
	found := s.of("AWS::CloudWatch::Alarm")
	f.want("alarms", slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(found)))
	for name, alarm := range found {
		dimensions, values := map[string]string{}, []string{}
		for _, d := range list(alarm["Dimensions"]) {
			dimensions[fmt.Sprint(at(d, "Name"))] = fmt.Sprint(at(d, "Value"))
			values = append(values, fmt.Sprint(at(d, "Value")))
		}
		namespace, metricName := fmt.Sprint(alarm["Namespace"]), fmt.Sprint(alarm["MetricName"])
		f.want(name, want[name], fmt.Sprintf("%s %s %v", namespace, metricName, values))
		if wrong := unwritten(s, namespace, metricName, dimensions); wrong != "" {
			f.when(true, "%s: %s", name, wrong)
		}
	}
	return f
}

func alarmsRingOnce(s stack) []string {
	var f faults
	for name, alarm := range s.of("AWS::CloudWatch::Alarm") {
		missing, comparison := "notBreaching", "GreaterThanOrEqualToThreshold"
		if name == "SilenceAlarm" {
			missing, comparison = "breaching", "LessThanThreshold"
		}
		f.want(name+": missing data", missing, alarm["TreatMissingData"])
		f.want(name+": comparison", comparison, alarm["ComparisonOperator"])
		f.when(number(alarm["Threshold"]) < 1, "%s: a threshold of %v", name, alarm["Threshold"])
		periods, points := number(alarm["EvaluationPeriods"]), max(1, number(alarm["DatapointsToAlarm"]))
		f.when(periods < points, "%s: %d of %d periods", name, points, periods)
		// CloudWatch looks back over a day at most, and its periods are minutes (PutMetricAlarm, November 2026).
		seconds := number(alarm["Period"])
		f.when(seconds < 60 || seconds%60 != 0 || seconds*periods > 86_400, "%s: %d periods of %d s", name, periods, seconds)
		statistic := "Sum"
		if strings.HasPrefix(fmt.Sprint(alarm["MetricName"]), "Approximate") {
			statistic = "Maximum"
		}
		f.want(name+": statistic", statistic, alarm["Statistic"])
	}
	for _, name := range []string{"FifoInFlightAlarm", "FifoWaitingAlarm", "StandardInFlightAlarm"} {
		f.want(name+": half of what SQS can do", 60_000, number(s.of("AWS::CloudWatch::Alarm")[name]["Threshold"]))
	}
	return f
}

// runbookLink is how a description ends.
var runbookLink = regexp.MustCompile(`\. docs/guide/runbook\.md#([a-z0-9-]+)$`)

func alarmsSayWhatToDo(s stack) []string {
	var f faults
	text, err := os.ReadFile("../../docs/guide/runbook.md")
	f.when(err != nil, "%v", err)
	sections := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if heading, ok := strings.CutPrefix(strings.TrimSpace(line), "### Alarm: "); ok {
			sections["alarm-"+anchor(heading)] = false
		}
	}
	f.when(len(sections) == 0, "docs/guide/runbook.md has no section about an alarm")
	for name, alarm := range s.of("AWS::CloudWatch::Alarm") {
		description := fmt.Sprint(alarm["AlarmDescription"])
		f.when(len(description) > 1024, "%s: a description of %d characters", name, len(description)) // PutMetricAlarm, November 2026
		link := runbookLink.FindStringSubmatch(description)
		if link == nil {
			f.when(true, "%s: the description names no section of the runbook: %s", name, description)
			continue
		}
		_, exists := sections[link[1]]
		f.when(!exists, "%s: docs/guide/runbook.md has no section %s", name, link[1])
		sections[link[1]] = true
		f.when(strings.Count(description, ". ") < 2, "%s: the description does not say what happened and what to do: %s", name, description)
	}
	for section, used := range sections {
		f.when(!used && (section != "alarm-silence" || s.parameters["SilenceHours"] != "0"), "docs/guide/runbook.md#%s is no alarm's", section)
	}
	return f
}

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	lower := strings.ReplaceAll(strings.ToLower(heading), " ", "-")
	return regexp.MustCompile(`[^a-z0-9-]`).ReplaceAllString(lower, "")
}

func alarmsReachSomebody(s stack) []string {
	var f faults
	var told []any
	if s.parameters["AlarmTopicArn"] != "" {
		told = append(told, s.parameters["AlarmTopicArn"])
	}
	if s.parameters["AlarmEmail"] != "" {
		told = append(told, "AlarmTopic")
	}
	for name, alarm := range s.of("AWS::CloudWatch::Alarm") {
		f.want(name+": told when it rings", told, list(alarm["AlarmActions"]))
		f.want(name+": told when it is over", told, list(alarm["OKActions"]))
		f.when(alarm["ActionsEnabled"] != nil, "%s: actions can be off", name)
	}
	topics := s.of("AWS::SNS::Topic")
	if s.parameters["AlarmEmail"] == "" {
		f.when(len(topics) > 0, "a topic without anybody")
		return f
	}
	f.want("topics", 1, len(topics))
	f.want("subscription", []any{node{"Protocol": "email", "Endpoint": s.parameters["AlarmEmail"]}}, topics["AlarmTopic"]["Subscription"])
	return f
}
