// Package template answers what template.yaml makes of a stack of one queue type.
//
// It promises the value that a deployment with the defaults would have, references, conditions by queue type and mappings filled in, and one
// error that names the first value that is not there or not of its kind. It is no CloudFormation: what no value depends on, it does not
// know.
package template

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The values of QueueType.
const (
	FIFO     = "fifo"
	Standard = "standard"
)

// Template is a template for a queue type.
type Template struct {
	QueueType string

	root map[string]any
	err  error // the first value that is not there, or not of its kind
}

// New takes what YAML makes of a template. Without a queue type it is that of the template's default.
func New(root map[string]any, queueType string) *Template {
	t := &Template{QueueType: queueType, root: root}
	if queueType == "" {
		t.QueueType = t.Text("Parameters", "QueueType", "Default")
	}
	return t
}

// Err is what was wrong with the values that have been read.
func (t *Template) Err() error { return t.err }

// Text follows a path of keys to a value and fills in what it refers to.
func (t *Template) Text(path ...string) string {
	value := any(t.root)
	for _, key := range path {
		members, ok := value.(map[string]any)
		if !ok {
			break
		}
		value = members[key]
	}
	switch value = t.resolve(value); value.(type) {
	case nil, map[string]any, []any:
		t.fail(path, "no such value")
		return ""
	}
	return fmt.Sprint(value)
}

// resolve gives what a reference, a condition or a mapping stands for. YAML drops the tags of CloudFormation's functions; their
// arguments tell them apart well enough.
func (t *Template) resolve(value any) any {
	switch value := value.(type) {
	case string:
		parameters, _ := t.root["Parameters"].(map[string]any)
		if parameter, ok := parameters[value].(map[string]any); ok {
			if value == "QueueType" {
				return t.QueueType
			}
			return parameter["Default"]
		}
	case []any:
		if len(value) != 3 {
			return nil
		}
		name := fmt.Sprint(value[0])
		if name == "SendToStandard" {
			if t.QueueType == Standard {
				return t.resolve(value[1])
			}
			return t.resolve(value[2])
		}
		mappings, _ := t.root["Mappings"].(map[string]any)
		if mapping, ok := mappings[name].(map[string]any); ok {
			row, _ := mapping[fmt.Sprint(t.resolve(value[1]))].(map[string]any)
			return row[fmt.Sprint(value[2])]
		}
	}
	return value
}

// Number is a value that is a whole number.
func (t *Template) Number(path ...string) int {
	n, err := strconv.Atoi(t.Text(path...))
	if err != nil {
		t.fail(path, "not a whole number")
	}
	return n
}

// Seconds is a value that is a number of seconds.
func (t *Template) Seconds(path ...string) time.Duration {
	return time.Duration(t.Number(path...)) * time.Second
}

// Duration is a value that Go reads as a duration, such as 10s.
func (t *Template) Duration(path ...string) time.Duration {
	d, err := time.ParseDuration(t.Text(path...))
	if err != nil {
		t.fail(path, "not a duration")
	}
	return d
}

// fail keeps the first fault: those that follow are its consequences as a rule.
func (t *Template) fail(path []string, what string) {
	if t.err == nil {
		t.err = fmt.Errorf("template at %s: %s", strings.Join(path, "."), what)
	}
}
