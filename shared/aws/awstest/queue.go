package awstest

import (
	"container/heap"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"
)

// dedupWindow is how long a FIFO queue remembers a deduplication id (Amazon SQS, Exactly-once processing, November 2026).
const dedupWindow = 5 * time.Minute

// QueueConfig is what a queue is created with; zero values are AWS's defaults.
type QueueConfig struct {
	Name            string        // one that ends in .fifo is a FIFO queue
	Visibility      time.Duration // 30 s
	Retention       time.Duration // 4 days
	DeadLetters     *Queue        // of the same kind
	MaxReceiveCount int           // together with DeadLetters
	ContentDedup    bool          // ContentBasedDeduplication
	QueueDedup      bool          // deduplication by queue; the default here is high throughput, by group
}

// Queue is an SQS queue. It may be used alone, without a Server, as in a simulation in virtual time.
type Queue struct {
	config QueueConfig
	now    func() time.Time

	mu       sync.Mutex
	groups   map[string]*group
	ready    []*group // with a message that may be received, in the order in which they became so
	waiting  waitingGroups
	messages map[string]*message
	dedup    map[string]accepted
	arrived  uint64
	expired  int
	changed  chan struct{} // closed when there may be more to receive
}

// message is a Message with what the queue needs besides.
type message struct {
	Message
	group   *group
	order   uint64    // of its arrival
	visible time.Time // when it may be received again
	handle  string    // of its last receive
}

// accepted is what a deduplication id stands for.
type accepted struct {
	id, sequence string
	at           time.Time
}

// NewQueue makes a queue with a clock, usually time.Now.
func NewQueue(config QueueConfig, now func() time.Time) *Queue {
	if config.Visibility == 0 {
		config.Visibility = 30 * time.Second
	}
	if config.Retention == 0 {
		config.Retention = 4 * 24 * time.Hour
	}
	return &Queue{
		config: config, now: now,
		groups: map[string]*group{}, messages: map[string]*message{}, dedup: map[string]accepted{}, changed: make(chan struct{}),
	}
}

// Name is the queue's name.
func (q *Queue) Name() string { return q.config.Name }

// ARN is the queue's Amazon resource name.
func (q *Queue) ARN() string { return "arn:aws:sqs:" + Region + ":" + Account + ":" + q.config.Name }

// FIFO tells the kind of queue.
func (q *Queue) FIFO() bool { return strings.HasSuffix(q.config.Name, ".fifo") }

// Send puts a message on the queue, as SendMessage does, and refuses what SQS refuses. Only body, attributes and ids of m count.
// A FIFO queue that has seen the deduplication id takes the message without keeping it, and answers as it did then.
func (q *Queue) Send(m Message, delay time.Duration) (Message, error) {
	if err := q.check(&m, delay); err != nil {
		return Message{}, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	if q.FIFO() && m.DeduplicationID == "" {
		sum := sha256.Sum256([]byte(m.Body))
		m.DeduplicationID = hex.EncodeToString(sum[:])
	}
	key := m.DeduplicationID
	if !q.config.QueueDedup {
		key = m.GroupID + "\n" + key
	}
	if known, ok := q.dedup[key]; ok && q.FIFO() && now.Sub(known.at) < dedupWindow {
		return Message{ID: known.id, Sequence: known.sequence}, nil
	}
	m.ID = q.messageID()
	m.Sent, m.FirstReceived, m.Receives, m.DeadLetterOf = now, time.Time{}, 0, ""
	q.put(&m, now.Add(delay))
	if q.FIFO() {
		q.forget(now)
		q.dedup[key] = accepted{m.ID, m.Sequence, now}
	}
	return m, nil
}

// messageID makes an id that no other message has; q.mu is held.
func (q *Queue) messageID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", q.config.Name, q.arrived))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// put makes a message part of its group; on a standard queue every message is a group of its own. q.mu is held.
func (q *Queue) put(m *Message, visible time.Time) {
	if q.FIFO() {
		m.Sequence = fmt.Sprintf("%020d", q.arrived+1)
	}
	name := m.GroupID
	if !q.FIFO() {
		name = m.ID
	}
	g := q.groups[name]
	if g == nil {
		g = &group{name: name, place: nowhere}
		q.groups[name] = g
	}
	q.arrived++
	stored := &message{Message: *m, group: g, order: q.arrived, visible: visible}
	stored.Attributes = maps.Clone(m.Attributes)
	q.messages[m.ID] = stored
	g.messages = append(g.messages, stored)
	if visible.After(q.now()) {
		g.flying = append(g.flying, stored)
	}
	q.settle(g)
}

// adopt takes a message over from the queue whose dead letters it keeps. On a FIFO queue its time starts anew and its message
// id becomes its deduplication id (Amazon SQS, dead-letter queues, November 2026).
func (q *Queue) adopt(m Message, from string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.FIFO() {
		m.Sent, m.DeduplicationID = q.now(), m.ID
	}
	m.FirstReceived, m.Receives, m.DeadLetterOf = time.Time{}, 0, from
	q.put(&m, q.now())
}

// forget drops deduplication ids from time to time; q.mu is held.
func (q *Queue) forget(now time.Time) {
	if len(q.dedup)%1024 != 0 {
		return
	}
	maps.DeleteFunc(q.dedup, func(_ string, a accepted) bool { return now.Sub(a.at) >= dedupWindow })
}

// Purge takes every message away.
func (q *Queue) Purge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.groups, q.messages, q.ready, q.waiting = map[string]*group{}, map[string]*message{}, nil, nil
}

// settle puts a group where it belongs after it has changed, and wakes those who wait for messages; q.mu is held.
func (q *Queue) settle(g *group) {
	now := q.now()
	if g.place != nowhere {
		heap.Remove(&q.waiting, g.place)
	}
	switch wake := g.wake(now); {
	case len(g.messages) == 0:
		delete(q.groups, g.name)
		return
	case wake.After(now):
		g.until = wake
		heap.Push(&q.waiting, g)
	case !g.ready:
		g.ready = true
		q.ready = append(q.ready, g)
	}
	close(q.changed)
	q.changed = make(chan struct{})
}
