package clevertap_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

func TestAnAnswerIsReadRecordByRecord(t *testing.T) {
	t.Parallel()
	// refused refuses record 4 so many times with a code.
	refused := func(code, times int) func(*upload) *answer {
		return func(u *upload) *answer {
			if !u.has(4) || times == 0 {
				return nil
			}
			times--
			return u.refusing(map[int]int{4: code})
		}
	}
	four := func(outcome string) map[int]string { return map[int]string{4: outcome} }
	repeated := func(n int) []time.Duration {
		return []time.Duration{0, 200 * time.Millisecond, 600 * time.Millisecond}[:n]
	}
	runAll(t, map[string]delivery{
		"refused records do not touch their neighbours": {
			records: 10, answer: func(u *upload) *answer { return u.refusing(map[int]int{2: 513, 5: 523, 9: 509}) }, sizes: []int{10},
			named: map[int]string{2: "reject clevertap_513 513", 5: "reject clevertap_523 523", 9: "reject clevertap_509 509"},
		},
		"a refusal inside a short answer still counts": {
			records: 5, answer: func(*upload) *answer { return &answer{status: 200, body: partial(1, entry(513, 2, record(1).JSON))} },
			want: "retry unmatched", named: map[int]string{1: "reject clevertap_513 513"}, sizes: []int{5},
		},
		"a code that passes is tried again, alone": {records: 10, answer: refused(555, 1), sizes: []int{10, 1}, at: repeated(2)},
		"and once more":                           {records: 10, answer: refused(555, 2), sizes: []int{10, 1, 1}, at: repeated(3)},
		"and no more":                             {records: 10, answer: refused(555, 99), named: four("retry transient 555"), at: repeated(3)},
		"no code, for ever":                       {records: 10, answer: refused(0, 99), named: four("retry transient"), at: repeated(3)},
		"a code nobody knows, once":               {records: 10, answer: refused(599, 1), at: repeated(2)},
		"a code nobody knows, twice":              {records: 10, answer: refused(599, 2), at: repeated(3)},
		"a code nobody knows, twice alone":        {records: 10, answer: refused(599, 3), named: four("reject clevertap_599 599"), at: repeated(3)},
		"an upload of one record counts as alone": {records: 1, answer: func(u *upload) *answer { return u.refusing(map[int]int{0: 599}) }, want: "reject clevertap_599 599", sizes: []int{1, 1}},
		"a permanent code is not tried again":     {records: 10, answer: refused(513, 99), named: four("reject clevertap_513 513"), at: repeated(1)},
		"a repeat that does not fit the deadline": {records: 10, answer: refused(555, 99), within: 600 * time.Millisecond, named: four("retry transient 555"), at: repeated(1)},
	})
}

func TestAnUploadRefusedWholeIsBisected(t *testing.T) {
	t.Parallel()
	for _, code := range []int{400, 409, 413, 422, 499} {
		for _, bad := range []int{0, 17, 39} {
			t.Run(fmt.Sprintf("status %d because of record %d", code, bad), func(t *testing.T) {
				t.Parallel()
				delivery{
					records: 40, latency: time.Second, most: 13,
					named: map[int]string{bad: fmt.Sprintf("reject clevertap_http_%d %d", code, code)},
					answer: func(u *upload) *answer {
						if u.has(bad) {
							return status(code)
						}
						return nil
					},
				}.run(t)
			})
		}
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
		"both halves are tried before either is split": {
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
		"one record refused alone is at fault": {records: 1, answer: always(*status(400)), want: bad(0)[0]},
		"two records refused alone are, too":   {records: 2, answer: always(*status(400)), want: bad(0)[0]},
		"three, and nothing accepted: it is the account": {
			records: 16, concurrency: 1, answer: always(*status(400)), want: "retry account_rejects_all", open: true,
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

func TestARecordTooLargeForAnyUploadGoesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &tracker{}
		c.answer = func(u *upload) *answer {
			if u.request.ContentLength > clevertap.MaxUploadBytes {
				return status(413)
			}
			return nil
		}
		batches := oneBatch(3)
		batches[0].Records[1].JSON = fmt.Appendf(nil, `{"evtData":{"event_id":"e-1","x":"%01048576d"}}`, 0)
		uploader(c).Upload(within(t, time.Minute), batches, b)
		b.expect(t, c, 3, "accepted", map[int]string{1: "reject clevertap_http_413 413"})
		if !slices.Equal(c.sizes(), []int{1, 1, 1}) {
			t.Errorf("uploads of %v records", c.sizes())
		}
	})
}

func TestARecordRefusedAloneHasItsOutcomeAsSoonAsItIsClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &tracker{}
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
		took := map[int]time.Duration{}
		begun := time.Now()
		b.done = func(key int) { took[key] = time.Since(begun) }
		var batches []clevertap.AccountBatch
		for key := range 4 {
			batches = append(batches, clevertap.AccountBatch{Account: account, Records: records(key, 1)})
		}
		uploaderOf(c, 4).Upload(within(t, time.Minute), batches, b)
		want := map[int]time.Duration{0: time.Second, 1: time.Second, 2: 3 * time.Second, 3: 2 * time.Second}
		if diff := cmp.Diff(want, took); diff != "" {
			t.Error(diff)
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
	const ms, s = time.Millisecond, time.Second
	date := time.Date(2000, 1, 1, 0, 0, 9, 0, time.UTC).Format(http.TimeFormat)
	tests := map[string]struct {
		times      int
		retryAfter string
		within     time.Duration
		want       string
		at         []time.Duration
	}{
		"once":                                      {1, "", 0, "", []time.Duration{0, 200 * ms}},
		"twice":                                     {2, "", 0, "", []time.Duration{0, 200 * ms, 600 * ms}},
		"and no more":                               {99, "", 0, "retry rate_limited 429", []time.Duration{0, 200 * ms, 600 * ms}},
		"when CleverTap says":                       {1, "7", 0, "", []time.Duration{0, 7 * s}},
		"when it says by a date":                    {1, date, 0, "", []time.Duration{0, 9 * s}},
		"not quite at once when it says so":         {1, "0", 0, "", []time.Duration{0, 200 * ms}},
		"when it says nothing that can be read":     {1, "soon", 0, "", []time.Duration{0, 200 * ms}},
		"when the time it asks for just fits":       {1, "7", 7500 * ms, "", []time.Duration{0, 7 * s}},
		"not when the time it asks for is too long": {1, "7", 7499 * ms, "retry rate_limited 429", []time.Duration{0}},
		"not when there is no time":                 {1, "", 600 * ms, "retry rate_limited 429", []time.Duration{0}},
		"not within this age of the world":          {1, "99999999999999999999", 0, "retry rate_limited 429", []time.Duration{0}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			delivery{answer: throttledFirst(test.times, test.retryAfter), within: test.within, want: test.want, at: test.at}.run(t)
		})
	}
}

func TestThrottlingConcernsTheWholeAccount(t *testing.T) {
	t.Parallel()
	t.Run("it gets fewer uploads at once", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c, b := &cleverTap{}, &tracker{}
			highest := 0 // after the first refusal
			c.answer = func(u *upload) *answer {
				if u.number == 1 {
					return &answer{status: 429}
				}
				c.mu.Lock()
				if u.at.After(c.uploads[0].at) {
					highest = max(highest, c.inFlight[account.Key()])
				}
				c.mu.Unlock()
				time.Sleep(time.Second)
				return nil
			}
			uploaderOf(c, 4).Upload(within(t, time.Minute), oneBatch(12000), b)
			b.expect(t, c, 12000, "accepted", nil)
			if highest != 2 {
				t.Errorf("%d uploads in flight after the refusal, want half of 4", highest)
			}
		})
	})
	t.Run("a burst gets in, one after the other, where others take up the account", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c, b := &cleverTap{}, &tracker{}
			c.answer = func(u *upload) *answer {
				c.mu.Lock()
				crowded := c.inFlight[account.Key()] > 1
				c.mu.Unlock()
				if crowded {
					return &answer{status: 429}
				}
				time.Sleep(time.Second)
				return nil
			}
			report := uploaderOf(c, 15).Upload(within(t, time.Minute), oneBatch(15000), b)
			b.expect(t, c, 15000, "accepted", nil)
			if report.Batches[0].BreakerOpen {
				t.Error("the breaker is open")
			}
		})
	})
	t.Run("a long wait is for all its uploads", func(t *testing.T) {
		t.Parallel()
		delivery{
			records: 1002, concurrency: 1, answer: throttledFirst(1, "3600"), sizes: []int{1000},
			want: "retry rate_limited 429", named: map[int]string{1000: "retry rate_limited", 1001: "retry rate_limited"},
		}.run(t)
	})
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
		return always(answer{status: code, header: map[string]string{"Location": to}})
	}
	says401 := always(answer{status: 200, body: `{"status":"fail","code":401}`})
	tests := map[string]struct {
		answer  func(u *upload) *answer
		fresh   string
		err     error
		want    string
		uploads int
		calls   int
	}{
		"fresh ones are accepted":    {knows("new"), "new", nil, "", 2, 1},
		"fresh ones are refused too": {knows("newest"), "new", nil, "operator credentials 401", 2, 1},
		"the secret is as it was":    {knows("new"), "passcode-77", nil, "operator credentials 401", 1, 1},
		"the secret is out of reach": {knows("new"), "", errors.New("passcode-77"), "operator credentials", 1, 1},
		"status 403":                 {always(*status(403)), "new", nil, "operator credentials 403", 2, 1},
		"status 200 that says 401":   {says401, "new", nil, "operator credentials 401", 2, 1},
		"status 301: not read again": {redirect(301, "http://[bad"), "new", nil, "operator credentials 301", 1, 0},
		"status 308: not followed":   {redirect(308, "https://trap.example/"), "new", nil, "operator credentials 308", 1, 0},
		"status 402: not read again": {always(*status(402)), "new", nil, "operator credentials 402", 1, 0},
		"status 404: not read again": {always(*status(404)), "new", nil, "operator credentials 404", 1, 0},
		"status 405: not read again": {always(*status(405)), "new", nil, "operator credentials 405", 1, 0},
	}
	for name, test := range tests {
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
	accepted := map[int]string{}
	for key := range 1000 {
		accepted[key] = "accepted"
	}
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
			records: 3000, concurrency: 1, answer: once, refresh: reading(new(int), account, nil), sizes: []int{1000, 1000},
			want: "operator credentials 401", named: accepted, open: true, stopped: true,
		},
		"a record refused alone is not rejected if the batch stops": {
			records: 2, concurrency: 1, answer: both, want: "operator credentials 404", open: true, stopped: true,
		},
	})
}

func TestUploadsThatMeetOneRefusalShareTheReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{latency: time.Second, answer: knows("new")}, &tracker{}
		calls := 0
		batches := oneBatch(6000)
		batches[0].Refresh = reading(&calls, withPasscode("new"), nil)
		uploader(c).Upload(within(t, time.Minute), batches, b)
		b.expect(t, c, 6000, "accepted", nil)
		if calls != 1 || len(c.uploads) != 3+6 {
			t.Errorf("%d readings, %d uploads", calls, len(c.uploads))
		}
		for i, u := range c.uploads[3:] {
			if want := i * 1000; u.keys[0] > want+2000 || u.keys[0] < want-2000 {
				t.Errorf("upload %d begins with record %d", i, u.keys[0])
			}
		}
	})
}

func TestAStoppedBatchSendsNothingAgain(t *testing.T) {
	t.Parallel()
	late := map[string]func(u *upload) *answer{
		"halves":                    always(*status(400)),
		"a throttled upload":        always(*status(429)),
		"a record to be sent alone": func(u *upload) *answer { return u.refusing(map[int]int{u.keys[0]: 555}) },
		"other credentials":         always(*status(401)),
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
		report := uploader(c).Upload(within(t, time.Minute), []clevertap.AccountBatch{
			{Account: withPasscode("bad"), Records: records(0, 3), Refresh: reading(new(int), withPasscode("bad"), nil)},
			{Account: withPasscode("good"), Records: records(3, 3), Refresh: reading(new(int), withPasscode("good"), nil)},
		}, b)
		bad := "operator credentials 401"
		b.expect(t, c, 6, "accepted", map[int]string{0: bad, 1: bad, 2: bad})
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

func TestARefusalOfOldCredentialsSaysNothingAboutFreshOnes(t *testing.T) {
	t.Parallel()
	calls := 0
	delivery{
		records: 5000, refresh: reading(&calls, withPasscode("new"), nil),
		answer: func(u *upload) *answer {
			if u.request.Header.Get("X-CleverTap-Passcode") == "new" {
				return nil
			}
			if u.number == 2 {
				time.Sleep(5 * time.Second) // reports when the fresh ones are in use
				return &answer{status: http.StatusNotFound}
			}
			return status(401)
		},
	}.run(t)
	if calls != 1 {
		t.Errorf("%d readings", calls)
	}
}
