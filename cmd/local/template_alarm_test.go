//go:build template

package main_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/metric"
)

// awsMetrics are AWS's own metrics that the template may use, and the one dimension that it may use them by (Amazon
// SQS "Available CloudWatch metrics", AWS Lambda "Types of metrics", API Gateway "Metrics for HTTP APIs", CloudWatch
// Logs "Metrics", DynamoDB "Metrics and dimensions", November 2026).
var awsMetrics = map[string]struct{ metrics, dimension, of string }{
	"AWS/SQS": {"ApproximateNumberOfMessagesVisible ApproximateNumberOfMessagesNotVisible " +
		"ApproximateAgeOfOldestMessage NumberOfMessagesSent", "QueueName", sqsQueue},
	"AWS/Lambda":     {"Errors Throttles Invocations Duration", "FunctionName", lambda},
	"AWS/ApiGateway": {"4xx 5xx Count", "ApiId", "AWS::ApiGatewayV2::Api"},
	"AWS/Logs":       {"IncomingBytes", "LogGroupName", "AWS::Logs::LogGroup"},
	"AWS/DynamoDB":   {"ConsumedReadCapacityUnits ConsumedWriteCapacityUnits", "TableName", "AWS::DynamoDB::Table"},
}

// reasons are the values of the dimension Reason: the words that the receiver answers with.
var reasons = []string{"too_large", "unauthorized", "unavailable", "unknown_app"}

// written are the bridge's own metrics with the dimensions by which the code writes them, read from lines that it
// wrote.
var written = func() map[string]bool {
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
		var written any
		if err := json.Unmarshal(line, &written); err != nil {
			panic(err)
		}
		for _, directive := range list(at(written, "_aws", "CloudWatchMetrics")) {
			for _, m := range list(at(directive, "Metrics")) {
				for _, dimensions := range list(at(directive, "Dimensions")) {
					found[fmt.Sprintln(append([]any{at(directive, "Namespace"), at(m, "Name")}, list(dimensions)...)...)] = true
				}
			}
		}
	}
	return found
}()

// isWritten checks that somebody writes a metric.
func (s *stack) isWritten(where, namespace, name string, dimensions map[string]string) {
	if namespace == metric.Namespace {
		s.fault(!written[strings.TrimSpace(namespace+" "+name+" "+keys(dimensions))+"\n"],
			"%s: nobody writes %s by %s", where, name, keys(dimensions))
		reason, ok := dimensions["Reason"]
		s.fault(ok && !slices.Contains(reasons, reason), "%s: no webhook is refused as %s", where, reason)
		return
	}
	aws := awsMetrics[namespace]
	s.fault(!slices.Contains(strings.Fields(aws.metrics), name) || keys(dimensions) != aws.dimension,
		"%s: AWS has no metric %s %s by %s", where, namespace, name, keys(dimensions))
	value := strings.TrimSuffix(strings.TrimPrefix(dimensions[aws.dimension], "${"), "}")
	resource, byName := strings.CutSuffix(value, ".QueueName")
	wrong := s.of(aws.of)[resource] == nil || byName != (namespace == "AWS/SQS")
	s.fault(wrong, "%s: %s is no %s", where, value, aws.dimension)
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
	"SettingsRejectedAlarm":    "PurchaselyCleverTap SettingsRejected []",
	"ForwarderErrorsAlarm":     "AWS/Lambda Errors [Forwarder]",
	"SignatureAlarm":           "PurchaselyCleverTap WebhooksRefused [unauthorized]",
	"ReceiverErrorsAlarm":      "AWS/Lambda Errors [Receiver]",
	"UsersErrorsAlarm":         "AWS/Lambda Errors [Users]",
	"ApiErrorsAlarm":           "AWS/ApiGateway 5xx [Api]",
	"SilenceAlarm":             "PurchaselyCleverTap WebhooksQueued []",
	"HeartbeatAlarm":           "PurchaselyCleverTap HeartbeatOk []",
	"HeartbeatAccountAlarm":    "PurchaselyCleverTap HeartbeatOk []",
	"HeartbeatErrorsAlarm":     "AWS/Lambda Errors [Heartbeat]",
	"RelayDeadLettersAlarm":    "AWS/SQS ApproximateNumberOfMessagesVisible [RelayDeadLetterQueue.QueueName]",
	"RelayAgeAlarm":            "AWS/SQS ApproximateAgeOfOldestMessage [RelayQueue.QueueName]",
	"RelayInFlightAlarm":       "AWS/SQS ApproximateNumberOfMessagesNotVisible [RelayQueue.QueueName]",
	"RelayWaitingAlarm":        "AWS/SQS ApproximateNumberOfMessagesVisible [RelayQueue.QueueName]",
	"RelayErrorsAlarm":         "AWS/Lambda Errors [RelayFunction]",
}

const alarm = "AWS::CloudWatch::Alarm"

func alarmsLookAtWhatIsWritten(s *stack) {
	s.wantNames("alarms", keys(alarms), keys(s.of(alarm)))
	for name, a := range s.of(alarm) {
		dimensions, values := map[string]string{}, []any{}
		for _, d := range list(a["Dimensions"]) {
			dimensions[fmt.Sprint(at(d, "Name"))] = fmt.Sprint(at(d, "Value"))
			values = append(values, at(d, "Value"))
		}
		s.want(name, alarms[name], fmt.Sprintf("%s %s %v", a["Namespace"], a["MetricName"], values))
		s.isWritten(name, fmt.Sprint(a["Namespace"]), fmt.Sprint(a["MetricName"]), dimensions)
	}
}

func alarmsRingOnce(s *stack) {
	for name, a := range s.of(alarm) {
		missing, comparison, statistic := "notBreaching", "GreaterThanOrEqualToThreshold", "Sum"
		switch {
		case name == "SilenceAlarm" || name == "HeartbeatAlarm":
			missing, comparison = "breaching", "LessThanThreshold"
		case name == "HeartbeatAccountAlarm": // A heartbeat that is given up is a zero among ones.
			comparison, statistic = "LessThanThreshold", "Minimum"
		case strings.HasPrefix(fmt.Sprint(a["MetricName"]), "Approximate"):
			statistic = "Maximum"
		}
		s.wantAll(name, node{"TreatMissingData": missing, "ComparisonOperator": comparison, "Statistic": statistic})
		s.fault(number(a["Threshold"]) < 1, "%s: a threshold of %v", name, a["Threshold"])
		periods, points := number(a["EvaluationPeriods"]), max(1, number(a["DatapointsToAlarm"]))
		s.fault(periods < points, "%s: %d of %d periods", name, points, periods)
		// CloudWatch looks back over a day at most, and its periods are minutes (PutMetricAlarm, November 2026).
		seconds := number(a["Period"])
		wrong := seconds < 60 || seconds%60 != 0 || seconds*periods > 86_400
		s.fault(wrong, "%s: %d periods of %d s", name, periods, seconds)
	}
	for _, name := range []string{
		"FifoInFlightAlarm", "FifoWaitingAlarm", "StandardInFlightAlarm", "RelayInFlightAlarm", "RelayWaitingAlarm",
	} {
		s.fault(!s.isLeftOut(name) && number(s.get(name, "Threshold")) != 60_000, "%s: not half of what SQS can do", name)
	}
}

// heartbeatsAreScheduled checks when heartbeats come, and over how many of them their alarms look.
func heartbeatsAreScheduled(s *stack) {
	s.wantNames("schedules", "HeartbeatSchedule", keys(s.of("AWS::Scheduler::Schedule")))
	if !s.beats() {
		return
	}
	minutes := number(s.parameters["HeartbeatMinutes"])
	rate := map[bool]string{true: "rate(1 minute)", false: fmt.Sprintf("rate(%d minutes)", minutes)}[minutes == 1]
	s.wantAll("HeartbeatSchedule", node{
		"ScheduleExpression": rate, "FlexibleTimeWindow.Mode": "OFF", "State": nil,
		"Target.Arn": "Heartbeat.Arn", "Target.RoleArn": "HeartbeatScheduleRole.Arn",
		"Target.RetryPolicy.MaximumRetryAttempts": 0,
	})
	for name, c := range map[string]struct{ beats, failed int }{
		"HeartbeatAlarm": {2, 2}, "HeartbeatAccountAlarm": {2, 1}, "HeartbeatErrorsAlarm": {4, 2},
	} {
		seconds, periods := number(s.get(name, "Period")), number(s.get(name, "EvaluationPeriods"))
		s.want(name+": heartbeats that it looks at", c.beats*minutes*60, seconds*periods)
		if points := number(s.get(name, "DatapointsToAlarm")); points > 0 {
			inPeriod := max(1, number(s.get(name, "Threshold")))
			s.want(name+": that have to fail", c.failed, max(points, inPeriod))
		}
	}
}

func alarmsSayWhatToDo(s *stack) {
	text, err := os.ReadFile("../../docs/guide/runbook.md")
	s.fault(err != nil, "%v", err)
	used := map[string]bool{} // by the section's anchor on GitHub
	for _, heading := range regexp.MustCompile(`(?m)^### Alarm: (.*)$`).FindAllStringSubmatch(string(text), -1) {
		name := strings.ReplaceAll(strings.ToLower(heading[1]), " ", "-")
		used["alarm-"+regexp.MustCompile(`[^a-z0-9-]`).ReplaceAllString(name, "")] = false
	}
	s.fault(len(used) == 0, "docs/guide/runbook.md has no section about an alarm")
	for name, a := range s.of(alarm) {
		description := fmt.Sprint(a["AlarmDescription"])
		s.fault(len(description) > 1024, "%s: the description is longer than PutMetricAlarm takes (November 2026)", name)
		link := regexp.MustCompile(`\. docs/guide/runbook\.md#([a-z0-9-]+)$`).FindStringSubmatch(description)
		if link == nil {
			s.fault(true, "%s: the description names no section of the runbook: %s", name, description)
			continue
		}
		_, exists := used[link[1]]
		s.fault(!exists, "%s: docs/guide/runbook.md has no section %s", name, link[1])
		used[link[1]] = true
		s.fault(strings.Count(description, ". ") < 2, "%s: does not say what happened and what to do: %s", name, description)
	}
	for section, used := range used {
		s.fault(!used && len(s.of(alarm)) == len(alarms), "docs/guide/runbook.md#%s is no alarm's", section)
	}
}

func alarmsReachSomebody(s *stack) {
	var actions []any
	if s.parameters["AlarmTopicArn"] != "" {
		actions = append(actions, s.parameters["AlarmTopicArn"])
	}
	topics := ""
	if s.parameters["AlarmEmail"] != "" {
		topics, actions = "AlarmTopic", append(actions, "AlarmTopic")
		mail := node{"Protocol": "email", "Endpoint": s.parameters["AlarmEmail"]}
		s.wantAll("AlarmTopic", node{"Subscription": []any{mail}})
	}
	s.want("topics", topics, keys(s.of("AWS::SNS::Topic")))
	for name, a := range s.of(alarm) {
		s.want(name+": told when it rings", actions, list(a["AlarmActions"]))
		s.want(name+": told when it is over", actions, list(a["OKActions"]))
		s.fault(a["ActionsEnabled"] != nil, "%s: actions can be off", name)
	}
}

// widget is one of a dashboard (CloudWatch, "Dashboard body structure and syntax", November 2026).
type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title, Region, View, Stat, Query string
		Period                           int
		Alarms                           []string
		Metrics                          [][]any
		Annotations                      any
	}
}

func (s *stack) widgets() []widget {
	s.want("dashboards", "Dashboard", keys(s.of("AWS::CloudWatch::Dashboard")))
	s.wantAll("Dashboard", node{"DashboardName": "AWS::StackName"})
	var board struct {
		Start   string
		Widgets []widget
	}
	err := json.Unmarshal(fmt.Append(nil, s.get("Dashboard", "DashboardBody")), &board,
		json.RejectUnknownMembers(true), json.MatchCaseInsensitiveNames(true))
	s.fault(err != nil, "dashboard: %v", err)
	return board.Widgets
}

func dashboardShowsAllThatIsWritten(s *stack) {
	shown := map[string]bool{}
	for _, w := range s.widgets() {
		for _, row := range w.Properties.Metrics {
			namespace, name, dimensions := s.metricOf(row, w.Properties.Title)
			s.isWritten(w.Properties.Title, namespace, name, dimensions)
			shown[name] = shown[name] || namespace == metric.Namespace && len(dimensions) == 0
		}
	}
	for _, name := range metric.Names() {
		off := strings.HasPrefix(string(name), "Relay") && !s.relays()
		s.fault(!shown[string(name)] && !off, "%s is written and not shown", name)
	}
}

// search is the one expression that the dashboard uses: a metric of every app.
var search = regexp.MustCompile(`^SEARCH\('\{(\w+),(\w+)\} MetricName="(\w+)"', '(Sum|p90)', 300\)$`)

// metricOf reads one row of a widget's metrics: namespace, name, dimensions, and options at the end.
func (s *stack) metricOf(row []any, title string) (namespace, name string, dimensions map[string]string) {
	var words []string
	options := node{}
	for i, cell := range row {
		if word, isText := cell.(string); isText {
			words = append(words, word)
		} else if options = object(cell); len(options) == 0 || i < len(row)-1 {
			s.fault(true, "%s: a cell is %v", title, cell)
		}
	}
	for option := range options {
		known := slices.Contains([]string{"label", "stat", "yAxis", "id", "expression"}, option)
		s.fault(!known, "%s: there is no option %s", title, option)
	}
	found := search.FindStringSubmatch(fmt.Sprint(options["expression"]))
	switch {
	case found != nil && len(words) == 0:
		return found[1], found[3], map[string]string{found[2]: "demo"}
	case options["expression"] != nil || options["label"] == nil || len(words) < 2 || len(words)%2 != 0:
		s.fault(true, "%s: a line of another form: %v", title, row)
		return "", "", nil
	}
	dimensions = map[string]string{}
	for pair := range slices.Chunk(words[2:], 2) {
		dimensions[pair[0]] = pair[1]
	}
	return words[0], words[1], dimensions
}

func dashboardIsWhole(s *stack) {
	titles, taken := map[string]bool{}, map[[2]int]string{}
	for _, w := range s.widgets() {
		p := w.Properties
		s.fault(titles[p.Title], "two widgets are called %s", p.Title)
		titles[p.Title] = true
		for x := w.X; x < w.X+w.Width; x++ {
			for y := w.Y; y < w.Y+w.Height; y++ {
				place := [2]int{x, y}
				s.fault(taken[place] != "" || x >= 24, "%s lies on %s, or beside the board", p.Title, taken[place])
				taken[place] = p.Title
			}
		}
		s.fault(w.Type != "alarm" && p.Region != "${AWS::Region}", "%s: of Region %s", p.Title, p.Region)
		switch w.Type {
		case "metric":
			complete := p.View == "timeSeries" && p.Stat != "" && p.Period == 300 && len(p.Metrics) > 0
			s.fault(!complete, "%s: %+v", p.Title, p)
		case "log":
			s.fault(p.View != "table", "%s: %+v", p.Title, p)
			s.queryIsOfOurLogs(p.Query)
		case "alarm":
			shown := strings.Join(slices.Sorted(slices.Values(p.Alarms)), " ")
			s.want("alarms on the dashboard", "${"+strings.ReplaceAll(keys(s.of(alarm)), " ", ".Arn} ${")+".Arn}", shown)
		default:
			s.fault(true, "%s: a widget of type %s", p.Title, w.Type)
		}
	}
	for _, subject := range []string{
		"arrived", "what became of them", "Age of events", "Upload latency", "messages waiting", "age of the oldest",
		"in flight", "Rejected", "by reason", "Errors", "Cost", "open breakers", "By app", "Settings in force",
	} {
		s.fault(!strings.Contains(keys(titles), subject), "nothing about %q", subject)
	}
}

// queryIsOfOurLogs checks a query, as far as the dashboard's queries go.
func (s *stack) queryIsOfOurLogs(query string) {
	form := regexp.MustCompile(`^SOURCE '\$\{(\w+)\}' \| filter (.+) \| stats count\(\*\) as (\w+) by ` +
		`(bin\(15m\) as (\w+), )?([\w, ]+) \| sort (\w+) desc \| limit (?:50|100)$`).FindStringSubmatch(query)
	if form == nil {
		s.fault(true, "a query of another form: %s", query)
		return
	}
	s.fault(s.of("AWS::Logs::LogGroup")[form[1]] == nil, "no log group %s", form[1])
	s.want("sorted by", cmp.Or(form[5], form[3]), form[7])
	for key := range strings.SplitSeq(form[6], ", ") {
		logged := slices.Contains([]string{"outcome", "reason", "code", "app", "event", "status", "settings"}, key)
		s.fault(!logged, "the log has no key %s", key)
	}
}
