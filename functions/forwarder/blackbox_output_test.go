//go:build blackbox

package main_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// told is a line of the log.
type told struct {
	RequestID string `json:"requestId"`
	MessageID string `json:"messageId"`
	Message   string `json:"msg"`
	Level     string `json:"level"`
	App       string `json:"app"`
	Outcome   string `json:"outcome"`
	Reason    string `json:"reason"`
	Code      string `json:"code"`
	Event     string `json:"event"`
	Attempt   int    `json:"attempt"`

	Received  *int `json:"received"`
	Delivered int  `json:"delivered"`
	Skipped   int  `json:"skipped"`
	Rejected  int  `json:"rejected"`
	Retried   int  `json:"retried"`
}

// metrics is a line in embedded metric format.
type metrics struct {
	app    string
	values map[string][]float64
}

// end stops the forwarder, reads what it has printed, and judges what holds for every run.
func (s *stage) end() {
	s.Helper()
	if s.ended {
		return
	}
	s.ended = true
	s.function.Kill() // All that was printed is there once the process is gone.
	s.read(s.function.Output().Stdout.String())
	for _, b := range s.batches {
		s.balances(b)
	}
	s.keepsQuiet()
	for _, o := range s.clevertap.Warnings() {
		if !slices.Contains(s.excused, o.Rule) {
			s.Errorf("CleverTap would object: %+v", o)
		}
	}
}

// read gives each batch its lines. Metrics carry no request id: they stand behind the line about their invocation.
func (s *stage) read(stdout string) {
	s.Helper()
	for _, b := range s.batches {
		b.told = map[string]told{}
	}
	var current *batch
	for line := range strings.Lines(stdout) {
		var l told
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			s.Errorf("printed something that is no JSON: %q", line)
			continue
		}
		switch {
		case strings.HasPrefix(line, `{"_aws":`):
			current.metrics = append(current.metrics, s.metrics(line))
		case l.RequestID == "":
			s.Errorf("a line without a request id: %s", line)
		default:
			number, err := strconv.Atoi(l.RequestID[strings.LastIndexByte(l.RequestID, '-')+1:])
			if err != nil || number < 1 || number > len(s.batches) {
				s.Fatalf("a line of no invocation: %s", line)
			}
			current = s.batches[number-1]
			if _, twice := current.told[l.MessageID]; twice && l.Outcome != "" {
				s.Errorf("two outcomes: %s", line)
			}
			if l.Outcome != "" || l.Received != nil {
				current.told[l.MessageID] = l // The line about the invocation has no message id.
			}
		}
	}
}

func (s *stage) metrics(line string) metrics {
	s.Helper()
	var members map[string]jsontext.Value
	if err := json.Unmarshal([]byte(line), &members); err != nil {
		s.Fatal(err)
	}
	var head struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	}
	if err := json.Unmarshal(members["_aws"], &head); err != nil || len(head.CloudWatchMetrics) != 1 {
		s.Fatalf("%v in %s", err, line)
	}
	directive := head.CloudWatchMetrics[0]
	if directive.Namespace != "PurchaselyCleverTap" || !cmp.Equal(directive.Dimensions, [][]string{{}, {"App"}}) {
		s.Errorf("namespace %s, dimensions %v", directive.Namespace, directive.Dimensions)
	}
	m := metrics{values: map[string][]float64{}}
	if err := json.Unmarshal(members["App"], &m.app); err != nil {
		s.Fatal(err)
	}
	for _, metric := range directive.Metrics {
		value := members[metric.Name]
		if value.Kind() != '[' {
			value = slices.Concat(jsontext.Value("["), value, jsontext.Value("]"))
		}
		var values []float64
		if err := json.Unmarshal(value, &values); err != nil || len(values) == 0 || len(values) > 100 {
			s.Fatalf("metric %s of %d values: %v", metric.Name, len(values), err)
		}
		m.values[metric.Name] = values
	}
	return m
}

// sum adds a metric up over all batches, for one app or for "" all.
func (s *stage) sum(app, name string) int {
	s.Helper()
	s.end()
	n := 0
	for _, b := range s.batches {
		n += b.sum(app, name)
	}
	return n
}

func (b *batch) sum(app, name string) int {
	n := 0.0
	for _, m := range b.metrics {
		if app == "" || app == m.app {
			for _, v := range m.values[name] {
				n += v
			}
		}
	}
	return int(n)
}

// outcome gives what became of a message and why: "delivered", "skipped disabled", "rejected malformed", "retry timeout".
func (b *batch) outcome(id string) string {
	t, ok := b.told[id]
	if !ok {
		return "delivered"
	}
	return t.Outcome + " " + t.Reason
}

// balances checks that every message of a batch has one outcome, and that answer, log, metrics and rejected queue agree on it.
func (s *stage) balances(b *batch) {
	s.Helper()
	counts := map[string]int{}
	var retried []string
	apps := map[string]int{}
	for _, m := range b.messages {
		outcome := "delivered"
		t, ok := b.told[m.ID]
		if ok {
			outcome = t.Outcome
			if t.Reason == "" || t.App == "" || t.Attempt != m.Receives {
				s.Errorf("a line says too little, or something else: %+v", t)
			}
			apps[t.App]++
		}
		counts[outcome]++
		if outcome == "retry" {
			retried = append(retried, m.ID)
		}
	}
	if !slices.Equal(retried, b.returned) {
		s.Errorf("answer names %d messages, log %d", len(b.returned), len(retried))
	}
	line, ok := b.told[""]
	if !ok || line.Received == nil || *line.Received != len(b.messages) || line.Delivered != counts["delivered"] ||
		line.Skipped != counts["skipped"] || line.Rejected != counts["rejected"] || line.Retried != counts["retry"] {
		s.Errorf("line of the invocation: %+v, want %v of %d", line, counts, len(b.messages))
	}
	for name, want := range map[string]int{
		"MessagesReceived": len(b.messages), "MessagesDelivered": counts["delivered"], "MessagesSkipped": counts["skipped"],
		"MessagesRejected": counts["rejected"], "MessagesRetried": counts["retry"],
	} {
		if got := b.sum("", name); got != want {
			s.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	for app := range maps.Keys(apps) {
		sum := b.sum(app, "MessagesSkipped") + b.sum(app, "MessagesRejected") + b.sum(app, "MessagesRetried")
		if sum != apps[app] || b.sum(app, "MessagesReceived") != sum+b.sum(app, "MessagesDelivered") {
			s.Errorf("metrics of %s do not add up", app)
		}
	}
}

// keepsQuiet searches everything that was printed, and everything that was added to rejected messages, for what is secret or personal.
func (s *stage) keepsQuiet() {
	s.Helper()
	output := s.function.Output()
	parts := []string{output.Stdout.String(), output.Stderr.String()}
	for _, m := range s.rejected.Messages() {
		for _, name := range []string{"reason", "code", "error", "accepted"} {
			parts = append(parts, m.Attribute(name))
		}
	}
	said := strings.Join(parts, "\n")
	for _, word := range []string{"passcode-", "person-", "private-", "Skipped record", "AKIDEXAMPLE", "127.0.0.1"} {
		if at := strings.Index(said, word); at >= 0 {
			s.Errorf("output holds %q: …%s…", word, said[max(0, at-80):min(len(said), at+80)])
		}
	}
	if stderr := output.Stderr.String(); stderr != "" {
		s.Errorf("standard error: %s", stderr)
	}
}
