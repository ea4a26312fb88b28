package main

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
)

const (
	// pageSize is how many messages a sender takes at a time: as many calls side by side as it makes.
	pageSize = callsAtOnce * maxEntries
	// maxCall is the largest call (Amazon SQS message quotas, November 2026).
	maxCall = 1 << 20
)

// outgoing is a message on its way to the events queue.
type outgoing struct {
	body       string
	attributes map[string]types.MessageAttributeValue
	group      string // empty on a standard queue
	unique     string // its deduplication id
}

// size is what SQS counts of a message.
func (m *outgoing) size() int {
	n := len(m.body)
	for name, a := range m.attributes {
		n += len(name) + len(aws.ToString(a.DataType)) + len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
	}
	return n
}

// sender puts messages on the events queue, at a rate. Messages of a group stay in their order: each waits for the one before it to be
// accepted, or goes with it in one call.
type sender struct {
	client  *sqs.Client
	url     string
	limiter *rate.Limiter
	entries int // of a call

	mu    sync.Mutex
	stuck map[string]bool // groups of which a message was not accepted
}

// newSender makes a sender with a rate of messages per second; 0 is as fast as it goes.
func newSender(s *stack, perSecond float64) (*sender, error) {
	url, err := s.output(outputEventsQueue)
	if err != nil {
		return nil, err
	}
	limit, entries := rate.Inf, maxEntries
	if perSecond > 0 {
		limit, entries = rate.Limit(perSecond), min(maxEntries, max(1, int(perSecond)))
	}
	return &sender{
		client: sqs.NewFromConfig(s.cloud), url: url, limiter: rate.NewLimiter(limit, entries), entries: entries, stuck: make(map[string]bool),
	}, nil
}

// fifo tells whether the events queue keeps the order of groups.
func (s *sender) fifo() bool { return strings.HasSuffix(s.url, ".fifo") }

// errBehind is the end of a message that must not overtake one that was not accepted.
var errBehind = errors.New("an earlier message of the same user was not accepted")

// send offers messages to the queue and gives for each the reason why it is not there; nil: the queue has accepted it. When ctx ends, what
// has been offered is waited for, and the rest is not offered any more.
func (s *sender) send(ctx context.Context, page []outgoing) []error {
	errs := make([]error, len(page))
	var calls errgroup.Group
	for _, lane := range s.lanes(page) {
		calls.Go(func() error {
			s.sendLane(ctx, page, lane, errs)
			return nil
		})
	}
	_ = calls.Wait() // Each message has an error of its own.
	return errs
}

// lanes deals a page out to calls that go side by side, a group never to two. A lane is a list of places in the page.
func (s *sender) lanes(page []outgoing) [][]int {
	var lanes [][]int
	laneOf, current := make(map[string]int), 0
	for i, m := range page {
		lane, known := laneOf[m.group]
		if !known || m.group == "" {
			if len(lanes) == 0 || len(lanes[current]) >= s.entries && len(lanes) < callsAtOnce {
				lanes = append(lanes, nil)
				current = len(lanes) - 1
			}
			lane = current
			laneOf[m.group] = lane
		}
		lanes[lane] = append(lanes[lane], i)
	}
	return lanes
}

// sendLane sends a lane's messages one call after the other.
func (s *sender) sendLane(ctx context.Context, page []outgoing, lane []int, errs []error) {
	for len(lane) > 0 {
		n, bytes := 0, 0
		var part []int
		for ; n < len(lane) && len(part) < s.entries; n++ {
			m := &page[lane[n]]
			if s.isStuck(m.group) {
				errs[lane[n]] = errBehind
				continue
			}
			if bytes += m.size(); bytes > maxCall && len(part) > 0 {
				break
			}
			part = append(part, lane[n])
		}
		s.offer(ctx, page, part, errs)
		s.note(page, part, errs)
		lane = lane[n:]
	}
}

func (s *sender) isStuck(group string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stuck[group]
}

// note remembers the groups in which a message is missing now.
func (s *sender) note(page []outgoing, part []int, errs []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range part {
		if errs[i] != nil && page[i].group != "" {
			s.stuck[page[i].group] = true
		}
	}
}
