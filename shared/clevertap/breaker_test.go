package clevertap_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pause = 30 * time.Second
		b := clevertap.NewBreaker(pause)
		expect := func(when string, open, blocks bool) {
			t.Helper()
			if b.IsOpen() != open || b.Blocks() != blocks {
				t.Fatalf("%s: open %t, blocks %t", when, b.IsOpen(), b.Blocks())
			}
		}
		b.Fail("a")
		b.Fail("b")
		expect("after two failures", false, false)
		b.Succeed()
		b.Fail("a")
		b.Fail("b")
		expect("after two more, with a success between", false, false)
		b.Answer()
		b.Fail("a")
		b.Fail("b")
		expect("after two more, with a refusal between", false, false)
		b.Fail("c")
		expect("after three in a row", true, true)
		if b.Admits("d") {
			t.Error("admits during the pause")
		}
		b.Fail("late")
		b.Trip("late")
		time.Sleep(pause - 1)
		expect("just before the pause is over", true, true)
		time.Sleep(1)
		expect("when the pause is over, whatever failed late", true, false)

		if !b.Admits("trial") || !b.Admits("trial") || b.Admits("other") {
			t.Error("not exactly one upload tries")
		}
		b.Leave("other")
		if b.Admits("other") {
			t.Error("another one's leaving made room")
		}
		b.Leave("trial")
		if !b.Admits("other") {
			t.Error("the place of a trial that was given up is not free")
		}
		b.Fail("late")
		b.Trip("late")
		expect("after a late failure beside the trial", true, false)
		b.Fail("other")
		expect("after the trial has failed", true, true)
		time.Sleep(2*pause - 1)
		expect("just before the doubled pause is over", true, true)
		time.Sleep(1)
		expect("when it is over", true, false)

		b.Admits("x")
		b.Answer()
		expect("after a trial that was refused whole", false, false)
		b.Trip("x")
		time.Sleep(4*pause - 1)
		expect("just before the pause is over, which went on doubling", true, true)
		time.Sleep(1)
		for _, factor := range []int{8, 10, 10} {
			b.Admits("y")
			b.Fail("y")
			time.Sleep(time.Duration(factor)*pause - 1)
			expect(fmt.Sprintf("just before %d pauses are over", factor), true, true)
			time.Sleep(1)
			expect(fmt.Sprintf("when %d pauses are over", factor), true, false)
		}
		b.Admits("z")
		b.Succeed()
		expect("after a success", false, false)
		b.Trip("z")
		time.Sleep(pause)
		expect("when the first pause after a success is over", true, false)
	})
}

// outage answers 503 while it lasts.
func outage(over *bool) func(u *upload) *answer {
	return func(*upload) *answer {
		if *over {
			return nil
		}
		return status(503)
	}
}

func TestThreeFailuresLeaveTheAccountAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := false
		c := &cleverTap{latency: time.Second, answer: outage(&over)}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 1})
		invoke := func(n int, want string, uploads int, open bool) {
			t.Helper()
			b := &book{}
			before := len(c.uploads)
			report := u.Upload(within(t, time.Minute), oneLane(n), b)
			b.expect(t, n, want, nil)
			if made := len(c.uploads) - before; made != uploads || report.Batches[0].BreakerOpen != open {
				t.Errorf("%d uploads, open %t, want %d and %t", made, report.Batches[0].BreakerOpen, uploads, open)
			}
		}
		invoke(5, "retry server 503", 1, false)
		invoke(5, "retry server 503", 1, false)
		invoke(5, "retry server 503", 1, true)
		invoke(5, "retry breaker", 0, true)
		time.Sleep(30*time.Second - 1)
		invoke(5, "retry breaker", 0, true)
		time.Sleep(1)
		invoke(5, "retry server 503", 1, true) // the trial
		time.Sleep(59 * time.Second)
		invoke(5, "retry breaker", 0, true)
		time.Sleep(time.Second)
		over = true
		invoke(2500, "accepted", 3, false)
		invoke(5, "accepted", 1, false)
	})
}

func TestABreakerOpensInTheMiddleOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := false
		c, b := &cleverTap{answer: outage(&over)}, &book{}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 1})
		u.Upload(within(t, time.Minute), oneLane(5000), b)
		want := map[int]string{}
		for key := range 3000 {
			want[key] = "retry server 503"
		}
		b.expect(t, 5000, "retry breaker", want)
	})
}

func TestOneUploadTriesAndTheOthersWait(t *testing.T) {
	t.Parallel()
	for _, over := range []bool{true, false} {
		t.Run(fmt.Sprintf("the outage is over: %t", over), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				now := false
				c := &cleverTap{latency: time.Second, answer: outage(&now)}
				u := uploader(c)
				u.Upload(within(t, time.Minute), oneLane(3000), &book{})
				time.Sleep(30 * time.Second)
				now = over
				c.uploads = nil
				b := &book{}
				begun := time.Now()
				report := u.Upload(within(t, time.Minute), []clevertap.AccountBatch{
					{Account: account, Records: records(0, 3000)},
					{Account: account, Records: records(3000, 1000)},
				}, b)
				if over {
					b.expect(t, 4000, "accepted", nil)
					var waits []time.Duration
					for _, u := range c.uploads {
						waits = append(waits, u.at.Sub(begun))
					}
					slices.Sort(waits)
					if !slices.Equal(waits, []time.Duration{0, time.Second, time.Second, time.Second}) {
						t.Errorf("uploads after %v", waits)
					}
					return
				}
				want := map[int]string{}
				for key := range 1000 {
					want[key] = "retry server 503"
				}
				b.expect(t, 4000, "retry breaker", want)
				if len(c.uploads) != 1 || !report.Batches[0].BreakerOpen || !report.Batches[1].BreakerOpen {
					t.Errorf("%d uploads, report %+v", len(c.uploads), report)
				}
			})
		})
	}
}

func TestATrialGetsHalfOfTheTimeButNowAndThenAllOfIt(t *testing.T) {
	for random, want := range map[float64]time.Duration{0: 10 * time.Second, 0.24: 10 * time.Second, 0.25: 5 * time.Second, 0.99: 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			c := &cleverTap{answer: func(*upload) *answer { return &answer{hang: true} }}
			u := clevertap.NewUploader(clevertap.Options{Transport: c, Jitter: func() float64 { return random }})
			timeout := func() time.Duration {
				begun, b := time.Now(), &book{}
				u.Upload(within(t, time.Minute), oneLane(2), b)
				b.expect(t, 2, "retry timeout", nil)
				return time.Since(begun)
			}
			for range 3 {
				if took := timeout(); took != 10*time.Second {
					t.Errorf("an upload gave up after %s", took)
				}
			}
			time.Sleep(30 * time.Second)
			if took := timeout(); took != want {
				t.Errorf("at a random number of %g the trial gave up after %s, want %s", random, took, want)
			}
		})
	}
}

func TestOtherCredentialsDeserveATryAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cleverTap{answer: knows("new")}
		u := uploader(c)
		first, second, third := &book{}, &book{}, &book{}
		u.Upload(within(t, time.Minute), oneLane(2), first)
		first.expect(t, 2, "operator credentials 401", nil)
		u.Upload(within(t, time.Minute), oneLane(2), second)
		second.expect(t, 2, "retry breaker", nil)
		u.Upload(within(t, time.Minute), []clevertap.AccountBatch{{Account: withPasscode("new"), Records: records(0, 2)}}, third)
		third.expect(t, 2, "accepted", nil)
	})
}

func TestATrialWithRefusedCredentialsReadsTheSecretAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cleverTap{answer: knows("new")}
		u := uploader(c)
		calls := 0
		lanes := []clevertap.AccountBatch{{Account: account, Records: records(0, 2500), Refresh: renewing(&calls, account, nil)}}
		u.Upload(within(t, time.Minute), lanes, &book{})
		time.Sleep(30 * time.Second)
		b := &book{}
		lanes[0].Refresh = renewing(&calls, withPasscode("new"), nil)
		u.Upload(within(t, time.Minute), lanes, b)
		b.expect(t, 2500, "accepted", nil)
		if calls != 2 {
			t.Errorf("%d readings", calls)
		}
	})
}

func TestABlanketRefusalGoesOnDoubling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cleverTap{answer: func(*upload) *answer { return status(400) }}
		u := uploader(c)
		for _, pause := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
			b := &book{}
			u.Upload(within(t, time.Minute), oneLane(8), b)
			b.expect(t, 8, "retry account_rejects_all", nil)
			time.Sleep(pause - 1)
			b = &book{}
			u.Upload(within(t, time.Minute), oneLane(8), b)
			b.expect(t, 8, "retry breaker", nil)
			time.Sleep(1)
		}
	})
}

func TestAGivenUpBusyUploadIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cleverTap{answer: func(*upload) *answer { return &answer{status: 429} }}
		u := uploader(c)
		for range 3 {
			b := &book{}
			u.Upload(within(t, time.Minute), oneLane(2), b)
			b.expect(t, 2, "retry rate_limited 429", nil)
		}
		b := &book{}
		u.Upload(within(t, time.Minute), oneLane(2), b)
		b.expect(t, 2, "retry breaker", nil)
		if len(c.uploads) != 9 {
			t.Errorf("%d uploads", len(c.uploads))
		}
	})
}

func TestACallDoesNotWaitForAnothersTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := false
		c := &cleverTap{answer: outage(&over)}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 1})
		u.Upload(within(t, time.Minute), oneLane(3000), &book{})
		time.Sleep(30 * time.Second)
		over, c.latency = true, 4*time.Second
		trying, other := &book{}, &book{}
		done := make(chan struct{})
		go func() {
			u.Upload(context.Background(), oneLane(2), trying)
			close(done)
		}()
		synctest.Wait()
		report := u.Upload(within(t, time.Minute), oneLane(2), other)
		other.expect(t, 2, "retry breaker", nil)
		if !report.Batches[0].BreakerOpen {
			t.Error("the lane was left alone, and the report does not say so")
		}
		<-done
		trying.expect(t, 2, "accepted", nil)
	})
}
