//go:build soak

package soak_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	ct "github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// weather is everything that goes wrong, one thing after the other and several at a time. Each kind comes once before any comes again.
type weather struct {
	*stack
	dice       *rand.Rand
	rotations  int
	keyChanges int
	odd        int // messages planted
	deaths     int // of receivers
	cast       map[string]int
}

// run lets one thing after the other happen until ctx ends, and then nothing any more.
func (w *weather) run(ctx context.Context) {
	w.cast = map[string]int{}
	deck := spells()
	for ctx.Err() == nil {
		w.dice.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		for _, s := range deck {
			if wait(ctx, time.Duration(50+w.dice.IntN(300))*time.Millisecond); ctx.Err() != nil {
				break
			}
			w.cast[s.name]++
			s.happen(w)
		}
	}
	w.aws.SQS.Inject()
	w.aws.Secrets.Inject()
	w.aws.Dynamo.Inject()
	w.table.LeaveUnprocessed(0)
	for account := range w.passcodes {
		w.calm(account)
	}
}

// murder kills forwarders at work, and receivers too, at random moments until ctx ends.
func (w *weather) murder(ctx context.Context, dice *rand.Rand) {
	for ctx.Err() == nil {
		wait(ctx, time.Duration(200+dice.IntN(2500))*time.Millisecond)
		if dice.IntN(8) == 0 {
			w.deaths++
			oneOf(dice, w.receivers...).restart(w.receiverEnv())
			continue
		}
		for ctx.Err() == nil && !w.fleet.kill(dice) {
			wait(ctx, 5*time.Millisecond)
		}
	}
}

// throttle lets an account take one upload at a time for a while.
func (w *weather) throttle() {
	account := oneOf(w.dice, parlaAccount, sharedAccount)
	w.cleverTap.AddFault(ct.Fault{Kind: ct.Throttle, Account: account, InFlight: 1, Count: 1})
	wait(context.Background(), time.Second)
	w.calm(account)
}

// rotate lets an account's passcodes die, and tells Secrets Manager a little later.
func (w *weather) rotate() {
	account := oneOf(w.dice, parlaAccount, sharedAccount)
	w.rotations++
	w.mu.Lock()
	w.passcodes[account] = fmt.Sprintf("lantern-rotated-%d", w.rotations)
	fresh := w.passcodes[account]
	w.mu.Unlock()
	w.cleverTap.AddFault(ct.Fault{Kind: ct.Expire, Account: account, Passcode: fresh, Count: 1})
	wait(context.Background(), 300*time.Millisecond)
	for _, app := range []string{"parla", "duet", "solo"} {
		w.entrust(app)
	}
}

// changeKey lets Purchasely sign with another key, for which receivers look once a minute.
func (w *weather) changeKey() {
	if w.keyChanges > 0 {
		return
	}
	w.keyChanges++
	w.aws.Secrets.Inject()
	for _, app := range []string{"parla", "duet"} {
		w.sign(app, "quartz-"+app+"-1")
	}
	wait(context.Background(), 500*time.Millisecond)
}
