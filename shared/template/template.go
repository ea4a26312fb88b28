// Package template answers which settings template.yaml gives a stack of one queue type, for the simulation and the
// soak test.
//
// It uses the parameters' defaults and fills in the few references, conditions and mappings that these settings have.
// It is no CloudFormation, and no function or command that is shipped uses it.
package template

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// The values of QueueType.
const (
	FIFO     = "fifo"
	Standard = "standard"
)

// Stack has the settings of one queue, its mapping and its forwarders.
type Stack struct {
	QueueType      string
	Batch          int           // messages that one batch may have
	Window         time.Duration // how long the mapping waits for a batch to fill
	Forwarders     int           // at once on this queue
	Uploads        int           // at once of one forwarder and account
	Memory         int           // of a forwarder, in MB
	ReceiverMemory int           // in MB
	Subscribers    bool          // whether the table of subscribers is used
	MaxReceives    int
	Visibility     time.Duration
	Retention      time.Duration
	Timeout        time.Duration // of a forwarder
	UploadTimeout  time.Duration
	RetryDelay     time.Duration
	BreakerPause   time.Duration
}

// Read returns the settings of one queue type, or of the template's default if that is empty. The error names the
// first value that is missing or of another kind.
func Read(file, queueType string) (Stack, error) {
	text, err := os.ReadFile(file) //nolint:gosec // The caller chooses the file.
	if err != nil {
		return Stack{}, fmt.Errorf("template: %w", err)
	}
	t := &reader{queueType: queueType}
	if err := yaml.Unmarshal(text, &t.root); err != nil {
		return Stack{}, fmt.Errorf("template %s: %w", file, err)
	}
	if queueType == "" {
		t.queueType = t.text("Parameters.QueueType.Default")
	}
	return t.stack()
}

// reader reads the values of a template for one queue type.
type reader struct {
	queueType string
	root      map[string]any
	err       error // the first: later ones are its consequences as a rule
}

func (t *reader) stack() (Stack, error) {
	queue := map[string]string{FIFO: "EventsFifo", Standard: "EventsStandard"}[t.queueType]
	if queue == "" {
		return Stack{}, fmt.Errorf("queue type %q is neither %s nor %s", t.queueType, FIFO, Standard)
	}
	const forwarder = "Resources.Forwarder.Properties."
	mapping := forwarder + "Events." + queue + ".Properties."
	attribute := "Resources." + queue + "Queue.Properties."
	variable := forwarder + "Environment.Variables."
	s := Stack{
		QueueType:      t.queueType,
		Batch:          t.number(mapping + "BatchSize"),
		Forwarders:     t.number(mapping + "ScalingConfig.MaximumConcurrency"),
		Uploads:        t.number(variable + "UPLOAD_CONCURRENCY"),
		Memory:         t.number(forwarder + "MemorySize"),
		ReceiverMemory: t.number("Resources.Receiver.Properties.MemorySize"),
		Subscribers:    t.text("Parameters.Subscribers.Default") == "on",
		MaxReceives:    t.number(attribute + "RedrivePolicy.maxReceiveCount"),
		Visibility:     t.seconds(attribute + "VisibilityTimeout"),
		Retention:      t.seconds(attribute + "MessageRetentionPeriod"),
		Timeout:        t.seconds(forwarder + "Timeout"),
		UploadTimeout:  read(t, variable+"UPLOAD_TIMEOUT", time.ParseDuration),
		RetryDelay:     read(t, variable+"RETRY_DELAY", time.ParseDuration),
		BreakerPause:   read(t, variable+"BREAKER_PAUSE", time.ParseDuration),
	}
	if t.queueType == Standard {
		s.Window = t.seconds(mapping + "MaximumBatchingWindowInSeconds")
	}
	return s, t.err
}

func (t *reader) number(path string) int { return read(t, path, strconv.Atoi) }

func (t *reader) seconds(path string) time.Duration {
	return time.Duration(t.number(path)) * time.Second
}

func (t *reader) text(path string) string {
	return read(t, path, func(text string) (string, error) { return text, nil })
}

// read parses the value at a path of keys that are joined by dots, with what it refers to filled in.
func read[V any](t *reader, path string, parse func(string) (V, error)) (parsed V) {
	value := any(t.root)
	for key := range strings.SplitSeq(path, ".") {
		value = object(value)[key]
	}
	err := errors.New("no such value")
	if value = t.resolve(value); value != nil {
		parsed, err = parse(fmt.Sprint(value))
	}
	if err != nil && t.err == nil {
		t.err = fmt.Errorf("template at %s: %w", path, err)
	}
	return parsed
}

// resolve evaluates a reference, a condition or a mapping. YAML drops the tags of CloudFormation's functions, but the
// arguments tell these apart.
func (t *reader) resolve(value any) any {
	switch value := value.(type) {
	case string:
		if parameter, ok := object(t.root["Parameters"])[value]; ok && value != "QueueType" {
			return object(parameter)["Default"]
		} else if ok {
			return t.queueType
		}
	case []any:
		if len(value) != 3 {
			return nil
		}
		switch name := fmt.Sprint(value[0]); {
		case name == "SendToStandard" && t.queueType == Standard:
			return t.resolve(value[1])
		case name == "SendToStandard":
			return t.resolve(value[2])
		default:
			row := object(object(t.root["Mappings"])[name])[fmt.Sprint(t.resolve(value[1]))]
			return object(row)[fmt.Sprint(value[2])]
		}
	}
	return value
}

// object is a value as an object, empty if it is none.
func object(value any) map[string]any {
	members, _ := value.(map[string]any)
	return members
}
