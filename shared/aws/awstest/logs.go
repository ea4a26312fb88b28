package awstest

import (
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// linesPerPage makes every larger answer one of several.
const linesPerPage = 5

// Logs is Amazon CloudWatch Logs, as far as filtering lines is concerned.
type Logs struct {
	Service
	groups map[string][]logLine
}

type logLine struct {
	At   int64  `json:"timestamp"`
	Text string `json:"message"`
}

func newLogs() *Logs {
	l := &Logs{groups: make(map[string][]logLine)}
	l.scope, l.strict = "logs", true
	l.operations = map[string]operation{"FilterLogEvents": typed(&l.Service, l.filter)}
	return l
}

func (l *Logs) Create(group string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups[group] = []logLine{}
}

func (l *Logs) Put(group string, at time.Time, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups[group] = append(l.groups[group], logLine{at.UnixMilli(), text})
}

// comparison is the only filter pattern that is understood: one member of a JSON line and its text.
var comparison = regexp.MustCompile(`^\{ \$\.([A-Za-z]+) = "([^"]*)" \}$`)

func (l *Logs) filter(in *struct {
	Group   string `json:"logGroupName"`
	Pattern string `json:"filterPattern"`
	Start   int64  `json:"startTime"`
	End     int64  `json:"endTime"`
	Next    string `json:"nextToken"`
	Limit   int    `json:"limit"`
}) (any, error) {
	lines, known := l.groups[in.Group]
	if !known {
		return nil, refuse("ResourceNotFoundException", "no group "+in.Group)
	}
	wanted := comparison.FindStringSubmatch(in.Pattern)
	if wanted == nil {
		return nil, refuse("InvalidParameterException", "pattern "+in.Pattern)
	}
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b logLine) int { return int(a.At - b.At) })
	searched, _ := strconv.Atoi(in.Next)
	found := []logLine{}
	for _, line := range lines[min(searched, len(lines)):] {
		if searched++; line.At >= in.Start && line.At < in.End && member(line.Text, wanted[1]) == wanted[2] {
			found = append(found, line)
		}
		if searched%linesPerPage == 0 { // also if nothing was found among them
			break
		}
	}
	answer := map[string]any{"events": found}
	if searched < len(lines) {
		answer["nextToken"] = strconv.Itoa(searched)
	}
	return answer, nil
}

// member is a text in a line of JSON.
func member(line, name string) string {
	var members map[string]any
	if json.Unmarshal([]byte(line), &members) != nil {
		return ""
	}
	text, _ := members[name].(string)
	return text
}
