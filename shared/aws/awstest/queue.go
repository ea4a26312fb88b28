package awstest

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits (Amazon SQS message quotas; exactly-once processing, November 2026).
const (
	deduplicationWindow = 5 * time.Minute
	maxVisibility       = 12 * time.Hour
)

// QueueConfig is what a queue is created with; zero values are AWS's defaults.
type QueueConfig struct {
	Name            string        // one that ends in .fifo is a FIFO queue, with high throughput
	Visibility      time.Duration // 30 s
	Retention       time.Duration // 4 days
	DeadLetters     *Queue        // of the same kind
	MaxReceiveCount int           // together with DeadLetters
}

// Queue is an SQS queue. It may be used without a Server, as in a simulation in virtual time.
type Queue struct {
	config QueueConfig
	now    func() time.Time

	mu       sync.Mutex
	groups   map[string]*group
	order    []*group // by when they may be received from
	messages map[string]*message
	accepted map[string]accepted // by deduplication id
	arrived  int                 // messages so far
	turns    int                 // turns given to groups so far
	expired  int
	changed  chan struct{} // closed when there may be more to receive
	refuse   func(operation string, m Message) (code string)
}

// message is a Message with what the queue needs besides.
type message struct {
	Message
	group   *group
	arrival int
	visible time.Time // when it may be received again
	handle  string    // of its last receive
}

// accepted is the message that a deduplication id was accepted with.
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
		config: config, now: now, groups: make(map[string]*group), messages: make(map[string]*message),
		accepted: make(map[string]accepted), changed: make(chan struct{}),
	}
}

func (q *Queue) Name() string { return q.config.Name }

// ARN is the queue's Amazon resource name.
func (q *Queue) ARN() string { return "arn:aws:sqs:" + Region + ":" + Account + ":" + q.config.Name }

// FIFO reports whether the queue keeps the order of groups.
func (q *Queue) FIFO() bool { return strings.HasSuffix(q.config.Name, ".fifo") }

// Refuse makes a function decide which messages cannot be sent or deleted: it returns an error code for an operation
// named SendMessage or DeleteMessage, or "". nil ends that.
func (q *Queue) Refuse(decide func(operation string, m Message) (code string)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refuse = decide
}

func (q *Queue) refused(operation string, m Message) error {
	if q.refuse != nil {
		if code := q.refuse(operation, m); code != "" {
			return refuse(code, "as the test decided")
		}
	}
	return nil
}

// Send puts a message on the queue, as SendMessage does, and refuses what SQS refuses. Only body, attributes and ids
// of m count. A FIFO queue that has seen the deduplication id does not keep the message, and answers as it did then.
func (q *Queue) Send(m Message) (Message, error) {
	if err := q.check(&m); err != nil {
		return Message{}, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.refused("SendMessage", m); err != nil {
		return Message{}, err
	}
	now, key := q.now(), m.GroupID+"\n"+m.DeduplicationID
	if a, ok := q.accepted[key]; ok && q.FIFO() && now.Sub(a.at) < deduplicationWindow {
		return Message{ID: a.id, Sequence: a.sequence}, nil
	}
	m.ID, m.Sent, m.Receives = "", now, 0
	m = q.put(m)
	if q.FIFO() {
		if len(q.accepted)%1024 == 0 {
			old := func(_ string, a accepted) bool { return now.Sub(a.at) >= deduplicationWindow }
			maps.DeleteFunc(q.accepted, old)
		}
		q.accepted[key] = accepted{m.ID, m.Sequence, now}
	}
	return m, nil
}

// Put puts a message on the queue without any check, as if it had been sent at the time that it names.
func (q *Queue) Put(m Message) Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.put(m)
}

// put gives a message an id, unless it has one, and makes it part of its group; q.mu is held. On a standard queue
// every message is a group of its own.
func (q *Queue) put(m Message) Message {
	q.arrived++
	if m.ID == "" {
		hash := fnv.New64()
		_, _ = hash.Write([]byte(q.config.Name))
		name := hash.Sum(nil)
		m.ID = fmt.Sprintf("%08x-%04x-4000-8000-%012x", q.arrived, name[:2], name[2:])
	}
	groupName := m.ID
	if q.FIFO() {
		groupName, m.Sequence = m.GroupID, fmt.Sprintf("%020d", q.arrived)
	}
	g := q.groups[groupName]
	if g == nil {
		q.turns++
		g = &group{name: groupName, until: q.now(), turn: q.turns}
		q.groups[groupName] = g
	}
	m.Attributes = maps.Clone(m.Attributes)
	stored := &message{Message: m, group: g, arrival: q.arrived}
	q.messages[m.ID] = stored
	g.messages = append(g.messages, stored)
	q.settle(g)
	return m
}

// adopt takes a message over from the queue whose dead letters it holds. On a FIFO queue its time starts anew and its
// message id becomes its deduplication id (Amazon SQS, dead-letter queues, November 2026).
func (q *Queue) adopt(m Message) {
	if q.FIFO() {
		m.Sent, m.DeduplicationID = q.now(), m.ID
	}
	m.Receives = 0
	q.Put(m)
}

// Received is a message in the hands of a receiver.
type Received struct {
	Message
	Handle string
}

// Receive takes up to limit messages, as ReceiveMessage does, for a visibility time-out; a negative one means
// the queue's. Messages that have been received too often move to the dead letters instead.
func (q *Queue) Receive(limit int, visibility time.Duration) []Received {
	received, _ := q.take(limit, math.MaxInt, visibility)
	return received
}

// take receives up to limit messages of up to maxBytes altogether; full reports whether another message did not fit.
func (q *Queue) take(limit, maxBytes int, visibility time.Duration) (received []Received, full bool) {
	if visibility < 0 {
		visibility = q.config.Visibility
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	var touched []*group // one after the other leaves the order, so that none is received from twice
	for len(received) < limit && !full && len(q.order) > 0 && !q.order[0].until.After(now) {
		g := q.order[0]
		q.order, touched = q.order[1:], append(touched, g)
		for _, m := range slices.Clone(g.messages) {
			if q.drop(m, now) {
				continue
			}
			if maxBytes -= m.size() + envelope; maxBytes < 0 {
				full = true
				break
			}
			received = append(received, m.receive(now, visibility))
			if len(received) == limit {
				break
			}
		}
	}
	for _, g := range touched {
		q.settle(g)
	}
	return received, full
}

func (m *message) receive(now time.Time, visibility time.Duration) Received {
	m.Receives++
	m.visible = now.Add(visibility)
	m.handle = base64.StdEncoding.EncodeToString([]byte(m.ID + "#" + strconv.Itoa(m.Receives)))
	return Received{m.Message, m.handle}
}

// drop removes a message that is too old, or moves it to the dead letters when it has been received often enough;
// q.mu is held.
func (q *Queue) drop(m *message, now time.Time) bool {
	switch {
	case now.Sub(m.Sent) >= q.config.Retention:
		q.expired++
		q.remove(m)
	case q.config.DeadLetters != nil && m.Receives >= q.config.MaxReceiveCount:
		q.remove(m)
		q.config.DeadLetters.adopt(m.Message)
	default:
		return false
	}
	return true
}

func (q *Queue) remove(m *message) {
	delete(q.messages, m.ID)
	m.group.messages = slices.DeleteFunc(m.group.messages, func(other *message) bool { return other == m })
}

// Delete deletes a message, as DeleteMessage does. A FIFO queue refuses a handle whose visibility time-out is over; a
// standard queue ignores one that another receive has replaced.
func (q *Queue) Delete(handle string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	m, err := q.find(handle)
	if err != nil || m == nil {
		return err
	}
	if err := q.refused("DeleteMessage", m.Message); err != nil {
		return err
	}
	current := m.handle == handle
	if q.FIFO() && (!current || !m.visible.After(q.now())) {
		return refuse("InvalidParameterValue", "the receipt handle has expired")
	}
	if current {
		q.remove(m)
		q.settle(m.group)
	}
	return nil
}

// ChangeVisibility changes when a message that is in flight becomes visible, as ChangeMessageVisibility does.
func (q *Queue) ChangeVisibility(handle string, visibility time.Duration) error {
	if visibility < 0 || visibility > maxVisibility {
		return refuse("InvalidParameterValue", "VisibilityTimeout must be between 0 and 43200")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	m, err := q.find(handle)
	if err != nil {
		return err
	}
	now := q.now()
	if m == nil || m.handle != handle || !m.visible.After(now) {
		return queryRefusal("MessageNotInflight")
	}
	m.visible = now.Add(visibility)
	q.settle(m.group)
	return nil
}

// find returns the message of a handle, nil if it is gone; q.mu is held.
func (q *Queue) find(handle string) (*message, error) {
	text, err := base64.StdEncoding.DecodeString(handle)
	id, _, ok := strings.Cut(string(text), "#")
	if err != nil || !ok {
		return nil, refuse("ReceiptHandleIsInvalid", "the handle is not one of ours")
	}
	return q.messages[id], nil
}

func (q *Queue) Purge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.groups, q.messages, q.order = make(map[string]*group), make(map[string]*message), nil
}

// Messages lists what is on the queue, in flight or not, in the order of arrival.
func (q *Queue) Messages() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	stored := slices.SortedFunc(maps.Values(q.messages), func(a, b *message) int { return a.arrival - b.arrival })
	list := make([]Message, len(stored))
	for i, m := range stored {
		list[i] = m.Message
	}
	return list
}

// Counts are a queue's numbers of messages.
type Counts struct {
	Visible  int // can be received sooner or later
	InFlight int
	Expired  int // dropped for their age since the beginning
}

func (q *Queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	c, now := Counts{Expired: q.expired}, q.now()
	for _, m := range q.messages {
		if m.visible.After(now) {
			c.InFlight++
		} else {
			c.Visible++
		}
	}
	return c
}

// group is the messages of one group id in their order. While one of them is in flight, none can be received.
type group struct {
	name     string
	messages []*message
	until    time.Time // when it may be received from
	turn     int       // decides between groups of one time
}

func (g *group) compare(other *group) int {
	return cmp.Or(g.until.Compare(other.until), cmp.Compare(g.turn, other.turn))
}

// settle puts a group where it belongs after it has changed, and wakes those who wait for messages; q.mu is held.
func (q *Queue) settle(g *group) {
	if at, found := slices.BinarySearchFunc(q.order, g, (*group).compare); found {
		q.order = slices.Delete(q.order, at, at+1)
	}
	if len(g.messages) == 0 {
		delete(q.groups, g.name)
		return
	}
	now := q.now()
	until := now
	for _, m := range g.messages {
		if m.visible.After(until) {
			until = m.visible
		}
	}
	if until.After(now) || g.until.After(now) { // else it keeps its turn
		q.turns++
		g.until, g.turn = until, q.turns
	}
	at, _ := slices.BinarySearchFunc(q.order, g, (*group).compare)
	q.order = slices.Insert(q.order, at, g)
	close(q.changed)
	q.changed = make(chan struct{})
}

// wait returns when there may be something to receive, or when ctx ends.
func (q *Queue) wait(ctx context.Context) {
	q.mu.Lock()
	changed, due := q.changed, time.Duration(math.MaxInt64)
	if len(q.order) > 0 {
		due = q.order[0].until.Sub(q.now())
	}
	q.mu.Unlock()
	select {
	case <-changed:
	case <-time.After(due):
	case <-ctx.Done():
	}
}
