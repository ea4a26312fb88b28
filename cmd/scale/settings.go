package main

import (
	"fmt"
	"time"
)

// The values of QueueType.
const (
	fifo     = "fifo"
	standard = "standard"
)

// settings are what the template makes of one queue, its mapping and its forwarders.
type settings struct {
	queue         string
	batch         int           // messages that one batch may have
	window        time.Duration // how long the mapping waits for a batch to fill
	concurrency   int           // forwarders at once on this queue
	idle          int           // forwarders that the other queue's mapping may start meanwhile
	uploads       int           // uploads at once of one forwarder and account
	memory        int           // of a forwarder, in megabytes
	receiver      int           // memory of a receiver, in megabytes
	holderState   bool
	visibility    time.Duration
	retention     time.Duration
	timeout       time.Duration // of an invocation
	uploadTimeout time.Duration
}

// readSettings reads those of one queue type; "" is the template's own.
func readSettings(file, queueType string) (settings, error) {
	t, err := readTemplate(file)
	if err != nil {
		return settings{}, err
	}
	if queueType != "" {
		t.queueType = queueType
	}
	name, other := "EventsFifo", "EventsStandard"
	switch t.queueType {
	case fifo:
	case standard:
		name, other = other, name
	default:
		return settings{}, fmt.Errorf("queue is %s or %s, not %q", fifo, standard, t.queueType)
	}
	mapping := func(queue string, path ...string) []string {
		return append([]string{"Resources", "Forwarder", "Properties", "Events", queue, "Properties"}, path...)
	}
	function := func(name string, path ...string) []string {
		return append([]string{"Resources", name, "Properties"}, path...)
	}
	s := settings{
		queue:         t.queueType,
		batch:         t.number(mapping(name, "BatchSize")...),
		concurrency:   t.number(mapping(name, "ScalingConfig", "MaximumConcurrency")...),
		idle:          t.number(mapping(other, "ScalingConfig", "MaximumConcurrency")...),
		uploads:       t.number(function("Forwarder", "Environment", "Variables", "UPLOAD_CONCURRENCY")...),
		memory:        t.number(function("Forwarder", "MemorySize")...),
		receiver:      t.number(function("Receiver", "MemorySize")...),
		holderState:   t.text("Parameters", "HolderState", "Default") == "on",
		visibility:    t.seconds(function(name+"Queue", "VisibilityTimeout")...),
		retention:     t.seconds(function(name+"Queue", "MessageRetentionPeriod")...),
		timeout:       t.seconds(function("Forwarder", "Timeout")...),
		uploadTimeout: t.duration(function("Forwarder", "Environment", "Variables", "UPLOAD_TIMEOUT")...),
	}
	if t.queueType == standard {
		s.window = t.seconds(mapping(name, "MaximumBatchingWindowInSeconds")...)
	}
	return s, t.err
}
