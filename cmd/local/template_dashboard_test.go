//go:build template

package main_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/metric"
)

// board is a dashboard's body (CloudWatch, "Dashboard body structure and syntax", November 2026).
type board struct {
	Start   string `json:"start"`
	Widgets []struct {
		Type          string `json:"type"`
		X, Y          int
		Width, Height int
		Properties    struct {
			Title, Region, View, Stat, Query string
			Period                           int
			Alarms                           []string
			Metrics                          [][]jsontext.Value
			Annotations                      jsontext.Value
		} `json:"properties"`
	} `json:"widgets"`
}

func readBoard(s stack, f *faults) board {
	var b board
	boards := s.of("AWS::CloudWatch::Dashboard")
	f.want("dashboards", 1, len(boards))
	for name, resource := range boards {
		f.want(name+": name", "AWS::StackName", resource["DashboardName"])
		err := json.Unmarshal(fmt.Append(nil, resource["DashboardBody"]), &b, json.RejectUnknownMembers(true), json.MatchCaseInsensitiveNames(true))
		f.when(err != nil, "%s: %v", name, err)
	}
	return b
}

func dashboardShowsAllThatIsWritten(s stack) []string {
	var f faults
	shown := map[string]bool{}
	for _, w := range readBoard(s, &f).Widgets {
		for _, row := range w.Properties.Metrics {
			namespace, name, dimensions := readRow(row, w.Properties.Title, &f)
			if wrong := unwritten(s, namespace, name, dimensions); wrong != "" {
				f.when(true, "%s: %s", w.Properties.Title, wrong)
			}
			if namespace == metric.Namespace && len(dimensions) == 0 {
				shown[name] = true
			}
		}
	}
	for _, name := range metric.Names() {
		f.when(!shown[string(name)], "%s is written and not shown", name)
	}
	return f
}

// searched is the one form of expression that the dashboard has: a metric of every app.
var searched = regexp.MustCompile(`^SEARCH\('\{(\w+),(\w+)\} MetricName="(\w+)"', '(Sum|p90)', 300\)$`)

// readRow reads one row of a widget's metrics.
func readRow(row []jsontext.Value, title string, f *faults) (namespace, name string, dimensions map[string]string) {
	var words []string
	var options struct {
		Label, Stat, YAxis, ID, Expression string
	}
	for i, cell := range row {
		var word string
		if cell.Kind() == '{' && i == len(row)-1 {
			err := json.Unmarshal(cell, &options, json.RejectUnknownMembers(true), json.MatchCaseInsensitiveNames(true))
			f.when(err != nil, "%s: %v", title, err)
			continue
		}
		f.when(json.Unmarshal(cell, &word) != nil, "%s: a cell is %s", title, cell)
		words = append(words, word)
	}
	dimensions = map[string]string{}
	if options.Expression != "" {
		found := searched.FindStringSubmatch(options.Expression)
		if found == nil || len(words) > 0 {
			f.when(true, "%s: an expression of another form: %s", title, options.Expression)
			return "", "", nil
		}
		return found[1], found[3], map[string]string{found[2]: "demo"}
	}
	f.when(options.Label == "", "%s: a line without a label", title)
	if len(words) < 2 || len(words)%2 != 0 {
		f.when(true, "%s: a row of %v", title, words)
		return "", "", nil
	}
	for i := 2; i < len(words); i += 2 {
		dimensions[words[i]] = words[i+1]
	}
	return words[0], words[1], dimensions
}

func dashboardIsWhole(s stack) []string {
	var f faults
	b := readBoard(s, &f)
	var titles []string
	taken := map[[2]int]string{}
	for _, w := range b.Widgets {
		p := w.Properties
		titles = append(titles, p.Title)
		for x := w.X; x < w.X+w.Width; x++ {
			for y := w.Y; y < w.Y+w.Height; y++ {
				f.when(taken[[2]int{x, y}] != "" || x >= 24, "%s lies on %s, or beside the board", p.Title, taken[[2]int{x, y}])
				taken[[2]int{x, y}] = p.Title
			}
		}
		switch w.Type {
		case "metric":
			f.when(p.Region != "${AWS::Region}" || p.View != "timeSeries" || p.Stat == "" || p.Period != 300 || len(p.Metrics) == 0, "%s: %+v", p.Title, p)
		case "log":
			f.when(p.Region != "${AWS::Region}" || p.View != "table", "%s: %+v", p.Title, p)
			f = append(f, queryIsOfOurLogs(s, p.Query)...)
		case "alarm":
			var want []string
			for name := range s.of("AWS::CloudWatch::Alarm") {
				want = append(want, "${"+name+".Arn}")
			}
			f.want("alarms on the dashboard", slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(p.Alarms)))
		default:
			f.when(true, "%s: a widget of type %s", p.Title, w.Type)
		}
	}
	f.when(len(titles) != len(slices.Compact(slices.Sorted(slices.Values(titles)))), "two widgets have one title")
	for _, subject := range []string{
		"arrived", "what became of them", "Age of events", "Upload latency", "messages waiting", "age of the oldest", "in flight", "Rejected", "by reason", "Errors",
		"Cost", "open breakers", "By app",
	} {
		f.when(!strings.Contains(strings.Join(titles, "\n"), subject), "nothing about %q", subject)
	}
	return f
}

// logKeys are the keys of the functions' log lines that a query may ask for.
var logKeys = []string{"outcome", "reason", "code", "app", "event", "status"}

// queryIsOfOurLogs reads a query as far as the dashboard's go.
func queryIsOfOurLogs(s stack, query string) faults {
	var f faults
	form := regexp.MustCompile(`^SOURCE '\$\{(\w+)\}' \| filter (.+) \| stats count\(\*\) as (\w+) by ([\w, ]+) \| sort (\w+) desc \| limit 50$`).FindStringSubmatch(query)
	if form == nil {
		f.when(true, "a query of another form: %s", query)
		return f
	}
	f.when(s.of("AWS::Logs::LogGroup")[form[1]] == nil, "no log group %s", form[1])
	f.want("sorted by", form[3], form[5])
	for key := range strings.SplitSeq(form[4], ", ") {
		f.when(!slices.Contains(logKeys, key), "the log has no key %s", key)
	}
	return f
}
