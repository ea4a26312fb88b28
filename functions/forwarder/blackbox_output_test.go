//go:build blackbox

package main_test

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// line is one of the log.
type line struct {
	RequestID string `json:"requestId"`
	MessageID string `json:"messageId"`
	Level     string `json:"level"`
	Message   string `json:"message"`
	App       string `json:"app"`
	Outcome   string `json:"outcome"`
	Reason    string `json:"reason"`
	Code      string `json:"code"`
	Attempt   int    `json:"attempt"`
	Received  int    `json:"received"`
	Delivered int    `json:"delivered"`
	Skipped   int    `json:"skipped"`
	Rejected  int    `json:"rejected"`
	Retried   int    `json:"retried"`

	Settings string   `json:"settings"`
	Problems []string `json:"problems"`
	Cause    string   `json:"cause"`
}

// metrics are a line in embedded metric format.
type metrics struct {
	app    string
	values map[string][]float64
}

// end stops the forwarder, reads what it has printed, and checks what holds for every run.
func (s *stack) end() {
	s.Helper()
	if s.ended {
		return
	}
	s.ended = true
	s.function.Kill() // All that was printed is there once the process is gone.
	s.readOutput()
	for _, b := range s.batches {
		if !b.failed {
			b.checkCounts()
		}
	}
	s.checkPrivacy()
	for _, w := range s.clevertap.Warnings() {
		if !slices.Contains(s.ignored, w.Rule) {
			s.Errorf("CleverTap warns: %+v", w)
		}
	}
}

// readOutput assigns each line to its batch. Metrics have no request id: they follow the line about their batch.
func (s *stack) readOutput() {
	s.Helper()
	for _, b := range s.batches {
		b.lines = make(map[string]line)
	}
	var current *batch
	for text := range strings.Lines(s.function.Output().Stdout.String()) {
		if strings.HasPrefix(text, `{"_aws":`) {
			current.metrics = append(current.metrics, s.readMetrics(text))
			continue
		}
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			s.Fatalf("printed %q: %v", text, err)
		}
		if strings.HasPrefix(l.Message, `{"errorMessage":`) {
			continue // Lambda's package prints what a batch failed with, which the line before says, too.
		}
		number, err := strconv.Atoi(l.RequestID[strings.LastIndexByte(l.RequestID, '-')+1:])
		if err != nil || number < 1 || number > len(s.batches) {
			s.Fatalf("a line of no batch: %s", text)
		}
		current = s.batches[number-1]
		switch _, twice := current.lines[l.MessageID]; {
		case l.Outcome != "" && twice:
			s.Errorf("two outcomes: %s", text)
		case l.Outcome != "":
			current.lines[l.MessageID] = l
		case l.Message == "batch":
			current.summary = l
		case strings.HasPrefix(l.Message, "settings "):
			current.settings = append(current.settings, l)
		}
	}
}

func (s *stack) readMetrics(text string) metrics {
	s.Helper()
	var members map[string]jsontext.Value
	if err := json.Unmarshal([]byte(text), &members); err != nil {
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
		s.Fatalf("%v in %s", err, text)
	}
	directive := head.CloudWatchMetrics[0]
	if directive.Namespace != "PurchaselyCleverTap" || !cmp.Equal(directive.Dimensions, [][]string{{}, {"App"}}) {
		s.Errorf("namespace %s, dimensions %v", directive.Namespace, directive.Dimensions)
	}
	m := metrics{app: strings.Trim(string(members["App"]), `"`), values: make(map[string][]float64)}
	for _, metric := range directive.Metrics {
		list := "[" + strings.Trim(string(members[metric.Name]), "[]") + "]"
		var values []float64
		if err := json.Unmarshal([]byte(list), &values); err != nil || len(values) == 0 || len(values) > 100 {
			s.Fatalf("metric %s of %d values: %v", metric.Name, len(values), err)
		}
		m.values[metric.Name] = values
	}
	return m
}

// outcome is what became of a message and why: "delivered", "skipped disabled", "retry timeout".
func (b *batch) outcome(id string) string {
	b.end()
	if l, ok := b.lines[id]; ok {
		return l.Outcome + " " + l.Reason
	}
	return "delivered"
}

// want checks the outcomes of messages; one outcome is that of all.
func (b *batch) want(ids []string, outcomes ...string) {
	b.Helper()
	for i, id := range ids {
		if got, want := b.outcome(id), outcomes[min(i, len(outcomes)-1)]; got != want {
			b.Errorf("message %d: %s, want %s", i, got, want)
		}
	}
}

// sum adds a metric up over all batches, for one app, or for all if it is empty.
func (s *stack) sum(app, name string) (n int) {
	for _, b := range s.batches {
		n += b.sum(app, name)
	}
	return n
}

func (b *batch) sum(app, name string) int {
	b.end()
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

// checkCounts checks that every message has one outcome, and that response, log and metrics agree on it.
func (b *batch) checkCounts() {
	b.Helper()
	counts, apps := make(map[string]int), make(map[string]int)
	var retried []string
	for _, m := range b.messages {
		l, ok := b.lines[m.ID]
		if !ok {
			counts["delivered"]++
			continue
		}
		if l.Reason == "" || l.App == "" || l.Attempt != m.Receives {
			b.Errorf("incomplete line %+v", l)
		}
		apps[l.App]++
		if counts[l.Outcome]++; l.Outcome == "retry" {
			retried = append(retried, m.ID)
		}
	}
	if !slices.Equal(retried, b.returned) {
		b.Errorf("the response has %d messages, the log %d", len(b.returned), len(retried))
	}
	for _, c := range []struct {
		metric     string
		line, want int
	}{
		{"MessagesReceived", b.summary.Received, len(b.messages)},
		{"MessagesDelivered", b.summary.Delivered, counts["delivered"]},
		{"MessagesSkipped", b.summary.Skipped, counts["skipped"]},
		{"MessagesRejected", b.summary.Rejected, counts["rejected"]},
		{"MessagesRetried", b.summary.Retried, counts["retry"]},
	} {
		if got := b.sum("", c.metric); got != c.want || c.line != c.want || b.summary.RequestID == "" {
			b.Errorf("%s is %d, in the log %d, want %d", c.metric, got, c.line, c.want)
		}
	}
	for app, n := range apps {
		sum := b.sum(app, "MessagesSkipped") + b.sum(app, "MessagesRejected") + b.sum(app, "MessagesRetried")
		if sum != n || b.sum(app, "MessagesReceived") != sum+b.sum(app, "MessagesDelivered") {
			b.Errorf("metrics of %s do not add up", app)
		}
	}
}

// checkPrivacy searches all that was printed or added to rejected messages for what is secret or personal.
func (s *stack) checkPrivacy() {
	s.Helper()
	output := s.function.Output()
	parts := []string{output.Stdout.String(), output.Stderr.String()}
	for _, m := range s.rejected.Messages() {
		parts = append(parts, m.Attribute("reason"), m.Attribute("code"), m.Attribute("error"), m.Attribute("accepted"))
	}
	text := strings.Join(parts, "\n")
	for _, word := range []string{
		"passcode-", "person-", "private-", "Skipped record", "AKIDEXAMPLE", "127.0.0.1", awstest.ErrorText,
	} {
		if at := strings.Index(text, word); at >= 0 {
			s.Errorf("output has %q: …%s…", word, text[max(0, at-80):min(len(text), at+80)])
		}
	}
	if stderr := output.Stderr.String(); stderr != "" {
		s.Errorf("standard error: %s", stderr)
	}
}

// wantsLine looks for a line of the log at a level that has all these words.
func (s *stack) wantsLine(level string, words ...string) {
	s.Helper()
	s.end()
	out := s.function.Output().Stdout.String()
	words = append(words, `"level":"`+level+`"`)
	for text := range strings.Lines(out) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) }) {
			return
		}
	}
	s.Errorf("no line at %s has %q:\n%s", level, words, out)
}
