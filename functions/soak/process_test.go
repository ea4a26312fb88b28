//go:build soak

package soak_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// receiverTimeout is the function's own, as the template has it.
const receiverTimeout = 8 * time.Second

// receiver is a receiver, which others may restart while webhooks come in.
type receiver struct {
	*testing.T
	function           *lambdatest.Function
	invoking, starting sync.Mutex
}

// restart replaces the process by one that sends to a queue. Whatever the old one was doing is cut off.
func (r *receiver) restart(queueURL string) {
	r.starting.Lock()
	defer r.starting.Unlock()
	r.function.Setenv("QUEUE_URL", queueURL)
	if err := r.function.Start(); err != nil {
		r.Error(err)
	}
}

// post hands a webhook over and returns the status of the answer, 0 if there was none.
func (r *receiver) post(payload []byte) (status int) {
	r.invoking.Lock()
	defer r.invoking.Unlock()
	answer, err := r.function.Invoke(context.WithoutCancel(r.Context()), payload, receiverTimeout)
	var response struct {
		Status int `json:"statusCode"`
	}
	if err != nil || json.Unmarshal(answer, &response) != nil {
		return 0
	}
	return response.Status
}

// pool is the processes of a function that serves queues. Each serves one invocation at a time, as at AWS, and a new
// process takes the place of one that is gone.
type pool struct {
	*testing.T
	binary  string
	timeout time.Duration // of the function; less than the queues' visibility
	env     func(number int) map[string]string
	idle    chan *process

	mu          sync.Mutex
	all         []*process
	invocations []*invocation
	kills       int
}

type process struct {
	*lambdatest.Function
	number      int
	invocations []*invocation // in order: the n-th has the n-th request id
	busy        bool
	killed      bool
}

// invocation is one batch in the hands of one process.
type invocation struct {
	process      int
	queue        string // ARN
	began, ended time.Time
	messages     []batchMessage
	failed       []string       // message ids
	err          error          // why it did not answer, nil if it did
	killed       bool           // before it answered
	log          *invocationLog // nil if it did not answer
}

type batchMessage struct {
	id, group string
	webhook   string // its key
	receives  int
}

func newPool(
	t *testing.T, function string, size int, timeout time.Duration, env func(number int) map[string]string,
) *pool {
	binary := lambdatest.Build(t, "functions/"+function)
	p := &pool{T: t, binary: binary, timeout: timeout, env: env, idle: make(chan *process, size)}
	for range size {
		p.start()
	}
	return p
}

// start adds a process, which knows by its environment which one it is.
func (p *pool) start() {
	p.mu.Lock()
	f := &process{number: len(p.all)}
	p.all = append(p.all, f)
	p.mu.Unlock()
	f.Function = lambdatest.New(p.T, p.binary, p.env(f.number))
	if err := f.Start(); err != nil {
		p.Error(err)
	}
	p.idle <- f
}

// invoke hands a batch to a process that has nothing to do.
func (p *pool) invoke(_ context.Context, payload []byte) ([]byte, error) {
	call, err := readInvocation(payload)
	if err != nil {
		return nil, err
	}
	f := <-p.idle
	p.mu.Lock()
	call.process, call.began, f.busy = f.number, time.Now(), true
	f.invocations, p.invocations = append(f.invocations, call), append(p.invocations, call)
	p.mu.Unlock()

	answer, err := f.Invoke(context.WithoutCancel(p.Context()), payload, p.timeout)
	var failed []string
	if err == nil {
		var unreadable error
		if failed, unreadable = awstest.Failures(answer); unreadable != nil {
			p.Error(unreadable)
		}
	}

	p.mu.Lock()
	call.ended, call.err, call.killed, call.failed = time.Now(), err, f.killed && err != nil, failed
	gone := f.killed || errors.Is(err, lambdatest.ErrExited) || errors.Is(err, lambdatest.ErrTimeout)
	f.busy = false
	p.mu.Unlock()
	if gone {
		f.Kill()
		p.start()
	} else {
		p.idle <- f
	}
	return answer, err
}

func readInvocation(payload []byte) (*invocation, error) {
	messages, err := message.ReadEvent(payload)
	if err != nil {
		return nil, err
	}
	call := &invocation{queue: messages[0].Source}
	for i := range messages {
		m := &messages[i]
		key := webhookKey(m.Attribute("app"), string(m.Body), m.Attribute("encoding"))
		call.messages = append(call.messages, batchMessage{m.ID, m.Group, key, m.Receives})
	}
	return call, nil
}

// returned reports whether a message has to come again.
func (i *invocation) returned(id string) bool { return slices.Contains(i.failed, id) }

// kill ends a process that is at work, and reports whether there was one.
func (p *pool) kill(random *rand.Rand) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range random.Perm(len(p.all)) {
		if f := p.all[i]; f.busy && !f.killed {
			f.killed = true
			p.kills++
			f.Kill()
			return true
		}
	}
	return false
}
