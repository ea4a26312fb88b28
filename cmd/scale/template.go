package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// template is template.yaml, read for the values that a deployment with its defaults would have.
type template struct {
	root      map[string]any
	queueType string
	err       error // the first value that is not there, or not of its kind
}

func readTemplate(file string) (*template, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	t := &template{}
	if err := yaml.Unmarshal(text, &t.root); err != nil {
		return nil, fmt.Errorf("template %s: %w", file, err)
	}
	t.queueType = t.text("Parameters", "QueueType", "Default")
	return t, t.err
}

// text follows a path of keys to a value and fills in what it refers to.
func (t *template) text(path ...string) string {
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
func (t *template) resolve(value any) any {
	switch value := value.(type) {
	case string:
		parameters, _ := t.root["Parameters"].(map[string]any)
		if parameter, ok := parameters[value].(map[string]any); ok {
			if value == "QueueType" {
				return t.queueType
			}
			return parameter["Default"]
		}
	case []any:
		if len(value) != 3 {
			return nil
		}
		name := fmt.Sprint(value[0])
		if name == "SendToStandard" {
			if t.queueType == standard {
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

func (t *template) number(path ...string) int {
	n, err := strconv.Atoi(t.text(path...))
	if err != nil {
		t.fail(path, "not a whole number")
	}
	return n
}

func (t *template) seconds(path ...string) time.Duration {
	return time.Duration(t.number(path...)) * time.Second
}

func (t *template) duration(path ...string) time.Duration {
	d, err := time.ParseDuration(t.text(path...))
	if err != nil {
		t.fail(path, "not a duration")
	}
	return d
}

// fail keeps the first fault: those that follow are its consequences as a rule.
func (t *template) fail(path []string, what string) {
	if t.err == nil {
		t.err = fmt.Errorf("template at %s: %s", strings.Join(path, "."), what)
	}
}
