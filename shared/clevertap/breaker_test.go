package clevertap_test

import (
	"context"
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
		// lasts checks that the pause ends when it should.
		lasts := func(when string, pause time.Duration) {
			t.Helper()
			time.Sleep(pause - 1)
			expect("just before the end of the pause "+when, true, true)
			time.Sleep(1)
			expect("at the end of the pause "+when, true, false)
		}
		b.Fail("a")
		b.Fail("b")
		expect("after two failures", false, false)
		b.Close(true)
		b.Fail("a")
		b.Fail("b")
		expect("after two more, with a success between", false, false)
		b.Close(false)
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
		lasts("whatever failed late", pause)

		if !b.Admits("probe") || !b.Admits("probe") || b.Admits("other") {
			t.Error("not exactly one upload is the probe")
		}
		b.Release("other")
		if b.Admits("other") {
			t.Error("the release of another upload made room")
		}
		b.Release("probe")
		if !b.Admits("other") {
			t.Error("the place of a probe that was released is not free")
		}
		b.Fail("late")
		b.Trip("late")
		expect("after a late failure beside the probe", true, false)
		b.Fail("other")
		lasts("after the probe has failed, doubled", 2*pause)

		b.Admits("x")
		b.Close(false)
		expect("after a probe that was refused whole", false, false)
		b.Trip("x")
		lasts("which went on doubling", 4*pause)
		for _, factor := range []time.Duration{8, 10, 10} {
			b.Admits("y")
			b.Fail("y")
			lasts("after another failed probe", factor*pause)
		}
		b.Admits("z")
		b.Close(true)
		expect("after a success", false, false)
		b.Trip("z")
		lasts("the first after a success", pause)
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

// deliver uploads the first n records and checks their outcomes.
func deliver(t *testing.T, u *clevertap.Uploader, n int, want string) clevertap.BatchReport {
	t.Helper()
	b := &tracker{}
	report := u.Upload(within(t, time.Minute), oneBatch(n), b)
	b.expect(t, nil, n, want, nil)
	return report.Batches[0]
}

// The monotonic clock may stand still while Lambda has the process frozen, and the other one may be set back.
func TestAPauseEndsByTheWallClock(t *testing.T) {
	b := clevertap.NewBreaker(30 * time.Second)
	b.Trip("x")
	if b.Until() != b.Until().Round(0) { //nolint:staticcheck // the monotonic reading counts here
		t.Error("the end of the pause has a monotonic reading")
	}
	blocked := map[time.Duration]bool{0: true, 4 * time.Minute: true, time.Hour: false, -31 * time.Second: false}
	for ago, blocks := range blocked {
		if got := b.BlocksAt(time.Now().Add(-ago)); got != blocks {
			t.Errorf("blocks %t with the clock set back by %s, want %t", got, ago, blocks)
		}
	}
}

func TestThreeFailuresOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := false
		c := &cleverTap{latency: time.Second, answer: outage(&over)}
		u := uploaderOf(c, 1)
		invoke := func(n int, want string, uploads int, open bool) {
			t.Helper()
			if r := deliver(t, u, n, want); len(r.Latencies) != uploads || r.BreakerOpen != open {
				t.Errorf("%d uploads, open %t, want %d and %t", len(r.Latencies), r.BreakerOpen, uploads, open)
			}
		}
		invoke(5, "retry server 503", 1, false)
		invoke(5, "retry server 503", 1, false)
		invoke(5, "retry server 503", 1, true)
		r := deliver(t, u, 5, "retry breaker")
		if want := time.Now().Add(30 * time.Second); !r.Breaker.Until.Equal(want) || r.Breaker.Cause.Code != "503" {
			t.Errorf("breaker open until %s because of %v, want %s", r.Breaker.Until, r.Breaker.Cause, want)
		}
		time.Sleep(30*time.Second - 1)
		invoke(5, "retry breaker", 0, true)
		time.Sleep(1)
		invoke(5, "retry server 503", 1, true) // the probe
		time.Sleep(59 * time.Second)
		invoke(5, "retry breaker", 0, true)
		time.Sleep(time.Second)
		over = true
		invoke(2500, "accepted", 3, false)
		invoke(5, "accepted", 1, false)
	})
}

func TestABreakerOpensInTheMiddleOfACall(t *testing.T) {
	for want, answer := range map[string]*answer{
		"retry server 503": status(503),
		"retry unmatched":  respond(200, `{"status":"fail","processed":0}`), // it accounts for no record
	} {
		delivery{
			records: 5000, concurrency: 1, answer: always(answer), open: true,
			want: "retry breaker", named: alike(0, 3000, want),
		}.run(t)
	}
}

// halfOpen returns an uploader whose breaker an outage has opened, at the end of the pause, and sets the answers.
func halfOpen(t *testing.T, c *cleverTap, answer func(u *upload) *answer) *clevertap.Uploader {
	t.Helper()
	u := uploader(c)
	c.answer = always(status(503))
	deliver(t, u, 3000, "retry server 503")
	time.Sleep(30 * time.Second)
	c.answer, c.uploads = answer, nil
	return u
}

func TestOneUploadIsTheProbeAndTheOthersWait(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(*upload) *answer{"succeeds": nil, "fails": always(status(503))} {
		t.Run("it "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, b := &cleverTap{latency: time.Second}, &tracker{}
				u := halfOpen(t, c, answer)
				begun := time.Now()
				report := u.Upload(within(t, time.Minute), []clevertap.AccountBatch{
					{Account: account, Records: records(0, 3000)},
					{Account: account, Records: records(3000, 1000)},
				}, b)
				if answer != nil {
					b.expect(t, c, 4000, "retry breaker", alike(0, 1000, "retry server 503"))
					if len(c.uploads) != 1 || !report.Batches[0].BreakerOpen || !report.Batches[1].BreakerOpen {
						t.Errorf("%d uploads, report %+v", len(c.uploads), report)
					}
					return
				}
				b.expect(t, c, 4000, "accepted", nil)
				if at := c.times(begun); !slices.Equal(at, seconds(0, 1, 1, 1)) {
					t.Errorf("uploads after %v", at)
				}
			})
		})
	}
}

func TestAProbeGetsHalfOfTheTimeThreeTimesOutOfFour(t *testing.T) {
	const all, half = 10 * time.Second, 5 * time.Second
	for random, want := range map[float64]time.Duration{0: all, 0.24: all, 0.25: half, 0.99: half} {
		synctest.Test(t, func(t *testing.T) {
			c := &cleverTap{answer: always(&answer{hangs: true})}
			u := clevertap.NewUploader(clevertap.Options{Transport: c, Jitter: func() float64 { return random }})
			for range 3 {
				if took := deliver(t, u, 2, "retry timeout").Latencies[0]; took != all {
					t.Errorf("an upload gave up after %s", took)
				}
			}
			time.Sleep(30 * time.Second)
			if took := deliver(t, u, 2, "retry timeout").Latencies[0]; took != want {
				t.Errorf("at a random number of %g the probe gave up after %s, want %s", random, took, want)
			}
		})
	}
}

func TestOtherCredentialsDeserveATryAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cleverTap{answer: knows("new")}
		u := uploader(c)
		deliver(t, u, 2, "operator credentials 401")
		deliver(t, u, 2, "retry breaker")
		batches, b := oneBatch(2), &tracker{}
		batches[0].Account = withPasscode("new")
		u.Upload(within(t, time.Minute), batches, b)
		b.expect(t, c, 2, "accepted", nil)
	})
}

func TestAProbeWithRefusedCredentialsReadsTheSecretAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cleverTap{answer: knows("new")}
		u := uploader(c)
		calls := 0
		batches := oneBatch(2500)
		batches[0].Refresh = reading(&calls, account, nil)
		u.Upload(within(t, time.Minute), batches, &tracker{})
		time.Sleep(30 * time.Second)
		b := &tracker{}
		batches[0].Refresh = reading(&calls, withPasscode("new"), nil)
		u.Upload(within(t, time.Minute), batches, b)
		b.expect(t, c, 2500, "accepted", nil)
		if calls != 2 {
			t.Errorf("%d readings", calls)
		}
	})
}

func TestThePausesOfAnAccountThatRejectsAllGoOnDoubling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cleverTap{answer: always(status(400))}
		u := uploader(c)
		for _, pause := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
			deliver(t, u, 8, "retry account_rejects_all")
			time.Sleep(pause - 1)
			deliver(t, u, 8, "retry breaker")
			time.Sleep(1)
		}
	})
}

func TestAThrottledUploadThatIsGivenUpIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cleverTap{answer: always(&answer{status: 429})}
		u := uploader(c)
		for range 3 {
			deliver(t, u, 2, "retry rate_limited 429")
		}
		deliver(t, u, 2, "retry breaker")
		if len(c.uploads) != 9 {
			t.Errorf("%d uploads", len(c.uploads))
		}
	})
}

func TestACallDoesNotWaitForAnothersProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, probing := &cleverTap{latency: time.Second}, &tracker{}
		u := halfOpen(t, c, nil)
		ended := make(chan struct{})
		go func() {
			u.Upload(context.Background(), oneBatch(2), probing)
			close(ended)
		}()
		synctest.Wait()
		if report := deliver(t, u, 2, "retry breaker"); !report.BreakerOpen {
			t.Error("records were not sent because of the breaker, and the report does not say so")
		}
		<-ended
		probing.expect(t, c, 2, "accepted", nil)
	})
}

func TestAProbeThatMayNotBeSentAgainLetsOthersTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cleverTap{}
		u := halfOpen(t, c, throttledFirst(1, ""))
		b := &tracker{maySend: func(int) bool { return len(c.uploads) == 0 }}
		u.Upload(within(t, time.Minute), oneBatch(2), b)
		b.expect(t, c, 2, "retry group_order", nil)
		deliver(t, u, 2, "accepted")
	})
}
