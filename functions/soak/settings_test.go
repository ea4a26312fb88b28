//go:build soak

package soak_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// settings are what the environment says about a run.
type settings struct {
	lasts time.Duration // SOAK: how long webhooks are sent
	seed  uint64        // SEED: every choice follows from it, though not when it is carried out
	queue string        // QUEUE: fifo, standard, or both with a switch from the first to the second under load
}

func readSettings(t *testing.T) settings {
	t.Helper()
	s := settings{lasts: 30 * time.Second, seed: rand.Uint64N(1_000_000), queue: "both"}
	var err error
	if text := os.Getenv("SOAK"); text != "" {
		if s.lasts, err = time.ParseDuration(text); err != nil {
			t.Fatalf("SOAK: %v", err)
		}
	}
	if text := os.Getenv("SEED"); text != "" {
		if s.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SEED: %v", err)
		}
	}
	switch text := os.Getenv("QUEUE"); text {
	case "":
	case "fifo", "standard", "both":
		s.queue = text
	default:
		t.Fatalf("QUEUE is fifo, standard or both, not %q", text)
	}
	return s
}

// dice gives one of the independent streams of chance that a run consists of.
func (s settings) dice(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(s.seed, stream)) }

// oneOf takes one of several at random.
func oneOf[T any](dice *rand.Rand, from ...T) T { return from[dice.IntN(len(from))] }
