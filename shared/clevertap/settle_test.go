package clevertap_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

func TestAnUploadRefusedWholeIsHalved(t *testing.T) {
	t.Parallel()
	for _, code := range []int{400, 409, 413, 422, 499} {
		for _, bad := range []int{0, 17, 39} {
			t.Run(fmt.Sprintf("status %d because of record %d", code, bad), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c, b := &cleverTap{latency: time.Second}, &book{}
					c.answer = func(u *upload) *answer {
						if u.has(bad) {
							return status(code)
						}
						return nil
					}
					report := uploader(c).Upload(within(t, time.Minute), oneLane(40), b)
					b.expect(t, 40, "accepted", map[int]string{bad: fmt.Sprintf("reject clevertap_http_%d %d", code, code)})
					c.onceAtMost(t, b)
					if n := len(c.uploads); n > 13 {
						t.Errorf("%d uploads for one bad record among 40", n)
					}
					if report.Batches[0].BreakerOpen {
						t.Error("a bad record opened the breaker")
					}
				})
			})
		}
	}
}

func TestBothHalvesAreTriedBeforeEitherIsHalved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{latency: time.Second}, &book{}
		c.answer = func(u *upload) *answer {
			if u.has(0) {
				return status(400)
			}
			return nil
		}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 1})
		u.Upload(within(t, time.Minute), oneLane(8), b)
		if want := []int{8, 4, 4, 2, 2, 1, 1}; !slices.Equal(c.sizes(), want) {
			t.Errorf("uploads of %v records, want %v", c.sizes(), want)
		}
		if b.order[0] != 4 {
			t.Errorf("record %d was closed first, want the good half's", b.order[0])
		}
	})
}

// Three records are refused as long as they are sent; the account must not be taken for refused, wherever they stand.
func TestGoodRecordsAreFoundBeforeBadOnesCondemnTheAccount(t *testing.T) {
	for _, concurrency := range []int{1, 2, 3, 15} {
		for _, first := range []int{0, 1, 13, 500, 997} {
			synctest.Test(t, func(t *testing.T) {
				c, b := &cleverTap{latency: time.Second}, &book{}
				bad := map[int]string{}
				for i := first; i < first+3; i++ {
					bad[i] = "reject clevertap_http_400 400"
				}
				c.answer = func(u *upload) *answer {
					for i := range bad {
						if u.has(i) {
							return status(400)
						}
					}
					return nil
				}
				u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: concurrency})
				u.Upload(within(t, time.Hour), oneLane(1000), b)
				b.expect(t, 1000, "accepted", bad)
			})
		}
	}
}

func TestALargeUploadIsHalvedUntilItFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		c.answer = func(u *upload) *answer {
			if len(u.keys) > 100 {
				return &answer{status: 413, body: "<html>"}
			}
			return nil
		}
		uploader(c).Upload(within(t, time.Minute), oneLane(1000), b)
		b.expect(t, 1000, "accepted", nil)
		c.onceAtMost(t, b)
	})
}

func TestARecordTooLargeForAnyUploadGoesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		c.answer = func(u *upload) *answer {
			if u.request.ContentLength > clevertap.MaxUploadBytes {
				return status(413)
			}
			return nil
		}
		lanes := oneLane(3)
		lanes[0].Records[1].JSON = fmt.Appendf(nil, `{"evtData":{"event_id":"e-1","x":"%01048576d"}}`, 0)
		uploader(c).Upload(within(t, time.Minute), lanes, b)
		b.expect(t, 3, "accepted", map[int]string{1: "reject clevertap_http_413 413"})
		if !slices.Equal(c.sizes(), []int{1, 1, 1}) {
			t.Errorf("uploads of %v records", c.sizes())
		}
	})
}

func TestThreeLoneRefusalsAndNothingAcceptedMeanTheAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{latency: time.Second, answer: func(*upload) *answer { return status(400) }}, &book{}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 1})
		report := u.Upload(within(t, time.Minute), oneLane(16), b)
		b.expect(t, 16, "retry account_rejects_all", nil)
		if want := []int{16, 8, 8, 4, 4, 2, 2, 1, 1, 1}; !slices.Equal(c.sizes(), want) {
			t.Errorf("uploads of %v records, want %v", c.sizes(), want)
		}
		if !report.Batches[0].BreakerOpen {
			t.Error("the breaker is not open")
		}
		again := &book{}
		u.Upload(within(t, time.Minute), oneLane(2), again)
		again.expect(t, 2, "retry breaker", nil)
	})
}

func TestALoneRefusalIsWeighedAgainstWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		c.answer = func(u *upload) *answer {
			if u.has(0, 1, 2) {
				return status(400)
			}
			time.Sleep(time.Second) // the good one is still under way when the third bad one is refused
			return nil
		}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 4})
		report := u.Upload(within(t, time.Minute), oneLane(4), b)
		b.expect(t, 4, "reject clevertap_http_400 400", map[int]string{3: "accepted"})
		if report.Batches[0].BreakerOpen {
			t.Error("the breaker is open")
		}
	})
}

func TestManyBadRecordsAreRejectedOnceOneIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := []int{1, 3, 5, 7, 9, 11, 13}
		c, b := &cleverTap{}, &book{}
		want := map[int]string{}
		for _, key := range bad {
			want[key] = "reject clevertap_http_400 400"
		}
		c.answer = func(u *upload) *answer {
			if u.has(bad...) {
				return status(400)
			}
			return nil
		}
		lanes := []clevertap.AccountBatch{{Account: account, Records: records(0, 14)}, {Account: account, Records: records(14, 1)}}
		uploader(c).Upload(within(t, time.Minute), lanes, b)
		b.expect(t, 15, "accepted", want)
		c.onceAtMost(t, b)
	})
}

func TestOneOrTwoLoneRefusalsAreTheRecords(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, b := &cleverTap{answer: func(*upload) *answer { return status(400) }}, &book{}
				uploader(c).Upload(within(t, time.Minute), oneLane(n), b)
				b.expect(t, n, "reject clevertap_http_400 400", nil)
			})
		})
	}
}

func TestALoneRefusalIsToldAsSoonAsItIsClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		c.answer = func(u *upload) *answer {
			switch u.keys[0] {
			case 0:
				return status(400)
			case 1:
				time.Sleep(time.Second)
			case 2:
				time.Sleep(3 * time.Second)
			case 3:
				time.Sleep(2 * time.Second)
				return status(400)
			}
			return nil
		}
		told := map[int]time.Duration{}
		begun := time.Now()
		b.close = func(key int, _ error) { told[key] = time.Since(begun) }
		var lanes []clevertap.AccountBatch
		for key := range 4 {
			lanes = append(lanes, clevertap.AccountBatch{Account: account, Records: records(key, 1)})
		}
		clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 4}).Upload(within(t, time.Minute), lanes, b)
		want := map[int]time.Duration{0: time.Second, 1: time.Second, 2: 3 * time.Second, 3: 2 * time.Second}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRefusedRecordsLeaveTheirNeighboursAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		c.answer = func(u *upload) *answer { return u.refusing(map[int]int{2: 513, 5: 523, 9: 509}) }
		uploader(c).Upload(within(t, time.Minute), oneLane(10), b)
		b.expect(t, 10, "accepted", map[int]string{
			2: "reject clevertap_513 513", 5: "reject clevertap_523 523", 9: "reject clevertap_509 509",
		})
		if len(c.uploads) != 1 {
			t.Errorf("%d uploads", len(c.uploads))
		}
	})
}

func TestPassingCodesAreTriedAgainAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		code    int // the record 4 is refused with
		times   int // so often
		want    string
		uploads []int
	}{
		"once":                               {555, 1, "accepted", []int{10, 1}},
		"twice":                              {555, 2, "accepted", []int{10, 1, 1}},
		"for ever":                           {555, 99, "retry transient 555", []int{10, 1, 1}},
		"without a code, for ever":           {0, 99, "retry transient", []int{10, 1, 1}},
		"a code nobody knows, once":          {599, 1, "accepted", []int{10, 1}},
		"a code nobody knows, twice":         {599, 2, "accepted", []int{10, 1, 1}},
		"a code nobody knows, twice alone":   {599, 3, "reject clevertap_599 599", []int{10, 1, 1}},
		"a code for good is not tried again": {513, 99, "reject clevertap_513 513", []int{10}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, b := &cleverTap{}, &book{}
				refused := 0
				c.answer = func(u *upload) *answer {
					if !u.has(4) || refused == test.times {
						return nil
					}
					refused++
					return u.refusing(map[int]int{4: test.code})
				}
				report := uploader(c).Upload(within(t, time.Minute), oneLane(10), b)
				b.expect(t, 10, "accepted", map[int]string{4: test.want})
				c.onceAtMost(t, b)
				if !slices.Equal(c.sizes(), test.uploads) {
					t.Errorf("uploads of %v records, want %v", c.sizes(), test.uploads)
				}
				if report.Batches[0].BreakerOpen {
					t.Error("the breaker is open")
				}
				for i, u := range c.uploads[1:] {
					if waited := u.at.Sub(c.uploads[i].at); waited != 200*time.Millisecond<<i {
						t.Errorf("repeat %d came after %s", i+1, waited)
					}
				}
			})
		})
	}
}

func TestAnUploadOfOneRecordCountsAsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		c.answer = func(u *upload) *answer { return u.refusing(map[int]int{0: 599}) }
		uploader(c).Upload(within(t, time.Minute), oneLane(1), b)
		b.expect(t, 1, "reject clevertap_599 599", nil)
		if len(c.uploads) != 2 {
			t.Errorf("%d uploads, want 2", len(c.uploads))
		}
	})
}

func TestARepeatThatDoesNotFitTheDeadlineIsTheQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		c.answer = func(u *upload) *answer { return u.refusing(map[int]int{1: 555}) }
		uploader(c).Upload(within(t, 600*time.Millisecond), oneLane(3), b)
		b.expect(t, 3, "accepted", map[int]string{1: "retry transient 555"})
		if len(c.uploads) != 1 {
			t.Errorf("%d uploads", len(c.uploads))
		}
	})
}

func TestARefusalInsideAShortAnswerStillCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		c.answer = func(u *upload) *answer {
			return &answer{status: 200, body: partial(1, entry(513, 2, record(1).JSON))}
		}
		uploader(c).Upload(within(t, time.Minute), oneLane(5), b)
		b.expect(t, 5, "retry unmatched", map[int]string{1: "reject clevertap_513 513"})
		if len(c.uploads) != 1 {
			t.Errorf("%d uploads", len(c.uploads))
		}
	})
}
