//go:build soak

package soak_test

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// history is what happened to one message of a queue.
type history struct {
	id          string
	queue       string
	group       string
	webhook     *sent
	receives    int
	invocations []*invocation
	outcome     forward.Outcome // of the invocation after which the queue deleted it
	reason      string
	retries     []string // the reasons for which it came back
}

// last is the invocation that settled the message, nil if none did.
func (h *history) last() *invocation {
	if i := h.invocations[len(h.invocations)-1]; i.answered() && !i.failed[h.id] {
		return i
	}
	return nil
}

// histories puts the messages' stories together.
func (r *run) histories(webhooks map[string]*sent) map[string]*history {
	all := map[string]*history{}
	for _, call := range r.fleet.invocations {
		for _, m := range call.messages {
			h := all[m.id]
			if h == nil {
				h = &history{id: m.id, queue: call.queue, group: m.group, webhook: webhooks[m.webhook]}
				all[m.id] = h
			}
			h.invocations, h.receives = append(h.invocations, call), m.receives
		}
	}
	return all
}

// line is a line of a forwarder's log or metrics, as far as the run looks at it.
type line struct {
	RequestID string `json:"requestId"`
	Message   string `json:"msg"`
	MessageID string `json:"messageId"`
	Outcome   string `json:"outcome"`
	Reason    string `json:"reason"`
	Embedded  *struct {
		Directives []struct {
			Namespace string
		} `json:"CloudWatchMetrics"`
	} `json:"_aws"`
	counts
}

// counts are the metrics that have to balance.
type counts struct {
	Received  int `json:"MessagesReceived"`
	Delivered int `json:"MessagesDelivered"`
	Skipped   int `json:"MessagesSkipped"`
	Rejected  int `json:"MessagesRejected"`
	Retried   int `json:"MessagesRetried"`
}

func (c *counts) add(d counts) {
	c.Received += d.Received
	c.Delivered += d.Delivered
	c.Skipped += d.Skipped
	c.Rejected += d.Rejected
	c.Retried += d.Retried
}

// diary is what one invocation wrote about itself.
type diary struct {
	counts  counts
	lines   map[string]line // by message id: what was not delivered
	unnoted int             // notes of accepted records that could not be written
	unread  int             // and that could not be read
}

// diaries reads what a process printed, invocation by invocation. Metrics have no request id: they stand behind the log lines of their
// invocation.
func (l *life) diaries() (map[string]*diary, error) {
	all := map[string]*diary{}
	current := &diary{}
	scanner := bufio.NewScanner(strings.NewReader(l.Output().Stdout.String()))
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var read line
		if err := json.Unmarshal(scanner.Bytes(), &read); err != nil {
			return all, fmt.Errorf("output is no JSON: %w", err)
		}
		if read.Embedded != nil {
			current.counts.add(read.counts)
			continue
		}
		if all[read.RequestID] == nil {
			all[read.RequestID] = &diary{lines: map[string]line{}}
		}
		current = all[read.RequestID]
		switch {
		case read.MessageID != "":
			current.lines[read.MessageID] = read
		case strings.HasPrefix(read.Message, "note of accepted records not written"):
			current.unnoted++
		case strings.HasPrefix(read.Message, "notes of accepted records not read"):
			current.unread++
		}
	}
	return all, scanner.Err()
}
