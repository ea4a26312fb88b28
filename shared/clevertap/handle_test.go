package clevertap_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

func TestAnAnswerIsReadRecordByRecord(t *testing.T) {
	t.Parallel()
	short := respond(200, partial(1, numbered(513, 2, record(1).JSON)))
	runAll(t, map[string]delivery{
		"refused records do not touch their neighbours": {
			answer: refusing(map[int]int{0: 513, 2: 523}), sizes: []int{4},
			named: map[int]string{0: "reject clevertap_513 513", 2: "reject clevertap_523 523"},
		},
		"a refusal inside a short answer still counts": {
			answer: always(short), want: "retry unmatched", named: map[int]string{1: "reject clevertap_513 513"},
		},
		"an upload of one record counts as alone": {
			records: 1, answer: refusing(map[int]int{0: 599}), want: "reject clevertap_599 599", sizes: []int{1, 1},
		},
	})
	// One record of ten is refused with a code, so many times.
	for name, test := range map[string]struct {
		code, times int
		within      time.Duration
		want        string
		uploads     int // the first of all records, the others of one
	}{
		"a code that passes is tried again, alone": {555, 1, 0, "accepted", 2},
		"and once more":                           {555, 2, 0, "accepted", 3},
		"and no more":                             {555, 99, 0, "retry transient 555", 3},
		"no code":                                 {0, 99, 0, "retry transient", 3},
		"a code nobody knows, once":               {599, 1, 0, "accepted", 2},
		"a code nobody knows, twice":              {599, 2, 0, "accepted", 3},
		"a code nobody knows, twice alone":        {599, 3, 0, "reject clevertap_599 599", 3},
		"a permanent code is not tried again":     {513, 99, 0, "reject clevertap_513 513", 1},
		"a repeat that does not fit the deadline": {555, 99, 600 * time.Millisecond, "retry transient 555", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := 0
			delivery{
				records: 10, within: test.within, named: map[int]string{4: test.want},
				sizes: []int{10, 1, 1}[:test.uploads],
				at:    []time.Duration{0, 200 * time.Millisecond, 600 * time.Millisecond}[:test.uploads],
				answer: func(u *upload) *answer {
					if refused++; refused > test.times {
						return nil
					}
					return u.refusing(map[int]int{4: test.code})
				},
			}.run(t)
		})
	}
}

func TestBisecting(t *testing.T) {
	t.Parallel()
	bad := func(keys ...int) map[int]string {
		named := map[int]string{}
		for _, key := range keys {
			named[key] = "reject clevertap_http_400 400"
		}
		return named
	}
	deliveries := map[string]delivery{
		"both parts are tried before either is split": {
			records: 8, concurrency: 1, answer: refusingAny(0), named: bad(0), sizes: []int{8, 4, 4, 2, 2, 1, 1},
		},
		"uploads are split until they fit": {
			records: 1000, answer: func(u *upload) *answer {
				if len(u.keys) > 100 {
					return &answer{status: 413, body: "<html>"}
				}
				return nil
			},
		},
		"one record refused alone is at fault": {records: 1, answer: always(status(400)), want: bad(0)[0]},
		"two records refused alone are, too":   {records: 2, answer: always(status(400)), want: bad(0)[0]},
		"three, and nothing accepted: it is the account": {
			records: 16, concurrency: 1, answer: always(status(400)), want: "retry account_rejects_all", open: true,
			sizes: []int{16, 8, 8, 4, 4, 2, 2, 1, 1, 1},
		},
		"many are at fault once one is accepted": {
			records: 15, answer: refusingAny(1, 3, 5, 7, 9, 11, 13), named: bad(1, 3, 5, 7, 9, 11, 13),
		},
		"what is in flight may still be accepted": {
			concurrency: 4, named: map[int]string{3: "accepted"}, want: bad(0)[0],
			answer: func(u *upload) *answer {
				if u.has(0, 1, 2) {
					return status(400)
				}
				time.Sleep(time.Second) // until the third bad one has been refused
				return nil
			},
		},
	}
	for _, code := range []int{400, 409, 413, 422, 499} {
		for _, key := range []int{0, 17, 39} {
			deliveries[fmt.Sprintf("status %d because of record %d", code, key)] = delivery{
				records: 40, latency: time.Second,
				named: map[int]string{key: fmt.Sprintf("reject clevertap_http_%d %[1]d", code)},
				answer: func(u *upload) *answer {
					if u.has(key) {
						return status(code)
					}
					return nil
				},
			}
		}
	}
	// Wherever three bad records are, good ones are found before the account is taken for refused.
	for _, concurrency := range []int{1, 2, 3, 15} {
		for _, first := range []int{0, 1, 13, 500, 997} {
			deliveries[fmt.Sprintf("three from %d on, %d at once", first, concurrency)] = delivery{
				records: 1000, concurrency: concurrency, latency: time.Second, within: time.Hour,
				answer: refusingAny(first, first+1, first+2), named: bad(first, first+1, first+2),
			}
		}
	}
	runAll(t, deliveries)
}

func TestARecordRefusedAloneHasItsOutcomeAsSoonAsItIsClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cleverTap{answer: func(u *upload) *answer {
			key := u.keys[0]
			time.Sleep(seconds(0, 1, 3, 2)[key])
			if key == 0 || key == 3 {
				return status(400)
			}
			return nil
		}}
		took := map[int]time.Duration{}
		begun := time.Now()
		b := &tracker{done: func(key int) { took[key] = time.Since(begun) }}
		var batches []clevertap.AccountBatch
		for key := range 4 {
			batches = append(batches, clevertap.AccountBatch{Account: account, Records: records(key, 1)})
		}
		uploaderOf(c, 4).Upload(within(t, time.Minute), batches, b)
		want := map[int]time.Duration{0: time.Second, 1: time.Second, 2: 3 * time.Second, 3: 2 * time.Second}
		if !maps.Equal(took, want) {
			t.Errorf("the records took %v, want %v", took, want)
		}
	})
}

// throttledFirst answers 429 to the first so many requests.
func throttledFirst(n int, retryAfter string) func(u *upload) *answer {
	return func(u *upload) *answer {
		if u.number > n {
			return nil
		}
		return &answer{status: 429, header: map[string]string{"Retry-After": retryAfter}}
	}
}

func TestAThrottledUploadIsRepeated(t *testing.T) {
	t.Parallel()
	const ms, limited = time.Millisecond, "retry rate_limited 429"
	date := time.Date(2000, 1, 1, 0, 0, 9, 0, time.UTC).Format(http.TimeFormat)
	past := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC).Format(http.TimeFormat)
	for name, test := range map[string]struct {
		times      int
		retryAfter string
		within     time.Duration
		want       string
		at         []time.Duration
	}{
		"once":                                      {1, "", 0, "", []time.Duration{0, 200 * ms}},
		"twice":                                     {2, "", 0, "", []time.Duration{0, 200 * ms, 600 * ms}},
		"and no more":                               {99, "", 0, limited, []time.Duration{0, 200 * ms, 600 * ms}},
		"when CleverTap says":                       {1, "7", 0, "", seconds(0, 7)},
		"when it says by a date":                    {1, date, 0, "", seconds(0, 9)},
		"not quite at once when it says so":         {1, "0", 0, "", []time.Duration{0, 200 * ms}},
		"or by a date that is past":                 {1, past, 0, "", []time.Duration{0, 200 * ms}},
		"when it says nothing that can be read":     {1, "soon", 0, "", []time.Duration{0, 200 * ms}},
		"when the time it asks for just fits":       {1, "7", 7500 * ms, "", seconds(0, 7)},
		"not when the time it asks for is too long": {1, "7", 7499 * ms, limited, seconds(0)},
		"nor when it is beyond all numbers":         {1, "99999999999999999999", 0, limited, seconds(0)},
		"not when there is no time":                 {1, "", 600 * ms, limited, seconds(0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := throttledFirst(test.times, test.retryAfter)
			delivery{answer: answer, within: test.within, want: test.want, at: test.at}.run(t)
		})
	}
}

func TestThrottlingConcernsTheWholeAccount(t *testing.T) {
	t.Parallel()
	var inFlight atomic.Int32
	runAll(t, map[string]delivery{
		"it gets half as many uploads at once": {
			records: 12000, concurrency: 4, at: seconds(0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5),
			answer: func(u *upload) *answer {
				if u.number == 1 {
					return &answer{status: 429}
				}
				time.Sleep(time.Second)
				return nil
			},
		},
		"a burst gets in, one after the other, where others take up the account": {
			records: 15000, concurrency: 15, answer: func(*upload) *answer {
				defer inFlight.Add(-1)
				if inFlight.Add(1) > 1 {
					return &answer{status: 429}
				}
				time.Sleep(time.Second)
				return nil
			},
		},
		"a long wait is for all its uploads": {
			records: 1002, concurrency: 1, answer: throttledFirst(1, "3600"), sizes: []int{1000},
			want:  "retry rate_limited 429",
			named: map[int]string{1000: "retry rate_limited", 1001: "retry rate_limited"},
		},
	})
}

// seconds are durations.
func seconds(counts ...int) (list []time.Duration) {
	for _, n := range counts {
		list = append(list, time.Duration(n)*time.Second)
	}
	return list
}

// knows answers 401 to every passcode but one.
func knows(passcode string) func(u *upload) *answer {
	return func(u *upload) *answer {
		if u.request.Header.Get("X-CleverTap-Passcode") == passcode {
			return nil
		}
		return &answer{status: 401, body: `{"status":"fail","error":"credentials refused","code":401}`}
	}
}

// reading is a Refresh that counts its calls.
func reading(calls *int, fresh clevertap.Account, err error) func(context.Context) (clevertap.Account, error) {
	return func(context.Context) (clevertap.Account, error) {
		*calls++
		time.Sleep(time.Second)
		return fresh, err
	}
}

func TestRefusedCredentialsAreReadAgainOnce(t *testing.T) {
	t.Parallel()
	redirect := func(code int, to string) func(*upload) *answer {
		return always(&answer{status: code, header: map[string]string{"Location": to}})
	}
	says401 := always(respond(200, `{"status":"fail","code":401}`))
	const refused = "operator credentials"
	for name, test := range map[string]struct {
		answer  func(u *upload) *answer
		fresh   string
		err     error
		want    string
		uploads int
		calls   int
	}{
		"fresh ones are accepted":    {knows("new"), "new", nil, "", 2, 1},
		"fresh ones are refused too": {knows("newest"), "new", nil, refused + " 401", 2, 1},
		"the secret is as it was":    {knows("new"), "passcode-77", nil, refused + " 401", 1, 1},
		"the secret is out of reach": {knows("new"), "", errors.New("passcode-77"), refused, 1, 1},
		"status 403":                 {always(status(403)), "new", nil, refused + " 403", 2, 1},
		"status 200 that says 401":   {says401, "new", nil, refused + " 401", 2, 1},
		"status 301: not read again": {redirect(301, "http://[bad"), "new", nil, refused + " 301", 1, 0},
		"status 308: not followed":   {redirect(308, "https://trap.example/"), "new", nil, refused + " 308", 1, 0},
		"status 402: not read again": {always(status(402)), "new", nil, refused + " 402", 1, 0},
		"status 404: not read again": {always(status(404)), "new", nil, refused + " 404", 1, 0},
		"status 405: not read again": {always(status(405)), "new", nil, refused + " 405", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			delivery{
				answer: test.answer, refresh: reading(&calls, withPasscode(test.fresh), test.err), want: test.want,
				sizes: []int{4, 4}[:test.uploads], stopped: test.want != "", open: test.want != "",
			}.run(t)
			if calls != test.calls {
				t.Errorf("%d readings, want %d", calls, test.calls)
			}
		})
	}
}

func TestReadingTheSecretAgain(t *testing.T) {
	t.Parallel()
	once := func(u *upload) *answer {
		if u.number == 1 {
			return nil
		}
		return status(401)
	}
	both := func(u *upload) *answer {
		if u.number <= 2 {
			return status(400) // the two records, then the first alone
		}
		return status(404)
	}
	hanging := func(ctx context.Context) (clevertap.Account, error) {
		<-ctx.Done()
		return clevertap.Account{}, fmt.Errorf("secret: %w", ctx.Err())
	}
	runAll(t, map[string]delivery{
		"without a way to do it the batch stops": {
			answer: knows("new"), want: "operator credentials 401", open: true, stopped: true, sizes: []int{4},
		},
		"a panic is an error": {
			answer: knows("new"), refresh: func(context.Context) (clevertap.Account, error) { panic("passcode-77") },
			want: "operator credentials", open: true, stopped: true,
		},
		"it ends with the call": {
			answer: knows("new"), refresh: hanging, within: 5 * time.Second, took: 5 * time.Second,
			want: "operator credentials", open: true, stopped: true,
		},
		"what was accepted before stays so": {
			records: 3000, concurrency: 1, answer: once, refresh: reading(new(int), account, nil),
			want: "operator credentials 401", named: alike(0, 1000, "accepted"), open: true, stopped: true,
			sizes: []int{1000, 1000},
		},
		"a record refused alone is not rejected if the batch stops": {
			records: 2, concurrency: 1, answer: both, want: "operator credentials 404", open: true, stopped: true,
		},
	})
}

func TestAStoppedBatchSendsNothingAgain(t *testing.T) {
	t.Parallel()
	late := map[string]func(u *upload) *answer{
		"bisected":                  always(status(400)),
		"a throttled upload":        always(status(429)),
		"a record to be sent alone": func(u *upload) *answer { return u.refusing(map[int]int{u.keys[0]: 555}) },
		"other credentials":         always(status(401)),
	}
	for name, answers := range late {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, b := &cleverTap{}, &tracker{}
				c.answer = func(u *upload) *answer {
					if u.has(0) {
						return status(404)
					}
					time.Sleep(time.Second)
					return answers(u)
				}
				uploader(c).Upload(within(t, time.Minute), oneBatch(5000), b)
				if len(c.uploads) != 3 {
					t.Errorf("%d uploads, want the first three", len(c.uploads))
				}
				for _, key := range []int{0, 1000, 2000, 3000, 4000} {
					if got := outcome(b.outcomes[key]); got != "operator credentials 404" {
						t.Errorf("record %d: %s", key, got)
					}
				}
			})
		})
	}
}

func TestOneBatchsCredentialsAreNotAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{answer: knows("good")}, &tracker{}
		bad, good := withPasscode("bad"), withPasscode("good")
		report := uploader(c).Upload(within(t, time.Minute), []clevertap.AccountBatch{
			{Account: bad, Records: records(0, 3), Refresh: reading(new(int), bad, nil)},
			{Account: good, Records: records(3, 3), Refresh: reading(new(int), good, nil)},
		}, b)
		const refused = "operator credentials 401"
		b.expect(t, c, 6, "accepted", map[int]string{0: refused, 1: refused, 2: refused})
		if !report.Batches[0].BreakerOpen || report.Batches[1].BreakerOpen || report.Batches[1].CredentialsRefused {
			t.Errorf("report %+v", report)
		}
	})
}

func TestFreshCredentialsMayBeOfAnotherRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moved := withPasscode("new")
		moved.Host = "us1.api.clevertap.com"
		c, b := &cleverTap{latency: time.Second}, &tracker{}
		c.answer = func(u *upload) *answer {
			if u.host != moved.Host {
				return &answer{status: 401}
			}
			return nil
		}
		uploaderOf(c, 2).Upload(within(t, time.Minute), []clevertap.AccountBatch{
			{Account: account, Records: records(0, 4000), Refresh: reading(new(int), moved, nil)},
			{Account: moved, Records: records(4000, 9000)},
		}, b)
		b.expect(t, c, 13000, "accepted", nil)
		if c.highest[moved.Key()] != 2 {
			t.Errorf("%d uploads in flight at the new region, want 2", c.highest[moved.Key()])
		}
	})
}

func TestFreshCredentialsAreReadOnce(t *testing.T) {
	t.Parallel()
	var calls [2]int
	runAll(t, map[string]delivery{
		"uploads that meet one refusal share the reading": {
			records: 6000, latency: time.Second, answer: knows("new"), at: seconds(0, 0, 0, 2, 2, 2, 3, 3, 3),
			refresh: reading(&calls[0], withPasscode("new"), nil),
		},
		"a late refusal of the old ones says nothing about them": {
			records: 5000, refresh: reading(&calls[1], withPasscode("new"), nil),
			answer: func(u *upload) *answer {
				if u.request.Header.Get("X-CleverTap-Passcode") == "new" {
					return nil
				}
				if u.number == 2 {
					time.Sleep(5 * time.Second) // reports when the fresh ones are in use
					return status(404)
				}
				return status(401)
			},
		},
	})
	t.Cleanup(func() {
		if calls != [2]int{1, 1} {
			t.Errorf("%d readings", calls)
		}
	})
}
