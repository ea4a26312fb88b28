package main

import (
	"fmt"
	"os"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/purchasely-clevertap/bridge/shared/template"
)

// The values of QueueType.
const (
	fifo     = template.FIFO
	standard = template.Standard
)

// settings are what the template makes of one queue, its mapping and its forwarders.
type settings struct {
	queue           string
	batch           int           // messages that one batch may have
	window          time.Duration // how long the mapping waits for a batch to fill
	concurrency     int           // forwarders at once on this queue
	idle            int           // forwarders that the other queue's mapping may start meanwhile
	uploads         int           // uploads at once of one forwarder and account
	memory          int           // of a forwarder, in megabytes
	receiver        int           // memory of a receiver, in megabytes
	subscriberState bool
	visibility      time.Duration
	retention       time.Duration
	timeout         time.Duration // of an invocation
	uploadTimeout   time.Duration
}

// readSettings reads those of one queue type; "" is the template's own.
func readSettings(file, queueType string) (settings, error) {
	t, err := readTemplate(file, queueType)
	if err != nil {
		return settings{}, err
	}
	name, other := "EventsFifo", "EventsStandard"
	switch t.QueueType {
	case fifo:
	case standard:
		name, other = other, name
	default:
		return settings{}, fmt.Errorf("queue is %s or %s, not %q", fifo, standard, t.QueueType)
	}
	mapping := func(queue string, path ...string) []string {
		return append([]string{"Resources", "Forwarder", "Properties", "Events", queue, "Properties"}, path...)
	}
	function := func(name string, path ...string) []string {
		return append([]string{"Resources", name, "Properties"}, path...)
	}
	s := settings{
		queue:           t.QueueType,
		batch:           t.Number(mapping(name, "BatchSize")...),
		concurrency:     t.Number(mapping(name, "ScalingConfig", "MaximumConcurrency")...),
		idle:            t.Number(mapping(other, "ScalingConfig", "MaximumConcurrency")...),
		uploads:         t.Number(function("Forwarder", "Environment", "Variables", "UPLOAD_CONCURRENCY")...),
		memory:          t.Number(function("Forwarder", "MemorySize")...),
		receiver:        t.Number(function("Receiver", "MemorySize")...),
		subscriberState: t.Text("Parameters", "Subscribers", "Default") == "on",
		visibility:      t.Seconds(function(name+"Queue", "VisibilityTimeout")...),
		retention:       t.Seconds(function(name+"Queue", "MessageRetentionPeriod")...),
		timeout:         t.Seconds(function("Forwarder", "Timeout")...),
		uploadTimeout:   t.Duration(function("Forwarder", "Environment", "Variables", "UPLOAD_TIMEOUT")...),
	}
	if t.QueueType == standard {
		s.window = t.Seconds(mapping(name, "MaximumBatchingWindowInSeconds")...)
	}
	return s, t.Err()
}

// readTemplate reads a template for a queue type; "" is the template's own.
func readTemplate(file, queueType string) (*template.Template, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	var root map[string]any
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("template %s: %w", file, err)
	}
	t := template.New(root, queueType)
	return t, t.Err()
}
