package awstest

import (
	"container/heap"
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxVisibility is the longest visibility time-out (Amazon SQS message quotas, November 2026).
const maxVisibility = 12 * time.Hour

// Received is a message in the hands of a receiver.
type Received struct {
	Message
	Handle string
}

// Receive takes up to limit messages, as ReceiveMessage does, for a visibility time-out; a negative one stands for the queue's.
// Messages that have been received too often move to the dead letters instead.
func (q *Queue) Receive(limit int, visibility time.Duration) []Received {
	received, _ := q.take(limit, math.MaxInt, visibility)
	return received
}

// take receives up to limit messages of up to maxBytes altogether, and tells whether another message did not fit.
func (q *Queue) take(limit, maxBytes int, visibility time.Duration) (received []Received, full bool) {
	if visibility < 0 {
		visibility = q.config.Visibility
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	for len(q.waiting) > 0 && !q.waiting[0].until.After(now) {
		q.settle(heap.Pop(&q.waiting).(*group)) //nolint:forcetypeassert // The heap holds nothing else.
	}
	var touched []*group
	for len(q.ready) > 0 && len(received) < limit && !full {
		g := q.ready[0]
		q.ready = q.ready[1:]
		g.ready = false
		touched = append(touched, g)
		for _, m := range slices.Clone(g.messages) {
			if q.drop(m, now) {
				continue
			}
			if len(received) == limit {
				break
			}
			need := size(m.Body, m.Attributes) + envelope
			if need > maxBytes {
				full = true
				break
			}
			maxBytes -= need
			received = append(received, m.receive(now, visibility))
			g.flying = append(g.flying, m)
		}
	}
	for _, g := range touched {
		q.settle(g)
	}
	return received, full
}

// receive notes that a message was handed out.
func (m *message) receive(now time.Time, visibility time.Duration) Received {
	m.Receives++
	if m.FirstReceived.IsZero() {
		m.FirstReceived = now
	}
	m.visible = now.Add(visibility)
	m.handle = base64.StdEncoding.EncodeToString([]byte(m.ID + "#" + strconv.Itoa(m.Receives)))
	return Received{m.Message, m.handle}
}

// drop takes a message off the queue that is too old, or moves it to the dead letters when it has been received often enough;
// q.mu is held.
func (q *Queue) drop(m *message, now time.Time) bool {
	switch {
	case now.Sub(m.Sent) >= q.config.Retention:
		q.expired++
		q.remove(m)
	case q.config.DeadLetters != nil && m.Receives >= q.config.MaxReceiveCount:
		q.remove(m)
		q.config.DeadLetters.adopt(m.Message, q.ARN())
	default:
		return false
	}
	return true
}

func (q *Queue) remove(m *message) {
	delete(q.messages, m.ID)
	m.group.remove(m)
}

// Delete deletes a message, as DeleteMessage does. A FIFO queue refuses a handle whose visibility time-out is over; a
// standard queue ignores one that another receive has replaced.
func (q *Queue) Delete(handle string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	m, err := q.find(handle)
	switch {
	case err != nil:
		return err
	case m == nil:
		return nil
	case q.FIFO() && (m.handle != handle || !m.visible.After(q.now())):
		return &Refusal{Code: "InvalidParameterValue", Message: "Value for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."}
	case m.handle != handle:
		return nil
	}
	q.remove(m)
	q.settle(m.group)
	return nil
}

// ChangeVisibility changes when a message that is in flight becomes visible, as ChangeMessageVisibility does.
func (q *Queue) ChangeVisibility(handle string, visibility time.Duration) error {
	if visibility < 0 || visibility > maxVisibility {
		return &Refusal{Code: "InvalidParameterValue", Message: "Value for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200."}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	m, err := q.find(handle)
	if err != nil {
		return err
	}
	now := q.now()
	if m == nil || m.handle != handle || !m.visible.After(now) {
		return &Refusal{Code: "MessageNotInflight", Query: "AWS.SimpleQueueService.MessageNotInflight", Message: "The message is not in flight."}
	}
	m.visible = now.Add(visibility)
	q.settle(m.group)
	return nil
}

// find gives the message of a handle, nil if it is gone; q.mu is held.
func (q *Queue) find(handle string) (*message, error) {
	text, err := base64.StdEncoding.DecodeString(handle)
	id, _, ok := strings.Cut(string(text), "#")
	if err != nil || !ok {
		return nil, &Refusal{Code: "ReceiptHandleIsInvalid", Message: "The input receipt handle is not valid."}
	}
	return q.messages[id], nil
}
