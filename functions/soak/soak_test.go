//go:build soak

// Package soak proves that nothing is lost and nothing gets stuck.
//
// One test runs the built functions between fakes of Purchasely, AWS and CleverTap, all of which fail at random,
// kills processes, and then accounts for every webhook. One does so with the relay and a back end that fails. Another
// lets one account fail for a day of virtual time. All take longer than unit tests may and need the build tag soak;
// `make soak` runs them. They do not prove that AWS and CleverTap are what their fakes are.
package soak_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

const (
	senders      = 4
	sendEvery    = 25 * time.Millisecond // between two webhooks of one sender, on average
	mostWaiting  = 2000                  // messages; senders hold back above, so that the end does not take for ever
	longestDrain = 5 * time.Minute       // in which everything has to be delivered after the last fault
)

func TestNothingIsLost(t *testing.T) { soak(t, readOptions(t)) }

// TestNothingIsLostOnTheWayToTheBackEnd lets AWS and the app's own back end fail. On the other way CleverTap gets
// everything meanwhile.
func TestNothingIsLostOnTheWayToTheBackEnd(t *testing.T) {
	o := readOptions(t)
	o.duration, o.relay = o.duration/2, true
	soak(t, o)
}

func soak(t *testing.T, o options) {
	r := &run{stack: newStack(t, o), began: time.Now()}
	r.send()
	r.check()
}

// options are what the environment says about a run.
type options struct {
	duration time.Duration // SOAK: how long webhooks are sent
	seed     uint64        // SEED: every choice follows from it, though not when it is carried out
	queue    string        // QUEUE: fifo, standard, or both with a switch from the first to the second under load
	relay    bool          // webhooks are sent to a back end, too
}

func readOptions(t *testing.T) options {
	duration, err := time.ParseDuration(cmp.Or(os.Getenv("SOAK"), "30s"))
	if err != nil {
		t.Fatalf("SOAK: %v", err)
	}
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("SEED"), strconv.Itoa(rand.IntN(1_000_000))), 10, 64)
	if err != nil {
		t.Fatalf("SEED: %v", err)
	}
	queue := cmp.Or(os.Getenv("QUEUE"), "both")
	if !slices.Contains([]string{"fifo", "standard", "both"}, queue) {
		t.Fatalf("QUEUE is fifo, standard or both, not %q", queue)
	}
	t.Logf("SEED=%d SOAK=%s QUEUE=%s repeat its choices", seed, duration, queue)
	return options{duration: duration, seed: seed, queue: queue}
}

// random returns one of the independent streams of random choices that a run consists of.
func (s options) random(stream int) *rand.Rand { return rand.New(rand.NewPCG(s.seed, uint64(stream))) }

// oneOf chooses at random.
func oneOf[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

// run is one run and what it leaves behind.
type run struct {
	*stack
	chaos   *chaos
	senders []*sender
	began   time.Time
	calmed  time.Time // when the last fault was over
	drained time.Time
}

// send sends webhooks while everything fails, and then waits until nothing is on the queues any more.
func (r *run) send() {
	polling, stopPolling := context.WithCancel(context.Background())
	defer stopPolling()
	pollersEnded := r.poll(polling)

	sending, stopSending := context.WithTimeout(context.Background(), r.duration)
	defer stopSending()
	var chaosEnded, sendersEnded sync.WaitGroup
	r.chaos = &chaos{stack: r.stack, random: r.random(1), happened: totals{}}
	chaosEnded.Go(func() { r.chaos.run(sending) })
	chaosEnded.Go(func() { r.chaos.kill(sending, r.random(2)) })
	for i := range senders {
		s := &sender{
			generator: newGenerator(r.options, i, r.file), receiver: r.receivers[i%len(r.receivers)],
			random: r.random(10 + i), sign: r.sign, answers: totals{},
		}
		r.senders = append(r.senders, s)
		sendersEnded.Go(func() { s.run(sending, func() bool { return r.waiting() > mostWaiting }) })
	}
	if r.queue == "both" {
		wait(sending, r.duration*3/5)
		r.switchQueue()
	}
	chaosEnded.Wait()
	r.calmed = time.Now()
	sendersEnded.Wait()
	for r.waiting() > 0 && time.Since(r.calmed) < longestDrain {
		wait(context.Background(), 50*time.Millisecond)
	}
	r.drained = time.Now()
	stopPolling()
	<-pollersEnded
}

// wait waits, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
