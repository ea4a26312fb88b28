package clevertap_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/benchtest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{latency: time.Second}, &tracker{}
		batches := append(oneBatch(10), clevertap.AccountBatch{Account: account})
		report := uploader(c).Upload(within(t, time.Minute), batches, b)
		b.expect(t, c, 10, "accepted", nil)
		want := []clevertap.BatchReport{{Latencies: seconds(1), Accepted: 10}, {}}
		if diff := cmp.Diff(want, report.Batches); diff != "" {
			t.Error(diff)
		}
		if report = uploader(c).Upload(t.Context(), nil, b); len(report.Batches) != 0 || len(c.uploads) != 1 {
			t.Errorf("report %+v, %d uploads", report, len(c.uploads))
		}
	})
}

func TestUploadsAreFullAndSideBySide(t *testing.T) {
	delivery{
		records: 6000, latency: time.Second, sizes: slices.Repeat([]int{1000}, 6), at: seconds(0, 0, 0, 1, 1, 1),
	}.run(t)
}

func TestUploadsOfOneAccountShareItsConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := clevertap.Account{Host: "us1.api.clevertap.com", ID: "BBB", Passcode: account.Passcode}
		c, b := &cleverTap{latency: time.Second}, &tracker{}
		begun := time.Now()
		uploaderOf(c, 4).Upload(within(t, time.Minute), []clevertap.AccountBatch{
			{Account: account, Records: records(0, 4000)},
			{Account: account, Records: records(4000, 4000)},
			{Account: other, Records: records(8000, 8000)},
		}, b)
		b.expect(t, c, 16000, "accepted", nil)
		if c.highest[account.Key()] != 4 || c.highest[other.Key()] != 4 {
			t.Errorf("in flight: %v, want 4 each", c.highest)
		}
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("two rounds of four uploads a second took %s", took)
		}
	})
}

func TestBatchesOfOneAccountTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cleverTap{latency: time.Second}
		uploaderOf(c, 1).Upload(within(t, time.Minute), []clevertap.AccountBatch{
			{Account: account, Records: records(0, 3000)},
			{Account: account, Records: records(3000, 3000)},
		}, &tracker{})
		var order []int
		for _, u := range c.uploads {
			order = append(order, u.keys[0]/3000)
		}
		if !slices.Equal(order, []int{0, 1, 0, 1, 0, 1}) {
			t.Errorf("batches in the order %v", order)
		}
	})
}

func TestADeadAccountDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := clevertap.Account{Host: "us1.api.clevertap.com", ID: "BBB", Passcode: account.Passcode}
		c := &cleverTap{latency: time.Second, answer: func(u *upload) *answer {
			if u.host == dead.Host {
				return &answer{hangs: true}
			}
			return nil
		}}
		took := map[int]time.Duration{}
		begun := time.Now()
		b := &tracker{done: func(key int) { took[key] = time.Since(begun) }}
		uploader(c).Upload(within(t, time.Minute), []clevertap.AccountBatch{
			{Account: dead, Records: records(1, 1)},
			{Account: account, Records: records(0, 1)},
		}, b)
		b.expect(t, c, 2, "accepted", map[int]string{1: "retry timeout"})
		if want := map[int]time.Duration{0: time.Second, 1: 10 * time.Second}; !maps.Equal(took, want) {
			t.Errorf("the records took %v, want %v", took, want)
		}
	})
}

// What CleverTap may have accepted is the queue's to bring back: there is one upload only.
func TestFailuresAreRetriedByTheQueue(t *testing.T) {
	t.Parallel()
	const all4, begun = `{"status":"success","processed":4}`, `{"status":"success","proc`
	blanks := strings.Repeat(" ", 17<<20)
	for name, test := range map[string]struct {
		answer *answer
		want   string
	}{
		"no answer":                    {&answer{hangs: true}, "retry timeout"},
		"a connection that breaks":     {&answer{err: errors.New("read tcp: reset by peer")}, "retry network"},
		"a time-out of the network":    {&answer{err: os.ErrDeadlineExceeded}, "retry timeout"},
		"status 408":                   {respond(408, ""), "retry timeout 408"},
		"status 503":                   {respond(503, ""), "retry server 503"},
		"status 204":                   {respond(204, ""), "retry unreadable_answer"},
		"status 200 with HTML":         {respond(200, "<html>"), "retry unreadable_answer"},
		"half an answer":               {respond(200, begun), "retry unreadable_answer"},
		"half an answer, then nothing": {&answer{status: 200, body: begun, stalls: true}, "retry timeout"},
		"a failure that does not end":  {&answer{status: 500, body: "<html>", stalls: true}, "retry server 500"},
		"blanks beyond the cap":        {respond(200, blanks+all4), "retry unreadable_answer"},
		"blanks behind it, likewise":   {respond(200, all4+blanks), "retry unreadable_answer"},
		"an answer that is too short":  {respond(200, `{"status":"success","processed":3}`), "retry unmatched"},
		"a transport that panics":      {&answer{panics: true}, "retry panic"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			delivery{answer: always(test.answer), want: test.want, sizes: []int{4}}.run(t)
		})
	}
}

// To doubt an answer that is complete would store its records again and again.
func TestACompleteAnswerCountsHoweverItComes(t *testing.T) {
	t.Parallel()
	const all4 = `{"status":"success","processed":4}`
	all := map[string]delivery{}
	for name, a := range map[string]*answer{
		"a connection that stalls behind it": {status: 200, body: all4, stalls: true},
		"gzip":                               respond(200, gzipped(all4)),
		"status 201":                         respond(201, all4),
		"status 299":                         respond(299, all4),
	} {
		a.keep = []int{0, 1, 2, 3}
		all[name] = delivery{answer: always(a), sizes: []int{4}}
	}
	runAll(t, all)
}

func TestAnAnswerOfManyMegabytesIsRead(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("\n", 15<<20) + `{"status":"success","processed":4}`
	delivery{answer: always(&answer{status: 200, body: body, keep: []int{0, 1, 2, 3}})}.run(t)
}

func TestOnlyRecordsThatMayBeSentAre(t *testing.T) {
	t.Parallel()
	blocked := map[int]bool{}
	runAll(t, map[string]delivery{
		"some of them": {
			records: 6, maySend: func(key int) bool { return key%2 == 0 }, sizes: []int{3},
			named: map[int]string{1: "retry group_order", 3: "retry group_order", 5: "retry group_order"},
		},
		"none": {records: 2500, maySend: func(int) bool { return false }, want: "retry group_order", sizes: []int{}},
		"parts and repeats are asked about, too": {
			records: 8, concurrency: 1, maySend: func(key int) bool { return !blocked[key] },
			answer: func(u *upload) *answer {
				switch {
				case u.number == 1:
					return status(400)
				case u.has(3):
					blocked[0], blocked[7] = true, true // before the next uploads
					return u.refusing(map[int]int{0: 555, 1: 555})
				}
				return nil
			},
			named: map[int]string{0: "retry group_order", 7: "retry group_order"}, sizes: []int{8, 4, 3, 1},
		},
	})
}

func TestNothingIsBegunThatWouldBeCutOff(t *testing.T) {
	t.Parallel()
	late := alike(2000, 2000, "retry no_time")
	runAll(t, map[string]delivery{
		"there is too little time": {within: 499 * time.Millisecond, want: "retry no_time", sizes: []int{}},
		"at 6 s, 6 more of a slow account would be too many": {
			records: 4000, concurrency: 1, latency: 3 * time.Second, within: 11 * time.Second, named: late,
			at: seconds(0, 3), took: 6 * time.Second,
		},
		"but never more time is kept than an upload may take": {
			records: 2000, concurrency: 1, latency: 6 * time.Second, within: 16500 * time.Millisecond, at: seconds(0, 6),
		},
	})
}

func TestTheCallEndsWithItsDeadline(t *testing.T) {
	delivery{
		answer: always(&answer{hangs: true}), within: 4 * time.Second, want: "retry timeout", took: 4 * time.Second,
	}.run(t)
}

func TestTheCallEndsWhenItIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c, b := &cleverTap{answer: func(u *upload) *answer {
			if u.has(0) {
				return u.refusing(map[int]int{0: 555})
			}
			return &answer{hangs: true}
		}}, &tracker{}
		time.AfterFunc(100*time.Millisecond, cancel) // while one upload hangs and one record waits
		begun := time.Now()
		uploader(c).Upload(ctx, oneBatch(1001), b)
		b.expect(t, c, 1001, "accepted", map[int]string{0: "retry transient 555", 1000: "retry timeout"})
		if took := time.Since(begun); took != 100*time.Millisecond {
			t.Errorf("it took %s", took)
		}
	})
}

func TestATrackerThatPanicsLosesNothing(t *testing.T) {
	t.Parallel()
	tests := map[string]*tracker{
		"when it is asked": {maySend: func(key int) bool {
			if key == 1500 {
				panic("the tracker panics")
			}
			return true
		}},
		"when it is told": {done: func(key int) {
			if key == 5 || key == 1500 {
				panic("the tracker panics")
			}
		}},
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, begun := &cleverTap{latency: time.Second}, time.Now()
				r := uploader(c).Upload(within(t, time.Minute), oneBatch(2500), b)
				if took := time.Since(begun); b.maySend != nil && took > 0 {
					t.Errorf("what was in flight was waited for, for %s", took)
				}
				if p, ok := errors.AsType[*fault.PanicError](r.Panic); !ok || !strings.Contains(p.Stack, "ATrackerThatPanics") {
					t.Errorf("the report has the panic %v", r.Panic)
				}
				inFlight := c.inFlight[account.Key()]
				if len(b.outcomes) != 2500 || len(b.twice) != 0 || inFlight != 0 {
					t.Errorf("%d outcomes, %d twice, %d in flight", len(b.outcomes), len(b.twice), inFlight)
				}
				for key, err := range b.outcomes {
					if err == nil && c.stored[key] != 1 {
						t.Errorf("record %d was accepted and is stored %d times", key, c.stored[key])
					}
				}
			})
		})
	}
}

// In virtual time a loop that does not rest never ends.
func TestAnUploadThatOutlastsTheCallIsWaitedForWithoutALoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cleverTap{answer: func(*upload) *answer { time.Sleep(2 * time.Second); return nil }}
		b := &tracker{}
		uploader(c).Upload(within(t, time.Second), oneBatch(1), b)
		b.expect(t, c, 1, "accepted", nil)
	})
}

// space has room for the largest record.
var space [4 << 20]byte

// sized returns records of these sizes.
func sized(sizes []int) [][]byte {
	list := make([][]byte, len(sizes))
	for i, size := range sizes {
		list[i] = space[:size]
	}
	return list
}

// wrapper is {"d":[]}.
const wrapper = 8

func TestSplit(t *testing.T) {
	t.Parallel()
	many := func(n, size int) []int { return slices.Repeat([]int{size}, n) }
	for name, test := range map[string]struct {
		sizes []int
		want  []int // records in each upload
	}{
		"nothing makes no upload":                      {nil, nil},
		"as many as CleverTap takes":                   {many(1000, 100), []int{1000}},
		"one more":                                     {many(1001, 100), []int{1000, 1}},
		"the commas count":                             {[]int{1<<20 - wrapper - 3, 1, 1}, []int{2, 1}},
		"a record that fills an upload":                {[]int{1, 1<<20 - wrapper, 1}, []int{1, 1, 1}},
		"a record too large for any upload goes alone": {[]int{1, 2 << 20, 1}, []int{1, 1, 1}},
		"so does the first":                            {[]int{2 << 20, 1, 1}, []int{1, 2}},
	} {
		if got := clevertap.Split(sized(test.sizes)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte{1, 2, 3}, 1000)
	f.Add([]byte{255, 255, 255, 0, 255}, 1<<12)
	f.Add(slices.Repeat([]byte{0}, 3000), 1)
	f.Fuzz(func(t *testing.T, text []byte, scale int) {
		sizes := make([]int, len(text))
		for i, c := range text {
			sizes[i] = int(c) * (scale & (1<<14 - 1))
		}
		next := 0
		for _, count := range clevertap.Split(sized(sizes)) {
			bytes := wrapper + count - 1
			for _, size := range sizes[next : next+count] {
				bytes += size
			}
			if count == 0 || count > clevertap.MaxRecords || bytes > clevertap.MaxUploadBytes && count > 1 {
				t.Fatalf("%d records of %d bytes", count, bytes)
			}
			next += count
		}
		if next != len(sizes) {
			t.Errorf("%d of %d records", next, len(sizes))
		}
	})
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer func(u *upload) *answer
		want   string
	}{
		"all would be accepted":     {nil, "accepted"},
		"the credentials are wrong": {always(status(401)), "operator credentials 401"},
		"no answer":                 {always(&answer{hangs: true}), "retry timeout"},
		"a record would be refused": {refusing(map[int]int{1: 513}), "reject clevertap_513 513"},
		"a record may pass later":   {refusing(map[int]int{1: 555}), "retry transient 555"},
		"the answer is too short":   {always(respond(200, `{"status":"success","processed":1}`)), "retry unmatched"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &cleverTap{answer: test.answer}
				err := uploader(c).DryRun(within(t, time.Minute), account, records(0, 2))
				if got := outcome(err); got != test.want {
					t.Errorf("%s, want %s", got, test.want)
				}
				url := c.uploads[0].request.URL.String()
				if len(c.uploads) != 1 || url != "https://in1.api.clevertap.com/1/upload?dryRun=1" {
					t.Errorf("%d uploads, the first to %s", len(c.uploads), url)
				}
			})
		})
	}
}

// deaf is a tracker that remembers nothing.
type deaf struct{}

func (deaf) MaySend(int) bool { return true }
func (deaf) Done(int, error)  {}

// BenchmarkUpload is the delivery of records that are ready, accounting included, without the network.
func BenchmarkUpload(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			u := clevertap.NewUploader(clevertap.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				_, err := io.Copy(io.Discard, r.Body)
				body := strings.NewReader(fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, n))
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(body)}, err
			})})
			batches := oneBatch(n)
			benchtest.Measure(b, func() error {
				u.Upload(b.Context(), batches, deaf{})
				return nil
			})
		})
	}
}
