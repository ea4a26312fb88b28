package clevertaptest

import (
	"math/rand/v2"
	"sync/atomic"
)

// turns counts what is done by turns over all answers, so that each way is sure to occur.
type turns struct {
	answer, code, text, mark atomic.Uint64
}

// next gives the number of the turn, modulo the ways there are.
func next(turn *atomic.Uint64, ways uint64) uint64 { return (turn.Add(1) - 1) % ways }

func (t *turns) restart() {
	for _, turn := range []*atomic.Uint64{&t.answer, &t.code, &t.text, &t.mark} {
		turn.Store(0)
	}
}

// chance gives a request its own source, so that its choices depend on the seed and its number alone, not on what runs
// beside it.
func chance(seed uint64, number int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(number))) //nolint:gosec // It has to be repeatable, not secret; numbers start at 1.
}
