package clevertap_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

func TestUploadDeliversInOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{latency: time.Second}, &book{}
		report := uploader(c).Upload(within(t, time.Minute), oneLane(10), b)
		b.expect(t, 10, "accepted", nil)
		if !slices.Equal(c.sizes(), []int{10}) {
			t.Errorf("uploads of %v records", c.sizes())
		}
		want := clevertap.Report{Batches: []clevertap.BatchReport{{Latencies: []time.Duration{time.Second}, Accepted: 10}}}
		if diff := cmp.Diff(want, report); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUploadWithoutRecords(t *testing.T) {
	t.Parallel()
	c, b := &cleverTap{}, &book{}
	report := uploader(c).Upload(t.Context(), []clevertap.AccountBatch{{Account: account}}, b)
	if diff := cmp.Diff(clevertap.Report{Batches: make([]clevertap.BatchReport, 1)}, report); diff != "" {
		t.Error(diff)
	}
	if report = uploader(c).Upload(t.Context(), nil, b); len(report.Batches) != 0 {
		t.Errorf("report %+v", report)
	}
	if len(c.uploads) != 0 || len(b.ends) != 0 {
		t.Errorf("%d uploads, %d ends", len(c.uploads), len(b.ends))
	}
}

func TestUploadPacksAndKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{latency: time.Second}, &book{}
		uploader(c).Upload(within(t, time.Minute), oneLane(5500), b)
		b.expect(t, 5500, "accepted", nil)
		c.onceAtMost(t, b)
		if len(c.uploads) != 6 || c.highest[account.Key()] != 3 {
			t.Errorf("%d uploads, %d in flight", len(c.uploads), c.highest[account.Key()])
		}
		var keys []int
		slices.SortFunc(c.uploads, func(a, b *upload) int { return a.keys[0] - b.keys[0] })
		for i, u := range c.uploads {
			keys = append(keys, u.keys...)
			if i > 0 && u.at.Before(c.uploads[i-1].at) {
				t.Errorf("upload %d was started before the one in front of it", i)
			}
		}
		if !slices.IsSorted(keys) || len(keys) != 5500 {
			t.Error("records out of order")
		}
	})
}

func TestUploadsOfOneAccountShareItsPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := clevertap.Account{Host: "us1.api.clevertap.com", ID: "BBB", Passcode: account.Passcode}
		c, b := &cleverTap{latency: time.Second}, &book{}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 4})
		begun := time.Now()
		u.Upload(within(t, time.Minute), []clevertap.AccountBatch{
			{Account: account, Records: records(0, 4000)},
			{Account: account, Records: records(4000, 4000)},
			{Account: other, Records: records(8000, 8000)},
		}, b)
		b.expect(t, 16000, "accepted", nil)
		if c.highest[account.Key()] != 4 || c.highest[other.Key()] != 4 {
			t.Errorf("in flight: %v, want 4 each", c.highest)
		}
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("two rounds of four uploads a second took %s", took)
		}
	})
}

func TestLanesOfOneAccountTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{latency: time.Second}, &book{}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 1})
		u.Upload(within(t, time.Minute), []clevertap.AccountBatch{
			{Account: account, Records: records(0, 3000)},
			{Account: account, Records: records(3000, 3000)},
		}, b)
		var lanes []int
		for _, u := range c.uploads {
			lanes = append(lanes, u.keys[0]/3000)
		}
		if !slices.Equal(lanes, []int{0, 1, 0, 1, 0, 1}) {
			t.Errorf("lanes in the order %v", lanes)
		}
	})
}

func TestADeadAccountHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := clevertap.Account{Host: "us1.api.clevertap.com", ID: "BBB", Passcode: account.Passcode}
		c := &cleverTap{latency: time.Second, answer: func(u *upload) *answer {
			if u.host == dead.Host {
				return &answer{hang: true}
			}
			return nil
		}}
		var delivered time.Time
		b := &book{}
		b.close = func(key int, _ error) {
			if key == 0 {
				delivered = time.Now()
			}
		}
		begun := time.Now()
		uploader(c).Upload(within(t, time.Minute), []clevertap.AccountBatch{
			{Account: dead, Records: records(1, 1)},
			{Account: account, Records: records(0, 1)},
		}, b)
		b.expect(t, 2, "accepted", map[int]string{1: "retry timeout"})
		if took := delivered.Sub(begun); took != time.Second {
			t.Errorf("the record beside the dead account was closed after %s", took)
		}
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("the call took %s, want the upload's time limit", took)
		}
	})
}

func TestFailuresComeBack(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer answer
		want   string
	}{
		"no answer":                    {answer{hang: true}, "retry timeout"},
		"a connection that breaks":     {answer{err: fmt.Errorf("read tcp 10.0.0.1: connection reset by peer")}, "retry network"},
		"a time-out of the network":    {answer{err: fmt.Errorf("dial: %w", context.DeadlineExceeded)}, "retry timeout"},
		"status 408":                   {answer{status: 408}, "retry timeout 408"},
		"status 500":                   {answer{status: 500, body: "<html>"}, "retry server 500"},
		"status 503":                   {answer{status: 503}, "retry server 503"},
		"status 204":                   {answer{status: 204}, "retry unreadable_answer 204"},
		"status 202 with a success":    {answer{status: 202, body: `{"status":"success","processed":4}`}, "retry unreadable_answer 202"},
		"status 200 with HTML":         {answer{status: 200, body: "<html>"}, "retry unreadable_answer"},
		"status 200 without a body":    {answer{status: 200}, "retry unreadable_answer"},
		"half an answer":               {answer{status: 200, body: `{"status":"success","proc`}, "retry unreadable_answer"},
		"half an answer, then nothing": {answer{status: 200, body: `{"status":"success","proc`, stall: true}, "retry timeout"},
		"an answer that does not end":  {answer{status: 200, body: `{"status":"success","processed":4}`, stall: true}, "retry timeout"},
		"a failure that does not end":  {answer{status: 500, body: "<html>", stall: true}, "retry server 500"},
		"no body at all":               {answer{status: 200, bare: true}, "retry unreadable_answer"},
		"an answer that is too short":  {answer{status: 200, body: `{"status":"success","processed":3}`}, "retry unmatched"},
		"a failure that names nobody":  {answer{status: 200, body: `{"status":"fail","processed":0,"unprocessed":[]}`}, "retry unmatched"},
		"a transport that panics":      {answer{panics: true}, "retry unknown"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, b := &cleverTap{answer: func(*upload) *answer { return &test.answer }}, &book{}
				report := uploader(c).Upload(within(t, time.Minute), oneLane(4), b)
				b.expect(t, 4, test.want, nil)
				lane := report.Batches[0]
				if len(c.uploads) != 1 || len(lane.Latencies) != 1 {
					t.Errorf("%d uploads, report %+v, want one: what CleverTap may have taken is the queue's to bring back", len(c.uploads), lane)
				}
				if lane.BreakerOpen || lane.CredentialsRefused || lane.Accepted != 0 {
					t.Errorf("report %+v of one failure", lane)
				}
			})
		})
	}
}

func TestAnAnswerBeyondTheCapIsUnreadable(t *testing.T) {
	t.Parallel()
	blanks := strings.Repeat(" ", 17<<20)
	tests := map[string]string{
		"blanks before the answer": blanks + `{"status":"success","processed":4}`,
		"blanks behind the answer": `{"status":"success","processed":4}` + blanks,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, b := &cleverTap{answer: func(*upload) *answer { return &answer{status: 200, body: body} }}, &book{}
			uploader(c).Upload(t.Context(), oneLane(4), b)
			b.expect(t, 4, "retry unreadable_answer", nil)
		})
	}
}

func TestAnAnswerOfManyMegabytesIsRead(t *testing.T) {
	t.Parallel()
	blanks := strings.Repeat("\n", 15<<20)
	c, b := &cleverTap{answer: func(*upload) *answer {
		return &answer{status: 200, body: blanks + `{"status":"success","processed":4}`}
	}}, &book{}
	uploader(c).Upload(t.Context(), oneLane(4), b)
	b.expect(t, 4, "accepted", nil)
}

func TestRecordsThatAreNotOpenStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		b.open = func(key int) bool { return key%2 == 0 }
		uploader(c).Upload(within(t, time.Minute), oneLane(6), b)
		b.expect(t, 6, "accepted", map[int]string{1: "retry group_order", 3: "retry group_order", 5: "retry group_order"})
		if !slices.Equal(c.uploads[0].keys, []int{0, 2, 4}) {
			t.Errorf("uploaded %v", c.uploads[0].keys)
		}
	})
}

func TestNothingIsUploadedIfNoRecordIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{open: func(int) bool { return false }}
		uploader(c).Upload(within(t, time.Minute), oneLane(2500), b)
		b.expect(t, 2500, "retry group_order", nil)
		if len(c.uploads) != 0 {
			t.Errorf("%d uploads", len(c.uploads))
		}
	})
}

func TestHalvesAndRepeatsAskWhetherRecordsAreOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		c := &cleverTap{latency: time.Second}
		shut := map[int]bool{}
		b.open = func(key int) bool { return !shut[key] }
		c.answer = func(u *upload) *answer {
			switch {
			case u.number == 1:
				return status(400)
			case u.has(3):
				shut[0], shut[7] = true, true // seen by the next uploads only
				return u.refusing(map[int]int{0: 555, 1: 555})
			}
			return nil
		}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 1})
		u.Upload(within(t, time.Minute), oneLane(8), b)
		b.expect(t, 8, "accepted", map[int]string{0: "retry group_order", 7: "retry group_order"})
		if !slices.Equal(c.sizes(), []int{8, 4, 3, 1}) {
			t.Errorf("uploads of %v records", c.sizes())
		}
	})
}

func TestWithoutTimeNothingIsBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		uploader(c).Upload(within(t, 499*time.Millisecond), oneLane(3), b)
		b.expect(t, 3, "retry no_time", nil)
		if len(c.uploads) != 0 {
			t.Errorf("%d uploads", len(c.uploads))
		}
	})
}

func TestASlowAccountGetsNoUploadThatWouldBeCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{latency: 3 * time.Second}, &book{}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 1})
		begun := time.Now()
		u.Upload(within(t, 11*time.Second), oneLane(4000), b) // begun at 0 s and at 3 s; at 6 s six more would be too late
		if len(c.uploads) != 2 || time.Since(begun) != 6*time.Second {
			t.Errorf("%d uploads, %s", len(c.uploads), time.Since(begun))
		}
		if got := end(b.ends[3999]); got != "retry no_time" {
			t.Errorf("the last record: %s", got)
		}
		c.onceAtMost(t, b)
	})
}

func TestTheCallEndsWithItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{answer: func(*upload) *answer { return &answer{hang: true} }}, &book{}
		begun := time.Now()
		uploader(c).Upload(within(t, 4*time.Second), oneLane(2), b)
		b.expect(t, 2, "retry timeout", nil)
		if took := time.Since(begun); took != 4*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestTheCallEndsWhenItIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c, b := &cleverTap{answer: func(u *upload) *answer {
			if u.has(0) {
				return u.refusing(map[int]int{0: 555})
			}
			return &answer{hang: true}
		}}, &book{}
		time.AfterFunc(100*time.Millisecond, cancel) // while one upload hangs and one record waits
		begun := time.Now()
		uploader(c).Upload(ctx, oneLane(1001), b)
		b.expect(t, 1001, "accepted", map[int]string{0: "retry transient 555", 1000: "retry timeout"})
		if took := time.Since(begun); took != 100*time.Millisecond {
			t.Errorf("it took %s", took)
		}
	})
}

func TestWithoutADeadlineOnlyTheTimeLimitCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{answer: func(*upload) *answer { return &answer{hang: true} }}, &book{}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Timeout: 2 * time.Second})
		begun := time.Now()
		u.Upload(t.Context(), oneLane(1), b)
		b.expect(t, 1, "retry timeout", nil)
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestABookThatPanicsLosesNothing(t *testing.T) {
	t.Parallel()
	tests := map[string]func(b *book){
		"when it is asked": func(b *book) {
			b.open = func(key int) bool {
				if key == 1500 {
					panic("the book panics")
				}
				return true
			}
		},
		"when it is told": func(b *book) {
			b.close = func(key int, _ error) {
				if key == 5 || key == 1500 {
					panic("the book panics")
				}
			}
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, b := &cleverTap{latency: time.Second}, &book{}
				prepare(b)
				uploader(c).Upload(within(t, time.Minute), oneLane(2500), b)
				if len(b.ends) != 2500 || len(b.twice) != 0 {
					t.Errorf("%d ends, %d twice", len(b.ends), len(b.twice))
				}
				c.onceAtMost(t, b)
				if c.inFlight[account.Key()] != 0 {
					t.Error("something is in flight")
				}
			})
		})
	}
}
