//go:build soak

package soak_test

import (
	"context"
	"encoding/base64"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// receiverTimeout is the function's own, as the template has it.
const receiverTimeout = 8 * time.Second

// receiver is a receiver process that others may replace while webhooks come in.
type receiver struct {
	*testing.T
	binary string

	mu      sync.Mutex
	lives   []*lambdatest.Function
	serving sync.Mutex // one invocation at a time
}

// restart replaces the process by one with another environment. Whatever the old one was doing is cut off.
func (r *receiver) restart(env map[string]string) {
	l := lambdatest.New(r.T, r.binary, env)
	if err := l.Start(); err != nil {
		r.Error(err)
	}
	r.mu.Lock()
	r.lives = append(r.lives, l)
	var old *lambdatest.Function
	if len(r.lives) > 1 {
		old = r.lives[len(r.lives)-2]
	}
	r.mu.Unlock()
	if old != nil {
		old.Kill()
	}
}

func (r *receiver) current() *lambdatest.Function {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lives[len(r.lives)-1]
}

// post hands a webhook over and tells the status of the answer, 0 if there was none.
func (r *receiver) post(payload []byte) int {
	r.serving.Lock()
	defer r.serving.Unlock()
	answer, err := r.current().Invoke(context.WithoutCancel(r.Context()), payload, receiverTimeout)
	var response struct {
		Status int `json:"statusCode"`
	}
	if err != nil || json.Unmarshal(answer, &response) != nil {
		return 0
	}
	return response.Status
}

// keys are what Purchasely signs with.
type keys struct {
	mu      sync.Mutex
	current map[string]string
}

func (k *keys) set(app, key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.current[app] = key
}

func (k *keys) of(app string) secret.Value {
	k.mu.Lock()
	defer k.mu.Unlock()
	return secret.New(k.current[app])
}

// lately is how many of the last webhooks may be sent once more although they were taken.
const lately = 20

// sender is Purchasely: it sends a webhook again until it sees 200, and now and then once more although it did. A subscriber's webhooks wait
// for one another.
type sender struct {
	author   *author
	receiver *receiver
	keys     *keys
	dice     *rand.Rand
	pause    time.Duration // between two webhooks, on average

	taken    []*sent
	answers  map[int]int
	repeated int
}

// run sends until ctx ends, and then until the last webhook is taken.
func (s *sender) run(ctx context.Context, busy func() bool) {
	s.answers = map[int]int{}
	for ctx.Err() == nil {
		wait(ctx, time.Duration(s.dice.Int64N(int64(2*s.pause))))
		if busy() {
			continue
		}
		w := s.author.next()
		for !s.post(w) {
			wait(context.Background(), time.Duration(50+s.dice.IntN(200))*time.Millisecond)
		}
		s.taken = append(s.taken, w)
		if w.subscriber != nil {
			w.place = len(w.subscriber.taken)
			w.subscriber.taken = append(w.subscriber.taken, w)
		}
		if n := len(s.taken); n > lately {
			s.taken[n-lately-1].body = "" // A long run has many.
		}
		for s.dice.IntN(30) == 0 {
			s.repeated++
			s.post(oneOf(s.dice, s.taken[max(0, len(s.taken)-lately):]...))
		}
	}
}

// post sends a webhook once and tells whether it was taken.
func (s *sender) post(w *sent) bool {
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	body, encoded := w.body, false
	if !utf8.ValidString(body) || s.dice.IntN(10) == 0 {
		body, encoded = base64.StdEncoding.EncodeToString([]byte(body)), true
	}
	payload, err := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "POST /purchasely/{app}", "rawPath": "/purchasely/" + w.app, "rawQueryString": "",
		"pathParameters": map[string]any{"app": w.app}, "body": body, "isBase64Encoded": encoded,
		"requestContext": map[string]any{"requestId": "r", "http": map[string]any{"method": "POST"}},
		"headers": map[string]any{
			"content-type": "application/json", "x-purchasely-timestamp": timestamp,
			"x-purchasely-request-signature": webhook.Sign(s.keys.of(w.app), timestamp, []byte(w.body)),
		},
	})
	if err != nil {
		panic(err)
	}
	status := s.receiver.post(payload)
	s.answers[status]++
	return status == 200
}

// wait waits, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
