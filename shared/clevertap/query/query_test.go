package query_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/query"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

var (
	account = clevertap.Account{Host: "in1.api.clevertap.com", ID: "AAA-111-2222", Passcode: secret.New("right-pass")}
	paris   = time.FixedZone("Europe/Paris", 60*60) // in November
	days    = query.Question{Event: "Bought", From: 19991120, To: 19991121}
)

// newFake returns a CleverTap in Paris with events of two people, three a minute apart before and four after midnight.
func newFake(t *testing.T, seed uint64, faults ...clevertaptest.Fault) *clevertaptest.Server {
	t.Helper()
	fake := clevertaptest.New(clevertaptest.Config{Seed: seed, Accounts: []clevertaptest.Account{
		{ID: account.ID, Region: "in1", Passcodes: []string{"right-pass"}, TimeZone: "Europe/Paris"},
	}})
	begin := query.Day(19991121).Begin(paris).Add(-3 * time.Minute)
	var records []clevertap.Record
	for i := range 7 {
		who := []string{`"identity":"70071"`, `"objectId":"__gx1"`}[i%2]
		text := fmt.Sprintf(`{"type":"event",%s,"ts":%d,"evtName":"Bought","evtData":{"event_id":"e%d","Amount":%d.5}}`,
			who, begin.Add(time.Duration(i)*time.Minute).Unix(), i, i)
		records = append(records, clevertap.Record{Key: i, JSON: []byte(text)})
	}
	u := clevertap.NewUploader(clevertap.Options{Transport: fake.Transport()})
	r := u.Upload(t.Context(), []clevertap.AccountBatch{{Account: account, Records: records}}, taken{})
	if r.Batches[0].Accepted != 7 {
		t.Fatalf("%+v", r)
	}
	fake.AddFault(faults...)
	return fake
}

type taken struct{}

func (taken) MaySend(int) bool { return true }
func (taken) Done(int, error)  {}

// Whatever way CleverTap chooses to answer, the answer is the same.
func TestAnswersOfEveryForm(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			c := query.New(newFake(t, seed).Transport(), "")
			counts, err := c.Daily(t.Context(), account, days, "")
			if err != nil || counts[19991120] != 3 || counts[19991121] != 4 {
				t.Errorf("seed %d: counts %v, %v", seed, counts, err)
			}
			sums, err := c.Daily(t.Context(), account, days, "Amount") // of whole numbers
			if err != nil || sums[19991120] != 0+1+2 || sums[19991121] != 3+4+5+6 {
				t.Errorf("seed %d: sums %v, %v", seed, sums, err)
			}
			var rows []string
			for row, err := range c.Events(t.Context(), account, days, paris) {
				if err != nil {
					t.Fatal(err)
				}
				id := string(row.Properties["event_id"])
				rows = append(rows, fmt.Sprint(row.At.UTC().Format("15:04"), " ", row.Identity, " ", id))
				if row.CleverTapID == "" || (row.Identity == "") != (row.CleverTapID == "__gx1") {
					t.Errorf("a row of %q, CleverTap ID %q", row.Identity, row.CleverTapID)
				}
			}
			want := []string{
				`22:57 70071 "e0"`, `22:58  "e1"`, `22:59 70071 "e2"`, `23:00  "e3"`, `23:01 70071 "e4"`, `23:02  "e5"`,
				`23:03 70071 "e6"`,
			}
			if diff := cmp.Diff(want, rows); diff != "" {
				t.Errorf("seed %d: %s", seed, diff)
			}
			p, err := c.Profile(t.Context(), account, "70071")
			if err != nil || p == nil || p.Events["Bought"] != 4 {
				t.Errorf("seed %d: profile %+v, %v", seed, p, err)
			}
			if p, err := c.Profile(t.Context(), account, "nobody"); err != nil || p != nil {
				t.Errorf("seed %d: profile of nobody %+v, %v", seed, p, err)
			}
			counts, err = c.Daily(t.Context(), account, query.Question{Event: "Never", From: 19991120, To: 19991121}, "")
			if len(counts) > 0 && counts[19991120]+counts[19991121] != 0 || err != nil && !errors.Is(err, query.ErrRefused) {
				t.Errorf("seed %d: of an event that nobody has sent: %v, %v", seed, counts, err)
			}
		})
	}
}

func TestFailuresThatPass(t *testing.T) {
	status := func(code int) clevertaptest.Fault {
		return clevertaptest.Fault{Kind: clevertaptest.Status, Status: code, Count: 3}
	}
	for name, f := range map[string]clevertaptest.Fault{
		"429":                {Kind: clevertaptest.Status, Status: 429, Count: 3, RetryAfter: "7"},
		"503":                status(503),
		"a broken line":      {Kind: clevertaptest.ResetBefore, Count: 3},
		"half an answer":     {Kind: clevertaptest.Half, Count: 3},
		"no answer in time":  {Kind: clevertaptest.Hang, Count: 3},
		"another success":    {Kind: clevertaptest.Success, Status: 202},
		"a byte order mark":  {Kind: clevertaptest.BOM},
		"a page in the way ": {Kind: clevertaptest.Status, Status: 502, Body: "html", Count: 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := query.New(newFake(t, 1, f).Transport(), "")
				begun := time.Now()
				n := 0
				for _, err := range c.Events(t.Context(), account, days, time.UTC) {
					if err != nil {
						t.Fatal(err)
					}
					n++
				}
				repeated := f.Kind != clevertaptest.Success && f.Kind != clevertaptest.BOM
				if n != 7 || repeated && (c.Requests() < 4 || time.Since(begun) < 7*time.Second) {
					t.Errorf("%d rows, %d requests in %s", n, c.Requests(), time.Since(begun))
				}
				if name == "429" && time.Since(begun) < 21*time.Second {
					t.Errorf("after %s, though CleverTap has asked for seven seconds three times", time.Since(begun))
				}
			})
		})
	}
}

func TestFailuresThatStay(t *testing.T) {
	status := func(code int) clevertaptest.Fault {
		return clevertaptest.Fault{Kind: clevertaptest.Status, Status: code}
	}
	expired := clevertaptest.Fault{Kind: clevertaptest.Expire, Passcode: "x"}
	for name, test := range map[string]struct {
		fault    clevertaptest.Fault
		kind     fault.Kind
		reason   fault.Reason
		requests int
	}{
		"an expired passcode":   {expired, fault.Operator, fault.Credentials, 1},
		"a redirect":            {status(302), fault.Operator, fault.Credentials, 1},
		"404":                   {status(404), fault.Operator, fault.Credentials, 1},
		"400":                   {status(400), fault.Reject, "clevertap_http_400", 1},
		"429":                   {status(429), fault.Retry, fault.RateLimited, 6},
		"500":                   {status(500), fault.Retry, fault.Server, 6},
		"no line":               {clevertaptest.Fault{Kind: clevertaptest.ResetBefore}, fault.Retry, fault.Network, 6},
		"something else":        {clevertaptest.Fault{Kind: clevertaptest.Garbage}, fault.Retry, fault.UnreadableAnswer, 1},
		"half an answer always": {clevertaptest.Fault{Kind: clevertaptest.Half}, fault.Retry, fault.Network, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := newFake(t, 1, test.fault)
				c := query.New(fake.Transport(), "")
				_, err := c.Daily(t.Context(), account, days, "")
				f := fault.Of(err)
				if f == nil || f.Kind != test.kind || f.Reason != test.reason || c.Requests() != test.requests {
					t.Errorf("%v after %d requests", err, c.Requests())
				}
				if refused := errors.Is(err, query.ErrRefused); refused != (f.Kind == fault.Reject) {
					t.Errorf("%v is a refusal: %t", err, refused)
				}
				for _, w := range fake.Warnings() {
					t.Errorf("%+v", w)
				}
			})
		})
	}
}

// CleverTap does not document every form of an answer.
func TestOtherForms(t *testing.T) {
	for answer, want := range map[string]string{
		`{"status":"SUCCESS","days":{"19991120":"3","19991121":4.0}}`:           "3 4",
		`{"days":{"19991120":null,"19991121":1},"more":[1],"status":"success"}`: "0 1",
		`{"status":"success","days":{"19991120":3,"19991120":2}}`:               "2 0",
		`{"status":"success"}`:                            "unreadable_answer",
		`{"status":"success","days":{"2026-11-20":3}}`:    "unreadable_answer",
		`{"status":"success","days":{"19991120":"many"}}`: "unreadable_answer",
		`{"status":"partial"}`:                            "unreadable_answer",
		`[]`:                                              "unreadable_answer",
		`{"status":"Fail","error":"words about anna","days":{"19991120":3}}`: "clevertap_http_200",
		`{"status":"partial","req_id":"a b&c"}`:                              "timeout",
	} {
		synctest.Test(t, func(t *testing.T) {
			c := query.New(roundTrip(func(r *http.Request) (*http.Response, error) {
				body := io.NopCloser(strings.NewReader(answer))
				if id := r.URL.Query().Get("req_id"); id != "" && id != "a b&c" {
					t.Errorf("asked for %q", id)
				}
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
			}), "")
			counts, err := c.Daily(t.Context(), account, days, "")
			got := fmt.Sprint(counts[19991120], counts[19991121])
			if err != nil {
				got = string(fault.Of(err).Reason)
			}
			if got != want || strings.Contains(fmt.Sprint(err), "anna") {
				t.Errorf("%s: %s, want %s", answer, got, want)
			}
		})
	}
}

func TestOneRequestAtATime(t *testing.T) {
	fake := newFake(t, 3)
	var under, total atomic.Int32
	c := query.New(roundTrip(func(r *http.Request) (*http.Response, error) {
		total.Add(1)
		if under.Add(1) > 1 {
			t.Error("two requests at a time")
		}
		defer under.Add(-1)
		return fake.Transport().RoundTrip(r)
	}), "")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := c.Profile(t.Context(), account, "70071"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := total.Load(); n != 4 {
		t.Errorf("%d requests", n)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnInterruptEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := clevertaptest.Fault{Kind: clevertaptest.Status, Status: 429, RetryAfter: "3600"}
		c := query.New(newFake(t, 1, busy).Transport(), "")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := c.Daily(ctx, account, days, ""); err == nil || time.Since(begun) != 10*time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
}

// Neither an id nor what CleverTap or the network says reaches an error.
func TestNothingLeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := query.New(roundTrip(func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("GET %s: %s", r.URL, r.Header)
		}), "")
		_, err := c.Profile(t.Context(), account, "70071")
		text := fmt.Sprintf("%v %+v", err, err)
		if err == nil || strings.Contains(text, "70071") || strings.Contains(text, "right-pass") {
			t.Error(text)
		}
	})
}

func TestDays(t *testing.T) {
	if got := query.Day(20261231).Next(); got != 20270101 || got.String() != "2027-01-01" {
		t.Errorf("%d, %s", got, got)
	}
	late := time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC)
	if got := query.DayOf(late.In(paris)); got != 20261121 || !got.Begin(paris).Before(late) {
		t.Errorf("%s begins at %s", got, got.Begin(paris))
	}
}
