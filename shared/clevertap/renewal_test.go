package clevertap_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// knows answers 401 to every passcode but one.
func knows(passcode string) func(u *upload) *answer {
	return func(u *upload) *answer {
		if u.request.Header.Get("X-CleverTap-Passcode") == passcode {
			return nil
		}
		return &answer{status: 401, body: `{"status":"fail","error":"credentials refused","code":401}`}
	}
}

// renewing is a Refresh that counts its calls.
func renewing(calls *int, fresh clevertap.Account, err error) func(context.Context) (clevertap.Account, error) {
	return func(ctx context.Context) (clevertap.Account, error) {
		*calls++
		time.Sleep(time.Second)
		return fresh, err
	}
}

func TestRefusedCredentialsAreReadAgainOnce(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer  func(u *upload) *answer
		fresh   clevertap.Account
		err     error
		want    string
		uploads int
		calls   int
	}{
		"fresh ones pass":            {knows("new"), withPasscode("new"), nil, "accepted", 2, 1},
		"fresh ones are refused too": {knows("newest"), withPasscode("new"), nil, "operator credentials 401", 2, 1},
		"the secret is as it was":    {knows("new"), withPasscode("passcode-77"), nil, "operator credentials 401", 1, 1},
		"the secret is out of reach": {knows("new"), clevertap.Account{}, errors.New("passcode-77"), "operator credentials", 1, 1},
		"status 403":                 {func(*upload) *answer { return status(403) }, withPasscode("new"), nil, "operator credentials 403", 2, 1},
		"status 200 that says 401":   {func(*upload) *answer { return &answer{status: 200, body: `{"status":"fail","code":401}`} }, withPasscode("new"), nil, "operator credentials 401", 2, 1},
		"status 301: not read again": {func(*upload) *answer {
			return &answer{status: 301, header: map[string]string{"Location": "http://[bad"}}
		}, withPasscode("new"), nil, "operator credentials 301", 1, 0},
		"status 308: not followed": {func(*upload) *answer {
			return &answer{status: 308, header: map[string]string{"Location": "https://trap.example/"}}
		}, withPasscode("new"), nil, "operator credentials 308", 1, 0},
		"status 402: not read again": {func(*upload) *answer { return status(402) }, withPasscode("new"), nil, "operator credentials 402", 1, 0},
		"status 404: not read again": {func(*upload) *answer { return status(404) }, withPasscode("new"), nil, "operator credentials 404", 1, 0},
		"status 405: not read again": {func(*upload) *answer { return status(405) }, withPasscode("new"), nil, "operator credentials 405", 1, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, b := &cleverTap{answer: test.answer}, &book{}
				calls := 0
				lanes := oneLane(4)
				lanes[0].Refresh = renewing(&calls, test.fresh, test.err)
				report := uploader(c).Upload(within(t, time.Minute), lanes, b)
				b.expect(t, 4, test.want, nil)
				if len(c.uploads) != test.uploads || calls != test.calls {
					t.Errorf("%d uploads, %d readings, want %d and %d", len(c.uploads), calls, test.uploads, test.calls)
				}
				stopped := test.want != "accepted"
				if lane := report.Batches[0]; lane.CredentialsRefused != stopped || lane.BreakerOpen != stopped {
					t.Errorf("report %+v", lane)
				}
			})
		})
	}
}

func TestUploadsThatMeetOneRefusalShareTheReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{latency: time.Second, answer: knows("new")}, &book{}
		calls := 0
		lanes := oneLane(6000)
		lanes[0].Refresh = renewing(&calls, withPasscode("new"), nil)
		uploader(c).Upload(within(t, time.Minute), lanes, b)
		b.expect(t, 6000, "accepted", nil)
		c.onceAtMost(t, b)
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

func TestWhatWasAcceptedBeforeTheRefusalStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		c.answer = func(u *upload) *answer {
			if u.number == 1 {
				return nil
			}
			return status(401)
		}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 1})
		calls := 0
		lanes := oneLane(3000)
		lanes[0].Refresh = renewing(&calls, account, nil)
		u.Upload(within(t, time.Minute), lanes, b)
		want := map[int]string{}
		for key := range 1000 {
			want[key] = "accepted"
		}
		b.expect(t, 3000, "operator credentials 401", want)
		if len(c.uploads) != 2 {
			t.Errorf("%d uploads, want no more after the second", len(c.uploads))
		}
	})
}

func TestAStoppedLaneSendsNothingAgain(t *testing.T) {
	t.Parallel()
	late := map[string]func(u *upload) *answer{
		"halves":            func(*upload) *answer { return status(400) },
		"a busy upload":     func(*upload) *answer { return status(429) },
		"a lone record":     func(u *upload) *answer { return u.refusing(map[int]int{u.keys[0]: 555}) },
		"other credentials": func(*upload) *answer { return status(401) },
	}
	for name, answers := range late {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, b := &cleverTap{}, &book{}
				c.answer = func(u *upload) *answer {
					if u.has(0) {
						return status(404)
					}
					time.Sleep(time.Second)
					return answers(u)
				}
				uploader(c).Upload(within(t, time.Minute), oneLane(5000), b)
				if len(c.uploads) != 3 {
					t.Errorf("%d uploads, want the first three", len(c.uploads))
				}
				for _, key := range []int{0, 1000, 2000, 3000, 4000} {
					if got := end(b.ends[key]); got != "operator credentials 404" {
						t.Errorf("record %d: %s", key, got)
					}
				}
				c.onceAtMost(t, b)
			})
		})
	}
}

func TestARecordRefusedAloneComesBackWithItsLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		c.answer = func(u *upload) *answer {
			if u.number <= 2 {
				return status(400) // the pair, then the first alone
			}
			return status(404)
		}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 1})
		u.Upload(within(t, time.Minute), oneLane(2), b)
		b.expect(t, 2, "operator credentials 404", nil)
	})
}

func TestWithoutAWayToReadTheSecretAgainTheLaneStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{answer: knows("new")}, &book{}
		uploader(c).Upload(within(t, time.Minute), oneLane(3), b)
		b.expect(t, 3, "operator credentials 401", nil)
	})
}

func TestAReadingThatPanicsIsOneThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{answer: knows("new")}, &book{}
		lanes := oneLane(3)
		lanes[0].Refresh = func(context.Context) (clevertap.Account, error) { panic("passcode-77") }
		uploader(c).Upload(within(t, time.Minute), lanes, b)
		b.expect(t, 3, "operator credentials", nil)
	})
}

func TestOneLanesCredentialsAreNotAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{answer: knows("good")}, &book{}
		calls := 0
		u := uploader(c)
		report := u.Upload(within(t, time.Minute), []clevertap.AccountBatch{
			{Account: withPasscode("bad"), Records: records(0, 3), Refresh: renewing(&calls, withPasscode("bad"), nil)},
			{Account: withPasscode("good"), Records: records(3, 3), Refresh: renewing(&calls, withPasscode("good"), nil)},
		}, b)
		bad := "operator credentials 401"
		b.expect(t, 6, "accepted", map[int]string{0: bad, 1: bad, 2: bad})
		if !report.Batches[0].BreakerOpen || report.Batches[1].BreakerOpen || report.Batches[1].CredentialsRefused {
			t.Errorf("report %+v", report)
		}
	})
}

func TestFreshCredentialsMayBeOfAnotherRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moved := withPasscode("new")
		moved.Host = "us1.api.clevertap.com"
		c, b := &cleverTap{latency: time.Second}, &book{}
		c.answer = func(u *upload) *answer {
			if u.host != moved.Host {
				return &answer{status: 401}
			}
			return nil
		}
		calls := 0
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 2})
		u.Upload(within(t, time.Minute), []clevertap.AccountBatch{
			{Account: account, Records: records(0, 4000), Refresh: renewing(&calls, moved, nil)},
			{Account: moved, Records: records(4000, 9000)},
		}, b)
		b.expect(t, 13000, "accepted", nil)
		c.onceAtMost(t, b)
		if c.highest[moved.Key()] != 2 {
			t.Errorf("%d uploads in flight at the new region, want 2", c.highest[moved.Key()])
		}
	})
}

func TestARefusalOfOldCredentialsSaysNothingAboutFreshOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		c.answer = func(u *upload) *answer {
			if u.request.Header.Get("X-CleverTap-Passcode") == "new" {
				return nil
			}
			if u.number == 2 {
				time.Sleep(5 * time.Second) // reports when the fresh ones are in use
				return &answer{status: http.StatusNotFound}
			}
			return status(401)
		}
		calls := 0
		lanes := oneLane(5000)
		lanes[0].Refresh = renewing(&calls, withPasscode("new"), nil)
		report := uploader(c).Upload(within(t, time.Minute), lanes, b)
		b.expect(t, 5000, "accepted", nil)
		if report.Batches[0].CredentialsRefused || calls != 1 {
			t.Errorf("report %+v, %d readings", report, calls)
		}
	})
}

func TestTheReadingEndsWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{answer: knows("new")}, &book{}
		lanes := oneLane(3)
		lanes[0].Refresh = func(ctx context.Context) (clevertap.Account, error) {
			<-ctx.Done()
			return clevertap.Account{}, fmt.Errorf("secret: %w", ctx.Err())
		}
		begun := time.Now()
		uploader(c).Upload(within(t, 5*time.Second), lanes, b)
		b.expect(t, 3, "operator credentials", nil)
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}
