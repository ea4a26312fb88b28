//go:build soak

package soak_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
)

// fleet is the forwarder's processes. Each serves one invocation at a time, as at AWS, and a new process takes the place of one
// that is gone.
type fleet struct {
	*testing.T
	binary  string
	env     func(forwarder int) map[string]string
	timeout time.Duration
	idle    chan *forwarder

	mu          sync.Mutex
	forwarders  []*forwarder
	invocations []*invocation
	kills       int
}

// forwarder is one place in the fleet with all its processes so far, of which the last one lives.
type forwarder struct {
	number int
	lives  []*life
	busy   bool
	doomed bool // it was sent a SIGKILL
}

// life is one process, from its start to its end.
type life struct {
	*lambdatest.Function
	invocations []*invocation // in order: the n-th has the n-th request id
}

// invocation is one batch in the hands of one process.
type invocation struct {
	forwarder    int
	queue        string
	began, ended time.Time
	messages     []carried
	failed       map[string]bool // by message id, if it answered
	err          error           // why it did not answer
	killed       bool            // before it answered
	diary        *diary          // what it wrote about itself; nil if it did not answer
}

// carried is a message of a batch.
type carried struct {
	id, group string
	webhook   string // its key
	receives  int
}

func carry(m *events.SQSMessage) carried {
	attribute := func(name string) string {
		if a := m.MessageAttributes[name].StringValue; a != nil {
			return *a
		}
		return ""
	}
	receives, _ := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
	return carried{m.MessageId, m.Attributes["MessageGroupId"], keyOf(attribute("app"), plainBody(m.Body, attribute("encoding"))), receives}
}

// answered tells whether the batch's outcome is known to the queue.
func (i *invocation) answered() bool { return i.err == nil }

func newFleet(t *testing.T, size int, timeout time.Duration, env func(forwarder int) map[string]string) *fleet {
	f := &fleet{
		T: t, binary: lambdatest.Build(t, "functions/forwarder"), env: env, timeout: timeout, idle: make(chan *forwarder, size),
	}
	for n := range size {
		w := &forwarder{number: n}
		f.forwarders = append(f.forwarders, w)
		f.start(w)
		f.idle <- w
	}
	return f
}

// start gives a forwarder a new process.
func (f *fleet) start(w *forwarder) {
	l := &life{Function: lambdatest.New(f.T, f.binary, f.env(w.number))}
	if err := l.Start(); err != nil {
		f.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	w.lives, w.doomed = append(w.lives, l), false
}

// invoke hands a batch to a process that has nothing to do.
func (f *fleet) invoke(payload []byte) ([]byte, error) {
	var event events.SQSEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	call := &invocation{queue: event.Records[0].EventSourceARN}
	for i := range event.Records {
		call.messages = append(call.messages, carry(&event.Records[i]))
	}

	w := <-f.idle
	f.mu.Lock()
	l := w.lives[len(w.lives)-1]
	call.forwarder, w.busy = w.number, true
	l.invocations, f.invocations = append(l.invocations, call), append(f.invocations, call)
	call.began = time.Now()
	f.mu.Unlock()

	answer, err := l.Invoke(context.WithoutCancel(f.Context()), payload, f.timeout)

	f.mu.Lock()
	call.ended, call.err, call.killed = time.Now(), err, w.doomed && err != nil
	call.failed = failures(answer)
	w.busy = false
	gone := w.doomed || errors.Is(err, lambdatest.ErrExited) || errors.Is(err, lambdatest.ErrTimeout)
	f.mu.Unlock()
	if gone {
		l.Kill()
		f.start(w)
	}
	f.idle <- w
	return answer, err
}

func failures(answer []byte) map[string]bool {
	var response events.SQSEventResponse
	if json.Unmarshal(answer, &response) != nil {
		return nil
	}
	failed := map[string]bool{}
	for _, f := range response.BatchItemFailures {
		failed[f.ItemIdentifier] = true
	}
	return failed
}

// kill ends the process of a forwarder that is at work, at once. It tells whether there was one.
func (f *fleet) kill(dice *rand.Rand) bool {
	f.mu.Lock()
	var victim *forwarder
	for _, i := range dice.Perm(len(f.forwarders)) {
		if w := f.forwarders[i]; w.busy && !w.doomed {
			victim = w
			break
		}
	}
	if victim == nil {
		f.mu.Unlock()
		return false
	}
	victim.doomed = true
	f.kills++
	l := victim.lives[len(victim.lives)-1]
	f.mu.Unlock()
	l.Kill()
	return true
}

// stop ends all processes, so that everything they printed has arrived.
func (f *fleet) stop() {
	for _, w := range f.forwarders {
		w.lives[len(w.lives)-1].Kill()
	}
}
