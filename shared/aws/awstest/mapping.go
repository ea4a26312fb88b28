package awstest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// maxPayload is where a mapping cuts a batch: Lambda's limit is 6 MB for the whole event, of which a message takes
// about 0.85 KB beyond its body.
const (
	maxPayload = 5 << 20
	envelope   = 850
)

// Mapping is an event source mapping: it polls a queue, hands batches to a function, and deletes the messages that
// the function does not return.
type Mapping struct {
	Queue       *Queue
	Invoke      func(ctx context.Context, event []byte) ([]byte, error)
	BatchSize   int
	Window      time.Duration // standard queues only: how long a batch waits to be filled
	Concurrency int
	Timeout     time.Duration // of an invocation; 0: 30 s

	mu    sync.Mutex
	stats Stats
}

// Stats is what a Mapping has done so far.
type Stats struct {
	Invocations int
	Failed      int // invocations whose whole batch came back
	Received    int // messages handed out
}

// Run polls until ctx ends, and returns after the last invocation.
func (m *Mapping) Run(ctx context.Context) {
	var pollers sync.WaitGroup
	for range m.Concurrency {
		pollers.Go(func() {
			for batch := m.gather(ctx); len(batch) > 0; batch = m.gather(ctx) {
				m.deliver(context.WithoutCancel(ctx), batch)
			}
		})
	}
	pollers.Wait()
}

func (m *Mapping) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats
}

// gather waits for the first message and, with a window, for more. It returns none when ctx has ended.
func (m *Mapping) gather(ctx context.Context) []Received {
	batch, full := m.receive(ctx, m.BatchSize, maxPayload)
	if m.Window == 0 || len(batch) == 0 {
		return batch
	}
	ctx, cancel := context.WithTimeout(ctx, m.Window)
	defer cancel()
	for len(batch) < m.BatchSize && !full && ctx.Err() == nil {
		size := 0
		for _, r := range batch {
			size += r.size() + envelope
		}
		var more []Received
		more, full = m.receive(ctx, m.BatchSize-len(batch), maxPayload-size)
		batch = append(batch, more...)
	}
	return batch
}

// receive receives as soon as there is something, and nothing when ctx has ended.
func (m *Mapping) receive(ctx context.Context, limit, maxBytes int) (batch []Received, full bool) {
	for ctx.Err() == nil {
		if batch, full := m.Queue.take(limit, maxBytes, -1); full || len(batch) > 0 {
			return batch, full
		}
		m.Queue.wait(ctx)
	}
	return nil, false
}

// deliver invokes the function and deletes what it does not return.
func (m *Mapping) deliver(ctx context.Context, batch []Received) {
	failed, err := m.invoke(ctx, batch)
	for _, r := range batch {
		if err == nil && !failed[r.ID] {
			_ = m.Queue.Delete(r.Handle) // a message whose handle has expired comes again, as it does at AWS
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Invocations++
	m.stats.Received += len(batch)
	if err != nil {
		m.stats.Failed++
	}
}

// invoke returns the ids of the messages that failed, or an error if all of them did.
func (m *Mapping) invoke(ctx context.Context, batch []Received) (failed map[string]bool, err error) {
	payload, err := Event(m.Queue, batch)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(m.Timeout, 30*time.Second))
	defer cancel()
	answer, err := m.Invoke(ctx, payload)
	if err != nil {
		return nil, err
	}
	return readAnswer(answer, batch)
}

// batchResponse is what a function answers about a batch.
type batchResponse struct {
	Failures []struct {
		ID string `json:"itemIdentifier"`
	} `json:"batchItemFailures"`
}

var errAnswer = errors.New("answer fails the whole batch")

// readAnswer reads a function's answer as Lambda does with ReportBatchItemFailures: nothing, null and an empty list
// are success; what cannot be read, and an identifier that is empty, null, misspelt or of no message in the batch,
// fails all of it (AWS Lambda, Reporting batch item failures, November 2026).
func readAnswer(answer []byte, batch []Received) (failed map[string]bool, err error) {
	if answer = bytes.TrimSpace(answer); len(answer) == 0 {
		return nil, nil
	}
	var response batchResponse
	if json.Unmarshal(answer, &response) != nil {
		return nil, errAnswer
	}
	known := make(map[string]bool)
	for _, r := range batch {
		known[r.ID] = true
	}
	failed = make(map[string]bool)
	for _, f := range response.Failures {
		if !known[f.ID] {
			return nil, errAnswer
		}
		failed[f.ID] = true
	}
	return failed, nil
}

// Failures returns the ids in a function's answer about a batch. Where Lambda is lenient it is strict: our functions
// promise a list that is never null, and nothing beside it.
func Failures(answer []byte) (ids []string, err error) {
	var response batchResponse
	if err := json.Unmarshal(answer, &response, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("answer %s: %w", answer, err)
	}
	if response.Failures == nil {
		return nil, fmt.Errorf("answer %s: no list", answer)
	}
	for _, f := range response.Failures {
		ids = append(ids, f.ID)
	}
	return ids, nil
}

// Event is the SQS event that Lambda makes of messages received from a queue.
func Event(q *Queue, batch []Received) ([]byte, error) {
	type attribute struct {
		StringValue string `json:"stringValue,omitzero"`
		BinaryValue []byte `json:"binaryValue,omitempty"`
		DataType    string `json:"dataType"`
	}
	records := make([]map[string]any, len(batch))
	for i, r := range batch {
		attributes := make(map[string]attribute)
		for name, a := range r.Attributes {
			attributes[name] = attribute{a.StringValue, a.BinaryValue, a.DataType}
		}
		records[i] = map[string]any{
			"messageId": r.ID, "receiptHandle": r.Handle, "body": r.Body, "md5OfBody": checksum(r.Body),
			"attributes": r.system(), "messageAttributes": attributes,
			"eventSource": "aws:sqs", "eventSourceARN": q.ARN(), "awsRegion": Region,
		}
	}
	return json.Marshal(map[string]any{"Records": records}, json.Deterministic(true))
}
