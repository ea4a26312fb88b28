//go:build soak

package soak_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// template is the project's own template, read for the values that a deployment would have.
type template struct {
	t         *testing.T
	queueType string
	root      map[string]any
}

func readTemplate(t *testing.T, queueType string) template {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	read := template{t: t, queueType: queueType}
	if err := yaml.Unmarshal(text, &read.root); err != nil {
		t.Fatal(err)
	}
	return read
}

// at follows a path of keys to a value and fills in what it refers to. YAML drops the tags of CloudFormation's functions; their
// arguments tell them apart well enough.
func (p template) at(path ...string) string {
	p.t.Helper()
	value := any(p.root)
	for _, key := range path {
		value = value.(map[string]any)[key]
	}
	value = p.resolve(value)
	if value == nil {
		p.t.Fatalf("template has nothing at %v", path)
	}
	return fmt.Sprint(value)
}

func (p template) resolve(value any) any {
	switch value := value.(type) {
	case string:
		if parameter, ok := p.root["Parameters"].(map[string]any)[value].(map[string]any); ok {
			if value == "QueueType" {
				return p.queueType
			}
			return parameter["Default"]
		}
	case []any:
		name := fmt.Sprint(value[0])
		if name == "SendToStandard" && p.queueType == "standard" {
			return p.resolve(value[1])
		}
		if name == "SendToStandard" {
			return p.resolve(value[2])
		}
		if mapping, ok := p.root["Mappings"].(map[string]any)[name].(map[string]any); ok {
			return mapping[fmt.Sprint(p.resolve(value[1]))].(map[string]any)[fmt.Sprint(value[2])]
		}
	}
	return value
}

func (p template) number(path ...string) int {
	p.t.Helper()
	n, err := strconv.Atoi(p.at(path...))
	if err != nil {
		p.t.Fatalf("template at %v: %v", path, err)
	}
	return n
}

func (p template) duration(path ...string) time.Duration {
	p.t.Helper()
	d, err := time.ParseDuration(p.at(path...))
	if err != nil {
		p.t.Fatalf("template at %v: %v", path, err)
	}
	return d
}

// deployment is what the template makes of one queue and its forwarders.
type deployment struct {
	concurrency, batch, maxReceives, uploads int
	visibility, retention, timeout, window   time.Duration
	uploadTimeout, retryDelay, breakerPause  time.Duration
}

func (p template) deployment() deployment {
	p.t.Helper()
	queue := map[string]string{"fifo": "EventsFifo", "standard": "EventsStandard"}[p.queueType]
	of := func(path ...string) []string {
		return append([]string{"Resources", queue + "Queue", "Properties"}, path...)
	}
	mapping := func(path ...string) []string {
		return append([]string{"Resources", "Forwarder", "Properties", "Events", queue, "Properties"}, path...)
	}
	variable := func(name string) []string {
		return []string{"Resources", "Forwarder", "Properties", "Environment", "Variables", name}
	}
	seconds := func(path []string) time.Duration { return time.Duration(p.number(path...)) * time.Second }
	d := deployment{
		concurrency:   p.number(mapping("ScalingConfig", "MaximumConcurrency")...),
		batch:         p.number(mapping("BatchSize")...),
		maxReceives:   p.number(of("RedrivePolicy", "maxReceiveCount")...),
		uploads:       p.number(variable("UPLOAD_CONCURRENCY")...),
		visibility:    seconds(of("VisibilityTimeout")),
		retention:     seconds(of("MessageRetentionPeriod")),
		timeout:       seconds([]string{"Resources", "Forwarder", "Properties", "Timeout"}),
		uploadTimeout: p.duration(variable("UPLOAD_TIMEOUT")...),
		retryDelay:    p.duration(variable("RETRY_DELAY")...),
		breakerPause:  p.duration(variable("BREAKER_PAUSE")...),
	}
	if p.queueType == "standard" {
		d.window = seconds(mapping("MaximumBatchingWindowInSeconds"))
	}
	return d
}
