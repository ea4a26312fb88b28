//go:build blackbox

package main_test

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

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

// end stops the forwarder, reads what it has printed, and checks what holds for every run.
func (s *stack) end() {
	s.Helper()
	if s.ended {
		return
	}
	s.ended = true
	s.readOutput(s.function.AllOutput())
	for _, b := range s.batches {
		if b.err == nil {
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
func (s *stack) readOutput(output string) {
	s.Helper()
	for _, b := range s.batches {
		b.lines = make(map[string]line)
	}
	var current *batch
	for text := range strings.Lines(output) {
		if strings.HasPrefix(text, `{"_aws":`) {
			var members map[string]any
			if err := json.Unmarshal([]byte(text), &members); err != nil {
				s.Fatalf("printed %q: %v", text, err)
			}
			current.metrics = append(current.metrics, members)
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

// outcome is what became of a message and why: "delivered", "skipped disabled", "retry timeout".
func (b *batch) outcome(id string) string {
	b.end()
	if l, ok := b.lines[id]; ok {
		return l.Outcome + " " + l.Reason
	}
	return "delivered"
}

// want checks the outcomes of messages; the last outcome is that of all further ones.
func (b *batch) want(ids []string, outcomes ...string) {
	b.Helper()
	for i, id := range ids {
		if got, want := b.outcome(id), outcomes[min(i, len(outcomes)-1)]; got != want {
			b.Errorf("message %d: %s, want %s", i, got, want)
		}
	}
}

// sum adds a metric up, for one app, or for all if it is empty.
func (b *batch) sum(app, name string) int {
	b.end()
	n := 0.0
	for _, m := range b.metrics {
		if value, ok := m[name].(float64); ok && (app == "" || app == m["App"]) {
			n += value
		}
	}
	return int(n)
}

// checkCounts checks that every message has one outcome, and that response, log and metrics agree on it.
func (b *batch) checkCounts() {
	b.Helper()
	counts := make(map[string]int)
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
}

// checkPrivacy searches all that was printed or added to rejected messages for what is secret or personal.
func (s *stack) checkPrivacy() {
	s.Helper()
	parts := []string{s.function.AllOutput()}
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
}

// wantsLine looks for a line of the log at a level that has all these words.
func (s *stack) wantsLine(level string, words ...string) {
	s.Helper()
	s.end()
	s.function.WantsLine(s, append(words, `"level":"`+level+`"`)...)
}
