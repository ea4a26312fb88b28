package clevertap_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// account is where most tests deliver to.
var account = clevertap.Account{Host: "in1.api.clevertap.com", ID: "AAA-AAA-AAAA", Passcode: secret.New("passcode-77")}

// withPasscode returns the same account with another passcode.
func withPasscode(passcode string) clevertap.Account {
	a := account
	a.Passcode = secret.New(passcode)
	return a
}

// record returns a record whose event_id is its key.
func record(key int) clevertap.Record {
	const form = `{"type":"event","identity":"reader-%d","ts":17936208,"evtName":"RENEWED","evtData":{"event_id":"e-%d"}}`
	return clevertap.Record{Key: key, JSON: fmt.Appendf(nil, form, key%7, key)}
}

// records returns records with the keys from first on.
func records(first, n int) []clevertap.Record {
	list := make([]clevertap.Record, n)
	for i := range list {
		list[i] = record(first + i)
	}
	return list
}

// oneBatch is the usual argument of Upload.
func oneBatch(n int) []clevertap.AccountBatch {
	return []clevertap.AccountBatch{{Account: account, Records: records(0, n)}}
}

// upload is one request as the fake sees it.
type upload struct {
	number  int // from 1, over all accounts
	host    string
	request *http.Request
	keys    []int
	at      time.Time
}

// has reports whether an upload holds one of the keys.
func (u *upload) has(keys ...int) bool {
	return slices.ContainsFunc(u.keys, func(key int) bool { return slices.Contains(keys, key) })
}

// refusing stores an upload without the records that have a code, and says so.
func (u *upload) refusing(codes map[int]int) *answer {
	a := &answer{status: 200}
	var entries []string
	for i, key := range u.keys {
		if code, ok := codes[key]; ok {
			entries = append(entries, numbered(code, i+1, record(key).JSON))
		} else {
			a.keep = append(a.keep, key)
		}
	}
	a.body = partial(len(a.keep), entries...)
	if len(entries) == 0 {
		a.body = fmt.Sprintf(`{"status":"success","processed":%d}`, len(a.keep))
	}
	return a
}

// answer is what the fake says to an upload, and what it stores of it.
type answer struct {
	status int
	header map[string]string
	body   string
	err    error
	hangs  bool // never answers
	keep   []int
	panics bool
	stalls bool // the body goes on for ever and says nothing more
}

// status answers with a status and stores nothing.
func status(code int) *answer { return respond(code, `{"status":"fail","code":0}`) }

// respond answers with a body and stores nothing.
func respond(code int, body string) *answer { return &answer{status: code, body: body} }

// always answers every upload alike.
func always(a *answer) func(*upload) *answer { return func(*upload) *answer { return a } }

// refusing refuses records with their codes, whenever they come.
func refusing(codes map[int]int) func(*upload) *answer {
	return func(u *upload) *answer { return u.refusing(codes) }
}

// refusingAny answers 400 to every upload with one of the records.
func refusingAny(keys ...int) func(*upload) *answer {
	return func(u *upload) *answer {
		if u.has(keys...) {
			return status(400)
		}
		return nil
	}
}

// cleverTap is a fake transport. If its function returns nil, all records are stored.
type cleverTap struct {
	answer  func(u *upload) *answer
	latency time.Duration

	mu       sync.Mutex
	uploads  []*upload
	stored   map[int]int // by key: how often
	inFlight map[string]int
	highest  map[string]int
}

var eventID = regexp.MustCompile(`"event_id":"e-(\d+)"`)

func (c *cleverTap) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	_ = request.Body.Close()
	again, _ := request.GetBody() // as a transport does that has to begin anew
	repeated, errAgain := io.ReadAll(again)
	if err != nil || errAgain != nil || int64(len(body)) != request.ContentLength || string(body) != string(repeated) {
		return nil, errors.New("the body is not the one that was announced")
	}
	u := &upload{host: request.URL.Host, request: request, at: time.Now()}
	for _, match := range eventID.FindAllSubmatch(body, -1) {
		key, _ := strconv.Atoi(string(match[1]))
		u.keys = append(u.keys, key)
	}
	id := request.URL.Host + "/" + request.Header.Get("X-CleverTap-Account-Id")
	c.mu.Lock()
	c.uploads = append(c.uploads, u)
	u.number = len(c.uploads)
	if c.stored == nil {
		c.stored, c.inFlight, c.highest = map[int]int{}, map[string]int{}, map[string]int{}
	}
	c.inFlight[id]++
	c.highest[id] = max(c.highest[id], c.inFlight[id])
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inFlight[id]--
	}()
	return c.respond(u)
}

func (c *cleverTap) respond(u *upload) (*http.Response, error) {
	ctx := u.request.Context()
	if c.latency > 0 {
		select {
		case <-time.After(c.latency):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	var a *answer
	if c.answer != nil {
		a = c.answer(u)
	}
	if a == nil {
		a = u.refusing(nil)
	}
	if a.panics {
		panic("the transport panics about passcode-77")
	}
	if a.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	c.mu.Lock()
	for _, key := range a.keep {
		c.stored[key]++
	}
	c.mu.Unlock()
	response := &http.Response{StatusCode: a.status, Header: http.Header{}, Request: u.request}
	for name, value := range a.header {
		response.Header.Set(name, value)
	}
	var text io.Reader = strings.NewReader(a.body)
	if a.stalls {
		text = io.MultiReader(text, stalled{ctx})
	}
	response.Body = io.NopCloser(text)
	return response, a.err
}

// stalled is a body that says nothing until its request ends.
type stalled struct{ ctx context.Context }

func (s stalled) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

// sizes are the numbers of records of all uploads so far.
func (c *cleverTap) sizes() (sizes []int) {
	for _, u := range c.uploads {
		sizes = append(sizes, len(u.keys))
	}
	return sizes
}

// times are when the uploads were made, counted from a beginning.
func (c *cleverTap) times(begun time.Time) (times []time.Duration) {
	for _, u := range c.uploads {
		times = append(times, u.at.Sub(begun))
	}
	return times
}

// tracker is a fake of the caller's.
type tracker struct {
	maySend func(key int) bool
	done    func(key int)

	mu       sync.Mutex
	outcomes map[int]error
	twice    []int
}

func (b *tracker) MaySend(key int) bool { return b.maySend == nil || b.maySend(key) }

func (b *tracker) Done(key int, err error) {
	b.mu.Lock()
	if _, ok := b.outcomes[key]; ok {
		b.twice = append(b.twice, key)
	}
	if b.outcomes == nil {
		b.outcomes = map[int]error{}
	}
	b.outcomes[key] = err
	b.mu.Unlock()
	if b.done != nil {
		b.done(key)
	}
}

// outcome is a record's outcome in words: "accepted", or kind, reason and code of its fault.
func outcome(err error) string {
	if err == nil {
		return "accepted"
	}
	f, ok := errors.AsType[*fault.Fault](err)
	if !ok {
		return "unmarked"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Kind, f.Reason, f.Code))
}

// expect checks the outcomes of n records: those that are not named have the first one. What is accepted must be
// stored once.
func (b *tracker) expect(t *testing.T, c *cleverTap, n int, rest string, named map[int]string) {
	t.Helper()
	if len(b.outcomes) != n || len(b.twice) > 0 {
		t.Errorf("%d records have an outcome, want %d; those have two: %v", len(b.outcomes), n, b.twice)
	}
	for _, key := range slices.Sorted(maps.Keys(b.outcomes)) {
		want, ok := named[key]
		if !ok {
			want = rest
		}
		if got := outcome(b.outcomes[key]); got != want {
			t.Errorf("record %d: %s, want %s", key, got, want)
		}
		if c != nil && b.outcomes[key] == nil && c.stored[key] != 1 {
			t.Errorf("record %d was accepted and is stored %d times", key, c.stored[key])
		}
	}
}

// alike gives one outcome to the records with the keys from first on.
func alike(first, n int, outcome string) map[int]string {
	outcomes := map[int]string{}
	for key := first; key < first+n; key++ {
		outcomes[key] = outcome
	}
	return outcomes
}

// within returns a context with a deadline of that distance.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// uploader returns one over a fake, with full waits.
func uploader(c *cleverTap) *clevertap.Uploader { return uploaderOf(c, 3) }

func uploaderOf(c *cleverTap, concurrency int) *clevertap.Uploader {
	full := func() float64 { return 1 }
	return clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: concurrency, Jitter: full})
}

// delivery is one call of Upload in virtual time, and what has to come of it. Fields that are zero are as usual, or
// not checked.
type delivery struct {
	records     int           // 4
	concurrency int           // 3
	within      time.Duration // a minute
	latency     time.Duration
	answer      func(u *upload) *answer                          // all is accepted
	refresh     func(context.Context) (clevertap.Account, error) // there is none
	maySend     func(key int) bool                               // all may

	want    string          // of the records that are not named; "accepted"
	named   map[int]string  // by key
	sizes   []int           // of the uploads
	at      []time.Duration // when the uploads were made
	took    time.Duration
	open    bool // the breaker
	stopped bool // for its credentials
}

func (d delivery) run(t *testing.T) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d.records, d.concurrency = cmp.Or(d.records, 4), cmp.Or(d.concurrency, 3)
		d.within, d.want = cmp.Or(d.within, time.Minute), cmp.Or(d.want, "accepted")
		c, b := &cleverTap{latency: d.latency, answer: d.answer}, &tracker{maySend: d.maySend}
		batches := oneBatch(d.records)
		batches[0].Refresh = d.refresh
		begun := time.Now()
		report := uploaderOf(c, d.concurrency).Upload(within(t, d.within), batches, b).Batches[0]
		b.expect(t, c, d.records, d.want, d.named)
		if d.took != 0 && time.Since(begun) != d.took {
			t.Errorf("it took %s, want %s", time.Since(begun), d.took)
		}
		if d.sizes != nil && !slices.Equal(c.sizes(), d.sizes) {
			t.Errorf("uploads of %v records, want %v", c.sizes(), d.sizes)
		}
		if at := c.times(begun); d.at != nil && !slices.Equal(at, d.at) {
			t.Errorf("uploads after %v, want %v", at, d.at)
		}
		if report.BreakerOpen != d.open || report.CredentialsRefused != d.stopped {
			t.Errorf("report %+v, want open %t, stopped %t", report, d.open, d.stopped)
		}
		if len(report.Latencies) != len(c.uploads) {
			t.Errorf("%d latencies of %d uploads", len(report.Latencies), len(c.uploads))
		}
	})
}

// runAll runs deliveries as subtests.
func runAll(t *testing.T, deliveries map[string]delivery) {
	t.Helper()
	for name, d := range deliveries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d.run(t)
		})
	}
}
